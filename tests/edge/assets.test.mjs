// Files by their signed links: ranges, conditional requests, what a changed link gets, and that an SVG opened in a
// browser can do nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "./support/gateway.mjs";
import { get, make, makeFile, download } from "./support/forge.mjs";
import { request } from "./support/mcp.mjs";

let gateway;
let picture;

before(async () => {
  gateway = await startGateway();
  picture = await makeFile(gateway, { model_id: "offline-image", prompt: "a lighthouse", seed: 1, width: 128, height: 128 });
});
after(() => gateway?.stop());

test("the whole file, with its type and headers that keep it harmless", async () => {
  const response = await get(picture.asset.url);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "image/png");
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.match(response.headers.get("content-security-policy"), /default-src 'none'.*sandbox/);
  assert.match(response.headers.get("cache-control"), /^private, max-age=\d+, immutable$/);
  assert.equal(response.headers.get("accept-ranges"), "bytes");
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), picture.bytes);
});

test("ranges: the bytes asked for, or 416", async () => {
  const size = picture.bytes.length;
  const cases = [
    ["bytes=0-0", 206, `bytes 0-0/${size}`, picture.bytes.subarray(0, 1)],
    ["bytes=10-99", 206, `bytes 10-99/${size}`, picture.bytes.subarray(10, 100)],
    ["bytes=-8", 206, `bytes ${size - 8}-${size - 1}/${size}`, picture.bytes.subarray(size - 8)],
    [`bytes=${size - 4}-`, 206, `bytes ${size - 4}-${size - 1}/${size}`, picture.bytes.subarray(size - 4)],
    [`bytes=5-${size * 9}`, 206, `bytes 5-${size - 1}/${size}`, picture.bytes.subarray(5)],
    [`bytes=${size}-`, 416, `bytes */${size}`, Buffer.alloc(0)],
  ];
  for (const [range, status, contentRange, expected] of cases) {
    const response = await get(picture.asset.url, { range });
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(response.status, status, range);
    assert.equal(response.headers.get("content-range"), contentRange, range);
    assert.deepEqual(bytes, expected, range);
  }
});

test("If-None-Match answers 304 without a body, HEAD everything but the body", async () => {
  const head = await get(picture.asset.url, {}, "HEAD");
  assert.equal(head.status, 200);
  assert.equal(head.headers.get("content-length"), String(picture.bytes.length));
  assert.equal((await head.arrayBuffer()).byteLength, 0);
  const etag = head.headers.get("etag");
  const same = await get(picture.asset.url, { "if-none-match": etag });
  assert.equal(same.status, 304);
  assert.equal(same.headers.get("etag"), etag);
  assert.equal((await same.arrayBuffer()).byteLength, 0);
  const changed = await get(picture.asset.url, { "if-none-match": '"another"' });
  assert.equal(changed.status, 200);
  await changed.body.cancel();
});

test("a link that was changed anywhere is refused", async () => {
  const change = (edit) => {
    const url = new URL(picture.asset.url);
    edit(url);
    return url.href;
  };
  const flipped = (text) => text.slice(0, -2) + (text.at(-2) === "A" ? "B" : "A") + text.at(-1);
  const cases = {
    signature: change((url) => url.searchParams.set("signature", flipped(url.searchParams.get("signature")))),
    "no signature": change((url) => url.searchParams.delete("signature")),
    expiry: change((url) => url.searchParams.set("expires", Number(url.searchParams.get("expires")) + 1)),
    "no expiry": change((url) => url.searchParams.delete("expires")),
    extension: change((url) => (url.pathname = url.pathname.replace(".png", ".svg"))),
    file: change((url) => (url.pathname = flipped(url.pathname.replace(".png", "")) + ".png")),
    poster: change((url) => (url.pathname = url.pathname.replace(".png", ".poster.jpg"))),
  };
  for (const [what, url] of Object.entries(cases)) {
    const response = await get(url);
    assert.equal(response.status, 403, what);
    assert.equal((await response.json()).error.code, "FORBIDDEN", what);
  }
});

test("SVG comes with a sandbox", async () => {
  const request = { model_id: "offline-image", prompt: "a star", width: 96, height: 96, post: { vectorize: true } };
  const vector = await makeFile(gateway, request);
  const response = await get(vector.asset.url);
  assert.equal(response.headers.get("content-type"), "image/svg+xml");
  const policy = response.headers.get("content-security-policy");
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /sandbox(?! allow)/);
  assert.doesNotMatch(policy, /script-src|allow-scripts|allow-same-origin/);
  await response.body.cancel();
});

test("the resources of the protocol hold the same bytes", async () => {
  const { answer } = await make(gateway, { model_id: "offline-sound", prompt: "bell", duration_seconds: 1 });
  const expected = await download(answer.assets[0]);
  const { contents } = await request(gateway, "resources/read", { uri: `${answer.resource_uri}/assets/1` });
  assert.deepEqual(Buffer.from(contents[0].blob, "base64"), expected);
  const { resources } = await request(gateway, "resources/list");
  assert.ok(resources.some((resource) => resource.uri === `${answer.resource_uri}/assets/1`));
});
