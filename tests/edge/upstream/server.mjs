// What every fake upstream shares: an HTTP server, scenario words, faults, chaos, output files, callback delivery.
//
//   class or function of a provider:
//     const up = new Upstream({ provider: "fal", seed, chaos, key, credential, forms, expired });
//     up.route("POST", /^\/v1\/things\/([^/]+)$/, "submit", async (call) => reply, { open: false });
//     await up.listen(port);                       // sets up.url
//     return Object.assign(up, { extras });        // the Upstream is the fake: url key jobs calls count() callbacks settled() stop()
//
//   credential(request)  the key a request carries, or undefined; routes that are not `open` refuse all but up.key
//   forms                the provider's own bodies, each (call) => reply: auth quota invalid moderated throttled notFound and
//                        broken(status, call); quota, invalid and moderated may be missing: then the word does nothing at submit
//   reply                { status = 200, body = object | string | Buffer, headers, truncated } or CUT, or { write(response) }
//   call                 { operation, method, path, params, query, headers, raw, json, record }; set record.jobId
//   words(text)          {"slow": 2, "429": 1, "lost-submit": true, …} of `up:slow=2 up:429=1 up:lost-submit`
//   up.submit(call, { prompt, create, reply })  the words that hit a submit; create() makes the job, reply(job) answers it.
//                        A synchronous provider waits in reply(): await up.sleep(ms).
//   up.job({ id, endpoint, input, prompt, webhook, … })   counts as existing upstream from here on
//   up.take(scope, word) true the first N times for that scope, N being what `up:word=N` said
//   up.hold()            settled() waits until the function it returns is called
//   up.later(ms, f), up.sleep(ms, signal)   timers that stop() ends
//   media.mjs makes the bytes: png svg wav glb mp4, each another for another seed
//   up.file(job, { name, type, bytes })  -> path; served at up.url + path with the file words of the job's prompt
//   up.deliver(job, { url, kind, letter, retries })  letter() => { headers, body }, made anew for each attempt
//   up.announce(job, { url, retries, real, old, other, earlier })  sends what the words of a finished job say
//   up.statusFault(job, call)  the reply that a word forces on a read of the job's state, if any
//   up.bugs              what went wrong in the fake itself; a test that ends should find it empty
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export const CUT = Symbol("the connection is cut");
const CALLBACK_TIMEOUT_MS = 5000;
const OVERSIZE_BYTES = 200 * 1024 * 1024;
const CHAOS = {
  submit: ["cut-before", "cut-after", "429", "500", "503", "slow", "truncated"],
  cancel: ["cut-before", "cut-after", "429", "500", "503", "slow"],
  file: ["cut-before", "500", "503", "slow", "truncated"],
  callback: ["duplicate", "late", "missing"],
  other: ["cut-before", "429", "500", "503", "slow", "truncated"],
};

export function words(text) {
  const found = {};
  for (const [, word, value] of String(text ?? "").matchAll(/(?:^|\s)up:([a-z0-9-]+)(?:=([0-9.]+))?(?=\s|$)/g)) {
    found[word] = value === undefined ? true : Number(value);
  }
  return found;
}

// Models without a prompt are told by any of their texts.
export function promptOf(input) {
  const texts = Object.values(input).filter((value) => typeof value === "string");
  return input.prompt ?? input.text ?? texts.join(" ");
}

// Mulberry32: small, and the same on every machine.
export function generator(seed) {
  let state = createHash("sha256").update(String(seed)).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Upstream {
  constructor({ provider, seed, chaos, key, credential, forms, expired }) {
    Object.assign(this, { provider, chaos, credential, forms, expired: expired ?? { status: 404, body: "Not Found" } });
    this.random = generator(seed ?? randomBytes(8).toString("hex"));
    this.roll = generator(chaos?.seed ?? 0);
    this.key = key ?? `${provider}-${this.hex(16)}`;
    this.jobs = [];
    this.calls = [];
    this.callbacks = [];
    this.bugs = [];
    this.routes = [];
    this.files = new Map();
    this.taken = new Map();
    this.ending = new AbortController();
    this.held = 0;
    this.waiting = [];
    this.route("GET", /^\/files\/.+$/, "file", (call) => this.#file(call), { open: true });
    this.route("HEAD", /^\/files\/.+$/, "file", (call) => this.#file(call), { open: true });
  }

  hex(bytes) {
    return Array.from({ length: bytes }, () => Math.floor(this.random() * 256).toString(16).padStart(2, "0")).join("");
  }

  route(method, pattern, operation, handler, { open = false } = {}) {
    this.routes.push({ method, pattern, operation, handler, open });
  }

  async listen(port = 0) {
    this.server = createServer((request, response) => {
      this.#serve(request, response).catch((error) => {
        if (!this.ending.signal.aborted) this.bugs.push(error);
        response.destroy();
      });
    });
    this.server.keepAliveTimeout = 60_000;
    await new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, "127.0.0.1", resolve);
    });
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  count(operation) {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  settled() {
    return this.held === 0 ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  hold() {
    let open = true;
    this.held++;
    return () => {
      if (!open) return;
      open = false;
      // A turn later: whoever ends one piece of work often begins the next.
      setImmediate(() => {
        if (--this.held === 0) for (const resolve of this.waiting.splice(0)) resolve();
      });
    };
  }

  sleep(ms, signal) {
    const { signal: ending } = this.ending;
    return sleep(ms, undefined, { signal: signal ? AbortSignal.any([ending, signal]) : ending });
  }

  later(ms, work) {
    const release = this.hold();
    this.sleep(ms)
      .then(work)
      .catch((error) => this.ending.signal.aborted || this.bugs.push(error))
      .finally(release);
  }

  take(scope, word, many) {
    if (!many) return false;
    const name = `${word}\n${scope}`;
    const used = this.taken.get(name) ?? 0;
    if (many !== true && used >= many) return false;
    this.taken.set(name, used + 1);
    return true;
  }

  job(job) {
    const made = { webhook: undefined, state: undefined, createdAt: Date.now(), cancelled: false, charged: 0, outputs: [], ...job };
    made.words = words(made.prompt);
    this.jobs.push(made);
    return made;
  }

  #chance(operation) {
    if (!this.chaos?.percent || this.roll() * 100 >= this.chaos.percent) return undefined;
    const faults = CHAOS[operation] ?? CHAOS.other;
    return faults[Math.floor(this.roll() * faults.length)];
  }

  async #serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    const fits = (route) => route.method === request.method && route.pattern.test(pathname);
    const route = this.routes.find(fits);
    const operation = route?.operation ?? "other";
    const given = this.credential?.(request);
    const record = { operation, at: Date.now(), status: undefined, method: request.method, path: pathname };
    if (given !== undefined) record.key = given === this.key;
    this.calls.push(record);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const call = { operation, method: request.method, path: pathname, query: searchParams, headers: request.headers, raw, record };
    call.params = route ? pathname.match(route.pattern).slice(1).map(decodeURIComponent) : [];
    call.json = parsed(raw);
    await this.#write(response, await this.#answer(route, call), record);
  }

  async #answer(route, call) {
    const refused = !route?.open && this.credential && call.record.key !== true;
    if (refused) return this.forms.auth(call);
    if (!route) return this.forms.notFound(call);
    const chance = this.#chance(call.operation);
    if (chance) call.record.chaos = chance;
    if (chance === "cut-before") return CUT;
    if (chance === "429") return limited(this.forms.throttled(call), "429");
    if (chance === "500" || chance === "503") return this.forms.broken(Number(chance), call);
    if (chance === "slow") await this.sleep(this.roll() * 1000);
    const reply = await route.handler(call);
    if (chance === "cut-after") return CUT;
    return chance === "truncated" && reply !== CUT && !reply.write ? { ...reply, truncated: "wire" } : reply;
  }

  async #write(response, reply, record) {
    if (reply === CUT) {
      record.status = "cut";
      response.socket?.resetAndDestroy();
      return;
    }
    record.status = reply.status ?? 200;
    if (reply.write) return reply.write(response);
    const plain = typeof reply.body === "string" || Buffer.isBuffer(reply.body);
    let bytes = Buffer.from(plain ? reply.body : reply.body === undefined ? "" : JSON.stringify(reply.body));
    const headers = plain || reply.body === undefined ? {} : { "content-type": "application/json" };
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    if (reply.truncated === "json") bytes = half;
    response.writeHead(record.status, { ...headers, "content-length": bytes.length, ...reply.headers });
    if (reply.truncated !== "wire") return void response.end(bytes);
    response.write(half, () => response.destroy());
  }

  async submit(call, { prompt, create, reply }) {
    const said = words(prompt);
    const refusal = this.#refusal(call, prompt, said);
    if (refusal) return refusal;
    const job = await create();
    call.record.jobId = job.id;
    if (job.early) await Promise.race([job.early, this.sleep(1000)]);
    if (said["lost-submit"]) return CUT;
    if (said["500-created"]) return this.forms.broken(500, call);
    if (said["hang-submit"]) await this.sleep(said["hang-submit"] * 1000);
    if (said["malformed-submit"]) return { body: "<html><body>One moment, please</body></html>", headers: { "content-type": "text/html" } };
    const answer = await reply(job);
    return said["truncated-submit"] ? { ...answer, truncated: "json" } : answer;
  }

  #refusal(call, prompt, said) {
    const due = (word) => this.take(prompt, word, said[word]);
    if (due("reset")) return CUT;
    for (const word of ["429", "429-date", "429-ms", "429-bare"]) {
      if (due(word)) return limited(this.forms.throttled(call), word);
    }
    for (const status of [500, 503]) if (due(String(status))) return this.forms.broken(status, call);
    if (said.auth) return this.forms.auth(call);
    const word = ["quota", "invalid", "moderated"].find((word) => said[word] && this.forms[word]);
    return word && this.forms[word](call);
  }

  // Words that hit a read of a job's state; undefined when none does.
  statusFault(job, call) {
    if (this.take(job.id, "status-500", job.words["status-500"])) return this.forms.broken(500, call);
    if (!this.take(job.id, "status-garbage", job.words["status-garbage"])) return undefined;
    return { body: "upstream connect error or disconnect/reset before headers", headers: { "content-type": "text/plain" } };
  }

  file(job, { name, type, bytes }) {
    const path = `/files/${job.id}/${name}`;
    this.files.set(path, { job, type, bytes });
    job.outputs.push(path);
    return path;
  }

  #file(call) {
    const file = this.files.get(call.path);
    if (!file) return this.expired;
    const { job, type, bytes } = file;
    const said = job.words ?? {};
    call.record.jobId = job.id;
    const due = (word) => this.take(call.path, word, said[word]);
    const moved = (location) => ({ status: 302, headers: { location } });
    if (said.expired) return this.expired;
    if (due("file-500")) return { status: 500, body: "Internal Server Error" };
    if (said["redirect-private"]) return moved("http://10.0.0.1/x");
    if (said["redirect-loop"]) return moved(this.url + call.path);
    if (said["redirect-ok"] && !call.query.has("moved")) return moved(`${this.url}${call.path}?moved=1`);
    const headers = { "content-type": said["lying-type"] ? "text/plain" : type };
    if (said["wrong-type"]) return { body: "<!doctype html><title>Please wait</title><p>Please wait", headers: { "content-type": "image/png" } };
    if (call.method === "HEAD") return { write: (response) => response.writeHead(200, { ...headers, "content-length": bytes.length }).end() };
    if (due("file-cut")) return { body: bytes, headers, truncated: "wire" };
    if (said.endless) return { write: (response) => pour(response.writeHead(200, headers), bytes, Number.POSITIVE_INFINITY) };
    if (said.oversize) return { write: (response) => pour(response.writeHead(200, { ...headers, "content-length": OVERSIZE_BYTES }), bytes, OVERSIZE_BYTES) };
    if (said["file-slow"] || said["no-length"]) return { write: (response) => this.#trickle(response, headers, bytes, said) };
    return { body: bytes, headers };
  }

  async #trickle(response, headers, bytes, said) {
    response.writeHead(200, said["no-length"] ? headers : { ...headers, "content-length": bytes.length });
    const middle = Math.floor(bytes.length / 2);
    response.write(bytes.subarray(0, middle));
    await this.sleep((said["file-slow"] ?? 0) * 1000);
    response.end(bytes.subarray(middle));
  }

  // Resolves with the answer to the first attempt; further attempts go on by themselves.
  deliver(job, { url, kind, letter, retries = [200, 400, 800] }) {
    const release = this.hold();
    const chance = this.#chance("callback");
    if (chance === "missing") {
      release();
      return Promise.resolve("missing");
    }
    if (chance === "duplicate") this.later(20, () => this.#attempts(job, { url, kind, letter, retries: [] }).all);
    const wait = chance === "late" ? this.sleep(this.roll() * 1000) : Promise.resolve();
    const sent = wait.then(() => this.#attempts(job, { url, kind, letter, retries }));
    sent.then(({ all }) => all).catch((error) => this.ending.signal.aborted || this.bugs.push(error)).finally(release);
    return sent.then(({ first }) => first).catch(() => "stopped");
  }

  #attempts(job, { url, kind, letter, retries }) {
    const first = this.#post(job, url, kind, letter());
    const all = (async () => {
      let status = await first;
      for (const pause of retries) {
        // 2xx is received, 3xx a refusal for good.
        if (status !== "refused" && status < 400) return;
        await this.sleep(pause);
        status = await this.#post(job, url, kind, letter());
      }
    })();
    return { first, all };
  }

  async #post(job, url, kind, { headers, body }) {
    const record = { jobId: job.id, at: Date.now(), status: undefined, kind };
    this.callbacks.push(record);
    const signal = AbortSignal.any([this.ending.signal, AbortSignal.timeout(CALLBACK_TIMEOUT_MS)]);
    try {
      const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
      await answer.arrayBuffer();
      record.status = answer.status;
    } catch {
      record.status = "refused";
    }
    return record.status;
  }

  // After a job's end: real() is the true letter, old() the same validly signed with an old timestamp, other() validly
  // signed for somebody else's job, earlier() of a state the job was in before. Resolves with the first answer.
  async announce(job, { url, retries, real, old, other, earlier }) {
    const said = job.words;
    if (!url || said["no-callback"]) return undefined;
    const release = this.hold();
    try {
      if (said["callback-late"]) await this.sleep(said["callback-late"] * 1000);
      if (said["callback-other"] && other) await this.deliver(job, { url, kind: "other", letter: other, retries: [] });
      const first = await this.deliver(job, { url, kind: "real", letter: real, retries });
      if (said["callback-twice"]) await this.deliver(job, { url, kind: "again", letter: real, retries: [] });
      if (said["callback-replayed"]) await this.deliver(job, { url, kind: "replayed", letter: old, retries: [] });
      if (said["callback-reordered"] && earlier) await this.deliver(job, { url, kind: "earlier", letter: earlier, retries: [] });
      return first;
    } finally {
      release();
    }
  }
}

function parsed(raw) {
  try {
    return JSON.parse(raw.toString("utf8"));
  } catch {
    return undefined;
  }
}

function limited(reply, word) {
  const headers = { ...reply.headers };
  if (word === "429") headers["retry-after"] = "1";
  if (word === "429-date") headers["retry-after"] = new Date(Date.now() + 1000).toUTCString();
  if (word === "429-ms") headers["retry-after-ms"] = "700";
  return { ...reply, headers };
}

// Real bytes first, zeros after them, as fast as they are read.
async function pour(response, start, length) {
  const zeros = Buffer.alloc(64 * 1024);
  let left = length;
  const closed = new Promise((resolve) => response.once("close", resolve));
  for (let chunk = start; left > 0 && !response.destroyed; chunk = zeros) {
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= part.length;
    if (!response.write(part)) await Promise.race([new Promise((resolve) => response.once("drain", resolve)), closed]);
  }
  response.end();
}
