// The module the runtime loads: hands requests to Wasm in one call, and keeps a dead Wasm instance from taking
// anybody down with it. A Rust panic or a lack of memory ends the instance; without this file every call in
// flight would hang for ever. With it they get a 500 at once and the next call runs on a new instance.

import { DurableObject } from "cloudflare:workers";
import Gateway, * as wasm from "../../build/index.js";

// More than a message may have (http.rs, MAX_MESSAGE_BYTES) is not read.
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
// Nor more than a form may have (http.rs, MAX_FORM_BYTES) where no messages come.
const MAX_FORM_BYTES = 64 * 1024;
// What the build tool's glue knows of the instance; it makes a new one when an exported class is constructed.
const state = globalThis.__worker_init_state;
const { serve, sweep } = Gateway.prototype;
const inFlight = new Set();

const DEAD = '{"error":{"code":"INTERNAL","message":"The gateway had to restart.","next":"Try again in a moment.","retryable":true}}';
const dead = () => new Response(DEAD, { status: 500, headers: { "content-type": "application/json" } });

function die(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  state.criticalError = true;
  for (const fail of inFlight) fail(error);
  inFlight.clear();
}

function died(error) {
  die(error);
  console.error(JSON.stringify({ level: "error", event: "instance.died", fields: { reason: String(error) } }));
  return dead();
}

addEventListener("error", (event) => die(event.error));

// Runs `call` so that the death of the instance ends it too.
async function guard(call) {
  let fail;
  const death = new Promise((_, reject) => (fail = reject));
  inFlight.add(fail);
  try {
    return await Promise.race([call(), death]);
  } catch (error) {
    die(error);
    throw error;
  } finally {
    inFlight.delete(fail);
  }
}

// An event stream whose instance dies ends there; its reader would wait for ever.
function guardEvents(answer) {
  if (!answer.isLive) return answer;
  const reader = answer.body.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = await guard(() => reader.read());
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, answer);
}

// Undefined when the body is larger than that.
async function readBody(request, maxBytes) {
  const length = request.headers.get("content-length");
  if (length !== null) return Number(length) > maxBytes ? undefined : new Uint8Array(await request.arrayBuffer());
  if (!request.body) return new Uint8Array();
  const chunks = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

// Every header the gateway reads at /mcp (tests/tidy.rs holds it): asking for these costs less than walking them all.
const HEADERS = [
  "accept",
  "authorization",
  "if-none-match",
  "if-range",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "origin",
  "range",
];
// Beside them, what is read everywhere else: pages, forms, OAuth, REST.
const PAGE_HEADERS = [
  "cf-connecting-ip",
  "content-type",
  "cookie",
  "idempotency-key",
  "if-match",
  "referer",
  "sec-fetch-site",
  "user-agent",
];
// Beside them, what is read everywhere when the operator trusts a proxy to have written it.
const PROXY_HEADERS = ["cf-connecting-ip", "x-forwarded-host", "x-forwarded-proto"];

// Beside them, what providers sign their callbacks with.
const CALLBACK_HEADERS = [
  "webhook-id",
  "webhook-signature",
  "webhook-timestamp",
  "x-fal-webhook-request-id",
  "x-fal-webhook-signature",
  "x-fal-webhook-timestamp",
  "x-fal-webhook-user-id",
];

// Beside them, what a file that is handed over says of itself.
const UPLOAD_HEADERS = ["content-digest", "content-encoding", "content-length"];

const joined = (...lists) => [...new Set(lists.flat())];
const HEADERS_ELSEWHERE = joined(HEADERS, PAGE_HEADERS, UPLOAD_HEADERS);
const PROXIED_HEADERS = joined(HEADERS, PROXY_HEADERS);
const PROXIED_HEADERS_ELSEWHERE = joined(HEADERS, PAGE_HEADERS, UPLOAD_HEADERS, PROXY_HEADERS);
const HEADERS_OF_CALLBACKS = joined(PROXIED_HEADERS_ELSEWHERE, CALLBACK_HEADERS);

function namesFor(isMcp, env) {
  const trusts = typeof env.TRUSTED_PROXIES === "string" && env.TRUSTED_PROXIES !== "";
  if (trusts) return isMcp ? PROXIED_HEADERS : PROXIED_HEADERS_ELSEWHERE;
  return isMcp ? HEADERS : HEADERS_ELSEWHERE;
}

// Where the path begins; cheaper than a URL object. The longer scheme's `://` ends at 8, and no host is empty.
const pathOf = (url) => url.indexOf("/", 8);

function headOf(request, names) {
  let head = `${request.method} ${request.url}`;
  const headers = request.headers;
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) head += `\n${name}: ${value}`;
  }
  return head;
}

const reads = (method) => method === "POST" || method === "PUT" || method === "PATCH";

const UPLOADS = "/api/v1/media/uploads/";
const CALLBACKS = "/api/v1/callbacks/";

// A file goes from the client to object storage as the runtime's own stream. What is under way when the client leaves
// still has to say so, and take back what it stored.
function upload(request, env, ctx) {
  const head = headOf(request, namesFor(false, env));
  const answer = guard(() => serve(head, undefined, env, request.body ?? undefined));
  ctx.waitUntil(answer.catch(() => {}));
  return answer;
}

export default {
  async fetch(request, env, ctx) {
    const url = request.url;
    const path = pathOf(url);
    if (request.method === "PUT" && url.startsWith(UPLOADS, path)) {
      try {
        if (state.criticalError) new Gateway(ctx, env);
        return await upload(request, env, ctx);
      } catch (error) {
        return died(error);
      }
    }
    const isMcp = url.startsWith("/mcp", path) && (url.length === path + 4 || url[path + 4] === "?");
    const maxBytes = isMcp || url.startsWith("/api/", path) ? MAX_MESSAGE_BYTES : MAX_FORM_BYTES;
    const isCallback = url.startsWith(CALLBACKS, path);
    const body = reads(request.method) ? await readBody(request, maxBytes) : new Uint8Array();
    try {
      // Constructing the class is how the glue is asked for a new instance.
      if (state.criticalError) new Gateway(ctx, env);
      const names = isCallback ? HEADERS_OF_CALLBACKS : namesFor(isMcp, env);
      const answer = serve(headOf(request, names), body, env);
      return guardEvents(answer instanceof Promise ? await guard(() => answer) : answer);
    } catch (error) {
      return died(error);
    }
  },
  // What nobody needs any more is taken out of object storage (collector), by the clock in wrangler.toml.
  async scheduled(_, env, ctx) {
    try {
      if (state.criticalError) new Gateway(ctx, env);
      await guard(async () => sweep(env));
    } catch (error) {
      died(error);
    }
  },
};

const guarded = (Inner) =>
  class extends DurableObject {
    constructor(ctx, env) {
      super(ctx, env);
      this.inner = new Inner(ctx, env);
    }
    fetch(request) {
      return guard(() => this.inner.fetch(request)).catch(dead);
    }
    alarm() {
      return guard(() => this.inner.alarm());
    }
    webSocketMessage(socket, message) {
      return guard(() => this.inner.webSocketMessage(socket, message));
    }
    webSocketClose(socket, code, reason, wasClean) {
      return guard(() => this.inner.webSocketClose(socket, code, reason, wasClean));
    }
    webSocketError(socket, error) {
      return guard(() => this.inner.webSocketError(socket, error));
    }
  };

export const AccountObject = guarded(wasm.AccountObject);
export const WorkspaceObject = guarded(wasm.WorkspaceObject);
export const RunObject = guarded(wasm.RunObject);
export const GateObject = guarded(wasm.GateObject);
export const SessionObject = guarded(wasm.SessionObject);
export const ClientsObject = guarded(wasm.ClientsObject);
export const UploadObject = guarded(wasm.UploadObject);
