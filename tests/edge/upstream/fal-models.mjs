// What fal's endpoints give back and cost: the fields of each output are those of the endpoint's type in @fal-ai/client.
import { glb, mp4, png, side, svg, wav } from "./media.mjs";

const SIZES = {
  square_hd: [1024, 1024],
  square: [512, 512],
  portrait_4_3: [768, 1024],
  portrait_16_9: [576, 1024],
  landscape_4_3: [1024, 768],
  landscape_16_9: [1024, 576],
};
const MEGAPIXEL = 2 ** 20;

// The longest beginning decides. US dollars; list prices that only need to be consistent here.
const PRICES = [
  ["", 0.05, "units"],
  ["fal-ai/flux/", 0.003, "megapixels"],
  ["fal-ai/flux/dev", 0.025, "megapixels"],
  ["fal-ai/flux-2-pro", 0.03, "megapixels"],
  ["fal-ai/flux-pro/v1/fill", 0.05, "megapixels"],
  ["fal-ai/flux-pro/kontext", 0.04, "images"],
  ["fal-ai/nano-banana-2", 0.08, "images"],
  ["fal-ai/nano-banana-pro", 0.15, "images"],
  ["fal-ai/bytedance/seedream", 0.04, "images"],
  ["fal-ai/ideogram/v3", 0.06, "images"],
  ["fal-ai/recraft/v4/text-to-vector", 0.08, "images"],
  ["fal-ai/recraft/vectorize", 0.01, "images"],
  ["fal-ai/recraft/upscale", 0.004, "images"],
  ["fal-ai/clarity-upscaler", 0.03, "megapixels"],
  ["fal-ai/birefnet", 0.00111, "compute seconds"],
  ["fal-ai/bria/background/remove", 0.018, "images"],
  ["fal-ai/veo3.1", 0.1, "seconds"],
  ["fal-ai/kling-video", 0.112, "seconds"],
  ["minimax/h3-max", 0.08, "seconds"],
  ["fal-ai/sync-lipsync", 0.05, "seconds"],
  ["fal-ai/latentsync", 0.005, "seconds"],
  ["veed/fabric-1.0", 0.08, "seconds"],
  ["fal-ai/topaz/upscale/video", 0.02, "seconds"],
  ["fal-ai/trellis", 0.02, "models"],
  ["fal-ai/trellis-2", 0.3, "models"],
  ["fal-ai/hunyuan3d/v2", 0.16, "models"],
  ["fal-ai/elevenlabs/tts", 0.1, "1000 characters"],
  ["fal-ai/kokoro", 0.02, "1000 characters"],
  ["fal-ai/elevenlabs/sound-effects", 0.002, "seconds"],
  ["fal-ai/elevenlabs/music", 0.8, "minutes"],
  ["fal-ai/ace-step", 0.0002, "seconds"],
  ["fal-ai/stable-audio-25", 0.2, "audios"],
];

export function priceOf(endpoint) {
  const [, unit_price, unit] = PRICES.filter(([start]) => endpoint.startsWith(start)).reduce((best, row) => (row[0].length >= best[0].length ? row : best));
  return { endpoint_id: endpoint, unit_price, unit, currency: "USD" };
}

const SHAPES = [
  [/text-to-vector/, "vectors"],
  [/vectorize/, "vector"],
  [/3d|trellis|tripo|rodin|meshy/, "model"],
  [/video|veo|lipsync|latentsync|fabric|seedance|h3-max|\bwan\b|\bltx\b/, "video"],
  [/(^|\/)stable-audio$|music-generator$|sound-effects-generator$|deepfilternet/, "audio_file"],
  [/tts|kokoro|music|sound|audio|lyria|ace-step|speech|voice/, "audio"],
  [/upscal|seedvr|birefnet|background|rembg|esrgan/, "image"],
];

export function shapeOf(endpoint) {
  return SHAPES.find(([pattern]) => pattern.test(endpoint))?.[1] ?? "images";
}

function sizeOf({ image_size, width, height, aspect_ratio }) {
  if (SIZES[image_size]) return SIZES[image_size];
  if (image_size?.width) return [side(image_size.width), side(image_size.height)];
  if (width && height) return [side(width), side(height)];
  const [across, up] = /^(\d+):(\d+)$/.exec(aspect_ratio ?? "")?.slice(1).map(Number) ?? [1, 1];
  const longer = Math.max(across, up);
  return [Math.round((64 * across) / longer), Math.round((64 * up) / longer)];
}

function secondsOf({ duration, duration_seconds, seconds_total, music_length_ms }) {
  if (music_length_ms) return music_length_ms / 1000;
  return Number.parseFloat(duration ?? duration_seconds ?? seconds_total ?? 5) || 5;
}

/// How many outputs the scenario words leave of those asked for.
export function countOf(wanted, said) {
  if (said.none) return 0;
  return Math.max(0, wanted + (said.more ? 1 : 0) - (said.partial ? 1 : 0));
}

const MAKERS = {
  images: { type: "image/png", ext: "png", make: png },
  image: { type: "image/png", ext: "png", make: png },
  vectors: { type: "image/svg+xml", ext: "svg", make: svg },
  vector: { type: "image/svg+xml", ext: "svg", make: svg },
  video: { type: "video/mp4", ext: "mp4", make: mp4 },
  model: { type: "model/gltf-binary", ext: "glb", make: glb },
  audio: { type: "audio/wav", ext: "wav", make: wav },
  audio_file: { type: "audio/wav", ext: "wav", make: wav },
};

/// Makes the files of a finished job; returns its output and its billable units.
export function produce(up, job) {
  const { input, endpoint, words: said } = job;
  const shape = shapeOf(endpoint);
  const { type, ext, make } = MAKERS[shape];
  const [width, height] = sizeOf(input);
  const seconds = secondsOf(input);
  const files = Array.from({ length: countOf(input.num_images ?? 1, said) }, (_, index) => {
    const bytes = make({ seed: `${job.id} ${index}`, width, height, seconds, black: Boolean(said.nsfw) });
    const name = `${index}.${ext}`;
    const path = up.file(job, { name, type, bytes });
    const url = input.sync_mode === true ? `data:${type};base64,${bytes.toString("base64")}` : up.url + path;
    const sized = ext === "png" ? { width, height } : {};
    return { url, content_type: type, file_name: name, file_size: bytes.length, ...sized };
  });
  const seed = input.seed ?? Math.floor(up.random() * 2 ** 63);
  const units = unitsOf(priceOf(endpoint).unit, { job, files, seconds, pixels: width * height });
  return { output: outputOf({ shape, endpoint, files, input, seed, said }), units: units * (said.expensive ? 10 : 1) };
}

function unitsOf(unit, { job, files, seconds, pixels }) {
  if (unit === "megapixels") return files.length * Math.ceil(pixels / MEGAPIXEL);
  if (unit === "seconds") return seconds;
  if (unit === "minutes") return seconds / 60;
  if (unit === "compute seconds") return 0.15;
  if (unit === "1000 characters") return String(job.prompt).length / 1000;
  return files.length;
}

function outputOf({ shape, endpoint, files, input, seed, said }) {
  const timings = { inference: 0.12 };
  const prompt = input.prompt ?? "";
  if (shape === "vectors") return { images: files };
  if (shape === "images" && endpoint.includes("nano-banana")) return { images: files, description: "" };
  if (shape === "images" && /\/flux(-pro)?\//.test(endpoint)) {
    return { images: files, timings, seed, has_nsfw_concepts: files.map(() => Boolean(said.nsfw)), prompt };
  }
  if (shape === "images") return { images: files, seed };
  const [file] = files;
  if (shape === "vector") return present({ image: file });
  if (shape === "model") return modelOutput({ endpoint, file, seed, prompt, timings });
  if (endpoint.includes("ace-step")) return present({ audio: file, seed, tags: input.tags ?? prompt, lyrics: input.lyrics ?? "" });
  const isSeeded = /clarity-upscaler|seedvr|stable-audio-25/.test(endpoint);
  return present({ [shape]: file, ...(isSeeded && { seed }), ...(endpoint.includes("clarity-upscaler") && { timings }) });
}

function modelOutput({ endpoint, file, seed, prompt, timings }) {
  if (endpoint.startsWith("tripo3d/")) return present({ model_mesh: file, task_id: "a-task" });
  if (endpoint.endsWith("/trellis")) return present({ model_mesh: file, timings });
  if (/hunyuan3d\/v2|rodin/.test(endpoint)) return present({ model_mesh: file, seed });
  if (endpoint.includes("trellis-2")) return present({ model_glb: file });
  const isMeshy = endpoint.includes("meshy");
  return present({ model_glb: file, model_urls: present({ glb: file }), seed, ...(isMeshy && { prompt }) });
}

// A model that made nothing leaves the field out.
function present(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
