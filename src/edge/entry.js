// The module the runtime loads: hands requests to Wasm in one call, and keeps a dead Wasm instance from taking
// anybody down with it. A Rust panic or a lack of memory ends the instance; without this file every call in
// flight would hang for ever. With it they get a 500 at once and the next call runs on a new instance.

import { DurableObject } from "cloudflare:workers";
import Gateway, * as wasm from "../../build/index.js";

// More than a message may have (http.rs, MAX_MESSAGE_BYTES) is not read.
const MAX_BODY_BYTES = 4 * 1024 * 1024;
// What the build tool's glue knows of the instance; it makes a new one when an exported class is constructed.
const state = globalThis.__worker_init_state;
const serve = Gateway.prototype.serve;
const inFlight = new Set();

const DEAD = '{"error":{"code":"INTERNAL","message":"The gateway had to restart.","next":"Try again in a moment.","retryable":true}}';
const dead = () => new Response(DEAD, { status: 500, headers: { "content-type": "application/json" } });

function die(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  state.criticalError = true;
  for (const fail of inFlight) fail(error);
  inFlight.clear();
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

// Undefined when the body is larger than a message may be.
async function readBody(request) {
  const length = request.headers.get("content-length");
  if (length !== null) return Number(length) > MAX_BODY_BYTES ? undefined : new Uint8Array(await request.arrayBuffer());
  if (!request.body) return new Uint8Array();
  const chunks = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

// Every header the gateway reads (tests/tidy.rs holds it): asking for these costs less than walking them all.
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

function headOf(request) {
  let head = `${request.method} ${request.url}`;
  const headers = request.headers;
  for (const name of HEADERS) {
    const value = headers.get(name);
    if (value !== null) head += `\n${name}: ${value}`;
  }
  return head;
}

const reads = (method) => method === "POST" || method === "PUT" || method === "PATCH";

export default {
  async fetch(request, env, ctx) {
    const body = reads(request.method) ? await readBody(request) : new Uint8Array();
    try {
      // Constructing the class is how the glue is asked for a new instance.
      if (state.criticalError) new Gateway(ctx, env);
      const answer = serve(headOf(request), body, env);
      return guardEvents(answer instanceof Promise ? await guard(() => answer) : answer);
    } catch (error) {
      die(error);
      console.error(JSON.stringify({ level: "error", event: "instance.died", fields: { reason: String(error) } }));
      return dead();
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
export const SessionObject = guarded(wasm.SessionObject);
