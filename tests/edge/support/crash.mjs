// Kills a gateway again and again while people generate and run workflows, and then does the accounts: every run must
// have ended, every unit must be where it belongs. Whoever got no answer asks again with the same idempotency key, as
// clients should; some ask twice at once.
import { setTimeout as sleep } from "node:timers/promises";
import { startGateway } from "./gateway.mjs";
import { download, ended, money } from "./forge.mjs";
import { request, tool } from "./mcp.mjs";
import { PIPELINE, flowEnded } from "./flow-runs.mjs";

const GRANT = 100_000;
const PEOPLE = ["ada", "ben", "cho", "dee", "eve", "fay"];
const KILL_AFTER_MILLIS = [100, 2_500];
const PAUSE_MILLIS = 60;
/// How often a wish is sent twice at once.
const TWICE = 0.2;
// A slow run of the last round, plus the pauses of its attempts.
const ENDS_WITHIN_MILLIS = 60_000;

const PICTURE = { model_id: "offline-image", width: 64, height: 64 };
const FILM = { model_id: "offline-video", width: 96, height: 64, duration_seconds: 2 };
const SOUND = { model_id: "offline-sound", duration_seconds: 1 };
/// What people ask for; the weight says how often.
const WISHES = [
  { weight: 25, kind: "quick", args: { ...PICTURE, prompt: "a quick fox" } },
  { weight: 15, kind: "slow", args: { ...PICTURE, prompt: "a snail offline:slow=1" } },
  { weight: 15, kind: "slower", args: { ...PICTURE, prompt: "two snails offline:slow=4", batch_size: 2 } },
  { weight: 15, kind: "batch", args: { ...PICTURE, prompt: "many birds", batch_size: 6 } },
  { weight: 10, kind: "video", args: { ...FILM, prompt: "a river" } },
  { weight: 5, kind: "sound", args: { ...SOUND, prompt: "rain" } },
  { weight: 5, kind: "failing", args: { ...PICTURE, prompt: "offline:slow=1 offline:fail" } },
  { weight: 10, kind: "cancelled", args: { ...PICTURE, prompt: "offline:slow=300" } },
  { weight: 12, kind: "workflow", isFlow: true },
  { weight: 5, kind: "cancelled workflow", isFlow: true },
];
const isUnwanted = (intent) => intent.kind.startsWith("cancelled");

/// {rounds, totals, faults}; no fault means that everything added up.
export async function crashTest({ kills, bundle, seed = Date.now() % 1_000_000, say = () => {} }) {
  const random = dice(seed);
  const gateway = await startGateway({ bundle });
  try {
    const first = await gateway.as(PEOPLE[0], { units: GRANT });
    const people = [first];
    for (const name of PEOPLE.slice(1)) people.push(await gateway.as(name, { workspace_id: first.workspaceId }));
    const made = await tool(first, "create_workflow", { document: PIPELINE });
    const book = { intents: [], lastKey: 0, workflowId: made.answer.workflow_id };
    const rounds = [];
    for (let number = 1; number <= kills; number += 1) {
      const round = await loadAndKill(gateway, people, book, random);
      rounds.push({ number, ...round });
      say(rounds.at(-1));
    }
    await Promise.all(people.map((person, index) => answerTheRest(person, index, book)));
    const quietAfter = await untilQuiet(people);
    const { totals, faults } = await account(first, people, book);
    if (quietAfter === undefined) faults.unshift("runs were still under way when nobody asked for them any more");
    return { seed, rounds, totals, faults };
  } finally {
    await gateway.stop();
  }
}

async function loadAndKill(gateway, people, book, random) {
  const [least, most] = KILL_AFTER_MILLIS;
  const killAfter = Math.round(least + random() * (most - least));
  const before = book.intents.length;
  const end = new AbortController();
  const loads = people.map((person, index) => load(person, index, book, random, end.signal));
  await sleep(killAfter);
  await gateway.kill();
  end.abort();
  await Promise.all(loads);
  const asked = book.intents.slice(before);
  const killedAt = Date.now();
  await gateway.restart();
  for (const person of people) Object.assign(person, { url: gateway.url, origin: gateway.origin });
  return {
    killAfter,
    asked: asked.length,
    unanswered: book.intents.filter((intent) => intent.isLost).length,
    unfinished: asked.filter((intent) => intent.inferenceId && !intent.sawEnd).length,
    restart: Date.now() - killedAt,
  };
}

/// One person's clicks until the server is gone.
async function load(person, index, book, random, signal) {
  const unwanted = book.intents.filter((intent) => intent.person === index && isUnwanted(intent));
  for (const intent of unwanted) {
    if (intent.inferenceId && !intent.sawEnd) follow(person, intent, random, signal);
  }
  while (!signal.aborted) {
    const open = book.intents.find((intent) => intent.person === index && !intent.inferenceId);
    const intent = open ?? newIntent(book, index, random);
    await ask(person, intent, signal);
    if (intent.inferenceId) follow(person, intent, random, signal);
    await sleep(PAUSE_MILLIS, undefined, { signal }).catch(() => {});
  }
}

function newIntent(book, person, random) {
  const { kind, args, isFlow = false } = pick(WISHES, random);
  book.lastKey += 1;
  const own = isFlow
    ? { workflow_id: book.workflowId, inputs: { seed: book.lastKey, ...(kind !== "workflow" && { pace: "offline:slow=300" }) } }
    : { ...args, seed: book.lastKey };
  const intent = { person, kind, isFlow, isTwice: random() < TWICE, args: { ...own, idempotency_key: `wish-${book.lastKey}` }, asked: 0 };
  book.intents.push(intent);
  return intent;
}

/// Without an answer, or without room for one more run, the wish stays open and is asked again.
async function ask(person, intent, signal) {
  intent.asked += 1;
  const lost = (error) => ({ error: { code: "INTERNAL", message: String(error) } });
  const name = intent.isFlow ? "execute_workflow" : "execute_forge";
  const one = () => tool(person, name, intent.args, { signal }).catch(lost);
  const answers = await Promise.all(intent.isTwice ? [one(), one()] : [one()]);
  const ids = new Set(answers.map(({ answer }) => answer?.inference_id ?? answer?.run_id).filter(Boolean));
  const { error } = answers.at(-1);
  intent.isLost = answers.some(({ error }) => error?.code === "INTERNAL");
  intent.wasLost ||= intent.isLost;
  if (ids.size > 1) intent.isDouble = true;
  if (ids.size > 0) [intent.inferenceId] = ids;
  else intent.lastError = `${error.code}: ${error.message}`;
}

const cancel = (person, intent, options) =>
  intent.isFlow
    ? tool(person, "cancel_workflow_run", { run_id: intent.inferenceId }, options)
    : tool(person, "cancel_forge_run", { inference_id: intent.inferenceId }, options);

/// Waits beside, or cancels after a moment, now and then twice; either may be cut off.
function follow(person, intent, random, signal) {
  const act = async () => {
    if (isUnwanted(intent)) {
      await sleep(random() * 500);
      const [first] = await Promise.all(Array.from({ length: intent.isTwice ? 2 : 1 }, () => cancel(person, intent, { signal })));
      return first;
    }
    return intent.isFlow
      ? tool(person, "get_workflow_run", { run_id: intent.inferenceId, wait_seconds: 20 }, { signal })
      : tool(person, "get_forge_run", { inference_id: intent.inferenceId, wait_seconds: 20 }, { signal });
  };
  act().then(
    ({ answer }) => (intent.sawEnd = answer && !["in_progress", "pending", "running"].includes(answer.status)),
    () => {},
  );
}

/// The wishes that the last kill cut off.
async function answerTheRest(person, index, book) {
  const until = Date.now() + ENDS_WITHIN_MILLIS;
  const mine = book.intents.filter((intent) => intent.person === index);
  // First, because they hold the places of others.
  const unwanted = mine.filter(isUnwanted);
  for (const intent of unwanted.filter((intent) => intent.inferenceId)) await cancel(person, intent);
  for (const intent of mine.filter((intent) => !intent.inferenceId)) {
    while (!intent.inferenceId && Date.now() < until) {
      await ask(person, intent, AbortSignal.timeout(10_000));
      if (!intent.inferenceId) await sleep(200);
    }
    if (unwanted.includes(intent) && intent.inferenceId) await cancel(person, intent);
  }
}

/// Runs must end by themselves: nothing asks for them here. Milliseconds until none was under way.
async function untilQuiet(people) {
  const from = Date.now();
  while (Date.now() < from + ENDS_WITHIN_MILLIS) {
    const all = await Promise.all(people.map(money));
    if (all.every((person) => person.running === 0)) return Date.now() - from;
    await sleep(250);
  }
  return undefined;
}

async function account(owner, people, book) {
  const faults = [];
  const check = (holds, text) => {
    if (!holds) faults.push(text);
  };
  const ends = { complete: 0, failed: 0, cancelled: 0 };
  const ids = new Set();
  let charged = 0;
  let files = 0;
  let cutOff = 0;
  let steps = 0;
  for (const intent of book.intents) {
    const label = `${intent.kind} ${intent.inferenceId} (asked ${intent.asked} times)`;
    if (!intent.inferenceId) {
      faults.push(`never started: ${intent.kind}, ${intent.lastError}`);
      continue;
    }
    check(!intent.isDouble, `one key, two runs: ${label}`);
    check(!ids.has(intent.inferenceId), `two wishes, one run: ${label}`);
    ids.add(intent.inferenceId);
    const look = intent.isFlow ? flowEnded : ended;
    const result = await look(people[intent.person], intent.inferenceId).catch(() => undefined);
    const run = result?.answer;
    if (!run) {
      faults.push(`did not end: ${label}`);
      continue;
    }
    ends[run.status] += 1;
    // The answer of a run that was asked for and killed before it was admitted; it must not have cost anything.
    const isCutOff = run.error?.code === "INTERNAL";
    if (isCutOff) cutOff += 1;
    check(isCutOff || run.status === expected(intent.kind), `${run.status} ${run.error?.code ?? ""}: ${label}`);
    charged += Math.round(run.price_creative_units * 1000);
    for (const asset of run.assets) await download(asset).catch((error) => faults.push(`${error.message}: ${label}`));
    if (intent.isFlow) {
      const { count, faults: wrong } = result;
      faults.push(...wrong.map((text) => `${text}: ${label}`));
      files += count;
      steps += count;
      continue;
    }
    check(run.status === "complete" || run.price_creative_units === 0, `charged without files: ${label}`);
    check(run.status !== "complete" || run.assets.length === (intent.args.batch_size ?? 1), `${run.assets.length} files: ${label}`);
    if (run.status === "complete") files += run.assets.length;
  }
  const { balance, reserved, spent } = await money(owner);
  check(reserved === 0, `${reserved} units are still reserved`);
  check(Math.round(spent * 1000) === charged, `spent ${spent}, but the runs say ${charged / 1000}`);
  check(Math.round((balance + reserved + spent) * 1000) === GRANT * 1000, `${balance} + ${reserved} + ${spent} is not ${GRANT}`);
  const listed = await listedFiles(owner);
  const isListed = listed.length === files && new Set(listed).size === files;
  check(isListed, `the workspace lists ${listed.length} files, the runs have ${files}`);
  const repeated = book.intents.filter((intent) => intent.wasLost).length;
  const flows = book.intents.filter((intent) => intent.isFlow).length;
  return { faults, totals: { runs: ids.size, flows, steps, repeated, cutOff, ...ends, files, granted: GRANT, balance, reserved, spent } };
}

const expected = (kind) => (kind.startsWith("cancelled") ? "cancelled" : kind === "failing" ? "failed" : "complete");

/// Every file the workspace knows, so that a run which nobody knows of would show.
async function listedFiles(caller) {
  const uris = [];
  let cursor;
  do {
    const page = await request(caller, "resources/list", cursor ? { cursor } : {});
    uris.push(...page.resources.map((resource) => resource.uri).filter((uri) => uri.includes("/assets/")));
    cursor = page.nextCursor;
  } while (cursor);
  return uris;
}

function pick(choices, random) {
  let left = random() * choices.reduce((sum, choice) => sum + choice.weight, 0);
  return choices.find((choice) => (left -= choice.weight) < 0) ?? choices[0];
}

/// mulberry32: the same seed kills at the same moments.
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
