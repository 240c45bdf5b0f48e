// The far side of the Workers AI binding. `POST /run` is what the binding in workerd sends (the model in a header, the
// inputs in the body or, beside a stream, in the query); `POST /run/{model}` is the same for ai-binding.mjs. Without a key:
// the binding has none. `job.charged` is in neurons, at a flat price for each model.
import { Upstream, words } from "./server.mjs";
import { base64Reply, begin, bytesReply, form, spoken } from "./synchronous.mjs";
import { image, mp3 } from "./samples.mjs";

const FLUX_2 = /\/flux-2-/;
const MODELS = {
  "@cf/black-forest-labs/flux-1-schnell": { answer: "image", format: "jpeg", neurons: 58, edges: 1024 },
  "@cf/black-forest-labs/flux-2-dev": { answer: "image", format: "png", neurons: 340, edges: 1024, multipart: true },
  "@cf/black-forest-labs/flux-2-klein-4b": { answer: "image", format: "png", neurons: 26, edges: 1024, multipart: true },
  "@cf/black-forest-labs/flux-2-klein-9b": { answer: "image", format: "png", neurons: 60, edges: 1024, multipart: true },
  "@cf/leonardo/lucid-origin": { answer: "image", format: "jpeg", neurons: 640, edges: 1024 },
  "@cf/leonardo/phoenix-1.0": { answer: "stream", format: "jpeg", neurons: 530, edges: 1024 },
  "@cf/lykon/dreamshaper-8-lcm": { answer: "stream", format: "png", neurons: 10, edges: 512 },
  "@cf/stabilityai/stable-diffusion-xl-base-1.0": { answer: "stream", format: "png", neurons: 10, edges: 1024 },
  "@cf/bytedance/stable-diffusion-xl-lightning": { answer: "stream", format: "png", neurons: 10, edges: 1024 },
  "@cf/runwayml/stable-diffusion-v1-5-img2img": { answer: "stream", format: "png", neurons: 10, edges: 512, needs: ["image"] },
  "@cf/runwayml/stable-diffusion-v1-5-inpainting": { answer: "stream", format: "png", neurons: 10, edges: 512, needs: ["image", "mask"] },
  "@cf/deepgram/aura-1": { answer: "speech", text: "text", neurons: 27 },
  "@cf/deepgram/aura-2-en": { answer: "speech", text: "text", neurons: 54 },
  "@cf/deepgram/aura-2-es": { answer: "speech", text: "text", neurons: 54 },
  "@cf/myshell-ai/melotts": { answer: "audio", text: "prompt", neurons: 19 },
};

const refusal = (status, internalCode, description, name = "AiError") => ({ status, body: { internalCode, description, name } });
const FORMS = {
  auth: () => ({ status: 401, body: { errors: [{ code: 10_000, message: "Authentication error" }] } }),
  quota: () =>
    refusal(
      429,
      3036,
      "You have used up your daily free allocation of 10,000 neurons. Please upgrade to Cloudflare's Workers Paid plan if you would like to continue usage.",
    ),
  invalid: () => refusal(400, 5006, "Error: required properties at '/' are 'prompt'"),
  // Whoever has seen it on the FLUX.2 models has seen 8007, elsewhere 3030.
  moderated: (model) => refusal(400, FLUX_2.test(model) ? 8007 : 3030, "Input prompt contains NSFW content."),
  throttled: () => refusal(429, 3040, "Capacity temporarily exceeded, please try again."),
  broken: (status) => ({
    status,
    body: status === 503 ? "error code: 1031" : "Internal Server Error",
    headers: { "content-type": "text/plain" },
  }),
  notFound: () => refusal(400, 5007, "No such model or task"),
};

export async function startWorkersAI({ port, seed, chaos } = {}) {
  const up = new Upstream({ provider: "workers-ai", seed, chaos, forms: FORMS });
  up.route("POST", /^\/(?:ai-gateway\/)?run$/, "submit", (call) => run(up, call, call.headers["cf-consn-model-id"]));
  up.route("POST", /^\/run\/(.+)$/, "submit", (call) => run(up, call, call.params[0]));
  await up.listen(port);
  up.server.prependListener("request", (_, response) => response.setHeader("cf-ai-req-id", up.hex(16)));
  return up;
}

/// What was given to run(): from a JSON body, or from a form with the rest in the query.
async function given(call) {
  const type = call.headers["content-type"] ?? "";
  if (type.startsWith("application/json")) return { inputs: call.json?.inputs, options: call.json?.options ?? {} };
  const { userInputs = "{}", ...options } = Object.fromEntries(call.query);
  const fields = type.startsWith("multipart/form-data") ? await form(call) : undefined;
  return { inputs: fields && { ...JSON.parse(userInputs), ...fields }, options, isForm: true };
}

async function run(up, call, id) {
  const model = MODELS[id];
  if (!model) return refusal(400, 5007, `No such model ${id} or task`);
  const { inputs, options, isForm } = await given(call);
  const fault = badInputs(model, inputs, isForm);
  if (fault) return fault;
  const prompt = inputs[model.text ?? "prompt"];
  if (words(prompt).moderated) return FORMS.moderated(id);
  const create = () => {
    const job = up.job({ id: `ai_${up.hex(8)}`, endpoint: id, input: inputs, options, prompt });
    return begin(up, job, model.neurons * (job.words.expensive ? 10 : 1));
  };
  return up.submit(call, { prompt, create, reply: (job) => answer(up, job, model) });
}

function badInputs(model, inputs, isForm) {
  // As the models answer who sends the one form for the other.
  if (!inputs) return refusal(400, 3003, "Request is missing headers or body: body");
  if (model.multipart && !isForm) return refusal(400, 5006, "Error: required properties at '/' are 'multipart'");
  const missing = [model.text ?? "prompt"].find((name) => typeof inputs[name] !== "string" || inputs[name] === "");
  if (missing) return refusal(400, 5006, `Error: required properties at '/' are '${missing}'`);
  const absent = (model.needs ?? []).find((name) => !pixels(inputs, name));
  if (absent) return refusal(400, 5006, `Error: required properties at '/' are '${absent}'`);
  for (const name of model.needs ?? [])
    if (!isPicture(pixels(inputs, name))) return refusal(400, 5004, `Invalid data type for base64 input: ${name}`);
  return undefined;
}

/// A picture comes as a list of byte values or, under another name, as base64.
function pixels(inputs, name) {
  if (Array.isArray(inputs[name])) return Buffer.from(inputs[name]);
  const text = inputs[`${name}_b64`] ?? (name === "mask" ? inputs.mask_image : undefined);
  return typeof text === "string" ? Buffer.from(text, "base64") : undefined;
}

const isPicture = (bytes) => ["89504e47", "ffd8ff", "52494646"].some((magic) => bytes.toString("hex", 0, 4).startsWith(magic));

async function answer(up, job, model) {
  if (!(await job.done)) return refusal(500, 3043, "Internal server error", "AiError");
  const { input } = job;
  if (model.text) {
    const bytes = mp3({ seed: job.id, rate: 24_000, kilobits: 64, seconds: spoken(job.prompt) });
    if (model.answer === "audio") return job.words.none ? { body: {} } : base64Reply(up, job, [bytes], ([audio]) => ({ audio }));
    return bytesReply(up, job, { type: "audio/mpeg", bytes, isChunked: true });
  }
  const size = { width: Number(input.width ?? model.edges), height: Number(input.height ?? model.edges) };
  const bytes = image(model.format, job.id, { ...size, black: job.words.nsfw });
  if (model.answer === "image") return job.words.none ? { body: {} } : base64Reply(up, job, [bytes], ([text]) => ({ image: text }));
  return bytesReply(up, job, { type: `image/${model.format}`, bytes, isChunked: true });
}
