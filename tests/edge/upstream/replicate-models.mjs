// What Replicate's models give back: a string, a list or an object, as each model's own output schema has it.
import { countOf } from "./fal-models.mjs";
import { glb, mp4, png, side, svg, wav } from "./media.mjs";

const PNG = { type: "image/png", ext: "png", make: png };
const SVG = { type: "image/svg+xml", ext: "svg", make: svg };
const MP4 = { type: "video/mp4", ext: "mp4", make: mp4 };
const WAV = { type: "audio/wav", ext: "wav", make: wav };
const GLB = { type: "model/gltf-binary", ext: "glb", make: glb };

// The first that fits decides.
const MODELS = [
  [/trellis/, "object", { model_file: GLB, color_video: MP4 }],
  [/hunyuan-?3d/, "object", { mesh: GLB }],
  [/demucs/, "object", { vocals: WAV, drums: WAV, bass: WAV, other: WAV }],
  [/vectorize|-svg/, "string", SVG],
  [/video|kling|veo|hailuo|seedance|wan-|ltx|ray|lip-?sync|pixverse/, "string", MP4],
  [/music|lyria|speech|tts|kokoro|bark|audio|sound|elevenlabs/, "string", WAV],
  [/background|rembg|upscal|esrgan|birefnet/, "string", PNG],
  [/flux-(1\.1-)?pro|flux-fill-pro|flux-2|kontext|recraft|ideogram|nano-banana|imagen/, "string", PNG],
];

// Others need the id of a version.
const COMMUNITY = /^(851-labs|cjwbw|firtoz|jaaari|lucataco|ndreca|nightmareai|zsxkib)\//;

export function isOfficial(model) {
  return !COMMUNITY.test(model);
}

function formOf(model) {
  return MODELS.find(([pattern]) => pattern.test(model))?.slice(1) ?? ["list", PNG];
}

/// Makes the files of a finished prediction; returns its output.
export function produce(up, job) {
  const { input, words: said } = job;
  const [form, what] = formOf(job.model);
  const [width, height] = [side(input.width), side(input.height)];
  const seconds = Number(input.duration ?? input.seconds) || 1;
  const put = ({ type, ext, make }, index, name = `out-${index}`) => {
    const bytes = make({ seed: `${job.id} ${index}`, width, height, seconds, black: Boolean(said.nsfw) });
    return up.url + up.file(job, { name: `${name}.${ext}`, type, bytes });
  };
  if (form === "list") {
    const wanted = input.num_outputs ?? input.number_of_images ?? input.max_images ?? 1;
    return Array.from({ length: countOf(wanted, said) }, (_, index) => put(what, index));
  }
  if (said.none) return null;
  if (form === "string") return said.more ? [put(what, 0), put(what, 1)] : put(what, 0);
  const parts = Object.entries(what).slice(0, said.partial ? -1 : undefined);
  return Object.fromEntries(parts.map(([name, part], index) => [name, put(part, index, name)]));
}
