// A fake of Replicate: predictions, files, account, signed callbacks (Standard Webhooks), and the files' own host, all
// on one origin.
//
// Beyond the common words: `up:queued=S` stays `starting` for S seconds, `up:removed=S` the data is deleted S seconds
// after the end, `up:moderated=2` the other wording, `up:two-signatures` a former key's signature stands first.
// Options beyond the common ones: `pageSize` of the list, `clock` the length of Cancel-After's second.
import { createHash, createHmac, randomBytes } from "node:crypto";
import { isOfficial, produce } from "./replicate-models.mjs";
import { promptOf, Upstream } from "./server.mjs";

const START_MS = 30;
const RUN_MS = 120;
const LATE_MS = 500;
const OLD_SECONDS = 3600;
const EVENTS = ["start", "output", "logs", "completed"];
const DEADLINE_MIN_SECONDS = 5;
const UPLOAD_MAX_BYTES = 100 * 1024 * 1024;
const UPLOAD_LIFE_MS = 3600 * 1000;
const PRICE_PER_SECOND = 0.000975;
const PRICE_PER_OUTPUT = 0.03;
// About a minute in reality.
const REDELIVERY_MS = [100, 200, 400, 800, 1600];
const ACCOUNT = { type: "organization", username: "acme", name: "Acme Corp, Inc.", github_url: "https://github.com/acme" };
const DONE = ["succeeded", "failed", "canceled", "aborted"];

export async function startReplicate({ port, seed, chaos, pageSize = 100, clock = 1 } = {}) {
  const up = new Upstream({ provider: "replicate", seed, chaos, credential, forms: FORMS });
  const secret = () => `whsec_${randomBytes(24).toString("base64")}`;
  Object.assign(up, { key: `r8_${up.hex(18)}`, secret: secret(), formerSecret: secret(), pageSize, clock, uploads: [], versions: new Map() });
  const job = ({ params: [id] }) => up.jobs.find((made) => made.id === id);
  up.route("POST", /^\/v1\/models\/([^/]+)\/([^/]+)\/predictions$/, "submit", (call) => submit(up, call, ofModel(call)));
  up.route("POST", /^\/v1\/predictions$/, "submit", (call) => submit(up, call, ofVersion(up, call)));
  up.route("GET", /^\/v1\/models\/([^/]+)\/([^/]+)$/, "model", ({ params: [owner, name] }) => (owner === "no-such" ? FORMS.notFound() : { body: modelOf(up, owner, name) }));
  up.route("GET", /^\/v1\/predictions$/, "list", (call) => list(up, call));
  up.route("GET", /^\/v1\/predictions\/([^/]+)$/, "status", (call) => read(up, call, job(call)));
  up.route("POST", /^\/v1\/predictions\/([^/]+)\/cancel$/, "cancel", (call) => cancel(up, call, job(call)));
  up.route("GET", /^\/v1\/webhooks\/default\/secret$/, "secret", () => ({ body: { key: up.secret } }));
  up.route("GET", /^\/v1\/account$/, "account", () => ({ body: ACCOUNT }));
  uploads(up);
  return up.listen(port);
}

function credential(request) {
  const { authorization } = request.headers;
  // `Token` is the older word, still accepted.
  return authorization === undefined ? undefined : (/^(?:Bearer|Token) (.+)$/.exec(authorization)?.[1] ?? "");
}

function problem(status, title, detail, more) {
  return { status, body: { title, detail, status, ...more }, headers: { "content-type": "application/problem+json" } };
}

// Wordings as Replicate's users report them.
const FORMS = {
  auth: () => problem(401, "Unauthenticated", "You did not pass a valid authentication token"),
  quota: () => problem(402, "Insufficient credit", "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase credit. Once you purchase credit, please wait a few minutes before trying again."),
  invalid: () => invalid("input", "prompt is required"),
  throttled: () => ({ status: 429, body: { detail: "Request was throttled. Your rate limit resets in ~1s.", status: 429 } }),
  broken: (status) => problem(status, "Internal server error", "An unexpected error occurred."),
  notFound: () => problem(404, "Not found", "The requested resource could not be found."),
};

function invalid(field, description) {
  return problem(422, "Input validation failed", `- ${field}: ${description}\n`, { invalid_fields: [{ type: "required", field, description }] });
}

const NO_VERSION = () => problem(422, "Invalid version or not permitted", "The specified version does not exist (or perhaps you don't have permission to use it?)");

function ofModel({ params: [owner, name] }) {
  const model = `${owner}/${name}`;
  return isOfficial(model) && owner !== "no-such" ? { model, version: "hidden" } : { refusal: FORMS.notFound() };
}

// A version is a bare id, owner/name of an official model, or owner/name:id.
function ofVersion(up, { json }) {
  const version = json?.version;
  if (typeof version !== "string") return { refusal: invalid("(root)", "version is required") };
  const [, model, id] = /^(?:([^/:]+\/[^/:]+):?)?([0-9a-f]{64})?$/.exec(version) ?? [];
  if (id) return { model: model ?? up.versions.get(id) ?? "replicate/hello-world", version: id };
  return model && isOfficial(model) ? { model, version: "hidden" } : { refusal: NO_VERSION() };
}

// A version is named by its model, so that the bare id finds the form of its output.
function modelOf(up, owner, name) {
  const id = createHash("sha256").update(`${owner}/${name}`).digest("hex");
  up.versions.set(id, `${owner}/${name}`);
  const url = `https://replicate.com/${owner}/${name}`;
  const version = { id, created_at: iso(0), cog_version: "0.9.0", openapi_schema: {} };
  return { url, owner, name, description: null, visibility: "public", is_official: isOfficial(`${owner}/${name}`), run_count: 1, latest_version: version };
}

// "1h30m45s", "5m", "30": seconds.
function secondsOf(text) {
  const [whole, hours, minutes, seconds] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?$/.exec(text) ?? [];
  return whole ? Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0) : Number.NaN;
}

function submit(up, call, { model, version, refusal }) {
  if (refusal) return refusal;
  const { json, headers } = call;
  if (typeof json?.input !== "object") return invalid("(root)", "input is required");
  const filter = json.webhook_events_filter;
  if (filter && !filter.every((event) => EVENTS.includes(event))) return invalid("webhook_events_filter", "must be one of start, output, logs, completed");
  const cancelAfter = headers["cancel-after"];
  if (cancelAfter !== undefined && !(secondsOf(cancelAfter) >= DEADLINE_MIN_SECONDS)) return problem(422, "Invalid Cancel-After", "The minimum allowed duration is 5 seconds.");
  const prompt = promptOf(json.input);
  const create = () => begin(up, { model, version, json, prompt, cancelAfter });
  const reply = async (job) => {
    const [, asked] = /^wait(?:=(\d+))?$/.exec(headers.prefer ?? "") ?? [headers.prefer];
    const isWaiting = headers.prefer?.startsWith("wait");
    if (isWaiting) await Promise.race([job.done, up.sleep(Number(asked ?? 60) * 1000)]);
    return { status: isWaiting && !DONE.includes(job.state) ? 202 : 201, body: show(up, job) };
  };
  return up.submit(call, { prompt, create, reply });
}

function begin(up, { model, version, json, prompt, cancelAfter }) {
  const { input, webhook, webhook_events_filter } = json;
  const id = Array.from({ length: 26 }, () => "0123456789abcdefghjkmnpqrstvwxyz"[Math.floor(up.random() * 32)]).join("");
  const job = up.job({ id, endpoint: model, model, version, input, prompt, webhook, webhook_events_filter, cancelAfter, state: "starting", logs: "", output: null, error: null });
  job.halt = new AbortController();
  job.done = new Promise((resolve) => (job.tell = resolve));
  if (job.words["callback-early"]) {
    job.startedAt = Date.now();
    job.early = finish(up, job, "succeeded");
  }
  if (!job.early) live(up, job);
  if (cancelAfter !== undefined) limit(up, job, secondsOf(cancelAfter));
  return job;
}

function limit(up, job, seconds) {
  job.deadline = job.createdAt + seconds * 1000;
  up.sleep(seconds * 1000 * up.clock, job.halt.signal).then(() => halt(up, job), () => undefined);
}

// What has not started is aborted, what runs is canceled.
function halt(up, job) {
  if (DONE.includes(job.state)) return;
  job.halt.abort();
  finish(up, job, job.startedAt ? "canceled" : "aborted");
}

async function live(up, job) {
  const release = up.hold();
  const { words: said } = job;
  const wait = (seconds) => up.sleep(seconds * 1000, job.halt.signal);
  try {
    await wait(said.queued ?? START_MS / 1000);
    if (said["unknown-status"]) {
      job.state = "scheduling";
      await wait(said["unknown-status"]);
    }
    Object.assign(job, { state: "processing", startedAt: Date.now(), logs: "Using seed: 7\n" });
    notify(up, job, "start");
    notify(up, job, "logs");
    if (said["callback-forged"] && job.webhook) forge(up, job);
    await wait(said.slow ?? (said["fail-late"] ? LATE_MS : RUN_MS) / 1000);
    const isFailing = said.fail || said["fail-late"] || said.moderated;
    finish(up, job, isFailing ? "failed" : "succeeded");
  } catch (error) {
    if (error.name !== "AbortError") up.bugs.push(error);
  } finally {
    release();
  }
}

function wording({ words: said }) {
  if (said.moderated === 2) return "NSFW content detected. Try running it again, or try a different prompt.";
  if (said.moderated) return "The input or output was flagged as sensitive. Please try again with different inputs. (E005)";
  return said["fail-late"] ? "CUDA out of memory. Tried to allocate 2.00 GiB" : "Model could not process the input";
}

/// Resolves with the answer to the first callback.
function finish(up, job, state) {
  job.endedAt = Date.now();
  job.output = state === "succeeded" ? produce(up, job) : null;
  job.error = state === "failed" ? wording(job) : null;
  if (job.words.nsfw) job.logs += "Potential NSFW content was detected in one or more images. A black image will be returned instead.\n";
  job.state = state;
  const seconds = job.startedAt ? (job.endedAt - job.startedAt) / 1000 : 0;
  job.charged = isOfficial(job.model) ? job.outputs.length * PRICE_PER_OUTPUT : seconds * PRICE_PER_SECOND;
  job.halt.abort();
  job.tell();
  if (job.words.removed) up.later(job.words.removed * 1000, () => Object.assign(job, { removed: true, logs: "", output: null, input: {} }));
  if (state === "succeeded") notify(up, job, "output");
  if (!hears(job, "completed")) return Promise.resolve();
  return up.announce(job, { url: job.webhook, retries: REDELIVERY_MS, ...letters(up, job) });
}

// Without a filter: new outputs and the end.
function hears(job, event) {
  return Boolean(job.webhook) && (job.webhook_events_filter ?? ["output", "completed"]).includes(event);
}

// What comes in between is sent once.
function notify(up, job, kind) {
  const said = job.words;
  if (!hears(job, kind) || said["no-callback"] || said["callback-early"]) return;
  const content = show(up, job);
  const id = messageId(up);
  up.deliver(job, { url: job.webhook, kind, letter: () => signed(up, job, content, { id }), retries: [] });
}

const messageId = (up) => `msg_${up.hex(12)}`;

// A letter keeps its id however often it is sent.
function letters(up, job) {
  const content = show(up, job);
  const foreign = { ...content, id: messageId(up).slice(4), urls: {}, output: null };
  const before = { ...content, status: "processing", output: null, completed_at: undefined, metrics: undefined };
  const [id, otherId, earlierId] = [messageId(up), messageId(up), messageId(up)];
  return {
    real: () => signed(up, job, content, { id }),
    old: () => signed(up, job, content, { id, age: OLD_SECONDS }),
    other: () => signed(up, job, foreign, { id: otherId }),
    earlier: () => signed(up, job, before, { id: earlierId }),
  };
}

export function signature(secret, id, timestamp, body) {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

function signed(up, job, content, { id, age = 0, secret = up.secret }) {
  const body = JSON.stringify(content);
  const timestamp = String(Math.floor(Date.now() / 1000) - age);
  const former = job.words["two-signatures"] ? `${signature(up.formerSecret, id, timestamp, body)} ` : "";
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": former + signature(secret, id, timestamp, body),
  };
  return { headers, body };
}

function forge(up, job) {
  const content = { ...show(up, job), status: "failed", error: "forged", output: null };
  const letter = () => signed(up, job, content, { id: messageId(up), secret: up.formerSecret });
  up.deliver(job, { url: job.webhook, kind: "forged", letter, retries: [] });
}

const iso = (at) => new Date(at).toISOString().replace("Z", "000Z");

function show(up, job) {
  const base = `${up.url}/v1/predictions/${job.id}`;
  const seconds = (from) => (job.endedAt - from) / 1000;
  return {
    id: job.id,
    model: job.model,
    version: job.version,
    input: job.input,
    logs: job.logs,
    output: job.output,
    data_removed: Boolean(job.removed),
    error: job.error,
    source: "api",
    status: job.state,
    created_at: iso(job.createdAt),
    ...(job.deadline && { deadline: iso(job.deadline) }),
    ...(job.startedAt && { started_at: iso(job.startedAt) }),
    ...(job.endedAt && {
      completed_at: iso(job.endedAt),
      metrics: { ...(job.startedAt && { predict_time: seconds(job.startedAt) }), total_time: seconds(job.createdAt) },
    }),
    ...(job.webhook && { webhook: job.webhook }),
    ...(job.webhook_events_filter && { webhook_events_filter: job.webhook_events_filter }),
    urls: { cancel: `${base}/cancel`, get: base, web: `${up.url}/p/${job.id}` },
  };
}

function read(up, call, job) {
  if (!job) return FORMS.notFound();
  call.record.jobId = job.id;
  return up.statusFault(job, call) ?? { body: show(up, job) };
}

function cancel(up, call, job) {
  if (!job) return FORMS.notFound();
  call.record.jobId = job.id;
  if (up.take(job.id, "cancel-500", job.words["cancel-500"])) return FORMS.broken(500);
  if (!DONE.includes(job.state)) {
    job.cancelled = true;
    if (!job.words["cancel-ignored"]) halt(up, job);
  }
  return { body: show(up, job) };
}

function list(up, call) {
  const { query } = call;
  const moment = (name, otherwise) => (query.has(name) ? Date.parse(query.get(name)) : otherwise);
  const after = moment("created_after", 0);
  const before = moment("created_before", Number.POSITIVE_INFINITY);
  // The cursor names the last prediction of the page before, so that new ones shift nothing.
  const newest = [...up.jobs].reverse();
  const from = newest.findIndex(({ id }) => id === query.get("cursor")) + 1;
  const found = newest.slice(from).filter(({ createdAt }) => createdAt >= after && createdAt < before);
  const results = found.slice(0, up.pageSize);
  const rest = new URLSearchParams([...query].filter(([name]) => name !== "cursor"));
  if (results.length > 0) rest.set("cursor", results.at(-1).id);
  const next = found.length > results.length ? `${up.url}/v1/predictions?${rest}` : null;
  return { body: { previous: null, next, results: results.map((job) => show(up, job)) } };
}

function uploads(up) {
  const find = ({ params: [id] }) => up.uploads.find((upload) => upload.id === id);
  const shown = ({ bytes, ...upload }) => upload;
  up.route("POST", /^\/v1\/files$/, "upload", async (call) => {
    if (call.raw.length > UPLOAD_MAX_BYTES) return { status: 413, body: { detail: "Files must be less than 100MB in size" }, headers: { "content-type": "application/problem+json" } };
    const upload = await uploaded(up, call);
    return upload ? { status: 201, body: shown(upload) } : invalid("content", "content is required");
  });
  up.route("GET", /^\/v1\/files$/, "upload", () => ({ body: { previous: null, next: null, results: up.uploads.map(shown) } }));
  up.route("GET", /^\/v1\/files\/([^/]+)$/, "upload", (call) => (find(call) ? { body: shown(find(call)) } : FORMS.notFound()));
  up.route("DELETE", /^\/v1\/files\/([^/]+)$/, "upload", (call) => {
    if (!find(call)) return FORMS.notFound();
    up.uploads.splice(up.uploads.indexOf(find(call)), 1);
    return { status: 204 };
  });
}

async function uploaded(up, call) {
  const form = await new Response(call.raw, { headers: { "content-type": call.headers["content-type"] ?? "" } }).formData().catch(() => undefined);
  const content = form?.get("content");
  if (!(content instanceof Blob)) return undefined;
  const bytes = Buffer.from(await content.arrayBuffer());
  const metadata = form.get("metadata");
  const id = up.hex(13);
  const upload = {
    id,
    name: form.get("filename") ?? content.name,
    content_type: form.get("type") ?? (content.type || "application/octet-stream"),
    size: bytes.length,
    etag: createHash("md5").update(bytes).digest("hex"),
    checksums: { sha256: createHash("sha256").update(bytes).digest("hex") },
    metadata: JSON.parse((metadata instanceof Blob ? await metadata.text() : metadata) ?? "{}"),
    created_at: iso(Date.now()),
    expires_at: iso(Date.now() + UPLOAD_LIFE_MS),
    urls: { get: `${up.url}/v1/files/${id}` },
    bytes,
  };
  up.uploads.push(upload);
  return upload;
}
