// scripts/big-upload: a file of gigabytes in parts, broken off once, compared at its beginning, middle and end and by SHA-256.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { curl, folder, shell } from "./support/curl.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

const GIB = 1024 ** 3;
const PIECE = 64 * 1024;
const { values } = parseArgs({ options: { gigabytes: { type: "string", default: "5" }, bundle: { type: "string" } } });
const size = Math.round(Number(values.gigabytes) * GIB);
const say = (text) => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);

const work = folder();
const file = path.join(work, "film.mp4");
// Sparse, so that it takes no disk: the head of a film, a mark at each gigabyte, and holes.
const head = Buffer.from("\0\0\0\x18ftypisom\0\0\x02\0isommp42", "latin1");
const handle = fs.openSync(file, "w+");
fs.ftruncateSync(handle, size);
fs.writeSync(handle, head, 0, head.length, 0);
for (let at = GIB / 2; at + 64 < size; at += GIB / 2) fs.writeSync(handle, crypto.randomBytes(64), 0, 64, at);
fs.writeSync(handle, Buffer.from("the end"), 0, 7, size - 7);

const gateway = await startGateway({ bundle: values.bundle });
let ok = false;
try {
  const hash = crypto.createHash("sha256");
  for await (const piece of fs.createReadStream(file, { highWaterMark: 4 * 1024 * 1024 })) hash.update(piece);
  const digest = hash.digest("hex");
  say(`${size} bytes, SHA-256 ${digest}`);
  const asked = { file_name: "film.mp4", content_type: "video/mp4", size_bytes: size, sha256: digest };
  const { answer, error } = await tool(gateway, "request_file_upload_url", asked);
  assert.equal(error, undefined, JSON.stringify(error));
  const missing = async () => (await curl(`${answer.upload_url}/missing`)).text.split("\n").filter(Boolean).length;
  const all = await missing();
  say(`${all} parts\n${answer.curl}`);

  const begun = Date.now();
  const abort = new AbortController();
  const first = shell("sh", ["-c", answer.curl], { cwd: work, signal: abort.signal });
  while ((await missing()) > all / 2) await sleep(500);
  abort.abort();
  // What the shell has started outlives it, and would finish the work.
  await shell("pkill", ["-f", answer.upload_url]);
  await first;
  say(`broken off with ${await missing()} parts missing; going on`);
  const { out, error: told } = await shell("sh", ["-c", answer.curl], { cwd: work });
  const done = JSON.parse(out);
  assert.equal(done.ok, true, out + told);
  assert.equal(done.bytes, size);
  assert.equal(done.asset.sha256, digest);
  say(`stored after ${((Date.now() - begun) / 1000).toFixed(0)} s, its SHA-256 compared by the gateway`);

  for (const at of [0, GIB / 2, Math.floor(size / 2), size - PIECE]) {
    const response = await fetch(done.file_url, { headers: { range: `bytes=${at}-${at + PIECE - 1}` } });
    assert.equal(response.status, 206);
    const expected = Buffer.alloc(PIECE);
    fs.readSync(handle, expected, 0, PIECE, at);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), expected, `bytes from ${at}`);
  }
  say("✓ the same bytes at the beginning, in the middle and at the end");
  ok = true;
} finally {
  fs.closeSync(handle);
  fs.rmSync(work, { recursive: true });
  await gateway.stop();
}
process.exit(ok ? 0 : 1);
