// Files larger than one body may be at Cloudflare: the shell snippet that the tool returns, broken off and run again; and
// R2's S3 address, behind which a small server stands that checks the signature with AWS's own signer.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Sha256 } from "@aws-crypto/sha256-js";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";
import { curl, folder, noise, shell, writeFilm } from "./support/curl.mjs";
import { ROOT, startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

const MIB = 1024 * 1024;
const PART = 32 * MIB;
const KEYS = { accessKeyId: "test-access-key", secretAccessKey: "test-secret-access-key-of-the-bucket" };
const BUCKET = "atelier-media";

let gateway;
const work = folder();

before(async () => (gateway = await startGateway()));
after(async () => {
  fs.rmSync(work, { recursive: true });
  await gateway?.stop();
});

async function ticket(of, args) {
  const { answer, error } = await tool(of, "request_file_upload_url", args);
  assert.equal(error, undefined, JSON.stringify(error));
  return answer;
}

const missing = async (url) => (await curl(`${url}/missing`)).text.split("\n").filter(Boolean).map(Number);

test("the snippet splits, is broken off, goes on where it was, and the file is whole", async () => {
  const size = 5 * PART + 12_345;
  const digest = writeFilm(path.join(work, "film.mp4"), size);
  const { curl: snippet, upload_url: url } = await ticket(gateway, { file_name: "film.mp4", content_type: "video/mp4", size_bytes: size, sha256: digest });
  assert.deepEqual(await missing(url), [1, 2, 3, 4, 5, 6]);

  const early = await curl("-X", "POST", `${url}/complete`);
  assert.equal(early.body.error.code, "INCOMPLETE_UPLOAD");

  const abort = new AbortController();
  const first = shell("sh", ["-c", `exec 2>/dev/null; ${snippet}`], { cwd: work, signal: abort.signal });
  for (let tries = 0; (await missing(url)).length === 6 && tries < 200; tries += 1) await sleep(25);
  abort.abort();
  // What the shell has started outlives it, and would finish the work.
  await shell("pkill", ["-f", url]);
  await first;
  const left = await missing(url);
  assert.ok(left.length < 6, "something had come");

  const { out, error } = await shell("sh", ["-c", snippet], { cwd: work });
  const answer = JSON.parse(out);
  assert.equal(answer.ok, true, out + error);
  assert.equal(answer.bytes, size);
  assert.equal(answer.asset.sha256, digest, "declared, and compared with what is stored");
  const again = await curl("-X", "POST", `${url}/complete`);
  assert.deepEqual(again.body, answer);
  const end = await fetch(answer.file_url, { headers: { range: `bytes=${5 * PART}-` } });
  const handle = fs.openSync(path.join(work, "film.mp4"), "r");
  const expected = Buffer.alloc(12_345);
  fs.readSync(handle, expected, 0, 12_345, 5 * PART);
  fs.closeSync(handle);
  assert.deepEqual(Buffer.from(await end.arrayBuffer()), expected);
});

test("parts of a wrong length or number or type are refused in words", async () => {
  const { upload_url: url } = await ticket(gateway, { file_name: "b.mp4", content_type: "video/mp4", size_bytes: 4 * PART });
  const small = path.join(work, "small");
  fs.writeFileSync(small, noise(1000));
  const wrong = await curl("-T", small, `${url}/parts/1`);
  assert.match(wrong.body.error.message, /Part 1 of 4 must have 33554432 bytes, not 1000/);
  assert.match((await curl("-T", small, `${url}/parts/9`)).body.error.message, /no part 9; the parts are 1 to 4/);
  const page = path.join(work, "page");
  fs.writeFileSync(page, `<!doctype html>${" ".repeat(PART - 15)}`);
  const refused = await curl("-T", page, `${url}/parts/1`);
  assert.match(refused.body.error.message, /an HTML page/);
  assert.deepEqual(await missing(url), [1, 2, 3, 4]);
  const whole = await curl("-T", small, url);
  assert.match(whole.body.error.message, /asked for 134217728 bytes and the body has 1000/);
});

// What R2 does with a presigned PUT, as far as we lean on it: the signature, the signed headers, the length, the condition.
async function startS3() {
  const stored = new Map();
  const signer = new SignatureV4({ service: "s3", region: "auto", credentials: KEYS, sha256: Sha256, uriEscapePath: false, applyChecksum: false });
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const refuse = (status, code) => {
      response.writeHead(status, { connection: "close" });
      response.end(`<Error><Code>${code}</Code></Error>`);
    };
    const signed = url.searchParams.get("X-Amz-SignedHeaders").split(";");
    const date = url.searchParams.get("X-Amz-Date").replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
    const expected = await signer.presign(
      new HttpRequest({
        method: request.method,
        protocol: "http:",
        hostname: url.hostname,
        port: Number(url.port),
        path: decodeURI(url.pathname),
        headers: Object.fromEntries(signed.map((name) => [name, request.headers[name] ?? ""])),
        // Anything but text and bytes counts as a payload that is not signed.
        body: {},
      }),
      { expiresIn: Number(url.searchParams.get("X-Amz-Expires")), signingDate: new Date(date), signableHeaders: new Set(signed), unhoistableHeaders: new Set(signed) },
    );
    if (expected.query["X-Amz-Signature"] !== url.searchParams.get("X-Amz-Signature")) return refuse(403, "SignatureDoesNotMatch");
    const key = decodeURIComponent(url.pathname.slice(`/${BUCKET}/`.length));
    if (request.headers["if-none-match"] === "*" && stored.has(key)) return refuse(412, "PreconditionFailed");
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    stored.set(key, Buffer.concat(pieces));
    response.writeHead(200).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { stored, endpoint: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

test("with S3 keys: one signed PUT to object storage, looked at when it is completed", async () => {
  const s3 = await startS3();
  const vars = { R2_S3_ENDPOINT: s3.endpoint, R2_S3_BUCKET: BUCKET, R2_ACCESS_KEY_ID: KEYS.accessKeyId, R2_SECRET_ACCESS_KEY: KEYS.secretAccessKey };
  const other = await startGateway({ vars });
  try {
    const size = 101 * MIB;
    const name = "it's a film é.mp4";
    const digest = writeFilm(path.join(work, name), size, 2);
    const { curl: command, upload_url: url, file_id: id } = await ticket(other, { file_name: name, content_type: "video/mp4", size_bytes: size, sha256: digest });
    const [send, complete] = command.split(" && ");
    assert.match(send, /^curl -fsS -T 'it'\\''s a film é\.mp4' -H 'content-type: video\/mp4' -H 'if-none-match: \*'/);

    const sent = await shell("sh", ["-c", send], { cwd: work });
    assert.equal(sent.exit, 0, `AWS's signer accepts the signature: ${sent.error}`);
    const [[key, bytes]] = s3.stored;
    assert.equal(bytes.length, size);
    assert.ok(key.startsWith("w/") && key.endsWith(`${id}.mp4`), key);

    const shorter = path.join(work, "shorter.mp4");
    fs.writeFileSync(shorter, "x");
    const wrong = await shell("sh", ["-c", send.replace(/-T '.*?é\.mp4'/, "-T shorter.mp4")], { cwd: work });
    assert.equal(wrong.exit, 22, "another length does not fit the signature");
    const twice = await shell("sh", ["-c", send], { cwd: work });
    assert.equal(twice.exit, 22, "an object that is there is not replaced");

    const nothing = await shell("sh", ["-c", complete]);
    assert.equal(JSON.parse(nothing.out).error.code, "INCOMPLETE_UPLOAD", "the bucket of this test is not that server's");
    await other.stop({ keepState: true });

    // Into the gateway's own bucket, as R2 would have it behind both addresses.
    const put = ["r2", "object", "put", `${BUCKET}/${key}`, "--file", path.join(work, name), "--local", "--persist-to", other.state, "--content-type", "video/mp4"];
    const placed = await shell(process.execPath, [path.join(ROOT, "node_modules/wrangler/bin/wrangler.js"), ...put], { cwd: ROOT });
    assert.equal(placed.exit, 0, placed.error + placed.out);
    await other.restart();
    const done = await curl("-X", "POST", `${other.origin}${new URL(url).pathname}/complete`);
    assert.equal(done.status, 200, done.text);
    assert.equal(done.body.bytes, size);
    assert.equal(done.body.asset.sha256, digest);
  } finally {
    await other.stop();
    s3.stop();
  }
});
