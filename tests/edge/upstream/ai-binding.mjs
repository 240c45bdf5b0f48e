// Stands in for the Workers AI binding on a machine that has no account: a Worker binds this class as a service with
// the entrypoint "AI" and calls env.AI.run(model, inputs, options), which goes to the HTTP fake at env.UPSTREAM. What
// is sent, what comes back and what is thrown follow the binding that is built into workerd (cloudflare-internal:ai-api).
// Three things do not pass from Worker to Worker: a FormData (give its stream), options.signal, and lastRequestId and its
// like, which the binding sets on itself.
import { WorkerEntrypoint } from "cloudflare:workers";

const isStreamed = (value) => value instanceof ReadableStream || value?.body instanceof ReadableStream;

export class AI extends WorkerEntrypoint {
  async run(model, inputs, options = {}) {
    const { prefix, extraHeaders, sessionOptions, signal, ...sent } = options;
    const streamed = Object.keys(inputs).filter((key) => isStreamed(inputs[key]));
    if (streamed.length > 1)
      throw named("AiInternalError", `Multiple ReadableStreams are not supported. Found streams in keys: [${streamed.join(", ")}]`);
    const headers = { ...sessionOptions?.extraHeaders, ...extraHeaders, "cf-consn-sdk-version": "2.0.0" };
    headers["cf-consn-model-id"] = prefix ? `${prefix}:${model}` : model;
    const [query, body, type] = streamed.length === 1 ? streamedCall(inputs, streamed[0], sent) : jsonCall(inputs, sent);
    headers["content-type"] = type;
    const response = await fetch(`${this.env.UPSTREAM}/run/${model}?${query}`, { method: "POST", headers, body, signal });
    if (options.returnRawResponse) return response;
    if (!response.ok || !response.body) throw named(...failure(await response.text()));
    // The binding compares the whole header: with a charset the answer stays a stream.
    return response.headers.get("content-type") === "application/json" ? response.json() : response.body;
  }
}

function jsonCall(inputs, options) {
  return ["version=3", JSON.stringify({ inputs, options }), "application/json"];
}

function streamedCall(inputs, key, options) {
  const { [key]: stream, ...others } = inputs;
  if (options.gateway?.id) throw named("AiInternalError", "AI Gateway does not support ReadableStreams yet.");
  if (!stream.contentType) throw named("AiInternalError", "Content-Type is required with ReadableStream inputs");
  const query = new URLSearchParams({ ...options, version: "3", userInputs: JSON.stringify(others) });
  return [query, stream.body, stream.contentType];
}

function failure(text) {
  try {
    const { internalCode, description, name, errors } = JSON.parse(text);
    if (internalCode) return [name ?? "InferenceUpstreamError", `${internalCode}: ${description}`];
    if (errors?.[0]) return ["InferenceUpstreamError", `${errors[0].code}: ${errors[0].message}`];
  } catch {
    // The text itself is the message.
  }
  return ["InferenceUpstreamError", text];
}

const named = (name, message) => Object.assign(new Error(message), { name });

export default { fetch: () => new Response(null, { status: 404 }) };
