// The MCP messages that are measured, in both eras, and the check that an
// answer is the tool's result and not an error that happens to be fast.

import { CALLS, LEGACY, MODERN } from "./config.mjs";
import { request } from "./http.mjs";

const REQUEST_ID = 1;

export function toolCall({ tool, era, token, session }) {
  const params = { name: tool, arguments: CALLS[tool] };
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": era,
  };
  if (era === MODERN) {
    params._meta = {
      "io.modelcontextprotocol/protocolVersion": MODERN,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    headers["mcp-method"] = "tools/call";
    headers["mcp-name"] = tool;
  }
  if (token) {
    headers.authorization = `Bearer ${token}`;
  }
  if (session) {
    headers["mcp-session-id"] = session;
  }
  const body = JSON.stringify({ jsonrpc: "2.0", id: REQUEST_ID, method: "tools/call", params });
  return { method: "POST", headers, body };
}

// A server may answer with JSON or with an event stream that holds one message.
function messageOf(answer) {
  const type = answer.headers["content-type"] ?? "";
  if (!type.startsWith("text/event-stream")) {
    return JSON.parse(answer.text);
  }
  const messages = answer.text
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice("data:".length).trim())
    .filter((data) => data.startsWith("{"))
    .map((data) => JSON.parse(data));
  return messages.find((message) => message.id === REQUEST_ID);
}

export function checkedResult(answer) {
  const shown = answer.text.slice(0, 300);
  if (answer.status !== 200) {
    throw new Error(`HTTP ${answer.status}: ${shown}`);
  }
  const message = messageOf(answer);
  if (message?.jsonrpc !== "2.0" || message.id !== REQUEST_ID || message.result === undefined) {
    throw new Error(`no JSON-RPC result: ${shown}`);
  }
  const { content, isError } = message.result;
  if (isError || !Array.isArray(content) || content.length === 0) {
    throw new Error(`not a tool's result: ${shown}`);
  }
  return message.result;
}

export async function callTool(port, path, options) {
  const answer = await request(port, { path, ...toolCall(options) });
  const result = checkedResult(answer);
  return { answer, result };
}

// Opens a legacy session and returns its id; only the McpAgent peer needs one.
export async function openSession(port, path, token) {
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    authorization: `Bearer ${token}`,
  };
  const initialize = {
    jsonrpc: "2.0",
    id: 0,
    method: "initialize",
    params: { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: "bench", version: "1" } },
  };
  const opened = await request(port, { method: "POST", path, headers, body: JSON.stringify(initialize) });
  const session = opened.headers["mcp-session-id"];
  if (opened.status !== 200 || !session) {
    throw new Error(`initialize: HTTP ${opened.status}, session ${session}: ${opened.text.slice(0, 300)}`);
  }
  const initialized = await request(port, {
    method: "POST",
    path,
    headers: { ...headers, "mcp-session-id": session, "mcp-protocol-version": LEGACY },
    body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }),
  });
  if (initialized.status >= 300) {
    throw new Error(`notifications/initialized: HTTP ${initialized.status}`);
  }
  return session;
}
