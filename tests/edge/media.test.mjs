// Every offline model makes a file of its kind, from words or from the files of other runs, and post-processing
// changes it as asked.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "./support/gateway.mjs";
import { checkFile, pixels } from "./support/files.mjs";
import { download, make, makeFile } from "./support/forge.mjs";
import { tool } from "./support/mcp.mjs";
import { play } from "./support/player.mjs";

const SHEET_MAX_BYTES = 60 * 1024;
// What compression leaves of black still counts as black.
const BLACK_BELOW = 8;
const SAMPLE_HZ = 22_050;
const SMALL = { width: 192, height: 128 };

let gateway;
let picture;
let other;
const tried = new Set();

before(async () => {
  gateway = await startGateway();
  picture = await model("offline-image", { prompt: "red fox in a blue forest", seed: 7, ...SMALL });
  other = await model("offline-image", { prompt: "golden city at night", seed: 8, ...SMALL });
});
after(() => gateway?.stop());

/// Runs one model and checks its file; returns {asset, bytes, run}.
async function model(modelId, args) {
  tried.add(modelId);
  const made = await makeFile(gateway, { model_id: modelId, ...args });
  await checkFile(made.asset, made.bytes);
  return made;
}

const guide = (made, type, more) => ({ file_id: made.asset.asset_id, type, ...more });

test("text to image: the same request gives the same bytes, another prompt or seed others", async () => {
  const request = { prompt: "red fox in a blue forest", seed: 7, ...SMALL };
  const again = await model("offline-image", request);
  assert.notEqual(again.asset.asset_id, picture.asset.asset_id);
  assert.deepEqual(again.bytes, picture.bytes);
  const otherSeed = await model("offline-image", { ...request, seed: 9 });
  assert.notDeepEqual(otherSeed.bytes, picture.bytes);
  assert.notDeepEqual(other.bytes, picture.bytes);
  assert.ok(difference(pixels(picture.bytes), pixels(other.bytes)) > 10, "two prompts look alike");
});

test("image formats: WebP and JPEG as asked", async () => {
  const webp = await model("offline-image", { prompt: "a boat", options: { output_format: "webp" }, ...SMALL });
  assert.equal(webp.asset.mime_type, "image/webp");
  const jpeg = await model("offline-image", { prompt: "a boat", options: { output_format: "jpeg" }, ...SMALL });
  assert.equal(jpeg.asset.mime_type, "image/jpeg");
});

test("image to image: near the original when weak, its own when none is given", async () => {
  const request = { prompt: "winter", seed: 3, ...SMALL };
  const original = guide(picture, "init_image", { strength: 0.4 });
  const changed = await model("offline-image", { ...request, guidance_files: [original] });
  const free = await model("offline-image", request);
  const near = difference(pixels(changed.bytes), pixels(picture.bytes));
  const far = difference(pixels(free.bytes), pixels(picture.bytes));
  assert.ok(near > 0, "nothing changed");
  assert.ok(near < far, `image to image is ${near} away, a free picture ${far}`);
});

test("style reference: the palette changes", async () => {
  const request = { prompt: "a house", seed: 4, ...SMALL };
  const plain = await model("offline-image", request);
  const styled = await model("offline-image", { ...request, guidance_files: [guide(other, "style")] });
  assert.notDeepEqual(styled.bytes, plain.bytes);
});

test("inpainting: every pixel outside the mask stays, some inside change", async () => {
  const icon = await model("offline-image", { prompt: "sword icon on a white background", seed: 6, ...SMALL });
  const cut = await model("offline-cutout", { guidance_files: [guide(icon, "init_image")] });
  const request = { prompt: "a green door", seed: 5, guidance_files: [guide(picture, "init_image")] };
  const byAlpha = await model("offline-inpaint", { ...request, mask: { file_id: cut.asset.asset_id } });
  const mask = pixels(cut.bytes).data;
  const outside = repainted(picture, byAlpha, (at) => mask[at + 3] === 0);
  assert.ok(outside > 1000, `only ${outside} pixels are outside the mask`);
  // Any picture can be a mask: black is kept, lighter is repainted the more the lighter it is.
  const byLight = await model("offline-inpaint", { ...request, mask: { file_id: other.asset.asset_id, edge_radius: 0 } });
  const { data } = pixels(other.bytes);
  repainted(picture, byLight, (at) => Math.max(data[at], data[at + 1], data[at + 2]) < BLACK_BELOW);
});

/// Compares pixel by pixel; returns how many were outside the mask, which all must be as they were.
function repainted(source, result, isOutside) {
  const before = pixels(source.bytes).data;
  const after = pixels(result.bytes).data;
  let outside = 0;
  let changed = 0;
  for (let at = 0; at < before.length; at += 4) {
    const same = before.readUInt32BE(at) === after.readUInt32BE(at);
    if (!same) changed += 1;
    if (!isOutside(at)) continue;
    outside += 1;
    assert.ok(same, `pixel ${at / 4} lies outside the mask and changed`);
  }
  assert.ok(changed > 500, `only ${changed} pixels changed`);
  return outside;
}

test("upscale, vectorize, cutout", async () => {
  const large = await model("offline-upscale", { guidance_files: [guide(picture, "init_image")], options: { upscale_ratio: 2.5 } });
  assert.deepEqual([large.asset.width, large.asset.height], [480, 320]);
  const vector = await model("offline-vectorize", { guidance_files: [guide(picture, "init_image")] });
  assert.equal(vector.asset.mime_type, "image/svg+xml");
  const icon = await model("offline-image", { prompt: "sword icon on a white background", seed: 6, ...SMALL });
  const cut = await model("offline-cutout", { guidance_files: [guide(icon, "init_image")] });
  const { data } = pixels(cut.bytes);
  assert.equal(data[3], 0, "the corner is not transparent");
});

test("video: from words with the length asked for, and from a picture", async () => {
  const film = await model("offline-video", { prompt: "sea at night with rain", duration_seconds: 3, options: { fps: 8 } });
  assert.equal(film.asset.duration_seconds, 3);
  const frame = guide(picture, "first_frame");
  const moved = await model("offline-video", { prompt: "slow zoom", duration_seconds: 1, guidance_files: [frame] });
  assert.equal(moved.asset.kind, "video");
});

test("sound and lipsync: a WAV drives the mouth for its own length", async () => {
  const sound = await model("offline-sound", { prompt: "bell", duration_seconds: 1.5, seed: 1 });
  const film = await model("offline-lipsync", { guidance_files: [guide(picture, "init_image"), guide(sound, "audio")] });
  assert.ok(Math.abs(film.asset.duration_seconds - 1.5) < 0.2, `${film.asset.duration_seconds} s`);
});

test("slideshow: a browser plays the pictures in their order, fades between them, and hears the WAV", async () => {
  const sound = await model("offline-sound", { prompt: "bell", duration_seconds: 1.5, seed: 1 });
  const references = [picture, other].map((made) => guide(made, "reference"));
  const request = { guidance_files: [...references, guide(sound, "audio")], options: { fps: 10, seconds_per_picture: 1 }, seed: 1 };
  const film = await model("offline-compose", request);
  assert.equal(film.asset.duration_seconds, 2);
  assert.equal(film.run.price_creative_units, 1);
  // Frames 10 to 13 are the fade: the first is 1/5 of the way, the last 4/5.
  const moments = [9, 10, 13, 14].map((frame) => (frame + 0.5) / 10);
  const played = await play(film.bytes, { moments, rate: SAMPLE_HZ });
  assert.deepEqual([played.width, played.height, played.duration, played.ended], [320, 176, 2, 2]);
  const [before, early, late, after] = played.colours;
  assert.ok(apart(before, after) > 5, `${before} and ${after} look alike`);
  for (const [mixed, part] of [[early, 0.2], [late, 0.8]]) {
    const expected = before.map((value, channel) => value + (after[channel] - value) * part);
    assert.ok(apart(mixed, expected) < 2, `${mixed} is not ${expected}`);
  }
  const wav = sound.bytes.subarray(sound.bytes.length - 1.5 * SAMPLE_HZ * 2);
  assert.equal(played.channels.length, 1);
  assert.equal(played.channels[0].length, 2 * SAMPLE_HZ);
  played.channels[0].forEach((value, at) => {
    const original = at * 2 < wav.length ? wav.readInt16LE(at * 2) / 32768 : 0;
    assert.ok(Math.abs(value - original) < 1 / 30_000, `sample ${at} is ${value}, not ${original}`);
  });
});

test("music", async () => {
  const music = await model("offline-music", { prompt: "calm piano", duration_seconds: 4, seed: 2 });
  assert.equal(music.asset.duration_seconds, 4);
  const again = await model("offline-music", { prompt: "calm piano", duration_seconds: 4, seed: 2 });
  assert.deepEqual(again.bytes, music.bytes);
});

test("3D: from words and from a picture", async () => {
  const chest = await model("offline-solid", { prompt: "wooden treasure chest", seed: 1 });
  const gem = await model("offline-solid", { prompt: "blue gem", seed: 1 });
  assert.notDeepEqual(gem.bytes, chest.bytes);
  const relief = await model("offline-relief", { guidance_files: [guide(picture, "reference")], options: { face_limit: 1000 } });
  assert.equal(relief.asset.kind, "three_d");
});

test("post-processing: larger, without background, as vectors, and charged", async () => {
  const request = { prompt: "crown on a white background", seed: 1, ...SMALL };
  const plain = await model("offline-image", request);
  const large = await model("offline-image", { ...request, post: { upscale_ratio: 2 } });
  assert.deepEqual([large.asset.width, large.asset.height], [384, 256]);
  const cut = await model("offline-image", { ...request, post: { remove_background: true } });
  assert.equal(pixels(cut.bytes).data[3], 0, "the corner is not transparent");
  const vector = await model("offline-image", { ...request, post: { vectorize: true } });
  assert.equal(vector.asset.mime_type, "image/svg+xml");
  const all = await model("offline-image", { ...request, post: { upscale_ratio: 2, remove_background: true, vectorize: true } });
  assert.equal(plain.run.price_creative_units, 1);
  assert.equal(all.run.price_creative_units, 2.5);
});

test("a batch: four different files, the first as if alone; a contact sheet of at most 60 KB", async () => {
  const request = { model_id: "offline-image", prompt: "red fox in a blue forest", seed: 7, ...SMALL };
  const { content, answer } = await make(gateway, { ...request, batch_size: 4 });
  const files = await Promise.all(answer.assets.map(download));
  assert.equal(new Set(files.map((bytes) => bytes.toString("latin1"))).size, 4);
  assert.deepEqual(files[0], picture.bytes);
  const pictures = content.filter((block) => block.type === "image");
  assert.equal(pictures.length, 1);
  assert.equal(pictures[0].mimeType, "image/jpeg");
  const sheet = Buffer.from(pictures[0].data, "base64");
  assert.equal(sheet.readUInt16BE(0), 0xffd8);
  assert.ok(sheet.length <= SHEET_MAX_BYTES, `${sheet.length} bytes`);
  const links = content.filter((block) => block.type === "resource_link").map((block) => block.uri);
  assert.deepEqual(links.map(withoutQuery), answer.assets.map((asset) => withoutQuery(asset.url)));
});

test("every model of the catalogue was tried", async () => {
  const { answer } = await tool(gateway, "list_models", { limit: 100 });
  const all = answer.items.map((item) => item.model_id);
  assert.equal(all.length, 12);
  assert.deepEqual(all.filter((id) => !tried.has(id)), []);
});

const withoutQuery = (url) => url.split("?")[0];

/// The largest difference of a channel of two colours.
const apart = (one, two) => Math.max(...one.map((value, channel) => Math.abs(value - two[channel])));

/// Mean distance of two pictures of one size, 0 to 255.
function difference(one, two) {
  let sum = 0;
  for (let at = 0; at < one.data.length; at += 1) sum += Math.abs(one.data[at] - two.data[at]);
  return sum / one.data.length;
}
