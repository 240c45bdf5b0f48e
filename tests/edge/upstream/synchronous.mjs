// For providers that answer a submit with the result itself: the words that elsewhere hit a job's state or its files hit
// the one answer here.

const HTML = "<!doctype html><title>Please wait</title><p>Please wait";
const OVERSIZE_BASE64 = 60 * 1024 * 1024;
const OVERSIZE_BYTES = 200 * 1024 * 1024;

/// Begins the job: it ends and is charged whether or not anybody waits for the answer. `job.done` is true when it
/// succeeded.
export function begin(up, job, charged) {
  const said = job.words;
  const isBad = Boolean(said.fail || said["fail-late"]);
  const release = up.hold();
  Object.assign(job, { state: "running", charged });
  const work = up.sleep((said.slow ?? (said["fail-late"] ? 0.5 : 0.15)) * 1000).then(() => {
    Object.assign(job, isBad ? { state: "failed", charged: 0 } : { state: "succeeded" });
    return !isBad;
  });
  // Nobody waits when the fake is stopped or the connection was cut.
  work.catch(() => {}).finally(release);
  Object.defineProperty(job, "done", { value: work });
  return job;
}

/// How many outputs come for so many asked.
export function howMany(job, asked) {
  const said = job.words;
  if (said.none) return 0;
  if (said.partial) return Math.max(0, asked - 1);
  return said.more ? asked + 1 : asked;
}

/// The file itself as the body. `headers` are the provider's own; `isChunked` when it declares no length.
export function bytesReply(up, job, { type, bytes, headers = {}, isChunked = false }) {
  const said = job.words;
  const all = { ...headers, "content-type": said["lying-type"] ? "text/plain" : type };
  if (said.none) return { body: Buffer.alloc(0), headers: all };
  if (said["wrong-type"]) return { body: HTML, headers: all };
  if (up.take(job.prompt, "file-cut", said["file-cut"])) return { body: bytes, headers: all, truncated: "wire" };
  if (said.endless) return { write: (response) => pour(response.writeHead(200, all), bytes, Infinity, Buffer.alloc(65_536)) };
  const oversize = { ...all, "content-length": OVERSIZE_BYTES };
  if (said.oversize) return { write: (response) => pour(response.writeHead(200, oversize), bytes, OVERSIZE_BYTES, Buffer.alloc(65_536)) };
  const isSplit = isChunked || said["no-length"] || said["file-slow"];
  if (!isSplit) return { body: bytes, headers: all };
  return { write: (response) => trickle(up, response, all, bytes, isChunked || said["no-length"], said["file-slow"]) };
}

async function trickle(up, response, headers, bytes, isChunked, seconds = 0) {
  response.writeHead(200, isChunked ? headers : { ...headers, "content-length": bytes.length });
  const middle = Math.floor(bytes.length / 2);
  response.write(bytes.subarray(0, middle));
  await up.sleep(seconds * 1000);
  response.end(bytes.subarray(middle));
}

/// The files as base64 within JSON (`up:charset`: with a charset, which some readers of the type do not expect): `build(list)` makes the object from a list of base64 texts. An object that `spaced`
/// writes in several ways is the same to whoever parses it.
export function base64Reply(up, job, files, build, headers = {}) {
  const said = job.words;
  const encode = (bytes) => Buffer.from(said["wrong-type"] ? HTML : bytes).toString("base64");
  const type = {
    ...headers,
    "content-type": said["lying-type"] ? "text/plain" : said.charset ? "application/json; charset=utf-8" : "application/json",
  };
  const length = said.endless ? Infinity : said.oversize ? OVERSIZE_BASE64 : 0;
  if (length) return { write: (response) => pourJson(response.writeHead(200, type), files, build, length) };
  const text = said.spaced ? spaced(build(files.map(encode)), job) : JSON.stringify(build(files.map(encode)));
  if (up.take(job.prompt, "file-cut", said["file-cut"])) return { body: text, headers: type, truncated: "wire" };
  return bytesReply(
    up,
    { ...job, words: { "no-length": said["no-length"], "file-slow": said["file-slow"] } },
    { type: type["content-type"], bytes: Buffer.from(text), headers },
  );
}

// The first file's real base64 goes on as zeros, without an end or up to the length, and the JSON ends after it.
function pourJson(response, files, build, length) {
  const mark = "\u0000";
  const [head, tail] = JSON.stringify(build([mark])).split(JSON.stringify(mark).slice(1, -1));
  const start = files[0].subarray(0, files[0].length - (files[0].length % 3)).toString("base64");
  return pour(response, Buffer.from(head + start), head.length + length, Buffer.alloc(65_536, "A"), tail);
}

async function pour(response, start, length, filling, tail) {
  let left = length;
  const closed = new Promise((resolve) => response.once("close", resolve));
  for (let chunk = start; left > 0 && !response.destroyed; chunk = filling) {
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= part.length;
    if (!response.write(part)) await Promise.race([new Promise((resolve) => response.once("drain", resolve)), closed]);
  }
  response.end(tail);
}

// Everything a JSON writer may do: escaped slashes, white space, keys in another order.
function spaced(value, job) {
  const isTurned = Buffer.byteLength(job.prompt) % 2 === 1;
  const turned = (item) => {
    if (Array.isArray(item)) return item.map(turned);
    if (item === null || typeof item !== "object") return item;
    const entries = Object.entries(item).map(([key, each]) => [key, turned(each)]);
    return Object.fromEntries(isTurned ? entries.reverse() : entries);
  };
  return ` \r\n${JSON.stringify(turned(value), null, "\t ").replaceAll("/", "\\/")}\n\t`;
}

/// The fields of a JSON or multipart body; of a file its bytes.
export async function form(call) {
  const type = call.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/form-data")) return call.json;
  const fields = {};
  const entries = await new Response(call.raw, { headers: { "content-type": type } }).formData().catch(() => undefined);
  for (const [name, value] of entries ?? []) {
    const isFile = typeof value !== "string";
    const each = isFile ? { name: value.name, type: value.type, bytes: Buffer.from(await value.arrayBuffer()) } : value;
    // `image[]` and a repeated `image` are lists; so is a single `image`, for whoever reads the job.
    if (/^image(\[\])?$/.test(name)) (fields.images ??= []).push(each);
    else fields[name] = isFile || !["n", "output_compression", "partial_images"].includes(name) ? each : Number(value);
  }
  if (fields.stream) fields.stream = fields.stream === "true";
  return entries && fields;
}

/// Seconds that a text takes, so that a long one gives a longer file; not as long as a real voice would need.
export const spoken = (text) => Math.min(5, 0.3 + text.length / 200);
