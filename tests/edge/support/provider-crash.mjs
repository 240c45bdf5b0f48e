// Kills a gateway again and again while its providers fail at random at every step, and then does the accounts: every run
// has ended, every unit is where it belongs, no job was made twice, and nothing is lost that a provider still holds.
import { setTimeout as sleep } from "node:timers/promises";
import { generator } from "../upstream/server.mjs";
import { download, money } from "./forge.mjs";
import { startGateway } from "./gateway.mjs";
import { tool } from "./mcp.mjs";
import { MODELS, startUpstreams } from "./upstreams.mjs";

const GRANT = 1_000_000;
const PEOPLE = 8;
const AT_ONCE = 4;
const KILL_AFTER_MILLIS = [300, 4_000];
// A lost submit is looked for up to ten minutes, with the waits of a restarted alarm between.
const ENDS_WITHIN_MILLIS = 14 * 60_000;
const QUEUED = ["fal", "replicate"];

/// What people ask for; the weight says how often.
const WISHES = [
  { weight: 30, provider: "fal", words: "" },
  { weight: 10, provider: "fal", words: "up:slow=1" },
  { weight: 8, provider: "fal", words: "up:callback-early" },
  { weight: 5, provider: "fal", words: "up:lost-submit" },
  { weight: 5, provider: "fal", words: "", more: { batch_size: 3 } },
  { weight: 20, provider: "replicate", words: "" },
  { weight: 8, provider: "replicate", words: "up:callback-twice up:slow=1" },
  { weight: 5, provider: "replicate", words: "up:500-created" },
  { weight: 10, provider: "openai", words: "" },
  { weight: 4, provider: "openai", words: "", more: { batch_size: 2 }, items: 2 },
  { weight: 10, provider: "elevenlabs", words: "" },
  { weight: 5, provider: "fal", words: "up:slow=8", isUnwanted: true },
  { weight: 5, provider: "replicate", words: "up:slow=8", isUnwanted: true },
];

/// {totals, faults}; no fault means that everything added up.
export async function providerCrashTest({ runs, kills, percent = 8, bundle, seed = Date.now() % 1_000_000, say = () => {} }) {
  const random = generator(`crash ${seed}`);
  const fakes = await startUpstreams([...QUEUED, "openai", "elevenlabs"], { seed, chaos: { seed, percent } });
  const gateway = await startGateway({ bundle, vars: fakes.vars });
  const { port } = gateway;
  const book = { wishes: [], wanted: runs, done: 0 };
  try {
    const first = await gateway.as("person-0", { units: GRANT });
    const people = [first];
    for (let index = 1; index < PEOPLE; index += 1) people.push(await gateway.as(`person-${index}`, { workspace_id: first.workspaceId }));
    const telling = setInterval(() => say({ waiting: open(book) }), 60_000);
    telling.unref();
    const working = people.flatMap((person) => Array.from({ length: AT_ONCE }, () => work(person, book, random)));
    let killed = 0;
    // Spread over all of the runs, not over the beginning.
    while (killed < kills && book.done < runs) {
      const [least, most] = KILL_AFTER_MILLIS;
      await sleep(least + random() * (most - least));
      if (book.done < ((killed + 0.5) * runs) / (kills + 1)) continue;
      await gateway.kill();
      killed += 1;
      await gateway.restart(port);
      say({ killed, done: book.done, jobs: fakes.all.map((fake) => fake.jobs.length) });
    }
    await Promise.all(working);
    await Promise.race([Promise.all(fakes.all.map((fake) => fake.settled())), sleep(20_000)]);
    const { totals, faults } = await account(first, fakes, book);
    return { seed, killed, totals, faults };
  } finally {
    await gateway.stop();
    await fakes.stop();
  }
}

/// What is being waited for, by kind.
const open = (book) => {
  const kinds = book.wishes.filter((wish) => wish.person && !wish.hasEnded).map((wish) => `${wish.provider} ${wish.words} ${wish.lastError ?? ""}`.trim());
  return Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([kind, all]) => `${all.length} x ${kind}`).join("; ");
};

/// One of a person's places: a wish after the other until there are enough.
async function work(person, book, random) {
  while (book.wishes.length < book.wanted) {
    const wish = newWish(book, random);
    wish.person = person;
    await ask(person, wish, random);
    wish.hasEnded = true;
    book.done += 1;
  }
}

function newWish(book, random) {
  const total = WISHES.reduce((sum, { weight }) => sum + weight, 0);
  let left = random() * total;
  const chosen = WISHES.find(({ weight }) => (left -= weight) < 0) ?? WISHES[0];
  const number = book.wishes.length;
  const tag = `wish-${number}-end`;
  const args = { ...MODELS[chosen.provider], ...chosen.more, seed: number, prompt: `${tag} a kite ${chosen.words}`.trim(), idempotency_key: tag };
  const wish = { ...chosen, tag, args, items: chosen.items ?? 1 };
  book.wishes.push(wish);
  return wish;
}

/// Until it has ended, whatever happens to the gateway meanwhile.
async function ask(person, wish, random) {
  const until = Date.now() + ENDS_WITHIN_MILLIS;
  while (Date.now() < until) {
    try {
      if (!wish.inferenceId) {
        const { answer, error } = await tool(person, "execute_forge", wish.args);
        wish.lastError = error && `${error.code}: ${error.message}`;
        wish.inferenceId = answer?.inference_id;
      }
      if (wish.inferenceId && wish.isUnwanted && !wish.isCancelled) {
        await sleep(random() * 2_000);
        await tool(person, "cancel_forge_run", { inference_id: wish.inferenceId });
        wish.isCancelled = true;
      }
      if (wish.inferenceId) {
        const { answer } = await tool(person, "get_forge_run", { inference_id: wish.inferenceId, wait_seconds: 20 });
        if (answer && answer.status !== "in_progress") return;
      }
    } catch {
      // The gateway is down; its port comes back.
    }
    await sleep(150);
  }
}

async function account(owner, fakes, book) {
  const faults = [];
  const check = (holds, text) => holds || faults.push(text);
  const totals = { runs: 0, complete: 0, failed: 0, cancelled: 0, files: 0, jobs: 0, unknown: 0, fallback: 0 };
  let charged = 0;
  const codes = {};
  for (const wish of book.wishes) {
    const label = `${wish.tag} (${wish.provider} ${wish.words})`;
    if (!wish.inferenceId) {
      faults.push(`never started: ${label}, ${wish.lastError}`);
      continue;
    }
    const { answer: run } = await tool(wish.person, "get_forge_run", { inference_id: wish.inferenceId });
    const jobs = fakes.all.flatMap((fake) => fake.jobs.filter((job) => job.prompt.includes(wish.tag)).map((job) => ({ fake, job })));
    totals.runs += 1;
    totals.jobs += jobs.length;
    check(run && run.status !== "in_progress", `still under way: ${label}`);
    if (!run || run.status === "in_progress") continue;
    totals[run.status] += 1;
    totals.fallback += run.stand_ins?.length ?? 0;
    if (run.error) codes[run.error.code] = (codes[run.error.code] ?? 0) + 1;
    if (run.error?.code === "OUTCOME_UNKNOWN") totals.unknown += 1;
    charged += run.price_creative_units;
    check(jobs.length <= wish.items, `${jobs.length} jobs for ${label}`);
    check(run.status !== "complete" || run.assets.length > 0, `complete without a file: ${label}`);
    check(run.status !== "failed" || run.price_creative_units === 0, `charged for nothing: ${label}`);
    for (const asset of run.assets) {
      totals.files += 1;
      await download(asset).catch((fault) => faults.push(`${label}: ${fault.message}`));
    }
    // A provider with a queue still holds what it made.
    const held = jobs.filter(({ fake, job }) => QUEUED.includes(fake.provider) && job.outputs.length > 0 && !job.cancelled);
    check(held.length === 0 || run.assets.length > 0 || run.status === "cancelled", `lost what ${held[0]?.fake.provider} holds: ${label}, ${run.error?.message}`);
  }
  const { balance, reserved, spent, running } = await money(owner);
  check(running === 0 && reserved === 0, `${running} running, ${reserved} reserved at the end`);
  check(Math.abs(balance + spent - GRANT) < 1e-6, `granted ${GRANT}, but ${balance} + ${spent}`);
  check(Math.abs(spent - charged) < 1e-6, `runs say ${charged}, the ledger ${spent}`);
  for (const fake of fakes.all) for (const bug of fake.bugs) faults.push(`the fake ${fake.provider} itself: ${bug}`);
  return { totals: { ...totals, codes, spent }, faults };
}
