// What all fake upstreams share, seen through the fake of fal: the faults of a submit, of a status read and of a file,
// chaos, and whether the files are what they are said to be.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import gltf from "gltf-validator";
import { createFile, MP4BoxBuffer } from "mp4box";
import { PNG } from "pngjs";
import { startFal } from "./upstream/fal.mjs";
import { glb, mp4, png, svg, wav } from "./upstream/media.mjs";
import { startReceiver } from "./upstream/receiver.mjs";
import { words } from "./upstream/server.mjs";

const FLUX = "fal-ai/flux/schnell";
let fake;

before(async () => (fake = await startFal()));
after(async () => {
  await fake?.stop();
  assert.deepEqual(fake?.bugs, []);
});

async function submit(prompt, { at = fake, webhook, ...input } = {}) {
  const query = webhook ? `?fal_webhook=${encodeURIComponent(webhook)}` : "";
  const init = { method: "POST", headers: { authorization: `Key ${at.key}` }, body: JSON.stringify({ prompt, ...input }) };
  const began = Date.now();
  const answer = await fetch(`${at.url}/${FLUX}${query}`, init).catch((error) => ({ cut: error.cause?.code ?? error.message }));
  if (answer.cut) return { cut: answer.cut, ms: Date.now() - began };
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, ms: Date.now() - began };
}

const made = (prompt, at = fake) => at.jobs.filter((job) => job.prompt === prompt).length;

test("words are read from anywhere in a text, and only whole ones", () => {
  assert.deepEqual(words("up:slow=1.5 a fox up:429=2\nup:lost-submit"), { slow: 1.5, 429: 2, "lost-submit": true });
  assert.deepEqual(words("backup:slow setup:fail up: UP:fail up:fail,"), {});
  assert.deepEqual(words(undefined), {});
});

test("a submit that is refused makes no job, the next one does", async () => {
  for (const [word, status, header, shape] of [
    ["up:429=2", 429, "retry-after", /^1$/],
    ["up:429-date=2", 429, "retry-after", /^\w{3}, \d\d \w{3} \d{4} .* GMT$/],
    ["up:429-ms=2", 429, "retry-after-ms", /^700$/],
    ["up:429-bare=2", 429, "retry-after", /^null$/],
    ["up:500=2", 500, "retry-after", /^null$/],
    ["up:503=2", 503, "retry-after", /^null$/],
  ]) {
    for (let index = 0; index < 2; index++) {
      const refused = await submit(word);
      assert.equal(refused.status, status, word);
      assert.match(String(refused.headers.get(header)), shape);
    }
    assert.equal(made(word), 0, word);
    assert.equal((await submit(word)).status, 200, word);
    assert.equal(made(word), 1, word);
  }
  assert.equal((await submit("up:reset=1")).cut, "ECONNRESET");
  assert.equal(made("up:reset=1"), 0);
  assert.equal((await submit("up:reset=1")).status, 200);
  assert.equal((await submit("up:auth")).status, 401);
  assert.deepEqual([made("up:auth"), fake.calls.filter(({ status }) => status === "cut").length], [0, 1]);
});

test("a submit whose answer is lost has made a job", async () => {
  const results = {};
  for (const word of ["500-created", "lost-submit", "hang-submit=0.4", "malformed-submit", "truncated-submit"]) {
    results[word] = await submit(`up:${word}`);
    assert.equal(made(`up:${word}`), 1, word);
  }
  assert.equal(results["500-created"].status, 500);
  assert.equal(results["lost-submit"].cut, "ECONNRESET");
  assert.ok(results["hang-submit=0.4"].status === 200 && results["hang-submit=0.4"].ms >= 390);
  for (const word of ["malformed-submit", "truncated-submit"]) {
    assert.equal(results[word].status, 200);
    assert.throws(() => JSON.parse(results[word].text), word);
  }
  assert.match(results["truncated-submit"].text, /^\{"status/);
});

async function finished(prompt, input) {
  const submitted = JSON.parse((await submit(prompt, input)).text);
  const job = fake.jobs.find(({ id }) => id === submitted.request_id);
  while (job.state !== "COMPLETED") await sleep(10);
  return { job, submitted, url: fake.url + job.outputs[0] };
}

test("status reads fail, or answer what no parser takes", async () => {
  const { submitted } = await finished("up:status-500=1 up:status-garbage=1");
  const answers = [];
  for (let index = 0; index < 3; index++) {
    const answer = await fetch(submitted.status_url, { headers: { authorization: `Key ${fake.key}` } });
    answers.push([answer.status, (await answer.text())[0]]);
  }
  assert.deepEqual(answers, [[500, "{"], [200, "u"], [200, "{"]]);
});

async function download(word, { limit = Number.POSITIVE_INFINITY, ...init } = {}) {
  const { url } = await finished(`up:${word}`);
  return read(url, limit, init);
}

async function read(url, limit, init) {
  const began = Date.now();
  const answer = await fetch(url, init);
  const got = { status: answer.status, type: answer.headers.get("content-type"), length: answer.headers.get("content-length"), location: answer.headers.get("location"), bytes: 0, url };
  const chunks = [];
  try {
    for await (const chunk of answer.body ?? []) {
      if (chunks.length === 0) chunks.push(chunk);
      got.bytes += chunk.length;
      if (got.bytes > limit) break;
    }
  } catch {
    got.cut = true;
  }
  return { ...got, isPng: chunks[0]?.[0] === 0x89, ms: Date.now() - began };
}

test("files: each fault of a download", async () => {
  const expired = await download("expired");
  assert.equal(expired.status, 404);
  assert.equal((await read(expired.url)).status, 404, "for ever");
  const broken = await download("file-500=1");
  assert.deepEqual([broken.status, (await read(broken.url)).status], [500, 200]);
  const cut = await download("file-cut=1");
  assert.ok(cut.status === 200 && cut.cut && cut.bytes < Number(cut.length), JSON.stringify(cut));
  const whole = await read(cut.url);
  assert.ok(!whole.cut && whole.bytes === Number(cut.length));
  assert.ok((await download("file-slow=0.3")).ms >= 290);
  const [wrong, lying, chunked] = [await download("wrong-type"), await download("lying-type"), await download("no-length")];
  assert.deepEqual([wrong.type, wrong.isPng, lying.type, lying.isPng], ["image/png", false, "text/plain", true]);
  assert.ok(chunked.length === null && chunked.isPng && chunked.bytes > 0);
  const endless = await download("endless", { limit: 64 * 1024 * 1024 });
  assert.ok(endless.length === null && endless.bytes > 64 * 1024 * 1024 && endless.isPng);
  const oversize = await download("oversize");
  assert.deepEqual([oversize.length, oversize.bytes], [String(200 * 1024 * 1024), 200 * 1024 * 1024]);
  assert.equal((await download("redirect-private", { redirect: "manual" })).location, "http://10.0.0.1/x");
  await assert.rejects(download("redirect-loop"), ({ cause }) => /redirect/.test(cause.message));
  const moved = await download("redirect-ok");
  assert.deepEqual([moved.status, moved.isPng], [200, true]);
  assert.equal((await fetch(`${fake.url}/files/nobody/0.png`)).status, 404);
});

test("settled waits for jobs and callbacks, stop for nothing", async (t) => {
  const own = await startFal();
  t.after(() => own.stop());
  const receiver = await startReceiver(async (_, index) => {
    await sleep(100);
    return index === 0 ? 500 : 200;
  });
  t.after(() => receiver.stop());
  await submit("up:slow=0.3 up:callback-late=0.2", { at: own, webhook: receiver.url });
  const began = Date.now();
  await own.settled();
  assert.ok(Date.now() - began >= 790);
  assert.deepEqual(own.callbacks.map(({ kind, status }) => [kind, status]), [["real", 500], ["real", 200]]);
  assert.deepEqual([own.count("submit"), own.count("file"), own.calls[0].key], [1, 0, true]);
  await submit("up:slow=60", { at: own });
  const asked = own.settled();
  const stopping = Date.now();
  await own.stop();
  await asked;
  assert.ok(Date.now() - stopping < 500);
});

// Tries until it has an answer that makes sense, as a stubborn client would.
async function insist(work) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await work().catch(() => undefined);
    if (answer !== undefined) return answer;
  }
  return assert.fail("no answer in 200 attempts");
}

async function throughChaos(at, webhook, index) {
  const init = { headers: { authorization: `Key ${at.key}` } };
  const json = async (answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status))));
  const submitted = await insist(async () => {
    const { status, text } = await submit(`picture ${index}`, { at, webhook });
    return status === 200 ? JSON.parse(text) : undefined;
  });
  await insist(async () => (await json(await fetch(submitted.status_url, init))).status === "COMPLETED" || Promise.reject(await sleep(10)));
  const { images } = await insist(async () => json(await fetch(submitted.response_url, init)));
  const file = await insist(async () => {
    const answer = await fetch(images[0].url);
    return answer.ok ? Buffer.from(await answer.arrayBuffer()) : undefined;
  });
  PNG.sync.read(file);
  return { id: submitted.request_id, file };
}

test("chaos strikes everywhere, takes nothing for good and charges only for what was made", async (t) => {
  const receiver = await startReceiver();
  const wild = await startFal({ seed: 1, chaos: { seed: 7, percent: 30 } });
  t.after(() => Promise.all([wild.stop(), receiver.stop()]));
  const got = await Promise.all(Array.from({ length: 25 }, (_, index) => throughChaos(wild, receiver.url, index)));
  await wild.settled();
  const faults = new Set(wild.calls.map(({ chaos }) => chaos).filter(Boolean));
  assert.deepEqual([...faults].sort(), ["429", "500", "503", "cut-after", "cut-before", "slow", "truncated"]);
  assert.equal(new Set(got.map(({ file }) => createHash("sha256").update(file).digest("hex"))).size, 25, "each its own picture");
  for (const { id } of got) assert.ok(wild.jobs.some((job) => job.id === id));
  assert.ok(wild.jobs.every(({ charged, outputs }) => charged === 0.003 && outputs.length === 1));
  const submits = wild.calls.filter(({ operation }) => operation === "submit");
  assert.equal(submits.filter(({ jobId }) => jobId).length, wild.jobs.length, "one job for each submit that was read");
  const deliveries = wild.jobs.map(({ id }) => receiver.letters.filter(({ json }) => json.request_id === id).length);
  assert.deepEqual([...new Set(deliveries)].sort(), [0, 1, 2], "missing, delivered, twice");
  for (const { chaos, status, jobId } of submits) {
    if (chaos?.startsWith("cut")) assert.deepEqual([status, Boolean(jobId)], ["cut", chaos === "cut-after"]);
    if (["429", "500", "503"].includes(chaos)) assert.deepEqual([String(status), jobId], [chaos, undefined]);
  }
  assert.deepEqual(wild.bugs, []);
});

test("the same seed brings the same faults", async () => {
  const runs = await Promise.all([3, 3, 4].map(async (seed) => {
    const own = await startFal({ chaos: { seed, percent: 40 } });
    for (let index = 0; index < 30; index++) await fetch(`${own.url}/.well-known/jwks.json`).then((answer) => answer.text()).catch(() => undefined);
    await own.stop();
    return own.calls.map(({ chaos }) => chaos ?? "-").join(" ");
  }));
  assert.equal(runs[0], runs[1]);
  assert.notEqual(runs[0], runs[2]);
});

test("the files are real, and another for another seed", async () => {
  for (const make of [png, svg, wav, glb, mp4]) {
    assert.deepEqual(make({ seed: "a" }), make({ seed: "a" }));
    assert.notDeepEqual(make({ seed: "a" }), make({ seed: "b" }), make.name);
  }
  const { width, height } = PNG.sync.read(png({ seed: 1, width: 5000, height: 7 }));
  assert.deepEqual([width, height], [1024, 7]);
  const { issues } = await gltf.validateBytes(new Uint8Array(glb({ seed: 1 })));
  assert.deepEqual([issues.numErrors, issues.numWarnings], [0, 0]);
  const sound = wav({ seed: 1, seconds: 0.5 });
  assert.deepEqual([sound.toString("latin1", 0, 4), sound.readUInt32LE(4), sound.readUInt32LE(40)], ["RIFF", sound.length - 8, sound.length - 44]);
  const film = createFile();
  let info;
  film.onReady = (ready) => (info = ready);
  const bytes = mp4({ seed: 1 });
  film.appendBuffer(MP4BoxBuffer.fromArrayBuffer(new Uint8Array(bytes).buffer, 0));
  film.flush();
  const [track] = info.videoTracks;
  assert.deepEqual([track.codec, track.nb_samples, track.video], ["avc1.42c00a", 8, { width: 16, height: 16 }]);
  const samples = film.getTrackSamplesInfo(track.id);
  assert.deepEqual([samples.length, samples.at(-1).offset + samples.at(-1).size], [8, bytes.length]);
});
