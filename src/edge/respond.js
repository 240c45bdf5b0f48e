// Builds the runtime's own Response out of what Wasm hands over in one crossing.

// Statuses that must not have a body (Fetch standard, null body status).
const hasNoBody = (status) => status === 204 || status === 304;

function headersOf(head) {
  // A plain object: the runtime reads it faster than it fills a Headers, and only cookies repeat their name.
  const headers = {};
  let cookies;
  for (const line of head.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 2);
    if (name === "set-cookie") (cookies ??= []).push(value);
    else headers[name] = value;
  }
  if (cookies === undefined) return headers;
  const all = new Headers(headers);
  for (const cookie of cookies) all.append("set-cookie", cookie);
  return all;
}

export function respond(status, head, body) {
  // The view is on Wasm memory, which the next call reuses: copied here, before the runtime can keep it.
  const bytes = hasNoBody(status) || body.length === 0 ? null : body.slice();
  return new Response(bytes, { status, headers: headersOf(head) });
}

export function respondWithStream(status, head, stream) {
  const response = new Response(stream, { status, headers: headersOf(head) });
  // Events are made by Wasm as they go out; entry.js watches over them.
  response.isLive = response.headers.get("content-type") === "text/event-stream";
  return response;
}
