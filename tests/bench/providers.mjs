// The providers section: what the gateway adds to a generation at a provider, beside the provider's own SDK, wave by wave
// in one run against the fakes of tests/edge/upstream. Fakes, gateway's client and SDKs live in this process, so one clock
// times both ends. The SDK sends what the gateway was seen to send, so that requests and work are the same.

import http from "node:http";
import { createRequire } from "node:module";

import { startUpstreams, MODELS } from "../edge/support/upstreams.mjs";
import { temporaryFolder } from "./children.mjs";
import { NOISY_SHARE, PROVIDERS_LOAD } from "./config.mjs";
import { request } from "./http.mjs";
import { startMeter, waitForQuiet } from "./machine.mjs";
import { median, round } from "./measure.mjs";
import { call, newCaller } from "./runs.mjs";
import { startServer, stopServer } from "./servers.mjs";

const VOICE = "JBFqnCBsd6RMkjVDRZzb";
const WAIT_SECONDS = 10;
// A run that takes longer is a failure of the run, not a slow one.
const RUN_MS = 60_000;

// The SDKs are pinned for the tests on workerd.
const fromEdge = createRequire(new URL("../edge/package.json", import.meta.url));

// Milliseconds that a job takes, spread evenly over one interval of the SDKs' polls: a fixed time would always meet whoever
// looks at intervals at the same moment. Both sides get the same.
function jobMs(index) {
  return PROVIDERS_LOAD.jobMs + ((index * 0.618034) % 1) * PROVIDERS_LOAD.pollMs;
}

// Times what reaches a fake and what leaves it, on performance.now().
function watch(fake) {
  let mark;
  const marks = [];
  const letters = [];
  const ends = new Map();
  fake.server.prependListener("request", (_, response) => {
    const made = { at: performance.now() };
    const end = response.end.bind(response);
    response.end = (...rest) => {
      made.answeredAt = performance.now();
      return end(...rest);
    };
    mark = made;
  });
  // The fake notes a call in the same turn in which its request is heard.
  fake.calls.push = (record) => {
    marks.push(Object.assign(mark, { record }));
    return Array.prototype.push.call(fake.calls, record);
  };
  fake.callbacks.push = (record) => {
    letters.push({ at: performance.now(), record });
    return Array.prototype.push.call(fake.callbacks, record);
  };
  const makeJob = fake.job.bind(fake);
  fake.job = (wanted) => {
    const job = makeJob(wanted);
    let endedAt;
    const set = (value) => ends.set(job.id, performance.now()) && (endedAt = value);
    return Object.defineProperty(job, "endedAt", { get: () => endedAt, set, enumerable: true });
  };
  return {
    jobsWith: (tag) => fake.jobs.filter(({ prompt }) => prompt.includes(tag)),
    calls: (job) => marks.filter(({ record }) => record.jobId === job.id),
    letter: (job) => letters.find(({ record }) => record.jobId === job.id),
    endedAt: (job) => ends.get(job.id),
    // Else every search goes through all that ever came.
    forget() {
      for (const list of [marks, letters, fake.calls, fake.callbacks, fake.jobs]) list.length = 0;
      ends.clear();
      fake.files.clear();
    },
  };
}

async function generateOurs({ server, agent, ...caller }, model, prompt) {
  const callTool = (name, args) => call(server, agent, caller, name, args);
  const sentAt = performance.now();
  const begun = await callTool("execute_forge", { ...model, prompt });
  const acceptedAt = performance.now();
  let run;
  do {
    if (performance.now() - sentAt > RUN_MS) {
      throw new Error(`${begun.inference_id}: still in progress after ${RUN_MS} ms`);
    }
    run = await callTool("get_forge_run", { inference_id: begun.inference_id, wait_seconds: WAIT_SECONDS });
  } while (run.status === "in_progress");
  const shownAt = performance.now();
  const endedAt = shownAt + Date.parse(run.completed_at) - Date.now();
  if (run.status !== "complete" || run.assets.length !== 1) {
    throw new Error(`a run ended as ${run.status} with ${run.assets.length} files: ${JSON.stringify(run.error)}`);
  }
  const { pathname, search, host } = new URL(run.assets[0].url);
  const file = await request(server.port, { path: pathname + search, agent, headers: { host } });
  if (file.status !== 200 || file.bytes !== run.assets[0].bytes) {
    throw new Error(`the file: HTTP ${file.status}, ${file.bytes} bytes of ${run.assets[0].bytes}`);
  }
  return { sentAt, acceptedAt, endedAt, shownAt, readAt: performance.now() };
}

async function bytesAt(url) {
  const answer = await fetch(url);
  const { byteLength } = await answer.arrayBuffer();
  if (answer.status !== 200) {
    throw new Error(`${url}: HTTP ${answer.status}`);
  }
  return byteLength;
}

// Each as its own documentation has it. `seen` is a job that the gateway made.
const SDKS = {
  fal(fake) {
    const { createFalClient } = fromEdge("@fal-ai/client");
    const mapped = (url, init) => fetch(String(url).replace(/^https:\/\/(queue\.fal\.run|fal\.run|rest\.fal\.ai)/, fake.url), init);
    const { queue } = createFalClient({ credentials: fake.key, fetch: mapped });
    // What fal.subscribe does.
    return async (seen, prompt) => {
      const { request_id: requestId } = await queue.submit(seen.endpoint, { input: { ...seen.input, prompt } });
      await queue.subscribeToStatus(seen.endpoint, { requestId });
      const { data } = await queue.result(seen.endpoint, { requestId });
      return bytesAt(data.images[0].url);
    };
  },
  replicate(fake) {
    const Replicate = fromEdge("replicate");
    const replicate = new Replicate({ auth: fake.key, baseUrl: `${fake.url}/v1`, useFileOutput: false });
    return async (seen, prompt) => {
      const begun = await replicate.predictions.create({ model: seen.model, input: { ...seen.input, prompt } });
      const { output } = await replicate.wait(begun);
      return bytesAt([output].flat()[0]);
    };
  },
  openai(fake) {
    const { OpenAI } = fromEdge("openai");
    const client = new OpenAI({ apiKey: fake.key, baseURL: `${fake.url}/v1`, maxRetries: 0 });
    return async (seen, prompt) => {
      const { data } = await client.images.generate({ ...seen.input, prompt });
      return Buffer.from(data[0].b64_json, "base64").length;
    };
  },
  elevenlabs(fake) {
    const { ElevenLabsClient } = fromEdge("@elevenlabs/elevenlabs-js");
    const client = new ElevenLabsClient({ apiKey: fake.key, baseUrl: fake.url, maxRetries: 0 });
    return async (_, text) => {
      const wanted = { text, modelId: "eleven_v3", outputFormat: "mp3_44100_128", voiceSettings: { stability: 0.5 } };
      let bytes = 0;
      for await (const piece of await client.textToSpeech.convert(VOICE, wanted)) {
        bytes += piece.length;
      }
      return bytes;
    };
  },
};

async function generateBySdk(sdk, seen, prompt) {
  const sentAt = performance.now();
  const bytes = await sdk(seen, prompt);
  const readAt = performance.now();
  if (bytes === 0) {
    throw new Error("the SDK's file is empty");
  }
  return { sentAt, readAt };
}

// Intervals of one generation; of ours also where the time after the work's end went.
function intervals(watched, tag, times) {
  const [job, second] = watched.jobsWith(tag);
  if (!job || second) {
    throw new Error(`${job ? "two jobs" : "no job"} upstream`);
  }
  const calls = watched.calls(job);
  const submit = calls.find(({ record }) => record.operation === "submit");
  const letter = watched.letter(job);
  const doneAt = letter?.at ?? watched.endedAt(job) ?? submit.answeredAt;
  const found = { submit: submit.at - times.sentAt, ready: times.readAt - doneAt };
  if (times.shownAt === undefined) {
    return found;
  }
  const later = (operation) => calls.find(({ record, at }) => record.operation === operation && at >= doneAt)?.at;
  const { endedAt, shownAt } = times;
  const moments = { asked: later("status"), fetched: later("file"), ended: endedAt, shown: shownAt };
  const known = Object.entries(moments).filter(([, at]) => at !== undefined);
  const steps = Object.fromEntries(known.map(([step, at]) => [step, at - doneAt]));
  return { ...found, steps: { accepted: times.acceptedAt - times.sentAt, ...steps }, called_back: letter !== undefined };
}

const percentile = (values, share) => values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1];

function compare(pairs, name) {
  const side = (key) => pairs.map((pair) => pair[key][name]);
  const figures = (values) => ({ p50_ms: round(median(values), 2), p99_ms: round(percentile(values, 0.99), 2) });
  const added = pairs.map(({ ours, sdk }) => ours[name] - sdk[name]);
  return { ours: figures(side("ours")), sdk: figures(side("sdk")), added_ms: round(median(added), 2) };
}

function medianSteps(pairs) {
  const names = [...new Set(pairs.flatMap(({ ours }) => Object.keys(ours.steps)))];
  const of = (name) => pairs.map(({ ours }) => ours.steps[name]).filter((value) => value !== undefined);
  return Object.fromEntries(names.map((name) => [name, round(median(of(name)), 2)]));
}

// So many of ours at once, then as many by the SDK; the order turns with each wave.
async function waves({ name, fake, watched, callers, sdk, atOnce, count, seen }) {
  const pairs = [];
  for (let wave = 0; pairs.length < count; wave += 1) {
    const lanes = Array.from({ length: atOnce }, (_, lane) => {
      const words = `a boat up:slow=${(jobMs(pairs.length + lane) / 1000).toFixed(4)}`;
      const pair = {};
      const ours = async () => {
        const tag = `ours-${wave}-${lane}-end`;
        pair.ours = intervals(watched, tag, await generateOurs(callers[lane], MODELS[name], `${tag} ${words}`));
      };
      const bySdk = async () => {
        const tag = `sdk-${wave}-${lane}-end`;
        pair.sdk = intervals(watched, tag, await generateBySdk(sdk, seen, `${tag} ${words}`));
      };
      return { pair, work: wave % 2 === 0 ? [ours, bySdk] : [bySdk, ours] };
    });
    for (const turn of [0, 1]) {
      await Promise.all(lanes.map(({ work }) => work[turn]()));
      // What the answered callback leaves behind in the fake is no part of the next turn.
      await fake.settled();
    }
    pairs.push(...lanes.map(({ pair }) => pair));
    watched.forget();
  }
  return pairs;
}

async function learn(watched, caller, name) {
  await generateOurs(caller, MODELS[name], "learn-end a boat");
  const [{ endpoint, model, input }] = watched.jobsWith("learn-end");
  watched.forget();
  return { endpoint, model, input };
}

async function measureProvider({ name, spec, options, emit, say }) {
  const upstreams = await startUpstreams([name], { seed: 6 });
  const fake = upstreams[name];
  const agent = new http.Agent({ keepAlive: true });
  let server;
  try {
    const vars = { ...upstreams.vars, PROVIDER_CONCURRENCY: `${name}=${PROVIDERS_LOAD.concurrency}` };
    const told = { ...spec, text: { ...spec.text, ...vars } };
    server = await startServer(told, temporaryFolder());
    const watched = watch(fake);
    const callers = [];
    for (let lane = 0; lane < Math.max(...PROVIDERS_LOAD.atOnce); lane += 1) {
      const name = `lane-${lane}`;
      const made = await newCaller(server, told, { person: name, workspace_name: name, grant_creative_units: 1e6 });
      callers.push({ server, agent, host: `127.0.0.1:${server.port}`, token: made.token });
    }
    const work = { name, fake, watched, callers, sdk: SDKS[name](fake), seen: await learn(watched, callers[0], name) };
    const { calls, warmUp } = options.isQuick ? PROVIDERS_LOAD.quick : PROVIDERS_LOAD;
    for (const atOnce of PROVIDERS_LOAD.atOnce) {
      await waves({ ...work, atOnce, count: warmUp });
      const busyBefore = await waitForQuiet(options.quietSecs * 1000);
      const readMeter = startMeter(server.workerd);
      const ownBefore = process.cpuUsage();
      const pairs = await waves({ ...work, atOnce, count: calls });
      const own = process.cpuUsage(ownBefore);
      const { otherShare } = readMeter((own.user + own.system) / 1e6);
      const row = {
        kind: "providers",
        target: name,
        at_once: atOnce,
        calls: pairs.length,
        submit: compare(pairs, "submit"),
        ready: compare(pairs, "ready"),
        steps: medianSteps(pairs),
        called_back: pairs.filter(({ ours }) => ours.called_back).length,
        busy_before: round(busyBefore, 3),
        other_share: round(otherShare, 3),
        noisy: otherShare === null ? null : otherShare > NOISY_SHARE,
      };
      emit(row);
      const added = `submit ${row.submit.added_ms} ms, ready ${row.ready.added_ms} ms more than the SDK`;
      say(`${name}, ${atOnce} at once: ${added}${row.noisy ? " (noisy)" : ""}`);
    }
    if (fake.bugs.length > 0) {
      throw new Error(`the fake: ${fake.bugs[0]}`);
    }
  } finally {
    agent.destroy();
    await (server && stopServer(server));
    await upstreams.stop();
  }
}

export async function providersSection({ spec, options, emit, say }) {
  for (const name of Object.keys(SDKS)) {
    try {
      await measureProvider({ name, spec, options, emit, say });
    } catch (error) {
      emit({ kind: "providers", target: name, failed: error.message });
      say(`${name}: FAILED: ${error.message}`);
    }
  }
}
