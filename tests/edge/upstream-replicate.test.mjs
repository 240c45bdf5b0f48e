// The fake of Replicate, driven by Replicate's own client (replicate 1.4.0) and held against
// https://api.replicate.com/openapi.json, "Replicate HTTP API" 1.0.0-a1, as mirrored by tryAGI/Replicate at 6c8ab8e
// (2026-04-09). The schemas below are extracts written by hand: names, types and what is required.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import Ajv from "ajv/dist/2020.js";
import { PNG } from "pngjs";
import Replicate, { validateWebhook } from "replicate";
import { startReceiver } from "./upstream/receiver.mjs";
import { signature, startReplicate } from "./upstream/replicate.mjs";

const FLUX = "black-forest-labs/flux-schnell";
const SLOW_MS = 150;
const COMMUNITY = "851-labs/background-remover";
const ajv = new Ajv({ strict: true, allowUnionTypes: true });
const when = { type: "string", pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$` };
const text = { type: "string" };
const uri = { type: "string", pattern: "^https?://" };
const textOrNull = { type: ["string", "null"] };
const object = (properties, optional = []) => ({ type: "object", properties, required: Object.keys(properties).filter((name) => !optional.includes(name)) });

const PREDICTION = object(
  {
    id: text, model: text, version: text, input: { type: "object" }, output: {}, data_removed: { type: "boolean" }, error: textOrNull,
    status: { enum: ["starting", "processing", "succeeded", "failed", "canceled", "aborted"] },
    created_at: when, started_at: when, completed_at: when, deadline: when, deployment: text, logs: text, source: { enum: ["web", "api"] },
    metrics: object({ total_time: { type: "number" } }, ["total_time"]),
    urls: object({ web: uri, get: uri, cancel: uri, stream: uri }, ["stream"]),
  },
  ["started_at", "completed_at", "deadline", "deployment", "logs", "source", "metrics"],
);
const SCHEMAS = {
  prediction: PREDICTION,
  list: object({ next: textOrNull, previous: textOrNull, results: { type: "array", items: PREDICTION } }),
  account: object({ type: { enum: ["organization", "user"] }, username: text, name: text, github_url: uri, avatar_url: uri }, ["name", "github_url", "avatar_url"]),
  secret: object({ key: { type: "string", pattern: "^whsec_" } }),
  file: object({
    id: text,
    urls: object({ get: uri }),
    content_type: text,
    size: { type: "integer" },
    checksums: object({ sha256: text }),
    metadata: { type: "object" },
    created_at: when,
    expires_at: when,
  }),
  model: object({
    url: text,
    owner: text,
    name: text,
    visibility: { enum: ["public", "private"] },
    is_official: { type: "boolean" },
    run_count: { type: "integer" },
    description: textOrNull,
    latest_version: { type: ["object", "null"] },
  }),
};
const validators = Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, ajv.compile(schema)]));

function fits(name, value) {
  assert.ok(validators[name](value), `${name}: ${ajv.errorsText(validators[name].errors)} in ${JSON.stringify(value)}`);
  return value;
}

let fake;
let receiver;
let replicate;
const answers = new Map();

before(async () => {
  fake = await startReplicate({ clock: 0.02, pageSize: 3 });
  receiver = await startReceiver(async (letter) => {
    if (letter.path === "/early") await sleep(SLOW_MS);
    const queue = answers.get(letter.path) ?? [];
    return queue.length > 1 ? queue.shift() : (queue[0] ?? 200);
  });
  replicate = client(fake.key);
});
after(async () => {
  await fake?.stop();
  await receiver?.stop();
  assert.deepEqual(fake?.bugs, []);
});

const client = (auth, at = fake) => new Replicate({ auth, baseUrl: `${at.url}/v1`, useFileOutput: false });
const jobOf = (id) => fake.jobs.find((job) => job.id === id);
const create = (prompt, more) => replicate.predictions.create({ model: FLUX, input: { prompt }, ...more });

async function rejection(promise) {
  const error = await promise.then(() => assert.fail("it was not refused"), (reason) => reason);
  return { error, status: error.response?.status, body: /failed with status \d+ [^:]*: (.*)\.$/s.exec(error.message)?.[1] };
}

async function raw(path, { headers, ...init } = {}) {
  const answer = await fetch(`${fake.url}/v1${path}`, { ...init, headers: { authorization: `Bearer ${fake.key}`, "content-type": "application/json", ...headers } });
  return { status: answer.status, body: answer.status === 204 ? undefined : await answer.json() };
}

test("the extracts refuse what does not fit them", async () => {
  const good = JSON.parse(JSON.stringify(await create("whole")));
  assert.ok(validators.prediction(good));
  for (const [name, wrong] of [
    ["prediction", { ...good, status: "done" }],
    ["prediction", { ...good, created_at: 5 }],
    ["prediction", { ...good, urls: { get: good.urls.get } }],
    ["prediction", { ...good, data_removed: undefined }],
    ["list", { next: null, previous: null, results: [{}] }],
    ["account", { type: "robot", username: "x" }],
    ["secret", { key: "x" }],
    ["file", { id: "x" }],
    ["model", { owner: "x" }],
  ]) {
    assert.equal(validators[name](JSON.parse(JSON.stringify(wrong))), false, name);
  }
});

test("a prediction starts, runs and succeeds", async () => {
  const input = { prompt: "up:queued=0.1 up:slow=0.2 a fox", num_outputs: 2, width: 96, height: 40 };
  const hook = { webhook: `${receiver.url}/lifecycle`, webhook_events_filter: ["completed"] };
  const made = fits("prediction", await replicate.predictions.create({ model: FLUX, input, ...hook }));
  assert.deepEqual([made.status, made.version, made.webhook, made.webhook_events_filter], ["starting", "hidden", ...Object.values(hook)]);
  const seen = new Set();
  const done = await replicate.wait(made, { interval: 20 }, ({ status }) => void seen.add(status));
  assert.deepEqual([...seen], ["starting", "processing"]);
  fits("prediction", done);
  assert.ok(done.metrics.predict_time >= 0.19 && done.metrics.total_time >= 0.29, JSON.stringify(done.metrics));
  const files = await Promise.all(done.output.map(async (url) => {
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    const { width, height } = PNG.sync.read(bytes);
    assert.deepEqual([width, height], [96, 40]);
    return bytes.toString("base64");
  }));
  assert.notEqual(files[0], files[1]);
  assert.equal(jobOf(made.id).charged, 2 * 0.03);
});

test("run: a string, a list, an object; versions; waiting on the server", async () => {
  const run = (ref, input) => replicate.run(ref, { input });
  assert.match(await run("black-forest-labs/flux-1.1-pro", { prompt: "x" }), /\.png$/);
  assert.equal((await run(FLUX, { prompt: "x", num_outputs: 3 })).length, 3);
  const model = fits("model", await replicate.models.get("firtoz", "trellis"));
  assert.deepEqual(Object.keys(await run(`firtoz/trellis:${model.latest_version.id}`, { images: [] })), ["model_file", "color_video"]);
  assert.match(await run("minimax/video-01", { prompt: "x" }), /\.mp4$/);
  assert.match(await run("recraft-ai/recraft-vectorize", { image: "https://example.com/x.png" }), /\.svg$/);
  const named = await replicate.predictions.create({ version: FLUX, input: { prompt: "an official model as version" } });
  assert.deepEqual([named.model, named.version], [FLUX, "hidden"]);
  const held = await raw(`/models/${FLUX}/predictions`, { method: "POST", body: JSON.stringify({ input: { prompt: "held" } }), headers: { prefer: "wait=5" } });
  assert.deepEqual([held.status, held.body.status], [201, "succeeded"]);
  const long = await raw(`/models/${FLUX}/predictions`, { method: "POST", body: JSON.stringify({ input: { prompt: "up:slow=3" } }), headers: { prefer: "wait=1" } });
  assert.deepEqual([long.status, long.body.status], [202, "processing"]);
  await replicate.predictions.cancel(long.body.id);
});

test("failures arrive as failed predictions", async () => {
  for (const [word, wanted] of [
    ["fail", /^Model could not process/],
    ["fail-late", /CUDA out of memory/],
    ["moderated", /flagged as sensitive.*\(E005\)/],
    ["moderated=2", /^NSFW content detected/],
  ]) {
    const made = await create(`up:${word}`);
    // The client throws away the prediction that failed.
    const told = await replicate.wait(made, { interval: 20 }).catch(({ message }) => message);
    const done = fits("prediction", await replicate.predictions.get(made.id));
    assert.deepEqual([done.status, done.output, told], ["failed", null, `Prediction failed: ${done.error}`]);
    assert.match(done.error, wanted);
    assert.equal(jobOf(made.id).charged, 0);
  }
  await assert.rejects(replicate.run(FLUX, { input: { prompt: "up:fail" } }), /Prediction failed: /);
});

test("refusals at the door", async () => {
  const before = fake.jobs.length;
  for (const [attempt, status, detail] of [
    [() => client("r8_wrong").predictions.create({ model: FLUX, input: { prompt: "x" } }), 401, "You did not pass a valid authentication token"],
    [() => create("up:quota"), 402, /insufficient credit/],
    [() => create("up:invalid"), 422, "- input: prompt is required\n"],
    [() => replicate.predictions.create({ model: COMMUNITY, input: { image: "x" } }), 404, /could not be found/],
    [() => replicate.predictions.create({ version: COMMUNITY, input: { image: "x" } }), 422, /does not exist/],
    [() => create("x", { webhook_events_filter: ["ended"] }), 422, /must be one of/],
    [() => replicate.predictions.get("nobody"), 404, /could not be found/],
  ]) {
    const refused = await rejection(attempt());
    assert.equal(refused.status, status);
    const body = JSON.parse(refused.body);
    assert.equal(body.status, status);
    if (detail instanceof RegExp) assert.match(body.detail, detail);
    else assert.equal(body.detail, detail);
  }
  assert.equal(fake.jobs.length, before, "nothing was made");
});

test("the client tries again on 429, and even submits again when the connection is lost", async () => {
  const once = await create("up:429=2 patience");
  assert.equal(once.status, "starting");
  assert.equal(fake.jobs.filter(({ prompt }) => prompt.endsWith("patience")).length, 1);
  const bare = await raw(`/models/${FLUX}/predictions`, { method: "POST", body: JSON.stringify({ input: { prompt: "up:429-bare=1" } }) });
  assert.deepEqual([bare.status, bare.body.detail], [429, "Request was throttled. Your rate limit resets in ~1s."]);
  const { error } = await rejection(create("up:lost-submit alone"));
  assert.equal(error.message, "fetch failed");
  // Any thrown error is tried again, whatever the method: six paid predictions of one call.
  assert.equal(fake.jobs.filter(({ prompt }) => prompt.endsWith("alone")).length, 6);
});

test("cancelling, and a deadline that the server keeps", async () => {
  const running = await create("up:slow=5");
  await sleep(60);
  const canceled = fits("prediction", await replicate.predictions.cancel(running.id));
  assert.deepEqual([canceled.status, jobOf(running.id).cancelled, jobOf(running.id).outputs.length], ["canceled", true, 0]);
  const waiting = await create("up:queued=5");
  assert.equal((await replicate.predictions.cancel(waiting.id)).status, "aborted");
  assert.equal((await replicate.predictions.cancel(waiting.id)).status, "aborted", "again changes nothing");
  const stubborn = await create("up:slow=0.2 up:cancel-ignored");
  assert.ok(["starting", "processing"].includes((await replicate.predictions.cancel(stubborn.id)).status));
  assert.equal((await replicate.wait(stubborn, { interval: 20 })).status, "succeeded");
  assert.deepEqual([jobOf(stubborn.id).cancelled, jobOf(stubborn.id).charged], [true, 0.03]);

  const post = (prompt, after) => raw(`/models/${FLUX}/predictions`, { method: "POST", body: JSON.stringify({ input: { prompt } }), headers: { "cancel-after": after } });
  // The clock of this fake is fast: five seconds are a tenth.
  const cases = await Promise.all([post("up:slow=5", "5s"), post("up:queued=5", "5"), post("quick", "1h30m45s")]);
  for (const { status, body } of cases) assert.deepEqual([status, typeof body.deadline], [201, "string"]);
  assert.equal(Date.parse(cases[2].body.deadline) - Date.parse(cases[2].body.created_at), 5445 * 1000);
  await sleep(500);
  const states = await Promise.all(cases.map(async ({ body }) => (await replicate.predictions.get(body.id)).status));
  assert.deepEqual(states, ["canceled", "aborted", "succeeded"]);
  assert.deepEqual(cases.map(({ body }) => jobOf(body.id).cancelAfter), ["5s", "5", "1h30m45s"]);
  assert.equal((await post("x", "4s")).status, 422);
});

test("the list is newest first, page by page, and names each callback", async () => {
  const made = [];
  for (let index = 0; index < 4; index++) made.unshift((await create(`listed ${index}`, { webhook: `${receiver.url}/listed?job=${index}` })).id);
  const pages = [];
  for await (const page of replicate.paginate(replicate.predictions.list)) pages.push(page);
  const all = pages.flat();
  assert.ok(pages.length > 1 && pages[0].length === 3);
  assert.deepEqual(all.map(({ id }) => id), fake.jobs.map(({ id }) => id).reverse());
  assert.deepEqual(all.slice(0, 4).map(({ id }) => id), made);
  assert.equal(all[0].webhook, `${receiver.url}/listed?job=3`);
  const first = fits("list", (await raw("/predictions")).body);
  assert.match(first.next, /cursor=/);
  const since = await raw(`/predictions?created_after=${new Date(jobOf(made[1]).createdAt).toISOString()}`);
  assert.ok(since.body.results.length >= 2 && since.body.results.every(({ created_at }) => Date.parse(created_at) >= jobOf(made[1]).createdAt));
});

test("data is removed, and files are kept", async () => {
  const made = await create("up:removed=0.1 secret");
  await replicate.wait(made, { interval: 20 });
  await sleep(200);
  const gone = fits("prediction", await replicate.predictions.get(made.id));
  assert.deepEqual([gone.status, gone.data_removed, gone.output, gone.input, gone.logs], ["succeeded", true, null, {}, ""]);

  const file = fits("file", await replicate.files.create(new File(["a picture"], "fox.png", { type: "image/png" }), { customer: 5 }));
  assert.deepEqual([file.size, file.content_type, file.metadata, file.name], [9, "image/png", { customer: 5 }, "fox.png"]);
  assert.deepEqual(await replicate.files.get(file.id), file);
  assert.equal(await replicate.files.delete(file.id), true);
  assert.equal((await rejection(replicate.files.get(file.id))).status, 404);
  await replicate.run(FLUX, { input: { prompt: "with a picture", image: new Blob(["bytes"], { type: "image/png" }) } });
  assert.match(fake.jobs.at(-1).input.image, /\/v1\/files\//, "the client uploads what it is given");
  fits("account", await replicate.accounts.current());
});

async function lettersTo(path, many) {
  for (const until = Date.now() + 5000; receiver.to(path).length < many && Date.now() < until; await sleep(10));
  await sleep(60);
  return receiver.to(path);
}

// The client's own verifier, which looks at no clock.
async function isValid({ headers, raw: body }) {
  const { key: secret } = fits("secret", await replicate.webhooks.default.secret.get());
  return validateWebhook({ id: headers["webhook-id"], timestamp: headers["webhook-timestamp"], signature: headers["webhook-signature"], body: body.toString(), secret });
}

const isFresh = ({ headers }) => Math.abs(Date.now() / 1000 - Number(headers["webhook-timestamp"])) < 300;

test("the published vector of Standard Webhooks", async () => {
  const vector = { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330", body: '{"test": 2432232314}' };
  const expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  assert.equal(signature(vector.secret, vector.id, vector.timestamp, vector.body), expected);
  assert.equal(await validateWebhook({ ...vector, signature: expected }), true);
  assert.equal(await validateWebhook({ ...vector, id: "msg_other", signature: expected }), false);
});

test("callbacks are signed, and follow the filter", async () => {
  const all = await create("every event", { webhook: `${receiver.url}/all`, webhook_events_filter: ["start", "output", "logs", "completed"] });
  const plain = await create("no filter", { webhook: `${receiver.url}/plain` });
  const end = await create("only the end", { webhook: `${receiver.url}/end`, webhook_events_filter: ["completed"] });
  const got = { all: await lettersTo("/all", 4), plain: await lettersTo("/plain", 2), end: await lettersTo("/end", 1) };
  assert.deepEqual(Object.values(got).map((letters) => letters.length), [4, 2, 1]);
  for (const letter of Object.values(got).flat()) {
    fits("prediction", letter.json);
    assert.ok((await isValid(letter)) && isFresh(letter));
  }
  assert.deepEqual(got.all.map(({ json }) => json.status).sort(), ["processing", "processing", "succeeded", "succeeded"]);
  assert.equal(new Set(got.all.map(({ headers }) => headers["webhook-id"])).size, 4);
  assert.deepEqual(got.end[0].json, await replicate.predictions.get(end.id));
  assert.deepEqual(fake.callbacks.filter(({ jobId }) => jobId === all.id).map(({ kind }) => kind).sort(), ["logs", "output", "real", "start"]);
  assert.equal(plain.status, "starting");
});

test("false, old, foreign, repeated and reordered callbacks", async () => {
  const all = "up:callback-forged up:callback-twice up:callback-replayed up:callback-other up:callback-reordered";
  const { id } = await create(`up:slow=0.2 ${all}`, { webhook: `${receiver.url}/many`, webhook_events_filter: ["completed"] });
  const letters = await lettersTo("/many", 6);
  const judged = await Promise.all(letters.map(async (letter) => [letter.json.status, await isValid(letter), isFresh(letter), letter.json.id === id]));
  assert.deepEqual(judged, [
    ["failed", false, true, true],
    ["succeeded", true, true, false],
    ["succeeded", true, true, true],
    ["succeeded", true, true, true],
    ["succeeded", true, false, true],
    ["processing", true, true, true],
  ]);
  const ids = letters.map(({ headers }) => headers["webhook-id"]);
  assert.ok(ids[2] === ids[3] && ids[3] === ids[4] && ids[5] !== ids[2], "a repeated letter keeps its id");
  await create("up:two-signatures", { webhook: `${receiver.url}/rotated`, webhook_events_filter: ["completed"] });
  const [rotated] = await lettersTo("/rotated", 1);
  assert.match(rotated.headers["webhook-signature"], /^v1,\S+ v1,\S+$/);
  assert.ok(await isValid(rotated));
});

test("a callback comes early, again under its id after a refusal, not after a redirect, and never", async () => {
  const early = await create("up:callback-early", { webhook: `${receiver.url}/early`, webhook_events_filter: ["completed"] });
  const answeredAt = Date.now();
  assert.equal(early.status, "succeeded");
  assert.ok(answeredAt - receiver.to("/early")[0].at >= SLOW_MS - 5, "the submit is answered when the callback is");
  answers.set("/flaky", [500, 500, 200]);
  answers.set("/moved", [{ status: 301, headers: { location: `${receiver.url}/elsewhere` } }]);
  for (const [prompt, path] of [["two", "/flaky"], ["three", "/moved"], ["up:no-callback", "/never"], ["up:fail", "/failed"]]) {
    await create(prompt, { webhook: receiver.url + path, webhook_events_filter: ["completed"] });
  }
  const lost = await create("up:slow=5", { webhook: `${receiver.url}/canceled`, webhook_events_filter: ["completed"] });
  await replicate.predictions.cancel(lost.id);
  await fake.settled();
  const flaky = receiver.to("/flaky");
  assert.equal(flaky.length, 3);
  assert.equal(new Set(flaky.map(({ headers }) => headers["webhook-id"])).size, 1);
  assert.ok(await isValid(flaky[2]));
  assert.deepEqual(["/moved", "/elsewhere", "/never"].map((path) => receiver.to(path).length), [1, 0, 0]);
  assert.equal(receiver.to("/failed")[0].json.status, "failed");
  assert.match(receiver.to("/canceled")[0].json.status, /^(canceled|aborted)$/);
});
