// A tiny MCP caller for tests that look at the wire: both eras, one request at a time, nothing hidden.
import { EventReader } from "./sse.mjs";

export const MODERN = "2026-07-28";
export const LEGACY = "2025-11-25";
const META = "io.modelcontextprotocol";
const CALL_MILLIS = 60_000;
let lastId = 0;

/// What the modern era wants in `_meta` of every request.
export function envelope(more = {}) {
  return {
    [`${META}/protocolVersion`]: MODERN,
    [`${META}/clientInfo`]: { name: "edge-tests", version: "1" },
    [`${META}/clientCapabilities`]: {},
    ...more,
  };
}

export const SUBSCRIPTION_ID = `${META}/subscriptionId`;

/// Sends one message and answers with the HTTP response as it is. `era` is "modern" or "legacy".
export function send(gateway, method, params = {}, options = {}) {
  const { era = "legacy", id = ++lastId, session, meta, headers = {}, signal } = options;
  const modern = era === "modern";
  const name = params.name ?? params.uri;
  const envelopeOf = modern ? { _meta: envelope(meta) } : meta && { _meta: meta };
  const eraHeaders = modern
    ? { "mcp-protocol-version": MODERN, "mcp-method": method, ...(name && { "mcp-name": name }) }
    : { "mcp-protocol-version": LEGACY, ...(session && { "mcp-session-id": session }) };
  return fetch(gateway.url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${gateway.token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...eraHeaders,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...(id !== null && { id }), method, params: { ...params, ...envelopeOf } }),
    signal: signal ?? AbortSignal.timeout(CALL_MILLIS),
  });
}

/// Sends one request and answers with what came back: {status, headers, message, notices}.
export async function exchange(gateway, method, params, options) {
  const response = await send(gateway, method, params, options);
  const notices = [];
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    return { status: response.status, headers: response.headers, message: isJson ? JSON.parse(text) : text, notices };
  }
  const { message } = await new EventReader(response).message((message) => {
    const isResponse = "result" in message || "error" in message;
    if (!isResponse) notices.push(message);
    return isResponse;
  }, CALL_MILLIS);
  return { status: response.status, headers: response.headers, message, notices };
}

/// The result of one request; throws on anything else.
export async function request(gateway, method, params, options) {
  const { status, message } = await exchange(gateway, method, params, options);
  if (!message?.result) throw new Error(`${method}: HTTP ${status} ${JSON.stringify(message)}`);
  return message.result;
}

/// Calls a tool. `error` is the envelope of a refusal, else undefined.
export async function tool(gateway, name, args = {}, options) {
  const result = await request(gateway, "tools/call", { name, arguments: args }, options);
  const error = result.isError ? result._meta["dev.atelier/error"] : undefined;
  return { ...result, error, answer: result.structuredContent };
}

/// Opens a legacy session and answers with its id.
export async function initialize(gateway, { version = LEGACY, capabilities = {} } = {}) {
  const params = { protocolVersion: version, capabilities, clientInfo: { name: "edge-tests", version: "1" } };
  const response = await send(gateway, "initialize", params);
  const session = response.headers.get("mcp-session-id");
  const { result } = await response.json();
  if (!session || result.protocolVersion !== version) throw new Error(`initialize: ${session} ${JSON.stringify(result)}`);
  const noted = await send(gateway, "notifications/initialized", {}, { session, id: null });
  await noted.text();
  if (noted.status !== 202) throw new Error(`initialized: HTTP ${noted.status}`);
  return session;
}

/// GET or DELETE on a session.
export function onSession(gateway, method, session, { headers = {}, signal } = {}) {
  return fetch(gateway.url, {
    method,
    headers: {
      authorization: `Bearer ${gateway.token}`,
      accept: "text/event-stream",
      "mcp-protocol-version": LEGACY,
      ...(session && { "mcp-session-id": session }),
      ...headers,
    },
    signal: signal ?? AbortSignal.timeout(CALL_MILLIS),
  });
}
