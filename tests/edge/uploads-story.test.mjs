// The story of seed 002: seven slides from disk to seven file URLs, and what a model has to read for it; then one of them
// as the reference of a new picture. And base64 in chunks, for clients without a shell.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { folder, noise, png, sha256, shell } from "./support/curl.mjs";
import { ended, start } from "./support/forge.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

// Aim of the issue, for everything a model reads and writes for one slide.
const MOST_TOKENS = 600;
let gateway;
const work = folder();

before(async () => (gateway = await startGateway()));
after(async () => {
  fs.rmSync(work, { recursive: true });
  await gateway?.stop();
});

test("seven slides by PUT, each for fewer than 600 tokens", async () => {
  const client = new Client({ name: "carousel", version: "1" });
  const requestInit = { headers: { authorization: `Bearer ${gateway.token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url), { requestInit }));
  const urls = [];
  const spent = [];
  for (let number = 1; number <= 7; number += 1) {
    const filename = `slide-${number}.png`;
    fs.writeFileSync(path.join(work, filename), png(400_000 + number, number));
    const args = { filename, mime_type: "image/png" };
    const result = await client.callTool({ name: "request_upload_url", arguments: args });
    // Hosts show a model the text or the structured answer; whichever is longer counts.
    const read = Math.max(encode(result.content.map((item) => item.text).join("\n")).length, encode(JSON.stringify(result.structuredContent)).length);
    const command = result.structuredContent.curl;
    const ran = await shell("sh", ["-c", command], { cwd: work });
    const answer = JSON.parse(ran.out);
    assert.equal(answer.ok, true, ran.out);
    urls.push(answer.file_url);
    spent.push(encode(JSON.stringify(args)).length + read + encode(command).length + encode(ran.out).length);
  }
  await client.close();
  console.log(`tokens for each slide: ${spent.join(", ")}`);
  assert.equal(new Set(urls).size, 7);
  assert.ok(Math.max(...spent) < MOST_TOKENS, `${spent}`);

  const { inference_id } = await start(gateway, {
    model_id: "offline-image",
    prompt: "the same, in blue",
    width: 64,
    height: 64,
    guidance_files: [{ file_id: urls[2], type: "reference" }],
  });
  assert.equal((await ended(gateway, inference_id)).answer.status, "complete");
});

test("chunks in any order, missing ones named, one file", async () => {
  const bytes = png(200_000, 30);
  const init = await tool(gateway, "upload_media_init", { filename: "chunked.png", mime_type: "image/png", total_size_bytes: bytes.length, sha256: sha256(bytes) });
  const { session_id, recommended_chunk_bytes: size } = init.answer;
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
  const send = (index, data = pieces[index]) => tool(gateway, "upload_media_chunk", { session_id, chunk_index: index, data_base64: data.toString("base64") });
  for (const index of [3, 0, 4, 0]) assert.equal((await send(index)).error, undefined);
  const early = await tool(gateway, "upload_media_finalize", { session_id });
  assert.equal(early.error.code, "INCOMPLETE_UPLOAD");
  assert.deepEqual(early.error.details.missing_indexes, [1, 2]);
  assert.equal((await send(0, pieces[1])).error.code, "UPLOAD_CONFLICT");
  for (const index of [1, 2]) await send(index);
  const done = await tool(gateway, "upload_media_finalize", { session_id });
  assert.equal(done.answer.sha256, sha256(bytes));
  const again = await tool(gateway, "upload_media_finalize", { session_id });
  assert.deepEqual(again.answer, done.answer);

  const whole = png(2_000_000, 31);
  const small = await tool(gateway, "upload_media", { filename: "whole.png", mime_type: "image/png", data_base64: `data:image/png;base64,${whole.toString("base64")}`, alt_text: "Noise" });
  assert.equal(small.answer.sha256, sha256(whole), JSON.stringify(small.error));
  const wrong = await tool(gateway, "upload_media", { filename: "x.png", mime_type: "image/png", data_base64: noise(600).toString("base64") });
  assert.equal(wrong.error.code, "UPLOAD_FAILED");
});

test("a picture that was uploaded has a thumbnail; a lying one has none and harms nobody", async () => {
  const honest = png(3_000, 32);
  const bomb = Buffer.from(honest);
  bomb.writeUInt32BE(60_000, 16);
  bomb.writeUInt32BE(60_000, 20);
  for (const [filename, bytes, has] of [["honest.png", honest, true], ["bomb.png", bomb, false]]) {
    const { answer, error } = await tool(gateway, "upload_media", { filename, mime_type: "image/png", data_base64: bytes.toString("base64") });
    assert.equal(error, undefined, JSON.stringify(error));
    let item;
    for (let tries = 0; tries < 30; tries += 1) {
      [item] = (await tool(gateway, "list_media", { query: filename })).answer.items;
      if (Boolean(item.thumbnail_url) === has) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(Boolean(item.thumbnail_url), has, filename);
    assert.equal(item.asset_id, answer.file_id);
    if (has) {
      const thumbnail = await fetch(item.thumbnail_url);
      assert.equal(thumbnail.headers.get("content-type"), "image/jpeg");
      assert.equal(thumbnail.status, 200);
      await thumbnail.body.cancel();
    }
  }
});
