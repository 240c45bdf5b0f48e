// A fake of fal: the queue (queue.fal.run), signed callbacks with their key set (rest.fal.ai), the platform API
// (api.fal.ai) and the files, all on one origin.
//
// Beyond the common words: `up:queued=S` waits S seconds in the queue first, `up:payload-error` a callback whose
// payload could not be serialised, `up:requeued` another gateway_request_id, as after an internal retry.
import { createHash, createPublicKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { platform } from "./fal-platform.mjs";
import { priceOf, produce } from "./fal-models.mjs";
import { promptOf, Upstream } from "./server.mjs";

const QUEUE_MS = 30;
const RUN_MS = 120;
const LATE_MS = 500;
const OLD_SECONDS = 3600;
// Hours in reality.
const REDELIVERY_MS = [100, 200, 400, 800, 1600];
const APP = String.raw`((?:workflows/|comfy/)?[^/]+/[^/]+)`;

export async function startFal({ port, seed, chaos } = {}) {
  const adminKey = `${randomUUID()}:admin`;
  const up = new Upstream({
    provider: "fal",
    seed,
    chaos,
    key: `${randomUUID()}:${randomUUID().replaceAll("-", "")}`,
    credential: (request) => credential(request, up, adminKey),
    forms: FORMS,
    expired: { status: 404, body: { detail: "File not found" } },
  });
  Object.assign(up, { adminKey, userId: `github|${1 + Math.floor(up.random() * 1e8)}`, keys: makeKeys() });
  const job = ({ params: [app, wanted] }) => up.jobs.find(({ id, endpoint }) => id === wanted && appOf(endpoint) === app);
  up.route("GET", /^\/\.well-known\/jwks\.json$/, "keys", () => ({ body: { keys: up.keys.published } }), { open: true });
  platform(up);
  storage(up);
  up.route("GET", new RegExp(`^/${APP}/requests/([^/]+)/status$`), "status", (call) => readStatus(up, call, job(call)));
  up.route("GET", new RegExp(`^/${APP}/requests/([^/]+)/status/stream$`), "status", (call) => streamStatus(up, call, job(call)));
  up.route("GET", new RegExp(`^/${APP}/requests/([^/]+)(?:/response)?$`), "result", (call) => readResult(up, call, job(call)));
  up.route("PUT", new RegExp(`^/${APP}/requests/([^/]+)/cancel$`), "cancel", (call) => cancel(up, call, job(call)));
  // The whole endpoint id leads to the model, which knows no such route.
  up.route("GET", /^\/.+\/requests\/[^/]+/, "other", () => detail(405, "Method Not Allowed"));
  up.route("POST", /^\/([^/]+\/[^/]+(?:\/[^/]+)*)$/, "submit", (call) => submit(up, call));
  return up.listen(port);
}

function appOf(endpoint) {
  const parts = endpoint.split("/");
  return parts.slice(0, ["workflows", "comfy"].includes(parts[0]) ? 3 : 2).join("/");
}

function credential(request, up, adminKey) {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  const given = authorization.startsWith("Key ") ? authorization.slice(4) : "";
  return given === adminKey && request.url.startsWith("/v1/") ? up.key : given;
}

export function detail(status, text, type) {
  const headers = { "x-fal-request-id": randomUUID(), ...(type && { "x-fal-error-type": type }) };
  return { status, body: { detail: text, ...(type && { error_type: type }) }, headers };
}

function platformError(status, type, message) {
  return { status, body: { error: { type, message, request_id: randomUUID() } } };
}

const isPlatform = (call) => call.path.startsWith("/v1/");

// Wordings as fal's users report them.
const FORMS = {
  auth(call) {
    if (isPlatform(call)) return platformError(401, "authorization_error", "Authentication required");
    const { authorization } = call.headers;
    if (authorization === undefined) return detail(401, "Authentication is required to access this application.");
    const isFormed = /^Key [^:]+:.+$/.test(authorization);
    return detail(401, isFormed ? "No user found for Key ID and Secret" : "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'.");
  },
  quota: () => detail(403, "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."),
  throttled(call) {
    if (isPlatform(call)) return platformError(429, "rate_limited", "Rate limit exceeded");
    return detail(429, "You have reached your concurrent requests limit.", "concurrent_requests_limit");
  },
  broken(status, call) {
    if (isPlatform(call)) return platformError(status, "server_error", "Something went wrong");
    return status === 503 ? detail(503, "No runner is available.", "runner_scheduling_failure") : detail(status, "Internal Server Error", "internal_error");
  },
  notFound: (call) => (isPlatform(call) ? platformError(404, "not_found", "Resource not found") : detail(404, "Not Found")),
};

function submit(up, call) {
  const [endpoint] = call.params;
  if (endpoint.startsWith("no-such")) return detail(404, `Application "${appOf(endpoint)}" not found`);
  const input = call.json;
  if (input === undefined || typeof input !== "object") return detail(400, "Invalid JSON body", "bad_request");
  const prompt = promptOf(input);
  const create = () => begin(up, call, { endpoint, input, prompt });
  const reply = (job) => ({
    body: { status: "IN_QUEUE", ...addresses(up, job), gateway_request_id: job.id, queue_position: 0 },
    headers: { "x-fal-request-id": job.id },
  });
  return up.submit(call, { prompt, create, reply });
}

function addresses(up, job) {
  const base = `${up.url}/${appOf(job.endpoint)}/requests/${job.id}`;
  return { request_id: job.id, response_url: base, status_url: `${base}/status`, cancel_url: `${base}/cancel` };
}

function begin(up, call, { endpoint, input, prompt }) {
  const headers = Object.fromEntries(Object.entries(call.headers).filter(([name]) => name.startsWith("x-fal-")));
  const webhook = call.query.get("fal_webhook") ?? undefined;
  const id = up.hex(16).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5");
  const job = up.job({ id, endpoint, input, prompt, webhook, headers, state: "IN_QUEUE", logs: [] });
  job.halt = new AbortController();
  if (job.words["callback-early"]) job.early = finish(up, job);
  else live(up, job);
  return job;
}

async function live(up, job) {
  const release = up.hold();
  const { words: said } = job;
  const wait = (seconds) => up.sleep(seconds * 1000, job.halt.signal);
  try {
    const queued = said.queued ?? QUEUE_MS / 1000;
    const limit = Number(job.headers["x-fal-request-timeout"] ?? Number.POSITIVE_INFINITY);
    await wait(Math.min(queued, limit));
    if (limit < queued) return void finish(up, job, STARTED_TOO_LATE);
    job.startedAt = Date.now();
    if (said["unknown-status"]) {
      job.state = "REBALANCING";
      await wait(said["unknown-status"]);
    }
    job.state = "IN_PROGRESS";
    log(job, "Loading the model");
    if (said["callback-forged"] && job.webhook) forge(up, job);
    await wait(said.slow ?? (said["fail-late"] ? LATE_MS : RUN_MS) / 1000);
    finish(up, job);
  } catch (error) {
    if (error.name !== "AbortError") up.bugs.push(error);
  } finally {
    release();
  }
}

function log(job, message) {
  job.logs.push({ message, level: "INFO", source: "USER", timestamp: new Date().toISOString() });
}

const item = (type, msg, more) => ({ loc: ["body", "prompt"], msg, type, url: `https://docs.fal.ai/errors#${type}`, ...more });
const typed = (status, text, error_type, headers) => ({ status, body: { detail: text, error_type }, headers: { "x-fal-error-type": error_type, ...headers } });
const STARTED_TOO_LATE = typed(504, "Request timed out", "request_timeout", { "x-fal-request-timeout-type": "user" });
const CANCELLED = typed(499, "Request was cancelled", "client_cancelled");
const PAYLOAD_ERROR = "Response payload is not JSON serializable. Use the queue endpoint to retrieve the response.";

// The queue knows nothing of a model's input: what a model refuses is refused by the finished request.
function failure(job) {
  const { words: said, prompt } = job;
  const model = (status, problem, retryable) => ({ status, body: { detail: [problem] }, headers: { "x-fal-retryable": String(retryable) } });
  if (said.invalid) return model(422, item("missing", "Field required", { input: { prompt } }), false);
  if (said.moderated) {
    return model(422, item("content_policy_violation", "The content could not be processed because it was flagged by a content checker.", { input: prompt }), false);
  }
  if (said.fail) return model(500, item("downstream_service_error", "Downstream service error", { loc: ["body"] }), true);
  if (!said["fail-late"]) return undefined;
  return typed(503, "Runner disconnected", "runner_disconnected", { "x-fal-retryable": "true" });
}

/// Resolves with the answer to the first callback.
function finish(up, job, forced) {
  job.startedAt ??= Date.now();
  job.endedAt = Date.now();
  job.state = "COMPLETED";
  log(job, "Done");
  const result = forced ?? failure(job) ?? success(up, job);
  job.result = { ...result, headers: { ...result.headers, "x-fal-request-id": job.id } };
  const sender = (letter) => () => letter(up, job);
  return up.announce(job, {
    url: job.webhook,
    retries: REDELIVERY_MS,
    real: sender((_, { result }) => signed(up, job, bodyOf(job, result))),
    old: sender((_, { result }) => signed(up, job, bodyOf(job, result), { age: OLD_SECONDS })),
    other: sender(foreign),
  });
}

function success(up, job) {
  const { output, units } = produce(up, job);
  job.units = units;
  job.charged = units * priceOf(job.endpoint).unit_price;
  return { status: 200, body: output, headers: { "x-fal-billable-units": String(units) } };
}

function bodyOf(job, { status, body }) {
  const { words: said, id } = job;
  const ids = { request_id: id, gateway_request_id: said.requeued ? randomUUID() : id };
  if (status !== 200) return { ...ids, status: "ERROR", error: `Invalid status code: ${status}`, payload: body };
  if (said["payload-error"]) return { ...ids, status: "OK", payload: null, payload_error: PAYLOAD_ERROR };
  return { ...ids, status: "OK", payload: body };
}

function makeKeys() {
  const right = generateKeyPairSync("ed25519");
  const foreign = generateKeyPairSync("ed25519");
  const jwk = ({ publicKey }, kid, more) => ({ ...publicKey.export({ format: "jwk" }), kid, use: "sig", ...more });
  const published = [
    jwk(generateKeyPairSync("rsa", { modulusLength: 2048 }), "decoy", { alg: "RS256" }),
    jwk(generateKeyPairSync("ed25519"), "former"),
    jwk(right, "current"),
  ];
  return { right: right.privateKey, foreign: foreign.privateKey, published, publicKey: createPublicKey(right.publicKey.export({ type: "spki", format: "pem" })) };
}

function signed(up, job, content, { age = 0, key = up.keys.right, userId = up.userId, requestId = job.id } = {}) {
  const body = JSON.stringify(content);
  const timestamp = String(Math.floor(Date.now() / 1000) - age);
  const digest = createHash("sha256").update(body).digest("hex");
  const signature = sign(null, Buffer.from([requestId, userId, timestamp, digest].join("\n")), key).toString("hex");
  const headers = {
    "content-type": "application/json",
    "x-fal-webhook-request-id": requestId,
    "x-fal-webhook-user-id": userId,
    "x-fal-webhook-timestamp": timestamp,
    "x-fal-webhook-signature": signature,
  };
  return { headers, body };
}

function forge(up, job) {
  const content = bodyOf(job, { status: 500, body: { detail: "Internal Server Error" } });
  up.deliver(job, { url: job.webhook, kind: "forged", letter: () => signed(up, job, content, { key: up.keys.foreign }), retries: [] });
}

// One key set signs for every customer of fal.
function foreign(up, job) {
  const id = randomUUID();
  const content = bodyOf({ id, words: {} }, { status: 200, body: { images: [{ url: `${up.url}/files/${id}/0.png` }] } });
  return signed(up, job, content, { requestId: id, userId: "github|1" });
}

function missing() {
  return { status: 404, body: { status: "NOT_FOUND" } };
}

function statusOf(up, job, withLogs) {
  const logs = withLogs ? { logs: job.logs } : { logs: [] };
  const base = { status: job.state, ...addresses(up, job) };
  if (job.state === "IN_QUEUE") return { ...base, queue_position: 0 };
  if (job.state !== "COMPLETED") return { ...base, ...logs };
  const { status, body } = job.result;
  const failed = status !== 200 && { error: typeof body.detail === "string" ? body.detail : body.detail[0].msg, error_type: body.error_type ?? body.detail[0].type };
  return { ...base, ...logs, metrics: { inference_time: (job.endedAt - job.startedAt) / 1000 }, ...failed };
}

function readStatus(up, call, job) {
  if (!job) return missing();
  call.record.jobId = job.id;
  const fault = up.statusFault(job, call);
  if (fault) return fault;
  return { status: job.state === "COMPLETED" ? 200 : 202, body: statusOf(up, job, call.query.get("logs") === "1"), headers: { "x-fal-request-id": job.id } };
}

function streamStatus(up, call, job) {
  if (!job) return missing();
  call.record.jobId = job.id;
  const write = async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let last; !response.destroyed; await up.sleep(20)) {
      if (job.state !== last) response.write(`data: ${JSON.stringify(statusOf(up, job, true))}\n\n`);
      last = job.state;
      if (last === "COMPLETED") return response.end();
    }
  };
  return { write };
}

function readResult(up, call, job) {
  if (!job) return missing();
  call.record.jobId = job.id;
  if (job.state !== "COMPLETED") return { ...detail(400, "Request is still in progress"), headers: { "x-fal-request-id": job.id } };
  return job.result;
}

function cancel(up, call, job) {
  if (!job) return missing();
  call.record.jobId = job.id;
  if (up.take(job.id, "cancel-500", job.words["cancel-500"])) return FORMS.broken(500, call);
  if (job.state === "COMPLETED") return { status: 400, body: { status: "ALREADY_COMPLETED" } };
  const wasQueued = job.state === "IN_QUEUE";
  job.cancelled = true;
  if (!job.words["cancel-ignored"]) {
    job.halt.abort();
    finish(up, job, CANCELLED);
  }
  return wasQueued && !job.words["cancel-ignored"] ? { status: 200, body: { status: "OK" } } : { status: 202, body: { status: "CANCELLATION_REQUESTED" } };
}

function storage(up) {
  up.route("POST", /^\/storage\/upload\/initiate$/, "upload", (call) => {
    const name = encodeURIComponent(call.json?.file_name ?? "file");
    const path = `/files/uploads/${up.hex(8)}/${name}`;
    return { body: { upload_url: `${up.url}/upload${path}`, file_url: up.url + path } };
  });
  // The address is the permission, as with any presigned one.
  up.route("PUT", /^\/upload(\/files\/uploads\/[^/]+\/[^/]+)$/, "upload", (call) => {
    const path = call.path.slice("/upload".length);
    up.files.set(path, { job: { id: undefined, words: {} }, type: call.headers["content-type"] ?? "application/octet-stream", bytes: call.raw });
    return { status: 200 };
  }, { open: true });
}
