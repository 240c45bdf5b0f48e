// The fake OpenAI against OpenAI's own SDK and against its own description: github.com/openai/openai-openapi f85dbe2
// (2026-08-21, version 2.3.0). Only the facts of that file are here, with `nullable` written as a type: beside a missing
// type it makes validators pass everything.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import OpenAI, { toFile } from "openai";
import { PNG } from "pngjs";
import { png } from "./upstream/media.mjs";
import { startOpenAI } from "./upstream/openai.mjs";

const MODEL = "gpt-image-2";
const orNull = (schema) => ({ anyOf: [schema, { type: "null" }] });
const one = (...values) => ({ enum: values });
const text = { type: "string" };
const count = { type: "integer" };
const object = (required, properties, more = {}) => ({ type: "object", required, properties, ...more });

const USAGE = object(["input_tokens", "total_tokens", "output_tokens", "input_tokens_details"], {
  input_tokens: count,
  total_tokens: count,
  output_tokens: count,
  input_tokens_details: object(["text_tokens", "image_tokens"], { text_tokens: count, image_tokens: count }),
  output_tokens_details: object(["image_tokens", "text_tokens"], { image_tokens: count, text_tokens: count }),
});
const SCHEMAS = {
  images: object(["created"], {
    created: count,
    data: { type: "array", items: object([], { b64_json: text, url: text, revised_prompt: text }) },
    background: one("transparent", "opaque"),
    output_format: one("png", "webp", "jpeg"),
    // Older than the models with free sizes, so only the sizes named here can be checked with it.
    size: one("1024x1024", "1024x1536", "1536x1024"),
    quality: one("low", "medium", "high"),
    usage: USAGE,
  }),
  error: object(["error"], {
    error: object(["type", "message", "param", "code"], { code: orNull(text), message: text, param: orNull(text), type: text }),
  }),
  models: object(["object", "data"], {
    object: one("list"),
    data: {
      type: "array",
      items: object(["id", "object", "created", "owned_by"], { id: text, object: one("model"), created: count, owned_by: text }),
    },
  }),
  generate: object(["prompt"], {
    prompt: text,
    model: orNull(text),
    n: orNull({ type: "integer", minimum: 1, maximum: 10 }),
    quality: orNull(one("standard", "hd", "low", "medium", "high", "auto")),
    output_format: orNull(one("png", "jpeg", "webp")),
    output_compression: orNull(count),
    size: orNull(text),
    moderation: orNull(one("low", "auto")),
    background: orNull(one("transparent", "opaque", "auto")),
    user: text,
  }),
  edit: object(["images", "prompt"], {
    images: { type: "array", minItems: 1, maxItems: 16, items: { type: "object", properties: { image_url: text, file_id: text } } },
    prompt: { type: "string", minLength: 1, maxLength: 32_000 },
    n: orNull({ type: "integer", minimum: 1, maximum: 10 }),
    quality: orNull(one("low", "medium", "high", "auto")),
  }),
  speech: object(
    ["model", "input", "voice"],
    {
      model: text,
      input: { type: "string", maxLength: 4096 },
      instructions: { type: "string", maxLength: 4096 },
      voice: { anyOf: [text, object(["id"], { id: text })] },
      response_format: one("mp3", "opus", "aac", "flac", "wav", "pcm"),
      speed: { type: "number", minimum: 0.25, maximum: 4 },
      stream_format: one("sse", "audio"),
    },
    { additionalProperties: false },
  ),
};
const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true });
const compiled = Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, ajv.compile(schema)]));
const fits = (name, value) => assert.ok(compiled[name](value), `${name}: ${ajv.errorsText(compiled[name].errors)}`);
const misfits = (name, value) => assert.equal(compiled[name](value), false, `${name} takes ${JSON.stringify(value)}`);

let fake;
before(async () => (fake = await startOpenAI({ seed: 1 })));
after(() => fake.stop());

const client = (options = {}) => new OpenAI({ apiKey: fake.key, baseURL: `${fake.url}/v1`, maxRetries: 0, logLevel: "off", ...options });
const generate = (prompt, more = {}, options) =>
  client(options).images.generate({ model: MODEL, prompt, size: "1024x1024", quality: "low", ...more });
const raw = (path, body, headers = {}) =>
  fetch(`${fake.url}/v1${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${fake.key}`,
      ...(body instanceof FormData ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    body: body instanceof FormData ? body : JSON.stringify(body),
  });
const submits = (prompt) => fake.jobs.filter((job) => job.prompt === prompt);

async function refused(work, type, expected = {}) {
  const error = await work.then(
    () => assert.fail("it was not refused"),
    (thrown) => thrown,
  );
  assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
  if (error.status) {
    fits("error", { error: error.error });
    assert.match(error.requestID, /^req_[0-9a-f]+$/);
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value, name);
  return error;
}

test("the schemas refuse what they must", () => {
  misfits("images", { data: [] });
  misfits("images", { created: 1, data: [{ b64_json: 5 }] });
  misfits("images", { created: 1, usage: { input_tokens: 1, total_tokens: 1, output_tokens: 1 } });
  misfits("error", { error: { message: "x", type: "y" } });
  misfits("models", { object: "list", data: [{ id: "x" }] });
  misfits("speech", { model: "tts-1", input: "x", voice: "alloy", pitch: 1 });
});

test("a picture: the size asked for, other bytes for each, tokens and what they cost", async () => {
  const { data, response } = await client()
    .images.generate({ model: MODEL, prompt: "a red fox", size: "512x768", n: 2, quality: "high" })
    .withResponse();
  const [first, second] = data.data.map(({ b64_json }) => Buffer.from(b64_json, "base64"));
  const { width, height } = PNG.sync.read(first);
  assert.deepEqual([width, height, data.size], [512, 768, "512x768"]);
  assert.notDeepEqual(first, second);
  assert.equal(data.usage.total_tokens, data.usage.input_tokens + data.usage.output_tokens);
  assert.match(response.headers.get("x-request-id"), /^req_/);
  const [job] = submits("a red fox");
  assert.deepEqual([job.state, job.endpoint, job.input.n], ["succeeded", "/v1/images/generations", 2]);
  assert.ok(Math.abs(job.charged - (data.usage.output_tokens * 30e-6 + data.usage.input_tokens * 5e-6)) < 1e-9);
});

test("answers fit the published description", async () => {
  for (const output_format of ["png", "webp", "jpeg"]) fits("images", await generate(`described ${output_format}`, { output_format }));
  fits("models", await (await fetch(`${fake.url}/v1/models`, { headers: { authorization: `Bearer ${fake.key}` } })).json());
});

test("the file is what output_format says", async () => {
  const magic = { png: "89504e47", jpeg: "ffd8ff", webp: "52494646" };
  for (const [output_format, start] of Object.entries(magic)) {
    const answer = await generate(`as ${output_format}`, { output_format });
    assert.equal(answer.output_format, output_format);
    assert.ok(Buffer.from(answer.data[0].b64_json, "base64").toString("hex").startsWith(start));
  }
});

test("what the description forbids the fake refuses, and the other way round", async () => {
  const table = [
    ["generate", "/images/generations", { model: MODEL, prompt: "table up:slow=0" }, true],
    ["generate", "/images/generations", { model: MODEL, prompt: "table up:slow=0", n: 10, size: "16x16" }, true],
    ["generate", "/images/generations", { model: MODEL }, false],
    ["generate", "/images/generations", { model: MODEL, prompt: "x", n: 0 }, false],
    ["generate", "/images/generations", { model: MODEL, prompt: "x", n: 11 }, false],
    ["generate", "/images/generations", { model: MODEL, prompt: "x", n: "1" }, false],
    ["generate", "/images/generations", { model: MODEL, prompt: 5 }, false],
    ["generate", "/images/generations", { model: MODEL, prompt: "x", background: "blue" }, false],
    ["generate", "/images/generations", { model: MODEL, prompt: "x", moderation: "none" }, false],
    ["generate", "/images/generations", { model: MODEL, prompt: "x", output_format: "bmp" }, false],
    ["edit", "/images/edits", { model: MODEL, prompt: "table up:slow=0", images: [{ image_url: "https://example.com/a.png" }] }, true],
    ["edit", "/images/edits", { model: MODEL, prompt: "x" }, false],
    ["edit", "/images/edits", { model: MODEL, prompt: "x", images: [] }, false],
    ["edit", "/images/edits", { model: MODEL, prompt: "x", images: Array(17).fill({ file_id: "f" }) }, false],
    ["speech", "/audio/speech", { model: "tts-1", input: "table up:slow=0", voice: "alloy" }, true],
    ["speech", "/audio/speech", { model: "tts-1", input: "x" }, false],
    ["speech", "/audio/speech", { model: "tts-1", input: "x".repeat(4097), voice: "alloy" }, false],
    ["speech", "/audio/speech", { model: "tts-1", input: "x", voice: "alloy", pitch: 2 }, false],
  ];
  for (const [schema, path, body, isFine] of table) {
    (isFine ? fits : misfits)(schema, body);
    const answer = await raw(path, body);
    assert.equal(answer.ok, isFine, `${path} ${JSON.stringify(body).slice(0, 100)}: ${answer.status}`);
    if (!isFine) fits("error", await answer.json());
  }
});

test("sizes: by sixteen, one to three, 3840x2160, and only three of the older models", async () => {
  for (const size of ["1000x1000", "1600x512", "4096x2048", "3840x3840", "0x0", "big"]) {
    await refused(generate("sized", { size }), OpenAI.BadRequestError, { param: "size", code: "invalid_value" });
  }
  await refused(generate("sized", { model: "gpt-image-1.5", size: "512x512" }), OpenAI.BadRequestError, { param: "size" });
  assert.equal((await generate("sized", { size: "1536x512" })).size, "1536x512");
  assert.equal((await generate("sized", { size: "auto" })).size, "1024x1024");
});

test("what the image models do not know", async () => {
  await refused(generate("x", { response_format: "b64_json" }), OpenAI.BadRequestError, {
    param: "response_format",
    code: "unknown_parameter",
  });
  await refused(generate("x", { seed: 7 }), OpenAI.BadRequestError, { param: "seed", code: "unknown_parameter" });
  await refused(generate("x", { quality: "max" }), OpenAI.BadRequestError, { param: "quality" });
  await refused(generate("x", { model: "dall-e-3" }), OpenAI.NotFoundError, { code: "model_not_found" });
  assert.equal((await generate("x", { model: "gpt-image-2.5-flare", quality: "max" })).quality, "max");
  assert.equal(submits("x").length, 1);
});

test("each refusal is the SDK's own error", async () => {
  const wrong = client({ apiKey: "sk-wrong" }).images.generate({ model: MODEL, prompt: "no key" });
  await refused(wrong, OpenAI.AuthenticationError, { status: 401, code: "invalid_api_key" });
  assert.equal(fake.calls.at(-1).key, false);
  await refused(generate("up:auth"), OpenAI.AuthenticationError, { code: "invalid_api_key" });
  await refused(generate("up:invalid"), OpenAI.BadRequestError, { code: "invalid_value", type: "invalid_request_error" });
  await refused(generate("up:moderated"), OpenAI.BadRequestError, { code: "moderation_blocked", type: "image_generation_user_error" });
  await refused(generate("up:quota"), OpenAI.RateLimitError, { code: "insufficient_quota", type: "insufficient_quota" });
  await refused(generate("up:429=1"), OpenAI.RateLimitError, { code: "rate_limit_exceeded" });
  await refused(generate("up:500=1"), OpenAI.InternalServerError, { status: 500 });
  await refused(generate("up:503=1"), OpenAI.InternalServerError, { status: 503 });
  await refused(generate("up:reset=1"), OpenAI.APIConnectionError);
  assert.equal(fake.jobs.filter((job) => /^up:(auth|invalid|moderated|quota|429|500|503|reset)/.test(job.prompt)).length, 0);
  await refused(generate("up:fail"), OpenAI.InternalServerError);
  assert.deepEqual([submits("up:fail")[0].state, submits("up:fail")[0].charged], ["failed", 0]);
});

test("what the SDK is told about waiting", async () => {
  const headers = async (prompt) => (await refused(generate(prompt), OpenAI.RateLimitError)).headers;
  assert.equal((await headers("once up:429=1")).get("retry-after"), "1");
  assert.equal((await headers("once up:429-ms=1")).get("retry-after-ms"), "700");
  assert.ok(Date.parse((await headers("once up:429-date=1")).get("retry-after")) > Date.now() - 1000);
  const bare = await headers("once up:429-bare=1");
  assert.deepEqual([bare.get("retry-after"), bare.get("x-should-retry")], [null, "true"]);
});

test("two retries get through two refusals, after the time that was asked for, with one job", async () => {
  const start = Date.now();
  await generate("patient up:429-ms=2", {}, { maxRetries: 2 });
  assert.ok(Date.now() - start >= 1400);
  assert.equal(submits("patient up:429-ms=2").length, 1);
  const before = Date.now();
  await generate("patient up:429=1", {}, { maxRetries: 1 });
  assert.ok(Date.now() - before >= 1000);
  await refused(generate("patient up:500=3", {}, { maxRetries: 2 }), OpenAI.InternalServerError);
  // The SDK does not look at the code: it asks again although nothing will change.
  const asked = fake.count("submit");
  await refused(generate("patient up:quota", {}, { maxRetries: 1 }), OpenAI.RateLimitError, { code: "insufficient_quota" });
  assert.equal(fake.count("submit"), asked + 2);
  await generate("patient up:500=3");
});

test("a lost answer has cost money, and a retry pays again", async () => {
  for (const word of ["lost-submit", "500-created"]) {
    const prompt = `ambiguous up:${word}`;
    await refused(generate(prompt, {}, { maxRetries: 1 }), word === "lost-submit" ? OpenAI.APIConnectionError : OpenAI.InternalServerError);
    await fake.settled();
    assert.deepEqual(
      submits(prompt).map((job) => [job.state, job.charged > 0]),
      [
        ["succeeded", true],
        ["succeeded", true],
      ],
    );
  }
});

test("an answer takes its time, and who leaves pays all the same", async () => {
  const start = Date.now();
  await generate("slow up:slow=0.6");
  assert.ok(Date.now() - start >= 600);
  await refused(generate("left up:hang-submit=3", {}, { timeout: 300 }), OpenAI.APIConnectionTimeoutError);
  await fake.settled();
  assert.equal(submits("left up:hang-submit=3")[0].state, "succeeded");
});

test("broken answers", async () => {
  const cases = { "malformed-submit": /^<html>/, "truncated-submit": /"b64_json":"[A-Za-z0-9+/]+$/ };
  for (const [word, pattern] of Object.entries(cases)) {
    const answer = await raw("/images/generations", { model: MODEL, prompt: `broken up:${word}`, size: "1024x1024" });
    const body = await answer.text();
    assert.equal(answer.status, 200);
    assert.match(body, pattern);
    assert.throws(() => JSON.parse(body));
  }
  await assert.rejects(raw("/images/generations", { model: MODEL, prompt: "broken up:file-cut=1" }).then((answer) => answer.text()));
});

test("outputs that are not what was asked for", async () => {
  const many = async (prompt) => (await generate(prompt, { n: 2, size: "64x64" })).data.length;
  assert.deepEqual([await many("up:partial"), await many("up:none"), await many("up:more")], [1, 0, 3]);
  const [black] = (await generate("up:nsfw", { size: "64x64" })).data;
  assert.ok(PNG.sync.read(Buffer.from(black.b64_json, "base64")).data.every((value, at) => value === (at % 4 === 3 ? 255 : 0)));
  const [html] = (await generate("up:wrong-type")).data;
  assert.match(Buffer.from(html.b64_json, "base64").toString(), /^<!doctype html>/);
  const plain = await generate("plain");
  assert.equal((await generate("plain up:expensive")).usage.output_tokens, 10 * plain.usage.output_tokens);
});

test("the same answer in another writing", async () => {
  const orders = new Set();
  for (const prompt of ["spaced up:spaced", "spaced2 up:spaced", "spaced33 up:spaced"]) {
    // Large enough that its base64 has slashes whatever its colour.
    const body = await (await raw("/images/generations", { model: MODEL, prompt, size: "512x512" })).text();
    assert.match(body, /\\\//);
    assert.doesNotMatch(body, /[^\\]\//);
    assert.match(body, /^\s+\{\n\t \s*"/);
    orders.add(body.indexOf('"usage"') < body.indexOf('"data"'));
    const { data } = JSON.parse(body);
    assert.equal(PNG.sync.read(Buffer.from(data[0].b64_json, "base64")).width, 512);
  }
  assert.equal(orders.size, 2);
});

test("sixty megabytes of base64, and one without an end", async () => {
  const answer = await (await raw("/images/generations", { model: MODEL, prompt: "up:oversize", size: "64x64" })).json();
  assert.equal(answer.data[0].b64_json.length, 60 * 1024 * 1024);
  assert.ok(answer.usage);
  const endless = await raw("/images/generations", { model: MODEL, prompt: "up:endless", size: "64x64" });
  let seen = 0;
  for await (const chunk of endless.body) if ((seen += chunk.length) > 70 * 1024 * 1024) break;
  assert.ok(seen > 70 * 1024 * 1024);
});

test("edits: the SDK's form with several images and a mask, and JSON", async () => {
  const file = (name, bytes) => toFile(bytes, name, { type: "image/png" });
  const mask = PNG.sync.write(new PNG({ width: 64, height: 64 }));
  const images = await Promise.all(["a.png", "b.png"].map((name) => file(name, png({ seed: name, width: 64, height: 64 }))));
  const answer = await client().images.edit({
    model: MODEL,
    prompt: "hats",
    image: images,
    mask: await file("mask.png", mask),
    n: 2,
    size: "1024x1024",
  });
  fits("images", { ...answer });
  assert.equal(answer.data.length, 2);
  assert.equal(answer.usage.input_tokens_details.image_tokens > 0, true);
  const [{ input }] = submits("hats");
  assert.deepEqual(
    input.images.map((each) => [each.name, each.bytes.length > 0]),
    [
      ["a.png", true],
      ["b.png", true],
    ],
  );
  assert.deepEqual(input.mask.bytes, mask);
  const single = await client().images.edit({
    model: MODEL,
    prompt: "one hat",
    image: await file("a.png", png({ seed: 1, width: 64, height: 64 })),
  });
  assert.equal(single.data.length, 1);
  await refused(
    client().images.edit({ model: MODEL, prompt: "x", image: await file("a.png", Buffer.from("text")) }),
    OpenAI.BadRequestError,
    { code: "invalid_image_file" },
  );
  const opaque = await file("mask.png", png({ seed: 1, width: 64, height: 64 }));
  await refused(client().images.edit({ model: MODEL, prompt: "x", image: images, mask: opaque }), OpenAI.BadRequestError, {
    param: "mask",
  });
  const small = await file("mask.png", PNG.sync.write(new PNG({ width: 32, height: 32 })));
  await refused(client().images.edit({ model: MODEL, prompt: "x", image: images, mask: small }), OpenAI.BadRequestError, {
    code: "invalid_image_mask_size",
  });
  const json = await raw("/images/edits", { model: MODEL, prompt: "by address", images: [{ image_url: "data:image/png;base64,AAAA" }] });
  assert.equal((await json.json()).data.length, 1);
});

test("pictures as events", async () => {
  const stream = await client().images.generate({ model: MODEL, prompt: "events", size: "1024x1024", stream: true, partial_images: 2 });
  const events = [];
  for await (const event of stream) events.push(event);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"],
  );
  assert.equal(PNG.sync.read(Buffer.from(events[2].b64_json, "base64")).width, 1024);
  assert.ok(events[2].usage.total_tokens);
});

test("speech comes as a stream of the format asked for", async () => {
  const magic = { mp3: /^494433/, wav: /^52494646/, pcm: /^/ };
  for (const [response_format, pattern] of Object.entries(magic)) {
    const answer = await client().audio.speech.create({
      model: "gpt-4o-mini-tts",
      voice: "coral",
      input: `hello in ${response_format}`,
      response_format,
    });
    const chunks = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString("hex"), pattern);
    assert.equal(answer.headers.get("transfer-encoding"), "chunked");
    assert.match(answer.headers.get("content-type"), /^audio\//);
  }
  await refused(client().audio.speech.create({ model: "gpt-4o-mini-tts", voice: "bob", input: "x" }), OpenAI.BadRequestError, {
    param: "voice",
  });
  const cut = client().audio.speech.create({ model: "tts-1", voice: "coral", input: "up:file-cut=1" });
  await assert.rejects(cut.then((answer) => answer.arrayBuffer()));
  const lying = await client().audio.speech.create({ model: "tts-1", voice: "coral", input: "up:lying-type" });
  assert.equal(lying.headers.get("content-type"), "text/plain");
});

test("models, and what is not there", async () => {
  const names = [];
  for await (const model of client().models.list()) names.push(model.id);
  assert.ok(names.includes(MODEL) && !names.includes("dall-e-3"));
  assert.equal((await client().models.retrieve(MODEL)).id, MODEL);
  await refused(client().models.retrieve("sora-2"), OpenAI.NotFoundError);
  await refused(client().get("/videos"), OpenAI.NotFoundError);
  assert.equal(fake.count("submit") + fake.count("other"), fake.calls.length);
});

test("chaos never charges for a job that was not made, and the SDK sees only faults it knows", async () => {
  const wild = await startOpenAI({ seed: 2, chaos: { seed: 3, percent: 60 } });
  const sdk = new OpenAI({ apiKey: wild.key, baseURL: `${wild.url}/v1`, maxRetries: 0, logLevel: "off" });
  const ask = (_, at) => sdk.images.generate({ model: MODEL, prompt: `wild ${at} up:slow=0`, size: "16x16" });
  const results = await Promise.allSettled(Array.from({ length: 40 }, ask));
  await wild.settled();
  const good = results.filter(({ status }) => status === "fulfilled").length;
  assert.ok(good > 5 && good < 40, `${good} of 40`);
  assert.ok(wild.jobs.length >= good && wild.jobs.length < 40);
  assert.ok(wild.jobs.every((job) => job.charged > 0));
  for (const { reason } of results.filter((each) => each.reason)) {
    assert.ok(reason instanceof OpenAI.APIError || reason instanceof SyntaxError || reason.name === "TypeError", String(reason));
  }
  assert.deepEqual(wild.bugs, []);
  await wild.stop();
});
