// OpenAI's image and speech routes, as far as the gateway could use them, and the servers that imitate them:
// startOpenAI({ flavour: "localai" | "sd-server" }), see self-hosted.mjs. Everything is synchronous: the answer to the
// submit is the result. `job.charged` is in US dollars, from the tokens of the answer.
import { Upstream } from "./server.mjs";
import { base64Reply, begin, bytesReply, form, howMany, spoken } from "./synchronous.mjs";
import { wav } from "./media.mjs";
import { image, mp3, pcm } from "./samples.mjs";
import { localAI, sdServer } from "./self-hosted.mjs";

const STANDARD_SIZES = ["1024x1024", "1536x1024", "1024x1536"];
const SQUARE_TOKENS = { low: 272, medium: 1056, high: 4160, xhigh: 6240, max: 8320 };
const INPUT_IMAGE_TOKENS = 323;
const DOLLARS_PER_TOKEN = { text: 5e-6, image: 8e-6, output: 30e-6 };
const MAX_PIXELS = 3840 * 2160;
const FREE_SIZE = /^gpt-image-2/;
const MORE_QUALITIES = /^gpt-image-2\.[56]/;
const IMAGE_MODELS = [
  "gpt-image-1.5",
  "gpt-image-1-mini",
  "gpt-image-2",
  "gpt-image-2-2026-04-21",
  "gpt-image-2.5-sunburst",
  "gpt-image-2.5-sunburst-2026-09-08",
  "gpt-image-2.5-flare",
  "gpt-image-2.5-flare-2026-09-08",
  "gpt-image-2.6-sunburst",
  "gpt-image-2.6-flare",
  "chatgpt-image-latest",
];
const SPEECH_MODELS = ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15"];
const VOICES = ["alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar"];
const IMAGE_FIELDS = [
  "prompt",
  "model",
  "n",
  "quality",
  "size",
  "background",
  "moderation",
  "output_format",
  "output_compression",
  "safety_identifier",
  "user",
  "stream",
  "partial_images",
];
const EDIT_FIELDS = [...IMAGE_FIELDS, "image", "image[]", "images", "mask", "input_fidelity"];
const SPEECH_FIELDS = ["model", "input", "voice", "instructions", "response_format", "speed", "stream_format"];
const SPEECH_TYPES = { mp3: "audio/mpeg", wav: "audio/wav", pcm: "audio/pcm" };

const failure = (status, message, { type = "invalid_request_error", param = null, code = null, headers } = {}) => ({
  status,
  body: { error: { message, type, param, code } },
  headers,
});

const FORMS = {
  auth: () =>
    failure(401, "Incorrect API key provided: sk-wrong. You can find your API key at https://platform.openai.com/account/api-keys.", {
      code: "invalid_api_key",
    }),
  // Whether the provider itself says x-should-retry here is not known; the SDK retries when nobody says no.
  quota: () =>
    failure(429, "You exceeded your current quota, please check your plan and billing details.", {
      type: "insufficient_quota",
      code: "insufficient_quota",
    }),
  invalid: () => failure(400, "Invalid value: 'up:invalid'.", { param: "prompt", code: "invalid_value" }),
  moderated: () =>
    failure(
      400,
      "Your request was rejected by the safety system. If you believe this is an error, contact us at help.openai.com and include the request ID. safety_violations=[violence].",
      {
        type: "image_generation_user_error",
        code: "moderation_blocked",
      },
    ),
  throttled: () =>
    failure(429, "Rate limit reached for images per min. Please try again in 1s.", {
      type: "requests",
      code: "rate_limit_exceeded",
      headers: { "x-should-retry": "true", "x-ratelimit-limit-requests": "50", "x-ratelimit-remaining-requests": "0" },
    }),
  broken: (status) =>
    status === 503
      ? failure(503, "The engine is currently overloaded, please try again later.", { type: "service_unavailable_error" })
      : failure(500, "The server had an error while processing your request. Sorry about that!", {
          type: "server_error",
          code: "server_error",
        }),
  notFound: () => failure(404, "Invalid URL", {}),
};

/// `flavour`: "openai", or a self-hosted server that speaks its language and wants no key.
export async function startOpenAI({ port, seed, chaos, flavour = "openai" } = {}) {
  if (flavour === "localai") return localAI({ port, seed, chaos });
  if (flavour === "sd-server") return sdServer({ port, seed, chaos });
  const credential = (request) => /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  const up = new Upstream({ provider: "openai", seed, chaos, credential, forms: FORMS });
  up.route("POST", /^\/v1\/images\/generations$/, "submit", (call) => generate(up, call, IMAGE_FIELDS, call.json));
  up.route("POST", /^\/v1\/images\/edits$/, "submit", async (call) => generate(up, call, EDIT_FIELDS, await form(call)));
  up.route("POST", /^\/v1\/audio\/speech$/, "submit", (call) => speak(up, call));
  up.route("GET", /^\/v1\/models$/, "other", () => ({ body: { object: "list", data: [...IMAGE_MODELS, ...SPEECH_MODELS].map(model) } }));
  up.route("GET", /^\/v1\/models\/(.+)$/, "other", ({ params: [id] }) =>
    [...IMAGE_MODELS, ...SPEECH_MODELS].includes(id) ? { body: model(id) } : noModel(id),
  );
  await up.listen(port);
  up.server.prependListener("request", (_, response) => response.setHeader("x-request-id", `req_${up.hex(16)}`));
  return up;
}

const model = (id) => ({ id, object: "model", created: 1_776_729_600, owned_by: "openai" });
const noModel = (id) =>
  failure(404, `The model '${id}' does not exist or you do not have access to it.`, { param: "model", code: "model_not_found" });
const wrong = (param, message, code = "invalid_value") => failure(400, message, { param, code });

function generate(up, call, fields, input) {
  const refusal = refused(input, fields);
  if (refusal) return refusal;
  return up.submit(call, { prompt: input.prompt, create: () => create(up, call, input), reply: (job) => pictures(up, job) });
}

function create(up, call, input) {
  const asked = input.n ?? 1;
  const [width, height] = (!input.size || input.size === "auto" ? STANDARD_SIZES[0] : input.size).split("x").map(Number);
  const quality = !input.quality || input.quality === "auto" ? "medium" : input.quality;
  const job = up.job({ id: `img_${up.hex(12)}`, endpoint: call.path, input, prompt: input.prompt });
  const made = howMany(job, asked);
  const text = Math.ceil(input.prompt.length / 4);
  const images = (input.images?.length ?? 0) * INPUT_IMAGE_TOKENS;
  const output = Math.round((SQUARE_TOKENS[quality] * width * height) / 1024 ** 2) * made * (job.words.expensive ? 10 : 1);
  const usage = {
    input_tokens: text + images,
    input_tokens_details: { text_tokens: text, image_tokens: images },
    output_tokens: output,
    output_tokens_details: { image_tokens: output, text_tokens: 0 },
    total_tokens: text + images + output,
  };
  Object.defineProperty(job, "plan", { value: { width, height, quality, made, usage } });
  return begin(up, job, text * DOLLARS_PER_TOKEN.text + images * DOLLARS_PER_TOKEN.image + output * DOLLARS_PER_TOKEN.output);
}

async function pictures(up, job) {
  if (!(await job.done)) return FORMS.broken(500);
  const { width, height, quality, made, usage } = job.plan;
  const format = job.input.output_format ?? "png";
  const black = Boolean(job.words.nsfw);
  const files = Array.from({ length: made }, (_, index) => image(format, `${job.id}-${index}`, { width, height, black }));
  const background = job.input.background === "transparent" ? "transparent" : "opaque";
  const rest = { background, output_format: black ? "png" : format, quality, size: `${width}x${height}` };
  const build = (list) => ({ created: Math.floor(Date.now() / 1000), ...rest, data: list.map((b64_json) => ({ b64_json })), usage });
  if (job.input.stream) return streamed(job, files, rest, usage);
  return base64Reply(up, job, files, build);
}

// One event with the whole picture; partial ones are the same picture, as nobody looks at them.
function streamed(job, files, rest, usage) {
  const kind = job.endpoint.endsWith("edits") ? "image_edit" : "image_generation";
  const created_at = Math.floor(Date.now() / 1000);
  const events = [];
  for (const bytes of files) {
    const picture = { ...rest, b64_json: bytes.toString("base64"), created_at };
    for (let at = 0; at < (job.input.partial_images ?? 0); at += 1)
      events.push({ type: `${kind}.partial_image`, ...picture, partial_image_index: at });
    events.push({ type: `${kind}.completed`, ...picture, usage });
  }
  const body = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  return { body, headers: { "content-type": "text/event-stream; charset=utf-8" } };
}

function refused(input, fields) {
  if (input === null || typeof input !== "object") return failure(400, "We could not parse the JSON body of your request.");
  const strange = Object.keys(input).find((name) => !fields.includes(name));
  if (strange) return wrong(strange, `Unknown parameter: '${strange}'.`, "unknown_parameter");
  if (typeof input.prompt !== "string" || input.prompt === "")
    return wrong("prompt", "Missing required parameter: 'prompt'.", "missing_required_parameter");
  if (input.prompt.length > 32_000)
    return wrong("prompt", "Invalid 'prompt': string too long. Expected a string with maximum length 32000.", "string_above_max_length");
  const id = input.model;
  if (!IMAGE_MODELS.includes(id)) return noModel(id);
  const { n = 1, quality = "auto", output_format: format = "png" } = input;
  if (!Number.isInteger(n) || n < 1)
    return wrong("n", `Invalid 'n': integer below minimum value. Expected a value >= 1, but got ${n} instead.`, "integer_below_min_value");
  if (n > 10)
    return wrong("n", `Invalid 'n': integer above maximum value. Expected a value <= 10, but got ${n} instead.`, "integer_above_max_value");
  const qualities = ["low", "medium", "high", "auto", ...(MORE_QUALITIES.test(id) ? ["xhigh", "max"] : [])];
  for (const [name, value, allowed] of [
    ["quality", quality, qualities],
    // gif and svg exist at the provider, not here.
    ["output_format", format, ["png", "jpeg", "webp"]],
    ["background", input.background ?? "auto", ["transparent", "opaque", "auto"]],
    ["moderation", input.moderation ?? "auto", ["low", "auto"]],
  ]) {
    if (!allowed.includes(value))
      return wrong(name, `Invalid value: '${value}'. Supported values are: ${allowed.map((each) => `'${each}'`).join(", ")}.`);
  }
  if (input.background === "transparent" && format === "jpeg")
    return wrong("background", "Transparent background is not supported for JPEG output format.");
  return badSize(id, input.size) ?? (fields === EDIT_FIELDS ? badImages(input) : undefined);
}

function badSize(id, size = "auto") {
  if (size === "auto" || STANDARD_SIZES.includes(size)) return undefined;
  const [, width, height] = (/^(\d+)x(\d+)$/.exec(size) ?? []).map(Number);
  const isFree = FREE_SIZE.test(id) && width > 0 && height > 0;
  if (!isFree) return wrong("size", `Invalid value: '${size}'. Supported values are: '1024x1024', '1024x1536', '1536x1024', and 'auto'.`);
  if (width % 16 || height % 16) return wrong("size", `Invalid size '${size}'. Width and height must both be divisible by 16.`);
  if (width > 3 * height || height > 3 * width)
    return wrong("size", `Invalid size '${size}'. The aspect ratio must be between 1:3 and 3:1.`);
  if (Math.max(width, height) > 3840 || width * height > MAX_PIXELS)
    return wrong("size", `Invalid size '${size}'. The maximum supported resolution is 3840x2160.`);
  return undefined;
}

function badImages(input) {
  const images = input.images ?? [];
  if (images.length === 0) return wrong("image", "Missing required parameter: 'image'.", "missing_required_parameter");
  if (images.length > 16)
    return wrong("image", "Invalid 'image': array too long. Expected an array with maximum length 16.", "array_above_max_length");
  const files = images.filter((each) => each.bytes);
  const strange = files.find(({ bytes }) => !kindOf(bytes));
  if (strange || images.some((each) => !each.bytes && !each.image_url && !each.file_id))
    return wrong("image", "Invalid image file or mode for image 1, please check your image file.", "invalid_image_file");
  const mask = input.mask?.bytes;
  if (!mask) return undefined;
  // Colour type 6 and 4 have alpha; the size stands at the same place in every PNG.
  if (kindOf(mask) !== "png" || ![4, 6].includes(mask[25]))
    return wrong("mask", "Invalid mask image format - mask image must be a PNG with an alpha channel.", "invalid_mask_image_format");
  const first = files[0]?.bytes;
  const isOther = first && kindOf(first) === "png" && !first.subarray(16, 24).equals(mask.subarray(16, 24));
  return isOther ? wrong("mask", "Invalid mask image format - mask size does not match image size.", "invalid_image_mask_size") : undefined;
}

function kindOf(bytes) {
  if (bytes.subarray(0, 8).toString("latin1") === "\x89PNG\r\n\x1a\n") return "png";
  if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return "jpeg";
  return bytes.subarray(0, 4).toString() === "RIFF" && bytes.subarray(8, 12).toString() === "WEBP" ? "webp" : undefined;
}

function speak(up, call) {
  const input = call.json;
  if (input === null || typeof input !== "object") return failure(400, "We could not parse the JSON body of your request.");
  const strange = Object.keys(input).find((name) => !SPEECH_FIELDS.includes(name));
  if (strange) return wrong(strange, `Unknown parameter: '${strange}'.`, "unknown_parameter");
  const missing = ["model", "input", "voice"].find((name) => !input[name]);
  if (missing) return wrong(missing, `Missing required parameter: '${missing}'.`, "missing_required_parameter");
  if (!SPEECH_MODELS.includes(input.model)) return noModel(input.model);
  if (input.input.length > 4096)
    return wrong("input", "Invalid 'input': string too long. Expected a string with maximum length 4096.", "string_above_max_length");
  if (!VOICES.includes(input.voice) && !input.voice?.id)
    return wrong("voice", `Invalid value: '${input.voice}'. Supported values are: ${VOICES.map((each) => `'${each}'`).join(", ")}.`);
  const format = input.response_format ?? "mp3";
  // opus, aac and flac exist at the provider; there is no encoder here.
  if (!SPEECH_TYPES[format]) return wrong("response_format", `Invalid value: '${format}'. Supported values are: 'mp3', 'wav', and 'pcm'.`);
  const create = () =>
    begin(up, up.job({ id: `speech_${up.hex(12)}`, endpoint: call.path, input, prompt: input.input }), input.input.length * 15e-6);
  const reply = async (job) => {
    if (!(await job.done)) return FORMS.broken(500);
    const bytes = { mp3, wav, pcm }[format]({ seed: job.id, seconds: spoken(input.input), rate: 24_000, kilobits: 128 });
    return bytesReply(up, job, { type: SPEECH_TYPES[format], bytes, isChunked: true });
  };
  return up.submit(call, { prompt: input.input, create, reply });
}
