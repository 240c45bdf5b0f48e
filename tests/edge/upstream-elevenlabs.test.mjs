// The fake ElevenLabs against its own SDK, and against facts of its OpenAPI description (3.1.0, api.elevenlabs.io/openapi.json
// of 2026-08-22): required fields, types, ranges, output formats and the headers it declares. It has no schema of the
// errors but the list of a 422; those follow the help centre (API error code 400 or 401).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ElevenLabs, ElevenLabsClient, ElevenLabsError } from "@elevenlabs/elevenlabs-js";
import Ajv from "ajv/dist/2020.js";
import { startElevenLabs } from "./upstream/elevenlabs.mjs";

const VOICE = "JBFqnCBsd6RMkjVDRZzb";
const text = { type: "string" };
const count = { type: "integer" };
const flag = { type: "boolean" };
const orNull = (schema) => ({ anyOf: [schema, { type: "null" }] });
const every = (schema, ...names) => Object.fromEntries(names.map((name) => [name, schema]));
const all = (properties, optional = {}) => ({
  type: "object",
  required: Object.keys(properties),
  properties: { ...properties, ...optional },
});
const list = (items) => ({ type: "array", items });

const VOICE_MODEL = all({
  ...every(text, "voice_id", "name"),
  category: { enum: ["generated", "cloned", "premade", "professional", "famous", "high_quality"] },
  labels: { type: "object" },
  available_for_tiers: list(text),
  high_quality_base_model_ids: list(text),
});
const SCHEMAS = {
  unprocessable: all({ detail: list(all({ loc: list({ anyOf: [text, count] }), msg: text, type: text })) }),
  voices: all({ voices: list(VOICE_MODEL) }),
  voicesPage: all({ voices: list(VOICE_MODEL), has_more: flag, total_count: count }, { next_page_token: orNull(text) }),
  subscription: all({
    tier: text,
    ...every(
      count,
      "character_count",
      "character_limit",
      "voice_slots_used",
      "professional_voice_slots_used",
      "professional_voice_slots_used_in_workspace",
      "voice_limit",
      "voice_add_edit_counter",
      "professional_voice_limit",
    ),
    ...every(
      flag,
      "can_extend_character_limit",
      "allowed_to_extend_character_limit",
      "can_extend_voice_limit",
      "can_use_instant_voice_cloning",
      "can_use_professional_voice_cloning",
      "has_open_invoices",
    ),
    max_character_limit_extension: orNull(count),
    max_credit_limit_extension: { anyOf: [count, { const: "unlimited" }] },
    current_overage: all(every(text, "amount", "currency")),
    status: { enum: ["trialing", "active", "incomplete", "past_due", "free", "free_disabled"] },
    open_invoices: list({ type: "object" }),
  }),
  history: all(
    {
      history: list(
        all(
          {
            history_item_id: text,
            ...every(count, "date_unix", "character_count_change_from", "character_count_change_to"),
            content_type: text,
            state: { enum: ["created", "deleted", "processing"] },
          },
          {
            ...every(orNull(text), "request_id", "voice_id", "model_id", "voice_name", "text", "output_format"),
            voice_category: orNull({ enum: ["premade", "cloned", "generated", "professional"] }),
            source: orNull({ enum: ["TTS", "STS", "Projects", "Flows"] }),
            settings: orNull({ type: "object" }),
          },
        ),
      ),
      has_more: flag,
    },
    { last_history_item_id: orNull(text), scanned_until: orNull(count) },
  ),
  music: {
    type: "object",
    properties: {
      prompt: orNull({ type: "string", maxLength: 4100 }),
      music_length_ms: orNull({ type: "integer", minimum: 3000, maximum: 600_000 }),
    },
  },
};
const ajv = new Ajv({ strict: true, strictRequired: true, allErrors: true });
const compiled = Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, ajv.compile(schema)]));
const fits = (name, value) => assert.ok(compiled[name](value), `${name}: ${ajv.errorsText(compiled[name].errors)}`);
const misfits = (name, value) => assert.equal(compiled[name](value), false, `${name} takes ${JSON.stringify(value)}`);

let fake;
before(async () => (fake = await startElevenLabs({ seed: 1 })));
after(() => fake.stop());

// The SDK's timer goes on after a request that failed, and the process with it.
const TIMEOUT = { timeoutInSeconds: 5 };
const client = (options = {}) => new ElevenLabsClient({ apiKey: fake.key, baseUrl: fake.url, maxRetries: 0, ...TIMEOUT, ...options });
const say = (words, more = {}, options = {}) =>
  client(options)
    .textToSpeech.convert(VOICE, { text: words, modelId: "eleven_v3", ...more })
    .withRawResponse();
const get = async (path) => (await fetch(fake.url + path, { headers: { "xi-api-key": fake.key } })).json();
const post = (path, body) =>
  fetch(fake.url + path, {
    method: "POST",
    headers: { "xi-api-key": fake.key, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const jobs = (prompt) => fake.jobs.filter((job) => job.prompt === prompt);

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function refused(work, type, status, code) {
  const error = await Promise.resolve(work).then(
    () => assert.fail("it was not refused"),
    (thrown) => thrown,
  );
  assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
  assert.equal(error.statusCode, status);
  if (code) assert.equal(error.body.detail.status, code);
  return error;
}

test("the schemas refuse what they must", () => {
  misfits("unprocessable", { detail: { status: "x", message: "y" } });
  misfits("voices", { voices: [{ voice_id: "x" }] });
  misfits("voicesPage", { voices: [] });
  misfits("subscription", { tier: "free" });
  misfits("history", { history: [{ history_item_id: "x" }], has_more: false });
  misfits("music", { prompt: "x", music_length_ms: 2999 });
});

test("speech as a stream, with what it cost", async () => {
  const { data, rawResponse } = await say("Good morning");
  const bytes = await collect(data);
  assert.equal(bytes.toString("latin1", 0, 3), "ID3");
  assert.deepEqual([rawResponse.headers.get("character-cost"), rawResponse.headers.get("content-type")], ["12", "audio/mpeg"]);
  assert.match(rawResponse.headers.get("request-id"), /^[0-9a-f]+$/);
  const [job] = jobs("Good morning");
  assert.deepEqual([job.state, job.charged, job.endpoint], ["succeeded", 12, `/v1/text-to-speech/${VOICE}`]);
  const cheap = await say("Good morning", { modelId: "eleven_flash_v2_5" });
  assert.equal(cheap.rawResponse.headers.get("character-cost"), "6");
  await collect(cheap.data);
  const dear = await say("Good morning up:expensive");
  assert.equal(dear.rawResponse.headers.get("character-cost"), "250");
  assert.notDeepEqual(await collect(dear.data), bytes);
});

test("the file is what output_format says", async () => {
  const wave = await collect((await say("wave", { outputFormat: "wav_16000" })).data);
  assert.deepEqual([wave.toString("latin1", 0, 4), wave.readUInt32LE(24), wave.readUInt32LE(40)], ["RIFF", 16_000, wave.length - 44]);
  const samples = (await say("bare", { outputFormat: "pcm_16000" })).data;
  assert.equal((await collect(samples)).length % 2, 0);
  // MPEG 1 at 44.1 kHz and MPEG 2 at 22.05 kHz: each frame begins where the one before ends.
  for (const [outputFormat, head, length] of [
    ["mp3_44100_128", "fffb90c0", 417],
    ["mp3_22050_32", "fff340c0", 104],
  ]) {
    const bytes = await collect((await say("frames", { outputFormat })).data);
    const start = 10 + bytes[9] + 128 * bytes[8];
    for (let at = start; at < bytes.length; at += length) assert.equal(bytes.toString("hex", at, at + 4), head);
    assert.equal((bytes.length - start) % length, 0);
  }
  const strange = await post(`/v1/text-to-speech/${VOICE}?output_format=mp3_1`, { text: "x" });
  assert.equal(strange.status, 422);
  fits("unprocessable", await strange.json());
});

test("sound effects and music", async () => {
  const effect = await client().textToSoundEffects.convert({ text: "rain", durationSeconds: 2 }).withRawResponse();
  assert.equal((await collect(effect.data)).toString("latin1", 0, 3), "ID3");
  assert.deepEqual([effect.rawResponse.headers.get("character-cost"), jobs("rain")[0].input.duration_seconds], ["80", 2]);
  await refused(
    client().textToSoundEffects.convert({ text: "rain", durationSeconds: 31 }),
    ElevenLabsError,
    400,
    "invalid_generation_settings",
  );
  const song = await client().music.compose({ prompt: "a waltz", musicLengthMs: 3000, modelId: "music_v1" }).withRawResponse();
  assert.equal((await collect(song.data)).toString("latin1", 0, 3), "ID3");
  assert.match(song.rawResponse.headers.get("song-id"), /^[0-9a-f]+$/);
  assert.equal(jobs("a waltz")[0].charged, 45);
  for (const [musicLengthMs, isFine] of [
    [2999, false],
    [600_001, false],
    [3001, true],
  ]) {
    (isFine ? fits : misfits)("music", { prompt: "x", music_length_ms: musicLengthMs });
    const work = client().music.compose({ prompt: "up:slow=0", musicLengthMs });
    if (isFine) await collect(await work);
    else fits("unprocessable", (await refused(work, ElevenLabs.UnprocessableEntityError, 422)).body);
  }
  await refused(client().music.compose({}), ElevenLabsError, 400);
});

test("each refusal is the SDK's own error", async () => {
  await refused(say("x", {}, { apiKey: "wrong" }), ElevenLabsError, 401, "invalid_api_key");
  assert.equal(fake.calls.at(-1).key, false);
  await refused(client().textToSpeech.convert("nobody", { text: "x" }), ElevenLabsError, 404, "voice_not_found");
  await refused(say("x", { modelId: "eleven_v1" }), ElevenLabsError, 400, "model_not_found");
  await refused(say("up:auth"), ElevenLabsError, 401, "invalid_api_key");
  await refused(say("up:quota"), ElevenLabsError, 401, "quota_exceeded");
  fits("unprocessable", (await refused(say("up:invalid"), ElevenLabs.UnprocessableEntityError, 422)).body);
  await refused(say("up:moderated"), ElevenLabsError, 403, "content_against_policy");
  const limited = await refused(say("up:429=1"), ElevenLabsError, 429, "too_many_concurrent_requests");
  assert.deepEqual(
    [limited.rawResponse.headers.get("retry-after"), limited.rawResponse.headers.get("maximum-concurrent-requests")],
    ["1", "2"],
  );
  await refused(say("up:500=1"), ElevenLabsError, 500);
  await refused(say("up:503=1"), ElevenLabsError, 503);
  await refused(say("up:reset=1"), ElevenLabsError, undefined);
  assert.equal(fake.jobs.filter(({ prompt }) => prompt.startsWith("up:") && prompt !== "up:slow=0").length, 0);
  await refused(say("up:fail"), ElevenLabsError, 500);
  assert.equal(jobs("up:fail")[0].charged, 0);
  fits("unprocessable", await (await post("/v1/sound-generation", {})).json());
});

test("retries are honoured, or left alone", async () => {
  const start = Date.now();
  await collect((await say("patient up:429=2", {}, { maxRetries: 2 })).data);
  assert.ok(Date.now() - start >= 2000);
  assert.equal(jobs("patient up:429=2").length, 1);
  assert.equal(fake.calls.filter(({ jobId }) => jobId === jobs("patient up:429=2")[0].id).length, 1);
  await refused(say("patient up:503=1"), ElevenLabsError, 503);
  await collect((await say("patient up:503=1")).data);
});

test("a lost answer has cost credits, and stands in the history", async () => {
  for (const word of ["lost-submit", "500-created"]) {
    await refused(say(`ambiguous up:${word}`), ElevenLabsError, word === "lost-submit" ? undefined : 500);
    await fake.settled();
    const { history } = await client().history.list({ search: `up:${word}` });
    assert.deepEqual(
      history.map(({ text: words, state }) => [words, state]),
      [[`ambiguous up:${word}`, "created"]],
    );
    const bytes = await collect(await client().history.getAudio(history[0].historyItemId));
    assert.equal(bytes.toString("latin1", 0, 3), "ID3");
  }
});

test("who leaves pays all the same", async () => {
  // The SDK has an error class for it and does not use it here.
  assert.match((await refused(say("left up:hang-submit=5", {}, { timeoutInSeconds: 0.3 }), ElevenLabsError, undefined)).message, /timeout/);
  const start = Date.now();
  await collect((await say("slow up:slow=0.6")).data);
  assert.ok(Date.now() - start >= 600);
  assert.equal(jobs("left up:hang-submit=5")[0].charged, 21);
});

test("history: newest first, in pages, by voice and model, without effects and music", async () => {
  fits("history", await get("/v1/history?page_size=2"));
  const first = await client().history.list({ pageSize: 2 });
  assert.deepEqual([first.history.length, first.hasMore, first.lastHistoryItemId], [2, true, first.history[1].historyItemId]);
  const second = await client().history.list({ pageSize: 1000, startAfterHistoryItemId: first.lastHistoryItemId });
  assert.equal(second.hasMore, false);
  const everything = [...first.history, ...second.history];
  assert.equal(new Set(everything.map(({ historyItemId }) => historyItemId)).size, everything.length);
  assert.deepEqual(
    everything.map(({ text: words }) => words).filter((words) => /rain|waltz|up:fail/.test(words)),
    [],
  );
  assert.ok(everything[0].dateUnix >= everything.at(-1).dateUnix);
  const [morning] = (await client().history.list({ search: "Good morning", modelId: "eleven_flash_v2_5" })).history;
  assert.equal(morning.characterCountChangeTo - morning.characterCountChangeFrom, 6);
  assert.equal((await client().history.list({ voiceId: "21m00Tcm4TlvDq8ikWAM" })).history.length, 0);
  assert.equal((await client().history.get(morning.historyItemId)).requestId, morning.requestId);
  await refused(client().history.getAudio("nothing"), ElevenLabsError, 400, "history_item_not_found");
});

test("the request id of an answer is that of its history item", async () => {
  const { data, rawResponse } = await say("traced");
  await collect(data);
  const [item] = (await client().history.list({ search: "traced" })).history;
  assert.equal(item.requestId, rawResponse.headers.get("request-id"));
});

test("voices and the subscription", async () => {
  fits("voices", await get("/v1/voices"));
  fits("voicesPage", await get("/v2/voices?page_size=1"));
  fits("subscription", await get("/v1/user/subscription"));
  const { voices, hasMore, nextPageToken } = await client().voices.search({ pageSize: 1 });
  assert.deepEqual([voices.length, hasMore], [1, true]);
  assert.equal((await client().voices.search({ pageSize: 1, nextPageToken })).voices[0].voiceId, VOICE);
  assert.equal((await client().voices.getAll()).voices.length, 2);
  const { characterCount } = await client().user.subscription.get();
  assert.equal(
    characterCount,
    fake.jobs.reduce((total, job) => total + job.charged, 0),
  );
});

test("answers that are not the sound", async () => {
  const body = async (word) => collect((await say(`up:${word}`)).data);
  assert.match((await body("wrong-type")).toString(), /^<!doctype html>/);
  assert.match((await body("malformed-submit")).toString(), /^<html>/);
  assert.equal((await body("lying-type")).toString("latin1", 0, 3), "ID3");
  assert.equal((await body("none")).length, 0);
  assert.ok((await body("truncated-submit")).length > 0);
  await assert.rejects(body("file-cut=1"));
  const endless = (await say("up:endless")).data;
  let seen = 0;
  for await (const chunk of endless) if ((seen += chunk.length) > 5_000_000) break;
  assert.ok(seen > 5_000_000);
  const { data, rawResponse } = await say("up:oversize");
  assert.equal(rawResponse.headers.get("content-length"), String(200 * 1024 * 1024));
  await data.cancel();
});

test("chaos never charges for a job that was not made", async () => {
  const wild = await startElevenLabs({ seed: 2, chaos: { seed: 5, percent: 60 } });
  const sdk = new ElevenLabsClient({ apiKey: wild.key, baseUrl: wild.url, maxRetries: 0, ...TIMEOUT });
  const ask = async (_, at) => collect(await sdk.textToSpeech.convert(VOICE, { text: `wild ${at} up:slow=0` }));
  const results = await Promise.allSettled(Array.from({ length: 40 }, ask));
  await wild.settled();
  const good = results.filter(({ status }) => status === "fulfilled").length;
  assert.ok(good > 5 && good < 40, `${good} of 40`);
  assert.ok(wild.jobs.length >= good && wild.jobs.length < 40);
  assert.deepEqual(wild.bugs, []);
  await wild.stop();
});
