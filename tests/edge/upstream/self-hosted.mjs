// Servers that people run themselves and that speak OpenAI's language more or less: LocalAI and the server of
// stable-diffusion.cpp. Neither wants a key, nothing costs anything, and their errors have forms of their own.
import { Upstream } from "./server.mjs";
import { base64Reply, begin, bytesReply, form, howMany, spoken } from "./synchronous.mjs";
import { glb, mp4, png, wav } from "./media.mjs";
import { image } from "./samples.mjs";

const LOCALAI_MODELS = [
  "flux.1-dev-ggml",
  "realesrgan-x4plus-anime-6b",
  "trellis2-4b",
  "wan2.1-t2v",
  "ace-step-turbo",
  "voice-en-us-amy-low",
];
const MESH_QUALITIES = [undefined, "", "auto", "coarse", "512", "1024"];
const MESH_BACKGROUNDS = [undefined, "", "auto", "keep", "black", "white"];
const SD_MODEL = "sd-cpp-local";
const SD_EXTRA = /<sd_cpp_extra_args>(.*?)<\/sd_cpp_extra_args>/;

// The code is a number here, and the keys that have no value are left out.
const localError = (status, message) => ({ status, body: { error: { code: status, message, type: "" } } });
const LOCALAI_FORMS = {
  auth: () => localError(401, "An authentication key is required"),
  invalid: () => localError(400, "code=400, message=Bad Request"),
  throttled: () => localError(429, "too many requests"),
  broken: (status) => localError(status, "rpc error: code = Unavailable desc = error reading from server: EOF"),
  notFound: () => localError(404, "Resource not found"),
};

export async function localAI({ port, seed, chaos }) {
  const up = new Upstream({ provider: "localai", seed, chaos, forms: LOCALAI_FORMS });
  const post = (pattern, handler) => up.route("POST", pattern, "submit", handler);
  post(/^(?:\/v1)?\/images\/generations$/, (call) => localImage(up, call, call.json));
  post(/^(?:\/v1)?\/images\/inpainting$/, async (call) => localInpainting(up, call, await form(call)));
  post(/^(?:\/v1)?\/images\/upscale$/, async (call) => localUpscale(up, call, await form(call)));
  post(/^\/3d\/generations$/, (call) => localMesh(up, call));
  post(/^\/video$/, (call) => localVideo(up, call));
  post(/^(?:\/v1\/audio\/speech|\/audio\/speech|\/tts)$/, (call) => localAudio(up, call, "model", "input"));
  post(/^\/v1\/sound-generation$/, (call) => localAudio(up, call, "model_id", "text"));
  up.route("GET", /^(?:\/v1)?\/models$/, "other", () => ({
    body: { object: "list", data: LOCALAI_MODELS.map((id) => ({ id, object: "model" })) },
  }));
  const files = up.routes.find(({ operation }) => operation === "file");
  up.route("GET", /^\/generated-(?:images|videos|3d)\/[^/]+$/, "file", files.handler, { open: true });
  return up.listen(port);
}

function localImage(up, call, input) {
  if (!input?.prompt) return localError(400, "failed reading parameters from request");
  if (input.model && !LOCALAI_MODELS.includes(input.model)) return localError(500, `failed to load model "${input.model}"`);
  const [width, height] = (/^\d+x\d+$/.test(input.size ?? "") ? input.size : "512x512").split("x").map(Number);
  return localFiles(up, call, input, {
    folder: "images",
    suffix: "png",
    type: "image/png",
    many: input.n || 1,
    bytes: (job, at) => png({ seed: `${job.id}-${at}`, width, height, black: job.words.nsfw }),
  });
}

function localInpainting(up, call, input) {
  if (!input?.images?.[0] || !input.mask) return localError(400, "missing image or mask file");
  const { width, height } = sizeOf(input.images[0].bytes);
  return localFiles(up, call, input, {
    folder: "images",
    suffix: "png",
    type: "image/png",
    many: 1,
    bytes: (job) => png({ seed: job.id, width, height }),
  });
}

function localUpscale(up, call, input) {
  const scale = Number(input?.scale);
  if (!input?.images?.[0] || !Number.isInteger(scale) || scale < 1 || scale > 16)
    return localError(400, "scale must be an integer between 1 and 16");
  const { width, height } = sizeOf(input.images[0].bytes);
  const bytes = (job) => png({ seed: job.id, width: width * scale, height: height * scale });
  return localFiles(up, call, { prompt: "", ...input }, { folder: "images", suffix: "png", type: "image/png", many: 1, bytes });
}

function localVideo(up, call) {
  const input = call.json;
  if (!input?.model || !input.prompt) return localError(400, "code=400, message=Bad Request");
  return localFiles(up, call, input, {
    folder: "videos",
    suffix: "mp4",
    type: "video/mp4",
    many: 1,
    bytes: (job) => mp4({ seed: job.id }),
  });
}

/// An image is all that a mesh is made from: the words stand in `params.prompt`, which a real server does not read.
function localMesh(up, call) {
  const input = call.json;
  if (!input?.model) return localError(400, "code=400, message=Bad Request");
  if (!input.image) return localError(400, "code=400, message=image is required: 3D generation is image-conditioned");
  if (!MESH_QUALITIES.includes(input.quality))
    return localError(400, `code=400, message=invalid quality "${input.quality}": must be one of auto, coarse, 512, 1024`);
  if (!MESH_BACKGROUNDS.includes(input.background))
    return localError(400, `code=400, message=invalid background "${input.background}": must be one of auto, keep, black, white`);
  return localFiles(up, call, input, {
    folder: "3d",
    suffix: "glb",
    type: "model/gltf-binary",
    many: 1,
    bytes: (job) => glb({ seed: job.id }),
  });
}

function localFiles(up, call, input, { folder, suffix, type, many, bytes }) {
  const prompt = input.prompt ?? input.params?.prompt ?? "";
  const create = () => begin(up, up.job({ id: `b64${up.hex(5)}`, endpoint: call.path, input, prompt }), 0);
  const reply = async (job) => {
    if (!(await job.done)) return LOCALAI_FORMS.broken(500);
    const made = Array.from({ length: howMany(job, many) }, (_, at) => bytes(job, at));
    const build = (data) => ({ created: Math.floor(Date.now() / 1000), id: crypto.randomUUID(), data });
    if (input.response_format === "b64_json") return base64Reply(up, job, made, (list) => build(list.map((b64_json) => ({ b64_json }))));
    // The server writes absolute addresses from the request's Host; its documentation shows a path alone.
    const origin = job.words.relative ? "" : `http://${call.headers.host}`;
    return {
      body: build(
        made.map((each, at) => ({ url: origin + keep(up, job, `/generated-${folder}/${job.id}${at || ""}.${suffix}`, type, each) })),
      ),
    };
  };
  return up.submit(call, { prompt, create, reply });
}

function keep(up, job, path, type, bytes) {
  up.files.set(path, { job, type, bytes });
  job.outputs.push(path);
  return path;
}

function localAudio(up, call, modelField, textField) {
  const input = call.json;
  if (!input?.[modelField] || !input[textField]) return localError(400, "code=400, message=Bad Request");
  const prompt = input[textField];
  const create = () => begin(up, up.job({ id: `audio_${up.hex(5)}`, endpoint: call.path, input, prompt }), 0);
  const reply = async (job) => {
    if (!(await job.done)) return LOCALAI_FORMS.broken(500);
    return bytesReply(up, job, {
      type: "audio/wav",
      bytes: wav({ seed: job.id, seconds: Math.min(5, input.duration_seconds ?? spoken(prompt)), rate: 22_050 }),
    });
  };
  return up.submit(call, { prompt, create, reply });
}

const sizeOf = (bytes) =>
  bytes.subarray(1, 4).toString() === "PNG"
    ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
    : { width: 512, height: 512 };

const sdError = (status, error) => ({ status, body: { error } });
const SD_FORMS = {
  auth: () => ({ status: 401, body: "Unauthorized", headers: { "content-type": "text/plain" } }),
  invalid: () => sdError(400, "invalid params"),
  throttled: () => sdError(429, "too many requests"),
  broken: (status) =>
    status === 500
      ? sdError(500, "generate_image returned no results")
      : { status, body: { error: "server_error", message: "out of memory" } },
  notFound: () => ({ status: 404, body: "" }),
};

/// What stands between <sd_cpp_extra_args> in a prompt is taken out of it and obeyed: `job.extra`.
export async function sdServer({ port, seed, chaos }) {
  const up = new Upstream({ provider: "sd-server", seed, chaos, forms: SD_FORMS });
  up.route("POST", /^\/v1\/images\/generations$/, "submit", (call) => sdImage(up, call, call.json, ["png", "jpeg", "webp"]));
  up.route("POST", /^\/v1\/images\/edits$/, "submit", async (call) => sdEdit(up, call));
  up.route("GET", /^\/v1\/models$/, "other", () => ({ body: { data: [{ id: SD_MODEL, object: "model", owned_by: "local" }] } }));
  return up.listen(port);
}

async function sdEdit(up, call) {
  if (!call.headers["content-type"]?.startsWith("multipart/form-data")) return sdError(400, "Content-Type must be multipart/form-data");
  const input = await form(call);
  if (!input?.prompt) return sdError(400, "prompt required");
  if (!input.images?.length) return sdError(400, "at least one image[] required");
  return sdImage(up, call, input, ["png", "jpeg"], sizeOf(input.images[0].bytes));
}

function sdImage(up, call, input, formats, natural = { width: 512, height: 512 }) {
  if (!input) return { status: 500, body: { error: "server_error", message: "parse error" } };
  if (!input.prompt) return sdError(400, "prompt required");
  const format = input.output_format ?? "png";
  if (!formats.includes(format)) return sdError(400, `invalid output_format, must be one of [${formats.join(", ")}]`);
  const [, width = natural.width, height = natural.height] = (/^(\d+)x(\d+)/.exec(input.size ?? "") ?? []).map(Number);
  const [, extra] = SD_EXTRA.exec(input.prompt) ?? [];
  if (extra !== undefined && !isJson(extra)) return sdError(400, "invalid sd_cpp_extra_args");
  const create = () =>
    begin(
      up,
      up.job({
        id: `sd_${up.hex(6)}`,
        endpoint: call.path,
        input,
        prompt: input.prompt.replace(SD_EXTRA, ""),
        extra: extra && JSON.parse(extra),
      }),
      0,
    );
  const reply = async (job) => {
    if (!(await job.done)) return SD_FORMS.broken(500);
    const files = Array.from({ length: howMany(job, Math.max(1, input.n ?? 1)) }, (_, at) =>
      image(format, `${job.id}-${at}`, { width, height, black: job.words.nsfw }),
    );
    return base64Reply(up, job, files, (list) => ({
      created: Math.floor(Date.now() / 1000),
      data: list.map((b64_json) => ({ b64_json })),
      output_format: format,
    }));
  };
  return up.submit(call, { prompt: input.prompt, create, reply });
}

function isJson(text) {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}
