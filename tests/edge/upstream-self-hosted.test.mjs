// The imitations of servers that people run themselves, driven by OpenAI's SDK where it fits. LocalAI's routes, answers and
// errors are those of its source (core/http, late 2026), those of sd-server of stable-diffusion.cpp's examples/server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { PNG } from "pngjs";
import validator from "gltf-validator";
import { png } from "./upstream/media.mjs";
import { startOpenAI } from "./upstream/openai.mjs";

let local, sd;
before(async () => {
  local = await startOpenAI({ flavour: "localai", seed: 1 });
  sd = await startOpenAI({ flavour: "sd-server", seed: 1 });
});
after(() => Promise.all([local.stop(), sd.stop()]));

const client = (fake) => new OpenAI({ apiKey: "none", baseURL: `${fake.url}/v1`, maxRetries: 0, logLevel: "off" });
const post = (fake, path, body) =>
  fetch(fake.url + path, {
    method: "POST",
    headers: body instanceof FormData ? {} : { "content-type": "application/json" },
    body: body instanceof FormData ? body : JSON.stringify(body),
  });
const bytes = async (address) => Buffer.from(await (await fetch(address)).arrayBuffer());
const fromBase64 = ({ b64_json }) => Buffer.from(b64_json, "base64");
const picture = png({ seed: 1, width: 32, height: 16 });

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields))
    Buffer.isBuffer(value) ? data.append(name, new Blob([value]), `${name}.png`) : data.append(name, value);
  return data;
}

async function refused(work, status) {
  const error = await work.then(
    () => assert.fail("it was not refused"),
    (thrown) => thrown,
  );
  assert.equal(error.status, status, error.message);
  return error;
}

test("LocalAI: pictures by address unless base64 is wanted, in any size, without a key", async () => {
  const answer = await client(local).images.generate({ model: "flux.1-dev-ggml", prompt: "a house", size: "100x50", n: 2 });
  assert.deepEqual(
    answer.data.map(({ url }) => new URL(url).origin),
    [local.url, local.url],
  );
  assert.match(new URL(answer.data[0].url).pathname, /^\/generated-images\/b64[0-9a-f]+\.png$/);
  const files = await Promise.all(answer.data.map(({ url }) => bytes(url)));
  assert.equal(PNG.sync.read(files[0]).width, 100);
  assert.notDeepEqual(files[0], files[1]);
  const { data } = await client(local).images.generate({ model: "flux.1-dev-ggml", prompt: "a house", response_format: "b64_json" });
  assert.equal(PNG.sync.read(fromBase64(data[0])).width, 512);
  const path = await (await post(local, "/v1/images/generations", { prompt: "up:relative" })).json();
  assert.match(path.data[0].url, /^\/generated-images\//);
  assert.deepEqual([local.jobs[0].charged, local.jobs[0].outputs.length, local.count("file")], [0, 2, 2]);
});

test("LocalAI: there are no edits, but inpainting and upscaling", async () => {
  await refused(client(local).images.edit({ model: "x", prompt: "x", image: await toFile(picture, "a.png") }), 404);
  const inpainted = await (
    await post(local, "/v1/images/inpainting", form({ model: "flux.1-dev-ggml", prompt: "a hat", image: picture, mask: picture }))
  ).json();
  assert.equal(PNG.sync.read(await bytes(inpainted.data[0].url)).width, 32);
  const upscaled = await (
    await post(local, "/v1/images/upscale", form({ model: "realesrgan-x4plus-anime-6b", scale: "4", image: picture }))
  ).json();
  assert.equal(PNG.sync.read(await bytes(upscaled.data[0].url)).height, 64);
  assert.equal((await post(local, "/v1/images/upscale", form({ model: "x", image: picture }))).status, 400);
});

test("LocalAI: meshes, films, sounds and speech", async () => {
  const mesh = await (
    await post(local, "/3d/generations", { model: "trellis2-4b", image: picture.toString("base64"), quality: "512" })
  ).json();
  const { issues } = await validator.validateBytes(new Uint8Array(await bytes(mesh.data[0].url)));
  assert.equal(issues.numErrors, 0);
  const inline = await (await post(local, "/3d/generations", { model: "trellis2-4b", image: "x", response_format: "b64_json" })).json();
  assert.equal(fromBase64(inline.data[0]).toString("latin1", 0, 4), "glTF");
  const film = await (await post(local, "/video", { model: "wan2.1-t2v", prompt: "waves" })).json();
  assert.equal((await bytes(film.data[0].url)).toString("latin1", 4, 8), "ftyp");
  const sound = await post(local, "/v1/sound-generation", { model_id: "ace-step-turbo", text: "rain" });
  assert.deepEqual(
    [sound.headers.get("content-type"), Buffer.from(await sound.arrayBuffer()).toString("latin1", 0, 4)],
    ["audio/wav", "RIFF"],
  );
  const speech = await client(local).audio.speech.create({ model: "voice-en-us-amy-low", voice: "amy", input: "hello" });
  assert.equal(Buffer.from(await speech.arrayBuffer()).toString("latin1", 0, 4), "RIFF");
});

test("LocalAI: its errors have a number for a code", async () => {
  const error = await refused(client(local).images.generate({ prompt: "x", model: "nothing" }), 500);
  assert.deepEqual([error.code, error.type], [500, ""]);
  assert.equal((await refused(client(local).images.generate({ prompt: "up:invalid" }), 400)).code, 400);
  for (const wrong of [{ model: "trellis2-4b" }, { image: "x" }, { model: "trellis2-4b", image: "x", quality: "256" }]) {
    const answer = await post(local, "/3d/generations", wrong);
    assert.deepEqual([answer.status, (await answer.json()).error.code], [400, 400]);
  }
});

test("LocalAI: files obey their words", async () => {
  const { data } = await client(local).images.generate({ prompt: "up:file-500=1 up:lying-type" });
  assert.equal((await fetch(data[0].url)).status, 500);
  assert.equal((await fetch(data[0].url)).headers.get("content-type"), "text/plain");
  const gone = await client(local).images.generate({ prompt: "up:expired" });
  assert.equal((await fetch(gone.data[0].url)).status, 404);
});

test("sd-server: base64 alone, whatever model is named, and its own tag in the prompt", async () => {
  const answer = await client(sd).images.generate({
    model: "anything",
    prompt: 'a cat<sd_cpp_extra_args>{"seed":5}</sd_cpp_extra_args>',
    size: "96x48",
    n: 2,
  });
  assert.deepEqual(
    answer.data.map((each) => PNG.sync.read(fromBase64(each)).width),
    [96, 96],
  );
  assert.equal(answer.output_format, "png");
  assert.deepEqual([sd.jobs[0].prompt, sd.jobs[0].extra], ["a cat", { seed: 5 }]);
  await refused(client(sd).images.generate({ prompt: "a<sd_cpp_extra_args>{</sd_cpp_extra_args>" }), 400);
  assert.deepEqual(await (await fetch(`${sd.url}/v1/models`)).json(), {
    data: [{ id: "sd-cpp-local", object: "model", owned_by: "local" }],
  });
});

test("sd-server: edits are forms, errors are sentences", async () => {
  const edited = await client(sd).images.edit({ prompt: "a hat", image: [await toFile(picture, "a.png")] });
  assert.equal(PNG.sync.read(fromBase64(edited.data[0])).width, 32);
  const json = await post(sd, "/v1/images/edits", { prompt: "a hat", images: [] });
  assert.deepEqual([json.status, await json.json()], [400, { error: "Content-Type must be multipart/form-data" }]);
  const error = await refused(client(sd).images.generate({ prompt: "" }), 400);
  assert.equal(error.error, "prompt required");
  await refused(client(sd).images.generate({ prompt: "up:fail" }), 500);
  await refused(client(sd).images.generate({ prompt: "x", output_format: "gif" }), 400);
});
