// The presigned URL with curl itself, as a model's shell uses it: sizes up to 1 GB, and every way it can go wrong.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { curl, folder, noise, png, rawPut, sha256, writeFilm } from "./support/curl.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

let gateway;
const work = folder();
const file = (name, bytes) => {
  const at = path.join(work, name);
  fs.writeFileSync(at, bytes);
  return at;
};

before(async () => (gateway = await startGateway()));
after(async () => {
  fs.rmSync(work, { recursive: true });
  await gateway?.stop();
});

async function ticket(args = {}, name = "request_file_upload_url") {
  const { answer, error } = await tool(gateway, name, args);
  assert.equal(error, undefined, JSON.stringify(error));
  return { ...answer, id: answer.file_id ?? answer.asset_intent_id, url: answer.upload_url };
}

const put = (url, at, ...more) => curl("-X", "PUT", "--data-binary", `@${at}`, ...more, url);
const status = async (id, wait_seconds = 0) => (await tool(gateway, "get_upload_status", { upload_id: id, wait_seconds })).answer;

/// Every file of the workspace, by name.
async function listed(name) {
  const { answer } = await tool(gateway, "list_media", { query: name, limit: 100 });
  return answer.items.filter((item) => item.name === name);
}

async function assertStored(answer, bytes) {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.ok, true);
  assert.equal(answer.body.bytes, bytes.length);
  assert.equal(answer.body.asset.sha256, sha256(bytes));
  const served = await fetch(answer.body.file_url);
  assert.equal(sha256(Buffer.from(await served.arrayBuffer())), sha256(bytes));
}

test("the seed's own command, 487,213 bytes", async () => {
  const bytes = png(487_213);
  const at = file("slide-1.png", bytes);
  const { url, id, max_bytes } = await ticket({ filename: "slide-1.png", mime_type: "image/png" }, "request_upload_url");
  assert.equal(max_bytes, 10_485_760);
  const answer = await curl("-X", "PUT", url, "-H", "Content-Type: image/png", "--data-binary", `@${at}`);
  await assertStored(answer, bytes);
  assert.deepEqual(
    { name: answer.body.asset.name, mime: answer.body.asset.mime_type, sides: [answer.body.asset.width, answer.body.asset.height] },
    { name: "slide-1.png", mime: "image/png", sides: [32, 32] },
  );
  const again = await curl(url);
  assert.deepEqual(again.body, answer.body, "GET recovers a lost answer");
  assert.equal((await status(id)).state, "stored");
  const served = await fetch(answer.body.file_url, { method: "HEAD" });
  assert.equal(served.headers.get("content-disposition"), 'inline; filename="slide-1.png"');
});

test("the commands that the tool returns run as they are", async () => {
  const name = "it's a -slide- (1).png";
  file(name, png(5_000, 2));
  const { curl: command, powershell } = await ticket({ file_name: name, content_type: "image/png" });
  const { shell } = await import("./support/curl.mjs");
  const ran = await shell("sh", ["-c", command], { cwd: work });
  assert.equal(ran.exit, 0, ran.error);
  assert.equal(JSON.parse(ran.out).ok, true, ran.out);
  assert.match(powershell, /^Invoke-RestMethod -Method Put -InFile 'it''s a -slide- \(1\)\.png' -Uri 'http/);
});

test("1 byte is no picture, and is told what it is not", async () => {
  const { url } = await ticket({ file_name: "dot.png", content_type: "image/png" });
  const answer = await put(url, file("dot.png", "x"));
  assert.equal(answer.status, 400);
  assert.match(answer.body.error.message, /none of PNG, JPEG, WebP, MP4, WAV and MP3/);
  assert.deepEqual(await listed("dot.png"), []);
});

test("10 MB to the byte, and one more", async () => {
  const most = png(10_485_760, 3);
  const { url } = await ticket({ filename: "most.png", mime_type: "image/png" }, "request_upload_url");
  await assertStored(await put(url, file("most.png", most)), most);
  const over = await ticket({ filename: "over.png", mime_type: "image/png" }, "request_upload_url");
  const refused = await put(over.url, file("over.png", png(10_485_761, 3)));
  assert.equal(refused.status, 413, refused.text);
  assert.equal(refused.body.error.code, "FILE_TOO_LARGE");
});

test("99 MB", async () => {
  const bytes = png(99_000_000, 4);
  const { url } = await ticket({ file_name: "large.png", content_type: "image/png", size_bytes: bytes.length });
  const stored = await curl("-T", file("large.png", bytes), url);
  assert.equal(stored.status, 200, stored.text);
  assert.equal(stored.body.bytes, bytes.length);
  const replayed = await curl("-T", path.join(work, "large.png"), url);
  assert.equal(replayed.body.asset.sha256, sha256(bytes), "computed by then");
  fs.rmSync(path.join(work, "large.png"));
});

test("1 GB as one body, where the platform lets it through", async () => {
  const at = path.join(work, "film.mp4");
  const digest = writeFilm(at, 1_000_000_000);
  const { url } = await ticket({ file_name: "film.mp4", content_type: "video/mp4" });
  const answer = await curl("-T", at, url);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.bytes, 1_000_000_000);
  const end = await fetch(answer.body.file_url, { headers: { range: "bytes=-5" } });
  assert.equal(end.status, 206);
  const last = Buffer.alloc(5);
  const handle = fs.openSync(at, "r");
  fs.readSync(handle, last, 0, 5, 999_999_995);
  fs.closeSync(handle);
  assert.deepEqual(Buffer.from(await end.arrayBuffer()), last);
  fs.rmSync(at);
  for (let tries = 0; ; tries += 1) {
    const [item] = await listed("film.mp4");
    if (item.sha256) {
      assert.equal(item.sha256, digest, "computed after the answer");
      break;
    }
    assert.ok(tries < 60, "the checksum never came");
    await sleep(1000);
  }
});

test("the same bytes again are the same file, others are a conflict", async () => {
  const bytes = png(30_000, 5);
  const at = file("twice.png", bytes);
  const { url } = await ticket({ file_name: "twice.png" });
  const first = await put(url, at);
  const second = await put(url, at);
  assert.deepEqual(second.body, first.body);
  assert.equal(second.headers.get("idempotency-replayed"), "true");
  const other = png(30_000, 6);
  for (const wrong of [other, png(30_001, 5)]) {
    const refused = await put(url, file("other.png", wrong));
    assert.equal(refused.status, 409);
    assert.equal(refused.body.error.code, "UPLOAD_CONFLICT");
  }
  assert.equal((await listed("twice.png")).length, 1);
});

test("two at once: one file; different ones: one wins and the other is told", async () => {
  const bytes = png(20_000_000, 7);
  const at = file("race.png", bytes);
  const same = await ticket({ file_name: "race.png" });
  const both = await Promise.all([put(same.url, at), put(same.url, at)]);
  assert.deepEqual(both.map((answer) => answer.status), [200, 200]);
  assert.equal(both[0].body.asset.asset_id, both[1].body.asset.asset_id);
  const differ = await ticket({ file_name: "race-2.png" });
  const other = file("race-other.png", png(20_000_000, 8));
  const answers = await Promise.all([put(differ.url, at), put(differ.url, other)]);
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 409]);
  const winner = answers.findIndex((answer) => answer.status === 200);
  const won = [bytes, fs.readFileSync(other)][winner];
  assert.equal(answers[winner].body.asset.sha256, sha256(won));
  assert.equal((await listed("race.png")).length, 1);
  assert.equal((await listed("race-2.png")).length, 1);
});

test("a wrong type, a wrong length, a wrong checksum: words, and nothing stored; then the right file", async () => {
  const bytes = png(50_000, 9);
  const right = file("right.png", bytes);
  const { url, id } = await ticket({ file_name: "right.png", content_type: "image/png", size_bytes: 50_000, sha256: sha256(bytes) });
  const cases = [
    ["an HTML page", file("page.png", `<!doctype html>${"x".repeat(49_985)}`), 400, /it is an HTML page/],
    ["a film", file("film.png", Buffer.concat([Buffer.from("\0\0\0\x18ftypisom\0\0\x02\0isommp42", "latin1"), noise(49_976)])), 400, /asked for image\/png and the file is video\/mp4/],
    ["shorter", file("short.png", bytes.subarray(0, 49_999)), 400, /asked for 50000 bytes and the body has 49999/],
    ["longer", file("long.png", Buffer.concat([bytes, Buffer.from("x")])), 400, /has 50001/],
    ["other bytes", file("flipped.png", png(50_000, 10)), 400, /do not have the SHA-256/],
  ];
  for (const [what, at, code, words] of cases) {
    const refused = await put(url, at);
    assert.equal(refused.status, code, `${what}: ${refused.text}`);
    assert.match(refused.body.error.message, words, what);
    assert.ok(refused.body.error.next.length > 10, what);
  }
  const digest = await put(url, right, "-H", `Content-Digest: sha-256=:${Buffer.alloc(32, 1).toString("base64")}:`);
  assert.equal(digest.body.error.code, "CHECKSUM_MISMATCH");
  assert.equal((await status(id)).state, "failed");
  assert.deepEqual(await listed("right.png"), []);
  await assertStored(await put(url, right), bytes);
});

test("form fields, encodings, an empty body, no length", async () => {
  const { url } = await ticket({ file_name: "a.png" });
  const at = file("a.png", png(3_000));
  const form = await curl("-X", "PUT", "-F", `file=@${at}`, url);
  assert.match(form.body.error.next, /--data-binary @FILE, without -F/);
  assert.equal((await curl("-X", "PUT", url)).status, 400);
  const chunked = await put(url, at, "-H", "Transfer-Encoding: chunked");
  assert.equal(chunked.status, 411);
  assert.match(chunked.body.error.next, /from disk/);
  assert.equal((await put(url, at, "-H", "Content-Encoding: gzip")).status, 415);
  const old = await curl("-0", "-T", at, url);
  assert.equal(old.status, 200, "HTTP/1.0");
});

test("cut at 1 %, 50 % and 99 %: nothing is left, and the URL still works", async () => {
  const bytes = png(8_000_000, 11);
  const at = file("cut.png", bytes);
  const { url, id } = await ticket({ file_name: "cut.png" });
  for (const share of [0.01, 0.5, 0.99]) {
    await rawPut(url, { length: bytes.length, pieces: [bytes.subarray(0, bytes.length * share)], pause: 50, destroy: true });
    await sleep(300);
    const now = await curl(url);
    assert.notEqual(now.body.state, "stored", `cut at ${share}`);
    assert.deepEqual(await listed("cut.png"), []);
  }
  const answer = await put(url, at);
  await assertStored(answer, bytes);
  assert.ok(answer.seconds < 12, `the retry waited ${answer.seconds} s`);
  assert.equal((await status(id)).state, "stored");
});

test("who is refused and has stopped sending still hears why", async () => {
  const { url } = await ticket({ file_name: "paused.png", size_bytes: 50_000 });
  const begun = Date.now();
  const { status: code, text } = await rawPut(url, { length: 60_000, pieces: [png(1_000)] });
  assert.equal(code, 400, text);
  assert.match(text, /asked for 50000 bytes and the body has 60000/);
  assert.ok(Date.now() - begun < 10_000);
});

test("a body that drips holds up nobody else", async () => {
  const slow = await ticket({ file_name: "slow.png" });
  const bytes = png(1_000_000, 12);
  const drips = Array.from({ length: 40 }, (_, index) => bytes.subarray(index, index + 1));
  const dripping = rawPut(slow.url, { length: bytes.length, pieces: [bytes.subarray(0, 5_000), ...drips], pause: 50, destroy: true });
  const quick = file("quick.png", png(100_000, 13));
  for (let round = 0; round < 5; round += 1) {
    const { url } = await ticket({ file_name: "quick.png" });
    assert.equal((await put(url, quick)).status, 200);
  }
  await dripping;
  await sleep(300);
  assert.deepEqual(await listed("slow.png"), []);
  const retried = await put(slow.url, file("slow.png", bytes));
  assert.equal(retried.status, 200, retried.text);
});

test("other methods, other tokens, other people", async () => {
  const { url, id } = await ticket({ file_name: "mine.png" });
  const options = await curl("-X", "OPTIONS", url);
  assert.equal(options.status, 204);
  assert.equal(options.headers.get("access-control-allow-origin"), "*");
  const head = await curl("-I", url);
  assert.equal(head.status, 200);
  assert.equal(head.text.trim(), "");
  assert.equal((await curl("-X", "POST", url)).status, 405);
  const token = url.split("/").at(-1);
  for (const wrong of [token.slice(0, -1), `${token}A`, token.replace(/^./, "B"), "x", "../../../health", "%2e%2e", ""]) {
    const answer = await curl("--path-as-is", "-T", file("b.png", png(900)), `${url.slice(0, -token.length)}${wrong}`);
    assert.ok([404, 405].includes(answer.status), `${wrong}: ${answer.status}`);
  }
  const stranger = await gateway.as("stranger@example.com");
  const { error } = await tool(stranger, "get_upload_status", { upload_id: id });
  assert.equal(error.code, "SESSION_NOT_FOUND");
  const cancelled = await curl("-X", "DELETE", url);
  assert.equal(cancelled.status, 204);
  const late = await put(url, path.join(work, "b.png"));
  assert.equal(late.status, 410, late.text);
});

test("names of every kind become harmless ones", async () => {
  const long = `${"ä".repeat(300)}.png`;
  for (const [given, kept] of [
    ["../../etc/passwd.png", "passwd.png"],
    ["C:\\photos\\x.png", "x.png"],
    ["a\r\nset-cookie: x=1.png", "a set-cookie x=1.png"],
    ["Café 東京 🗼.png", "Café 東京 🗼.png"],
    ["photo\u202egnp.exe.png", "photo gnp.exe.png"],
    [long, `${"ä".repeat(115)}….png`],
  ]) {
    const { url } = await ticket({ file_name: given });
    const answer = await put(url, file("name.png", png(1_000, given.length)));
    assert.equal(answer.body.asset.name, kept);
    const served = await fetch(answer.body.file_url);
    assert.equal(served.status, 200);
    const disposition = served.headers.get("content-disposition");
    const star = /filename\*=UTF-8''(.*)$/.exec(disposition)?.[1];
    assert.equal(star ? decodeURIComponent(star) : /filename="(.*)"/.exec(disposition)[1], kept);
    await served.body.cancel();
  }
});

test("an expired URL says so, also to what began too late", async () => {
  const short = await startGateway({ vars: { UPLOAD_URL_SECONDS: "2" } });
  try {
    const { answer } = await tool(short, "request_upload_url", { filename: "late.png" });
    await sleep(2_300);
    for (const args of [["-T", file("late.png", png(2_000))], []]) {
      const late = await curl(...args, answer.upload_url);
      assert.equal(late.status, 410, late.text);
    }
    const { answer: told } = await tool(short, "get_upload_status", { upload_id: answer.asset_intent_id, wait_seconds: 0 });
    assert.equal(told.state, "expired");
  } finally {
    await short.stop();
  }
});
