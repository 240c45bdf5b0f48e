// ElevenLabs: speech, sound effects and music, each answered with the bytes of the file. `job.charged` is in credits, as
// the header character-cost says.
import { Upstream } from "./server.mjs";
import { begin, bytesReply, spoken } from "./synchronous.mjs";
import { wav } from "./media.mjs";
import { mp3, pcm } from "./samples.mjs";

const RATES = [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const MP3 = ["22050_32", "24000_48", "44100_32", "44100_64", "44100_96", "44100_128", "44100_192"];
const MUSIC_MP3 = ["48000_128", "48000_192", "48000_240", "48000_320"];
// These exist at the provider; there is no encoder of them here.
const UNKNOWN = /^(?:opus|ulaw|alaw)_/;
const FORMATS = [...MP3.map((each) => `mp3_${each}`), ...RATES.map((each) => `pcm_${each}`)];
const SPEECH_FORMATS = [...FORMATS, ...RATES.map((each) => `wav_${each}`)];
const MUSIC_FORMATS = ["auto", ...FORMATS, ...MUSIC_MP3.map((each) => `mp3_${each}`)];
const SPEECH_MODELS = ["eleven_multilingual_v2", "eleven_v3", "eleven_v4", "eleven_v4_turbo", "eleven_flash_v2_5", "eleven_turbo_v2_5"];
const HALF_PRICE = /flash|turbo/;
const SFX_CREDITS = 200;
const SFX_CREDITS_PER_SECOND = 40;
const MUSIC_CREDITS_PER_SECOND = 15;
const LIMIT = 100_000;
const VOICES = [
  { voice_id: "21m00Tcm4TlvDq8ikWAM", name: "Rachel" },
  { voice_id: "JBFqnCBsd6RMkjVDRZzb", name: "George" },
];

const detail = (status, code, message, headers) => ({ status, body: { detail: { status: code, message } }, headers });
const unprocessable = (...problems) => ({ status: 422, body: { detail: problems } });
const problem = (loc, msg, type, input) => ({ type, loc: ["body", loc], msg, input });

const FORMS = {
  auth: () => detail(401, "invalid_api_key", "Invalid API key"),
  // Not 402 and not 429: the help centre lists it under 401.
  quota: () =>
    detail(
      401,
      "quota_exceeded",
      "This request exceeds your quota of 100000. You have 3 credits remaining, while 60 credits are required for this request.",
    ),
  invalid: () => unprocessable(problem("text", "Value error, text is not valid", "value_error", "up:invalid")),
  moderated: () =>
    detail(403, "content_against_policy", "The text you are trying to use may violate our Terms of Service and has been blocked."),
  throttled: () =>
    detail(
      429,
      "too_many_concurrent_requests",
      "Too many concurrent requests. Your current subscription is associated with a maximum of 2 concurrent requests (running in parallel).",
      {
        "current-concurrent-requests": "2",
        "maximum-concurrent-requests": "2",
      },
    ),
  broken: (status) =>
    status === 503
      ? { status, body: "Service Unavailable", headers: { "content-type": "text/plain" } }
      : detail(500, "internal_server_error", "Something went wrong, please try again."),
  notFound: () => ({ status: 404, body: { detail: "Not Found" } }),
};

export async function startElevenLabs({ port, seed, chaos } = {}) {
  const up = new Upstream({ provider: "elevenlabs", seed, chaos, credential: (request) => request.headers["xi-api-key"], forms: FORMS });
  const post = (pattern, handler) => up.route("POST", pattern, "submit", handler);
  post(/^\/v1\/text-to-speech\/([^/]+)(?:\/stream)?$/, (call) => speech(up, call));
  post(/^\/v1\/sound-generation$/, (call) => sound(up, call));
  post(/^\/v1\/music(?:\/stream)?$/, (call) => music(up, call));
  up.route("GET", /^\/v1\/voices$/, "voices", () => ({ body: { voices: VOICES.map(voice) } }));
  up.route("GET", /^\/v2\/voices$/, "voices", ({ query }) => voicesPage(query));
  up.route("GET", /^\/v1\/user\/subscription$/, "pricing", () => ({ body: subscription(up) }));
  up.route("GET", /^\/v1\/history$/, "list", ({ query }) => history(up, query));
  up.route("GET", /^\/v1\/history\/([^/]+)$/, "list", (call) => withItem(up, call, (job) => ({ body: historyItem(job) })));
  up.route("GET", /^\/v1\/history\/([^/]+)\/audio$/, "file", (call) =>
    withItem(up, call, ({ sound: { bytes, type } }) => ({ body: bytes, headers: { "content-type": type } })),
  );
  await up.listen(port);
  up.server.prependListener("request", (_, response) => response.setHeader("request-id", up.hex(10)));
  return up;
}

const voice = (each) => ({
  ...each,
  category: "premade",
  labels: { accent: "american" },
  available_for_tiers: [],
  high_quality_base_model_ids: SPEECH_MODELS.slice(0, 2),
});

function voicesPage(query) {
  const start = Number(query.get("next_page_token") ?? 0);
  const size = Number(query.get("page_size") ?? 10);
  const has_more = start + size < VOICES.length;
  return {
    body: {
      voices: VOICES.slice(start, start + size).map(voice),
      has_more,
      total_count: VOICES.length,
      next_page_token: has_more ? String(start + size) : null,
    },
  };
}

const used = (up) => up.jobs.reduce((total, job) => total + job.charged, 0);

function subscription(up) {
  const none = {
    max_character_limit_extension: null,
    max_credit_limit_extension: 0,
    can_extend_character_limit: false,
    allowed_to_extend_character_limit: false,
  };
  const voices = {
    voice_slots_used: 0,
    professional_voice_slots_used: 0,
    professional_voice_slots_used_in_workspace: 0,
    voice_limit: 30,
    voice_add_edit_counter: 0,
    professional_voice_limit: 1,
  };
  const may = { can_extend_voice_limit: false, can_use_instant_voice_cloning: true, can_use_professional_voice_cloning: true };
  const money = {
    current_overage: { amount: "0", currency: "usd" },
    status: "active",
    open_invoices: [],
    has_open_invoices: false,
    currency: "usd",
  };
  return {
    tier: "creator",
    character_count: used(up),
    character_limit: LIMIT,
    next_character_count_reset_unix: 1_800_000_000,
    ...none,
    ...voices,
    ...may,
    ...money,
  };
}

function formatOf(call, allowed, first) {
  const format = call.query.get("output_format") ?? first;
  if (allowed.includes(format)) return { format };
  const message = UNKNOWN.test(format) ? `${format} is not made here` : `Input should be ${allowed.map((each) => `'${each}'`).join(", ")}`;
  return { refusal: unprocessable({ type: "enum", loc: ["query", "output_format"], msg: message, input: format }) };
}

function textProblem(input) {
  if (input === undefined) return unprocessable({ type: "json_invalid", loc: ["body", 0], msg: "JSON decode error", input: {} });
  if (input.text === undefined) return unprocessable(problem("text", "Field required", "missing", input));
  return typeof input.text === "string"
    ? undefined
    : unprocessable(problem("text", "Input should be a valid string", "string_type", input.text));
}

function speech(up, call) {
  const input = call.json;
  const { format, refusal = textProblem(input) } = formatOf(call, SPEECH_FORMATS, "mp3_44100_128");
  if (refusal) return refusal;
  const [voice_id] = call.params;
  if (!VOICES.some((each) => each.voice_id === voice_id))
    return detail(404, "voice_not_found", `A voice with the voice_id ${voice_id} was not found.`);
  const model_id = input.model_id ?? SPEECH_MODELS[0];
  if (!SPEECH_MODELS.includes(model_id)) return detail(400, "model_not_found", `A model with model_id ${model_id} does not exist.`);
  if (input.text.length > 40_000)
    return detail(
      400,
      "max_character_limit_exceeded",
      `This request's text has ${input.text.length} characters and exceeds the character limit of 40000 characters.`,
    );
  const credits = Math.ceil(input.text.length * (HALF_PRICE.test(model_id) ? 0.5 : 1));
  return answer(up, call, { text: input.text, credits, format, seconds: spoken(input.text), more: { voice_id, model_id } });
}

function sound(up, call) {
  const input = call.json;
  const { format, refusal = textProblem(input) } = formatOf(call, FORMATS, "mp3_44100_128");
  if (refusal) return refusal;
  const seconds = input.duration_seconds ?? undefined;
  const isWrong = seconds !== undefined && !(seconds >= 0.5 && seconds <= 30);
  if (isWrong) return detail(400, "invalid_generation_settings", "Duration must be between 0.5 and 30 seconds.");
  const credits = Math.ceil(seconds === undefined ? SFX_CREDITS : seconds * SFX_CREDITS_PER_SECOND);
  return answer(up, call, { text: input.text, credits, format, seconds: seconds ?? 1, more: {} });
}

function music(up, call) {
  const input = call.json;
  const { format, refusal } = formatOf(call, MUSIC_FORMATS, "auto");
  if (refusal) return refusal;
  if (input === undefined) return textProblem(input);
  const { prompt, composition_plan: plan, music_length_ms: millis } = input;
  if (!prompt === !plan) return detail(400, "invalid_generation_settings", "Exactly one of prompt and composition_plan must be given.");
  if (prompt?.length > 4100)
    return unprocessable(problem("prompt", "String should have at most 4100 characters", "string_too_long", prompt));
  const isWrong = (millis ?? undefined) !== undefined && !(Number.isInteger(millis) && millis >= 3000 && millis <= 600_000);
  if (isWrong)
    return unprocessable(
      problem("music_length_ms", "Input should be from 3000 to 600000", millis < 3000 ? "greater_than_equal" : "less_than_equal", millis),
    );
  const seconds = (millis ?? 10_000) / 1000;
  const text = prompt ?? plan.positive_global_styles?.join(" ") ?? "";
  const credits = Math.ceil(seconds * MUSIC_CREDITS_PER_SECOND);
  return answer(up, call, { text, credits, format: format === "auto" ? "mp3_44100_128" : format, seconds, more: { song: up.hex(10) } });
}

function answer(up, call, { text, credits, format, seconds, more }) {
  const create = () => {
    const job = up.job({ id: up.hex(10), endpoint: call.path, input: call.json, prompt: text });
    const before = used(up);
    begin(up, job, credits * (job.words.expensive ? 10 : 1));
    Object.defineProperty(job, "sound", { value: { ...encoded(format, job.id, seconds), format, before, requestId: up.hex(10), ...more } });
    return job;
  };
  const reply = async (job) => {
    if (!(await job.done)) return FORMS.broken(500);
    const headers = { "character-cost": String(job.charged), "request-id": job.sound.requestId };
    if (job.sound.song) headers["song-id"] = job.sound.song;
    return bytesReply(up, job, { ...job.sound, headers, isChunked: true });
  };
  return up.submit(call, { prompt: text, create, reply });
}

function encoded(format, seed, seconds) {
  const [kind, rate, kilobits] = format.split("_");
  const options = { seed, rate: Number(rate), kilobits: Number(kilobits), seconds: Math.min(seconds, 30) };
  if (kind === "pcm") return { type: "audio/pcm", bytes: pcm(options) };
  return kind === "wav" ? { type: "audio/wav", bytes: wav(options) } : { type: "audio/mpeg", bytes: mp3(options) };
}

/// Only what was spoken: sound effects and music are kept elsewhere.
function history(up, query) {
  const size = Number(query.get("page_size") ?? 100);
  if (!(size >= 1 && size <= 1000))
    return unprocessable({
      type: "less_than_equal",
      loc: ["query", "page_size"],
      msg: "Input should be less than or equal to 1000",
      input: String(size),
    });
  const spokenJobs = up.jobs.filter((job) => job.sound?.voice_id && job.state !== "failed").reverse();
  const after = query.get("start_after_history_item_id");
  const wanted = { voice_id: query.get("voice_id"), model_id: query.get("model_id") };
  const start = after ? spokenJobs.findIndex((job) => job.id === after) + 1 : 0;
  const fits = (job) => Object.entries(wanted).every(([name, value]) => value === null || job.sound[name] === value);
  const left = spokenJobs.slice(start).filter((job) => fits(job) && job.prompt.includes(query.get("search") ?? ""));
  const page = left.slice(0, size);
  return {
    body: {
      history: page.map(historyItem),
      last_history_item_id: page.at(-1)?.id ?? null,
      has_more: left.length > size,
      scanned_until: null,
    },
  };
}

const historyItem = (job) => ({
  history_item_id: job.id,
  request_id: job.sound.requestId,
  voice_id: job.sound.voice_id,
  model_id: job.sound.model_id,
  voice_name: VOICES.find((each) => each.voice_id === job.sound.voice_id).name,
  voice_category: "premade",
  text: job.prompt,
  date_unix: Math.floor(job.createdAt / 1000),
  character_count_change_from: job.sound.before,
  character_count_change_to: job.sound.before + job.charged,
  content_type: job.sound.type,
  state: job.state === "succeeded" ? "created" : "processing",
  settings: null,
  source: "TTS",
  output_format: job.sound.format,
});

function withItem(up, call, reply) {
  const job = up.jobs.find((each) => each.id === call.params[0] && each.sound?.voice_id);
  if (!job) return detail(400, "history_item_not_found", "A history item with that id was not found.");
  call.record.jobId = job.id;
  return reply(job);
}
