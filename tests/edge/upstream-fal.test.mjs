// The fake of fal, driven by fal's own client (@fal-ai/client 1.10.1) and held against what fal publishes:
// - platform API: https://api.fal.ai/v1/openapi.json, "Platform APIs" v1, as mirrored by tryAGI/Fal at badf521 (2026-08-21)
// - queue: https://fal.ai/docs/api-reference/inference-api and the client's types/common.d.ts
// - outputs: the client's types/endpoints.d.ts
// The schemas below are extracts written by hand: names, types and what is required.
import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, createFalClient, ValidationError } from "@fal-ai/client";
import Ajv from "ajv/dist/2020.js";
import { PNG } from "pngjs";
import { shapeOf } from "./upstream/fal-models.mjs";
import { startFal } from "./upstream/fal.mjs";
import { startReceiver } from "./upstream/receiver.mjs";

const FLUX = "fal-ai/flux/schnell";
const SLOW_MS = 150;
const ajv = new Ajv({ strict: true, allowUnionTypes: true });
const when = { type: "string", pattern: String.raw`^\d{4}-\d\d-\d\dT[\d:.]+Z$` };
const text = { type: "string" };
const numberOrNull = { type: ["number", "null"] };
const LEVELS = ["STDERR", "STDOUT", "ERROR", "INFO", "WARN", "DEBUG"];
const PROBLEMS = ["authorization_error", "validation_error", "not_found", "rate_limited", "server_error", "not_implemented"];
const amount = { type: "number", minimum: 0 };
const object = (properties, optional = []) => ({ type: "object", properties, required: Object.keys(properties).filter((name) => !optional.includes(name)) });
const paged = (name, items) => object({ next_cursor: { type: ["string", "null"] }, has_more: { type: "boolean" }, [name]: { type: "array", items } });

const SCHEMAS = {
  pricing: paged("prices", object({ endpoint_id: text, unit_price: amount, unit: text, currency: { type: "string", minLength: 3, maxLength: 3 } })),
  requests: paged("items", object(
    {
      request_id: { type: "string", pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" },
      endpoint_id: text,
      started_at: when,
      sent_at: when,
      ended_at: { type: ["string", "null"] },
      status_code: { type: ["integer", "null"] },
      duration: numberOrNull,
      json_input: {},
      json_output: {},
    },
    ["ended_at", "status_code", "duration", "json_input", "json_output"],
  )),
  billing: paged("billing_events", object({
    request_id: text,
    endpoint_id: text,
    timestamp: text,
    output_units: numberOrNull,
    unit_price: numberOrNull,
    percent_discount: numberOrNull,
    cost_subtotal: amount,
    cost_discount: amount,
    cost_total: amount,
    cost_estimate_nano_usd: amount,
  })),
  error: object({
    error: object({ type: { enum: PROBLEMS }, message: text, docs_url: text, request_id: text }, ["docs_url", "request_id"]),
  }),
  status: object(
    {
      status: { enum: ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"] },
      request_id: text,
      response_url: text,
      status_url: text,
      cancel_url: text,
      queue_position: { type: "integer" },
      logs: { type: "array", items: object({ message: text, level: { enum: LEVELS }, source: { const: "USER" }, timestamp: when }) },
      metrics: object({ inference_time: numberOrNull }),
      error: text,
      error_type: text,
    },
    ["queue_position", "logs", "metrics", "error", "error_type"],
  ),
  cancel: object({ status: { enum: ["OK", "CANCELLATION_REQUESTED", "ALREADY_COMPLETED", "NOT_FOUND"] } }),
  problems: object({ detail: { type: "array", minItems: 1, items: object({ loc: { type: "array" }, msg: text, type: text, url: text, input: {} }, ["url", "input"]) } }),
};
const validators = Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, ajv.compile(schema)]));

function fits(name, value) {
  assert.ok(validators[name](value), `${name}: ${ajv.errorsText(validators[name].errors)} in ${JSON.stringify(value)}`);
  return value;
}

let fake;
let receiver;
const answers = new Map();

before(async () => {
  fake = await startFal();
  receiver = await startReceiver(async (letter) => {
    if (letter.path === "/early") await sleep(SLOW_MS);
    const queue = answers.get(letter.path) ?? [];
    return queue.length > 1 ? queue.shift() : (queue[0] ?? 200);
  });
});
after(async () => {
  await fake?.stop();
  await receiver?.stop();
  assert.deepEqual(fake?.bugs, []);
});

// Every host of fal is the fake.
function client(credentials = fake.key, at = fake) {
  const mapped = (url, init) => fetch(String(url).replace(/^https:\/\/(queue\.fal\.run|fal\.run|rest\.fal\.ai)/, at.url), init);
  return createFalClient({ credentials, fetch: mapped });
}

const authorized = (key = fake.key) => ({ headers: { authorization: `Key ${key}` } });
const jobOf = (id) => fake.jobs.find((job) => job.id === id);

async function platform(path, key) {
  const answer = await fetch(`${fake.url}/v1${path}`, key === null ? {} : authorized(key));
  return { status: answer.status, body: await answer.json() };
}

async function completed(fal, endpoint, requestId) {
  for (;;) {
    const status = await fal.queue.status(endpoint, { requestId, logs: true });
    if (status.status === "COMPLETED") return status;
    await sleep(20);
  }
}

async function rejection(promise) {
  return promise.then(() => assert.fail("it was not refused"), (error) => error);
}

test("the extracts refuse what does not fit them", () => {
  for (const [name, wrong] of Object.entries({
    pricing: { prices: [{ endpoint_id: "a/b", unit_price: "0.1", unit: "images", currency: "USD" }], next_cursor: null, has_more: false },
    requests: { items: [{ request_id: "1", endpoint_id: "a/b", started_at: "2026-01-01T00:00:00Z" }], next_cursor: null, has_more: false },
    billing: { billing_events: [{ request_id: "1" }], next_cursor: null, has_more: false },
    error: { error: { type: "teapot", message: "" } },
    status: { status: "FAILED", request_id: "1", response_url: "", status_url: "", cancel_url: "" },
    cancel: { success: true },
    problems: { detail: "text" },
  })) {
    assert.equal(validators[name](wrong), false, name);
  }
});

test("a job goes through queue, runner and result", async () => {
  const fal = client();
  const input = { prompt: "up:queued=0.2 up:slow=0.2 a fox", num_images: 2, image_size: { width: 96, height: 40 }, seed: 5 };
  const submitted = fits("status", await fal.queue.submit(FLUX, { input }));
  const { request_id: requestId } = submitted;
  assert.equal(submitted.status_url, `${fake.url}/fal-ai/flux/requests/${requestId}/status`, "two segments");
  const seen = [];
  for (let last; last !== "COMPLETED"; await sleep(15)) {
    const answer = await fetch(`${submitted.status_url}?logs=1`, authorized());
    last = fits("status", await answer.json()).status;
    assert.equal(answer.status, last === "COMPLETED" ? 200 : 202);
    if (seen.at(-1) !== last) seen.push(last);
    const early = await fetch(submitted.response_url, authorized());
    const { detail } = await early.json();
    if (jobOf(requestId).state !== "COMPLETED") assert.deepEqual([early.status, detail], [400, "Request is still in progress"]);
  }
  assert.deepEqual(seen, ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]);
  const status = await fal.queue.status(FLUX, { requestId, logs: true });
  assert.ok(status.logs.length >= 2 && status.metrics.inference_time >= 0.19);
  const { data, requestId: echoed } = await fal.queue.result(FLUX, { requestId });
  assert.equal(echoed, requestId);
  assert.deepEqual([data.seed, data.images.length, data.has_nsfw_concepts], [5, 2, [false, false]]);
  const files = await Promise.all(data.images.map(async ({ url, file_size }) => {
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    assert.equal(bytes.length, file_size);
    const { width, height } = PNG.sync.read(bytes);
    assert.deepEqual([width, height], [96, 40]);
    return bytes.toString("base64");
  }));
  assert.notEqual(files[0], files[1]);
  const raw = await fetch(submitted.response_url, authorized());
  await raw.arrayBuffer();
  assert.equal(raw.headers.get("x-fal-billable-units"), "2");
  const job = jobOf(requestId);
  assert.equal(job.charged, 2 * 0.003);
  assert.deepEqual(fake.calls.filter((call) => call.operation === "file" && call.jobId === requestId).map((call) => call.key), [undefined, undefined], "no key to the files");
});

test("subscribe works by polling and by the stream of states", async () => {
  const fal = client();
  for (const mode of ["polling", "streaming"]) {
    const seen = [];
    const { data } = await fal.subscribe("fal-ai/kokoro/american-english", { input: { prompt: `a ${mode} voice` }, mode, pollInterval: 20, onQueueUpdate: ({ status }) => seen.push(status) });
    assert.equal(data.audio.content_type, "audio/wav");
    assert.equal(seen.at(-1), "COMPLETED", mode);
  }
});

test("a file in the input is uploaded first", async () => {
  const fal = client();
  const { data } = await fal.subscribe("fal-ai/birefnet/v2", { input: { image_url: new Blob(["a picture"], { type: "image/png" }) }, pollInterval: 20 });
  assert.equal(data.image.content_type, "image/png");
  const { input } = fake.jobs.findLast((job) => job.endpoint === "fal-ai/birefnet/v2");
  const stored = await fetch(input.image_url);
  assert.deepEqual([stored.headers.get("content-type"), await stored.text()], ["image/png", "a picture"]);
});

test("cancelling: what waits, what runs, what is done, what is unknown", async () => {
  const fal = client();
  const put = async (url) => {
    const answer = await fetch(url, { method: "PUT", ...authorized() });
    return [answer.status, fits("cancel", await answer.json()).status];
  };
  const queued = await fal.queue.submit(FLUX, { input: { prompt: "up:queued=5" } });
  assert.deepEqual(await put(queued.cancel_url), [200, "OK"]);
  const running = await fal.queue.submit(FLUX, { input: { prompt: "up:slow=5" } });
  await sleep(60);
  await fal.queue.cancel(FLUX, { requestId: running.request_id });
  const job = jobOf(running.request_id);
  assert.deepEqual([job.cancelled, job.charged, job.outputs.length], [true, 0, 0]);
  const gone = await rejection(fal.queue.result(FLUX, { requestId: running.request_id }));
  assert.deepEqual([gone.status, gone.body.error_type], [499, "client_cancelled"]);
  const late = await rejection(fal.queue.cancel(FLUX, { requestId: running.request_id }));
  assert.deepEqual([late.status, late.body.status], [400, "ALREADY_COMPLETED"]);
  const nobody = await rejection(fal.queue.cancel(FLUX, { requestId: "00000000-0000-0000-0000-000000000000" }));
  assert.deepEqual([nobody.status, nobody.body.status], [404, "NOT_FOUND"]);

  const stubborn = await fal.queue.submit(FLUX, { input: { prompt: "up:slow=0.2 up:cancel-ignored up:cancel-500=1" } });
  await sleep(60);
  assert.equal((await rejection(fal.queue.cancel(FLUX, { requestId: stubborn.request_id }))).status, 500);
  assert.deepEqual(await put(stubborn.cancel_url), [202, "CANCELLATION_REQUESTED"]);
  await completed(fal, FLUX, stubborn.request_id);
  assert.deepEqual([jobOf(stubborn.request_id).cancelled, jobOf(stubborn.request_id).charged], [true, 0.003]);
});

test("COMPLETED is not success: each failure comes out of the result", async () => {
  const fal = client();
  for (const [word, expected, type] of [
    ["invalid", 422, "missing"],
    ["moderated", 422, "content_policy_violation"],
    ["fail", 500, "downstream_service_error"],
  ]) {
    const { request_id: requestId } = await fal.queue.submit(FLUX, { input: { prompt: `up:${word}` } });
    const status = fits("status", await completed(fal, FLUX, requestId));
    assert.equal(status.error_type, type);
    const error = await rejection(fal.queue.result(FLUX, { requestId }));
    assert.ok(error instanceof (expected === 422 ? ValidationError : ApiError), word);
    assert.deepEqual([error.status, fits("problems", error.body).detail[0].type, error.requestId], [expected, type, requestId]);
    if (expected === 422) assert.equal(error.getFieldErrors("prompt").length, 1);
    assert.equal(jobOf(requestId).charged, 0);
  }
  const { request_id: requestId } = await fal.queue.submit(FLUX, { input: { prompt: "up:fail-late" } });
  assert.equal((await completed(fal, FLUX, requestId)).error_type, "runner_disconnected");
  const raw = await fetch(`${fake.url}/fal-ai/flux/requests/${requestId}`, authorized());
  await raw.arrayBuffer();
  assert.deepEqual([raw.status, raw.headers.get("x-fal-error-type"), raw.headers.get("x-fal-request-id")], [503, "runner_disconnected", requestId]);

  const { request_id: tardy } = await fal.queue.submit(FLUX, { input: { prompt: "up:queued=5" }, startTimeout: 1.1 });
  await completed(fal, FLUX, tardy);
  assert.ok((await rejection(fal.queue.result(FLUX, { requestId: tardy }))).isUserTimeout);
});

test("a state nobody knows passes, a filter takes pictures away, and the provider may charge more", async () => {
  const fal = client();
  const { request_id: requestId, status_url } = await fal.queue.submit(FLUX, { input: { prompt: "up:unknown-status=0.2 up:partial up:expensive", num_images: 3 } });
  await sleep(80);
  const { status } = await (await fetch(status_url, authorized())).json();
  assert.ok(!SCHEMAS.status.properties.status.enum.includes(status), status);
  await completed(fal, FLUX, requestId);
  assert.equal((await fal.queue.result(FLUX, { requestId })).data.images.length, 2);
  assert.equal(jobOf(requestId).charged, 20 * 0.003);
  const black = await fal.subscribe(FLUX, { input: { prompt: "up:nsfw", num_images: 2 }, pollInterval: 20 });
  assert.deepEqual(black.data.has_nsfw_concepts, [true, true]);
  const { data } = PNG.sync.read(Buffer.from(await (await fetch(black.data.images[0].url)).arrayBuffer()));
  assert.ok(data.every((value, at) => value === (at % 4 === 3 ? 255 : 0)), "black");
  const none = await fal.subscribe("fal-ai/veo3.1/fast", { input: { prompt: "up:none" }, pollInterval: 20 });
  assert.equal(none.data.video, undefined);
});

test("refusals at the door", async () => {
  const bad = await rejection(client("id:wrong").queue.submit(FLUX, { input: { prompt: "x" } }));
  assert.deepEqual([bad.status, bad.body.detail], [401, "No user found for Key ID and Secret"]);
  const shapeless = await rejection(client("wrong").queue.submit(FLUX, { input: { prompt: "x" } }));
  assert.match(shapeless.body.detail, /Invalid Key Authorization header format/);
  const bearer = await fetch(`${fake.url}/${FLUX}`, { method: "POST", headers: { authorization: `Bearer ${fake.key}` }, body: "{}" });
  assert.equal(bearer.status, 401, "Key, not Bearer");
  await bearer.arrayBuffer();
  const poor = await rejection(client().queue.submit(FLUX, { input: { prompt: "up:quota" } }));
  assert.deepEqual([poor.status, /Exhausted balance/.test(poor.body.detail)], [403, true]);
  const whole = await fetch(`${fake.url}/${FLUX}/requests/1/status`, authorized());
  await whole.arrayBuffer();
  assert.equal(whole.status, 405, "the whole endpoint id is the model's, not the queue's");
});

// Written from fal's page on verifying webhooks, with another implementation of Ed25519 than the fake signs with.
async function verify({ headers, raw }, tolerance = 300) {
  const part = (name) => headers[`x-fal-webhook-${name}`];
  if (Math.abs(Date.now() / 1000 - Number(part("timestamp"))) > tolerance) return false;
  const digest = createHash("sha256").update(raw).digest("hex");
  const message = new TextEncoder().encode(`${part("request-id")}\n${part("user-id")}\n${part("timestamp")}\n${digest}`);
  const { keys } = await (await fetch(`${fake.url}/.well-known/jwks.json`)).json();
  assert.deepEqual(keys.map(({ kty }) => kty), ["RSA", "OKP", "OKP"]);
  for (const { kty, x } of keys) {
    if (kty !== "OKP") continue;
    const key = await webcrypto.subtle.importKey("raw", Buffer.from(x, "base64url"), "Ed25519", false, ["verify"]);
    if (await webcrypto.subtle.verify("Ed25519", key, Buffer.from(part("signature"), "hex"), message)) return true;
  }
  return false;
}

async function called(words, path, input = {}) {
  const submitted = await client().queue.submit(FLUX, { input: { prompt: words, ...input }, webhookUrl: `${receiver.url}${path}` });
  const until = Date.now() + 8000;
  while (jobOf(submitted.request_id).state !== "COMPLETED" && Date.now() < until) await sleep(10);
  return submitted.request_id;
}

async function lettersTo(path, many) {
  for (const until = Date.now() + 5000; receiver.to(path).length < many && Date.now() < until; await sleep(10));
  await sleep(60);
  return receiver.to(path);
}

test("a callback is signed as fal's page says, on success and on failure", async () => {
  const id = await called("one", "/ok");
  const [letter] = await lettersTo("/ok", 1);
  assert.ok(await verify(letter));
  assert.match(letter.headers["x-fal-webhook-signature"], /^[0-9a-f]{128}$/);
  assert.equal(letter.headers["x-fal-webhook-user-id"], fake.userId);
  const { payload, ...rest } = letter.json;
  assert.deepEqual(rest, { request_id: id, gateway_request_id: id, status: "OK" });
  assert.deepEqual(payload, (await client().queue.result(FLUX, { requestId: id })).data);
  assert.equal(await verify({ ...letter, raw: Buffer.concat([letter.raw, Buffer.from(" ")]) }), false, "another body");

  const broken = await called("up:invalid", "/error");
  const [error] = await lettersTo("/error", 1);
  assert.deepEqual([error.json.status, error.json.error, error.json.payload.detail[0].type], ["ERROR", "Invalid status code: 422", "missing"]);
  assert.equal(error.json.request_id, broken);
  await called("up:payload-error up:requeued", "/unserialised");
  const [unserialised] = await lettersTo("/unserialised", 1);
  assert.deepEqual([unserialised.json.payload, typeof unserialised.json.payload_error], [null, "string"]);
  assert.notEqual(unserialised.json.gateway_request_id, unserialised.json.request_id);
});

test("false, old, foreign and repeated callbacks", async () => {
  const id = await called("up:slow=0.2 up:callback-forged up:callback-twice up:callback-replayed up:callback-other", "/many");
  const letters = await lettersTo("/many", 5);
  const judge = async (letter) => {
    const [isNow, isEver] = [await verify(letter), await verify(letter, 1e6)];
    return [letter.json.status, isNow, isEver, letter.json.request_id === id, letter.headers["x-fal-webhook-user-id"] === fake.userId];
  };
  const judged = await Promise.all(letters.map(judge));
  assert.deepEqual(judged, [
    ["ERROR", false, false, true, true],
    ["OK", true, true, false, false],
    ["OK", true, true, true, true],
    ["OK", true, true, true, true],
    ["OK", false, true, true, true],
  ]);
  assert.deepEqual(fake.callbacks.filter(({ jobId }) => jobId === id).map(({ kind }) => kind), ["forged", "other", "real", "again", "replayed"]);
});

test("a callback comes early, late, never, again after a refusal, and not after a redirect", async () => {
  const early = await client().queue.submit(FLUX, { input: { prompt: "up:callback-early" }, webhookUrl: `${receiver.url}/early` });
  const answeredAt = Date.now();
  const [letter] = receiver.to("/early");
  assert.equal(letter.json.request_id, early.request_id);
  assert.ok(answeredAt - letter.at >= SLOW_MS - 5, "the submit is answered when the callback is");

  answers.set("/flaky", [500, 503, 200]);
  answers.set("/moved", [{ status: 302, headers: { location: `${receiver.url}/elsewhere` } }]);
  await Promise.all([called("two", "/flaky"), called("three", "/moved"), called("up:no-callback", "/never"), called("up:callback-late=0.3", "/late")]);
  await fake.settled();
  assert.equal(receiver.to("/flaky").length, 3);
  assert.ok(await verify(receiver.to("/flaky")[2]));
  assert.deepEqual([receiver.to("/moved").length, receiver.to("/elsewhere").length, receiver.to("/never").length, receiver.to("/late").length], [1, 0, 0, 1]);
  const lost = await client().queue.submit(FLUX, { input: { prompt: "four" }, webhookUrl: "http://127.0.0.1:9/" });
  await fake.settled();
  const tries = fake.callbacks.filter(({ jobId }) => jobId === lost.request_id);
  assert.ok(tries.length === 6 && tries.every(({ status }) => status === "refused"), JSON.stringify(tries));
});

test("the platform API: prices, requests, what they cost, errors", async () => {
  const fal = client();
  const two = await platform("/models/pricing?endpoint_id=fal-ai/flux/schnell,fal-ai/nano-banana-2");
  const repeated = await platform("/models/pricing?endpoint_id=fal-ai/flux/schnell&endpoint_id=fal-ai/nano-banana-2");
  assert.deepEqual(fits("pricing", two.body), repeated.body);
  assert.deepEqual(two.body.prices.map(({ unit_price, unit }) => [unit_price, unit]), [[0.003, "megapixels"], [0.08, "images"]]);

  const endpoint = "fal-ai/flux/dev";
  const running = await fal.queue.submit(endpoint, { input: { prompt: "up:slow=5" }, webhookUrl: `${receiver.url}/listed` });
  const failed = await fal.queue.submit(endpoint, { input: { prompt: "up:invalid" } });
  const done = await fal.queue.submit(endpoint, { input: { prompt: "listed" } });
  await completed(fal, endpoint, done.request_id);
  await completed(fal, endpoint, failed.request_id);
  const all = fits("requests", (await platform(`/models/requests/by-endpoint?endpoint_id=${endpoint}`)).body);
  const byId = Object.fromEntries(all.items.map((item) => [item.request_id, item.status_code]));
  assert.deepEqual(byId, { [running.request_id]: null, [failed.request_id]: 422, [done.request_id]: 200 });
  assert.doesNotMatch(JSON.stringify(all), /listed/, "neither payloads nor callbacks unasked");
  const whole = fits("requests", (await platform(`/models/requests/by-endpoint?endpoint_id=${endpoint}&expand=payloads&request_id=${done.request_id}`)).body);
  assert.equal(whole.items[0].json_input.prompt, "listed");
  const seen = [];
  for (let cursor = ""; cursor !== null; ) {
    const { body } = await platform(`/models/requests/by-endpoint?endpoint_id=${endpoint}&limit=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    seen.push(...body.items.map((item) => item.request_id));
    cursor = body.next_cursor;
  }
  assert.deepEqual(seen, all.items.map((item) => item.request_id));

  const billed = fits("billing", (await platform(`/models/billing-events?request_id=${done.request_id}`, fake.adminKey)).body);
  assert.deepEqual(billed.billing_events.map((event) => [event.request_id, event.output_units, event.cost_estimate_nano_usd]), [[done.request_id, 1, 25_000_000]]);
  assert.equal(jobOf(done.request_id).charged, billed.billing_events[0].cost_total);
  for (const [path, key, status, type] of [
    ["/models/pricing", undefined, 400, "validation_error"],
    ["/models/pricing?endpoint_id=no-such/thing", undefined, 404, "not_found"],
    ["/models/pricing?endpoint_id=a/b", "wrong", 401, "authorization_error"],
    ["/models/pricing?endpoint_id=a/b", null, 401, "authorization_error"],
    ["/models/billing-events", undefined, 403, "authorization_error"],
  ]) {
    const answer = await platform(path, key);
    assert.deepEqual([answer.status, fits("error", answer.body).error.type], [status, type], path);
  }
  await fal.queue.cancel(endpoint, { requestId: running.request_id });
});

const ENDPOINTS = `fal-ai/flux/schnell fal-ai/flux-2-pro fal-ai/nano-banana-2 fal-ai/nano-banana-pro
  fal-ai/bytedance/seedream/v4.5/text-to-image fal-ai/flux-2-pro/edit fal-ai/nano-banana-2/edit fal-ai/flux-pro/kontext
  fal-ai/flux-pro/v1/fill fal-ai/ideogram/v3 fal-ai/ideogram/v3/edit fal-ai/clarity-upscaler fal-ai/recraft/upscale/crisp
  fal-ai/seedvr/upscale/image fal-ai/topaz/upscale/video fal-ai/recraft/vectorize fal-ai/recraft/v4/text-to-vector
  fal-ai/birefnet/v2 fal-ai/bria/background/remove fal-ai/veo3.1/fast fal-ai/kling-video/v3/standard/text-to-video
  fal-ai/veo3.1/fast/image-to-video fal-ai/sync-lipsync/v2 veed/fabric-1.0 fal-ai/latentsync fal-ai/meshy/v6/text-to-3d
  fal-ai/hunyuan3d-v3/text-to-3d fal-ai/trellis-2 fal-ai/trellis fal-ai/hunyuan3d/v2 tripo3d/tripo/v2.5/image-to-3d
  fal-ai/elevenlabs/tts/eleven-v3 fal-ai/kokoro/american-english fal-ai/elevenlabs/sound-effects/v2
  fal-ai/ace-step/prompt-to-audio fal-ai/elevenlabs/music fal-ai/stable-audio-25/text-to-audio fal-ai/lyria2
  fal-ai/stable-audio CassetteAI/music-generator`.split(/\s+/);

// The names of an endpoint's output in the client's types: [all, required].
function typed() {
  const path = createRequire(import.meta.url).resolve("@fal-ai/client");
  const types = readFileSync(new URL("types/endpoints.d.ts", `file://${path}`), "utf8");
  const aliases = new Map(Array.from(types.matchAll(/^export type (\w+) = (\w+);/gm), ([, name, other]) => [name, other]));
  const bodies = new Map(Array.from(types.matchAll(/^export type (\w+) = \{$([\s\S]*?)^\};/gm), ([, name, body]) => [name, body]));
  const outputs = new Map(Array.from(types.matchAll(/^ {4}"([^"]+)": \{\s*input: \w+;\s*output: (\w+);/gm), ([, id, name]) => [id, name]));
  return (endpoint) => {
    let name = outputs.get(endpoint);
    while (aliases.has(name)) name = aliases.get(name);
    const fields = Array.from(bodies.get(name).matchAll(/^ {4}(\w+)(\??): /gm));
    return [fields.map(([, field]) => field), fields.filter(([, , optional]) => !optional).map(([, field]) => field)];
  };
}

test("every endpoint answers with the fields of its type", async () => {
  const fal = client();
  const fieldsOf = typed();
  await Promise.all(ENDPOINTS.map(async (endpoint) => {
    const { data } = await fal.subscribe(endpoint, { input: { prompt: "a thing", text: "a thing" }, pollInterval: 20 });
    const [all, required] = fieldsOf(endpoint);
    const given = Object.keys(data);
    const wrong = { lacking: required.filter((field) => !given.includes(field)), made_up: given.filter((field) => !all.includes(field)) };
    assert.deepEqual(wrong, { lacking: [], made_up: [] }, `${endpoint} (${shapeOf(endpoint)})`);
  }));
});
