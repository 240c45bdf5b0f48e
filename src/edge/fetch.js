// Makes one request to another server or to Workers AI, with a bound on time and size, and hands the answer to Wasm in one
// crossing.

// fetch.rs knows these two words; any other fault is a text for the log.
const TIMED_OUT = "timed out";
const TOO_LARGE = "too large";

function headersOf(head) {
  const headers = new Headers();
  for (const line of head.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 2));
  }
  return headers;
}

// Counted after decompression, so that a small answer cannot unpack into a large one.
async function readBody(response, maxBytes) {
  const chunks = [];
  let size = 0;
  // Leaving the loop cancels the stream.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw TOO_LARGE;
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

async function exchange(url, init, maxBytes) {
  const response = await fetch(url, init);
  if (Number(response.headers.get("content-length")) > maxBytes) throw TOO_LARGE;
  const body = await readBody(response, maxBytes);
  return { status: response.status, head: linesOf(response.headers), body };
}

const linesOf = (headers) => [...headers].map(([name, value]) => `${name}: ${value}\n`).join("");

// Only as much of a refusal as is wanted; the rest gives its connection back.
async function beginningOf(response, maxBytes) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let left = maxBytes;
  while (reader && left > 0) {
    const { value, done } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value.subarray(0, left), { stream: true });
    left -= value.length;
  }
  await reader?.cancel();
  return text;
}

// An answer with the body of a success left as a stream.
async function opened(response, maxBytes) {
  const { status, headers } = response;
  if (!response.ok) return { status, head: linesOf(headers), length: -1, text: await beginningOf(response, maxBytes) };
  const length = headers.get("content-length");
  // The length of what was compressed says nothing about what comes out.
  const isPlain = length !== null && /^\d+$/.test(length) && !headers.has("content-encoding");
  const known = isPlain ? Number(length) : -1;
  return { status, head: linesOf(headers), length: known, body: response.body ?? undefined, text: "" };
}

// Like fetchOutbound, with the body of a successful answer left as a stream. The time is for the headers and the text of a
// refusal; whoever reads the body bounds that.
export async function openOutbound(method, url, head, body, maxBytes, millis) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), millis);
  try {
    const init = { method, headers: headersOf(head), body, redirect: "manual", cache: "no-store", signal: abort.signal };
    return await opened(await fetch(url, init), maxBytes);
  } catch (fault) {
    return { fault: abort.signal.aborted ? TIMED_OUT : String(fault) };
  } finally {
    clearTimeout(timer);
  }
}

// The binding knows no other form of a request with files than a stream of it.
const inputsOf = (type, body) =>
  type.startsWith("multipart/form-data") ? { multipart: { body: new Response(body).body, contentType: type } } : JSON.parse(body);

// A stream that came through a binding need not be one of bytes, which is what everything here reads.
function ofBytes(stream) {
  try {
    stream.getReader({ mode: "byob" }).releaseLock();
    return stream;
  } catch {
    const reader = stream.getReader();
    const pull = async (controller) => {
      const { value, done } = await reader.read();
      if (!done) return controller.enqueue(value);
      controller.close();
      controller.byobRequest?.respond(0);
    };
    return new ReadableStream({ type: "bytes", pull, cancel: (why) => reader.cancel(why) });
  }
}

// The raw answer where the runtime gives it, else what it has made of it.
function responseOf(value) {
  if (!(value instanceof Response)) return value instanceof ReadableStream ? new Response(ofBytes(value)) : Response.json(value);
  return value.body ? new Response(ofBytes(value.body), value) : value;
}

// What the binding throws begins with the number of the error: `3040: No more data centers …`. Anything else is no answer.
function refusalOf(fault) {
  const [, code, description] = /^(\d{4,5}): (.*)/s.exec(String(fault?.message ?? fault)) ?? [];
  if (code === undefined) return undefined;
  return { status: 400, head: "content-type: application/json\n", length: -1, text: JSON.stringify({ internalCode: Number(code), description }) };
}

// Asks Workers AI, and answers as openOutbound does.
export async function inferOutbound(ai, model, type, body, maxBytes, millis) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(TIMED_OUT), millis)));
  try {
    const running = ai.run(model, inputsOf(type, body), { returnRawResponse: true });
    const response = responseOf(await Promise.race([running, late]));
    return await Promise.race([opened(response, maxBytes), late]);
  } catch (fault) {
    return refusalOf(fault) ?? { fault: fault === TIMED_OUT ? TIMED_OUT : String(fault) };
  } finally {
    clearTimeout(timer);
  }
}

export async function fetchOutbound(method, url, head, body, maxBytes, millis) {
  const abort = new AbortController();
  let timer;
  // Beside the signal, which need not end a read that is under way.
  const deadline = new Promise((_, reject) => (timer = setTimeout(() => reject(TIMED_OUT), millis)));
  try {
    const headers = headersOf(head);
    // Not stored: what one caller is told must never answer another.
    const init = { method, headers, body, redirect: "manual", cache: "no-store", signal: abort.signal };
    return await Promise.race([exchange(url, init, maxBytes), deadline]);
  } catch (fault) {
    return { fault: String(fault) };
  } finally {
    clearTimeout(timer);
    // Whatever is still under way ends, and an answer that was not read gives its connection back.
    abort.abort();
  }
}
