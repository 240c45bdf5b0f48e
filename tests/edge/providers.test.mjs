// What becomes of a run when its provider does what providers do: every outcome at every provider, on workerd, with money,
// calls and upstream jobs counted. No run makes two jobs, no unit stays behind.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { download, money } from "./support/forge.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";
import { jobsOf, MODELS, startUpstreams } from "./support/upstreams.mjs";

const QUEUED = ["fal", "replicate"];
const SYNCHRONOUS = ["openai", "elevenlabs", "openai_compatible", "workers_ai"];
const RUNS_A_PERSON = 5;
const ENDS_WITHIN_MILLIS = 120_000;

const complete = { status: "complete", jobs: 1 };
const failed = (code, jobs = 1) => ({ status: "failed", code, jobs });

/// [words of the prompt, what comes of it at providers with a queue, at those that answer with the work]
const OUTCOMES = [
  ["", complete, complete],
  ["up:slow=1", complete, complete],
  ["up:429=2", complete, complete],
  ["up:429-date=1", complete, complete],
  ["up:429-ms=1", complete, complete],
  ["up:429-bare=1", complete, complete],
  ["up:500-created", complete, failed("OUTCOME_UNKNOWN")],
  ["up:lost-submit", complete, failed("OUTCOME_UNKNOWN")],
  // What is no file is not taken for one; that it may have been charged is seen at the provider.
  ["up:malformed-submit", complete, failed("PROVIDER_FAILED")],
  ["up:truncated-submit", complete, failed("OUTCOME_UNKNOWN")],
  ["up:auth", failed("PROVIDER_FAILED", 0), failed("PROVIDER_FAILED", 0)],
  ["up:quota", failed("PROVIDER_FAILED", 0), failed("PROVIDER_FAILED", 0)],
  ["up:invalid", failed("INVALID_INPUTS", 0), failed("INVALID_INPUTS", 0)],
  ["up:moderated", failed("MODERATED"), failed("MODERATED", 0)],
  ["up:fail", failed("PROVIDER_FAILED")],
  ["up:fail-late", failed("PROVIDER_FAILED")],
  ["up:status-500=2", complete],
  ["up:status-garbage=2", complete],
  ["up:unknown-status=1", complete],
  ["up:no-callback", complete],
  ["up:callback-early", complete],
  ["up:callback-twice", complete],
  ["up:callback-late=1", complete],
  ["up:callback-forged up:slow=1", complete],
  ["up:callback-replayed", complete],
  ["up:callback-other", complete],
  ["up:callback-reordered", complete],
  ["up:nsfw", failed("MODERATED")],
  ["up:more", complete],
  ["up:none", failed("PROVIDER_FAILED")],
  ["up:file-500=2", complete],
  ["up:file-cut=1", complete],
  ["up:no-length", complete],
  ["up:lying-type", complete],
  ["up:redirect-ok", complete],
  ["up:expired", failed("PROVIDER_FAILED")],
  ["up:wrong-type", failed("PROVIDER_FAILED")],
  ["up:endless", failed("PROVIDER_FAILED")],
  ["up:oversize", failed("PROVIDER_FAILED")],
  ["up:redirect-private", failed("PROVIDER_FAILED")],
  ["up:redirect-loop", failed("PROVIDER_FAILED")],
];

// Where a provider has its own way.
const OWN = {
  // Its queue takes everything; the model refuses later.
  fal: { "up:invalid": failed("INVALID_INPUTS") },
  // Half of a sound is a sound, and text is none.
  elevenlabs: { "up:truncated-submit": complete },
  // A server of one's own has no filter and no account, and what it breaks costs nothing.
  openai_compatible: { "up:moderated": complete, "up:500-created": failed("PROVIDER_FAILED"), "up:quota": null },
};

// What counts against the provider, and what locks it until a person has seen to it.
const TROUBLES = /up:(500-created|lost-submit|malformed-submit|truncated-submit)/;
const LOCKS = /up:(auth|quota)/;

for (const name of [...QUEUED, ...SYNCHRONOUS]) {
  const isQueued = QUEUED.includes(name);
  describe(name, () => {
    let fakes;
    let gateway;
    before(async () => {
      fakes = await startUpstreams([name], { seed: 6 });
      gateway = await startGateway({ vars: fakes.vars, beside: fakes.beside });
    });
    after(async () => {
      await gateway?.stop();
      await fakes?.stop();
    });

    test("every outcome ends as it should, with one job at most and the money right", { timeout: 400_000 }, async (t) => {
      const cases = OUTCOMES.map(([words, queued, synchronous]) => {
        const own = OWN[name]?.[words];
        const expected = own === undefined ? (isQueued ? queued : synchronous) : own;
        return { words, expected };
      });
      const asked = cases.filter(({ expected }) => expected);
      const calm = asked.filter(({ words }) => !TROUBLES.test(words) && !LOCKS.test(words));
      const rows = await inTurns(gateway, calm, (caller, wanted) => play(caller, fakes, name, wanted));
      // One after the other between successes: the breaker must not open because of what one run plays.
      const caller = await gateway.as("troubled", { units: 1000 });
      for (const wanted of asked.filter(({ words }) => TROUBLES.test(words))) {
        for (const tag of ["a", "b"]) await play(caller, fakes, name, { words: "", expected: complete, tag });
        rows.push(await play(caller, fakes, name, wanted));
      }
      for (const wanted of asked.filter(({ words }) => LOCKS.test(words))) rows.push(await playLocked(fakes, name, wanted));
      for (const row of rows) t.diagnostic(line(name, row));
      const wrong = rows.filter((row) => row.wrong.length > 0);
      assert.deepEqual(wrong.map((row) => `${row.words || "success"}: ${row.wrong.join("; ")}`), []);
      assert.deepEqual(fakes.all.flatMap((fake) => fake.bugs), []);
    });
  });
}

/// In a gateway of its own, which from then on asks this provider nothing for some minutes.
async function playLocked(fakes, name, wanted) {
  const gateway = await startGateway({ vars: fakes.vars, beside: fakes.beside });
  try {
    const caller = await gateway.as("locked", { units: 1000 });
    const row = await play(caller, fakes, name, wanted);
    const before = fakes.all[0].count("submit");
    const next = await play(caller, fakes, name, { words: "", expected: failed("PROVIDER_FAILED", 0), tag: "next" });
    row.wrong.push(...next.wrong.map((text) => `afterwards: ${text}`));
    if (fakes.all[0].count("submit") !== before) row.wrong.push("the provider was asked again at once");
    return row;
  } finally {
    await gateway.stop();
  }
}

const line = (name, row) =>
  `${name.padEnd(11)} ${(row.words || "success").padEnd(30)} ${row.status.padEnd(9)} ${(row.code ?? "").padEnd(16)} ` +
  `reserved ${row.reserved} settled ${row.settled} calls ${row.calls} jobs ${row.jobs} ${row.millis} ms`;

/// A few at once for each of several people, who may have so many under way.
async function inTurns(gateway, cases, work) {
  const groups = Math.ceil(cases.length / RUNS_A_PERSON);
  const people = await Promise.all(Array.from({ length: groups }, (_, index) => gateway.as(`caller-${index}`, { units: 1000 })));
  return Promise.all(cases.map((wanted, index) => work(people[index % groups], wanted)));
}

let lastTag = 0;

async function play(caller, fakes, name, { words, expected }) {
  const tag = `tag-${name}-${(lastTag += 1)}-end`;
  const began = Date.now();
  const args = { ...MODELS[name], prompt: `${tag} a small red square ${words}`.trim() };
  const { answer, error } = await tool(caller, "execute_forge", args);
  if (error) return { words, status: "refused", code: error.code, wrong: [JSON.stringify(error)], reserved: 0, settled: 0, calls: 0, jobs: 0 };
  const run = await untilEnded(caller, answer.inference_id);
  const jobs = jobsOf(fakes, tag);
  const calls = fakes.all.flatMap((fake) => fake.calls.filter((call) => call.jobId && jobs.some((job) => job.id === call.jobId)));
  const wrong = [];
  const check = (holds, text) => holds || wrong.push(text);
  check(run.status === expected.status, `ended as ${run.status}, not ${expected.status}: ${run.error?.message ?? ""}`);
  check(run.error?.code === expected.code, `said ${run.error?.code}, not ${expected.code}: ${run.error?.message}`);
  check(jobs.length <= 1 && jobs.length === expected.jobs, `${jobs.length} jobs upstream, not ${expected.jobs}`);
  check(run.status !== "complete" || run.assets.length === 1, `${run.assets.length} files`);
  check(run.status === "complete" || run.price_creative_units === 0, `charged ${run.price_creative_units} for nothing`);
  for (const asset of run.assets) await download(asset).catch((fault) => wrong.push(String(fault)));
  return {
    words, status: run.status, code: run.error?.code, reserved: answer.price_creative_units, settled: run.price_creative_units,
    calls: calls.length, jobs: jobs.length, millis: Date.now() - began, wrong,
  };
}

async function untilEnded(caller, inferenceId) {
  const until = Date.now() + ENDS_WITHIN_MILLIS;
  for (;;) {
    const { answer } = await tool(caller, "get_forge_run", { inference_id: inferenceId, wait_seconds: 20 });
    if (answer.status !== "in_progress" || Date.now() > until) return answer;
    await sleep(50);
  }
}

describe("between providers", () => {
  let fakes;
  let gateway;
  before(async () => {
    fakes = await startUpstreams(["fal", "replicate"], { seed: 7 });
    gateway = await startGateway({ vars: fakes.vars, beside: fakes.beside });
  });
  after(async () => {
    await gateway?.stop();
    await fakes?.stop();
  });

  const run = async (caller, words, more = {}) => {
    const tag = `tag-${Math.random().toString(36).slice(2)}`;
    const { answer, error } = await tool(caller, "execute_forge", { ...MODELS.fal, ...more, prompt: `${tag} a boat ${words}` });
    assert.equal(error, undefined, JSON.stringify(error));
    return { id: answer.inference_id, tag, jobs: () => jobsOf(fakes, tag), ended: () => untilEnded(caller, answer.inference_id) };
  };

  test("what a safety filter refuses is put to nobody else", async () => {
    const caller = await gateway.as("moderated");
    const made = await run(caller, "up:moderated");
    const answer = await made.ended();
    assert.equal(answer.error.code, "MODERATED");
    assert.equal(made.jobs().filter((job) => fakes.replicate.jobs.includes(job)).length, 0);
  });

  test("a batch comes in the order of its calls, each charged once", async () => {
    const caller = await gateway.as("batch");
    const made = await run(caller, "up:slow=0.2", { batch_size: 3 });
    const answer = await made.ended();
    assert.equal(answer.status, "complete", JSON.stringify(answer.error));
    assert.equal(answer.assets.length, 3);
    const { spent, reserved } = await money(caller);
    assert.deepEqual({ spent, reserved }, { spent: answer.price_creative_units, reserved: 0 });
  });

  test("cancelling stops the job upstream, and the units come back when the provider says so", async () => {
    const caller = await gateway.as("canceller");
    const made = await run(caller, "up:slow=20");
    while (made.jobs().length === 0) await sleep(50);
    await sleep(300);
    const { answer } = await tool(caller, "cancel_forge_run", { inference_id: made.id });
    assert.ok(["in_progress", "cancelled"].includes(answer.status), answer.status);
    const ended = await made.ended();
    assert.equal(ended.status, "cancelled");
    assert.equal(made.jobs()[0].cancelled, true);
    assert.deepEqual(await money(caller), { balance: 1000, reserved: 0, spent: 0, running: 0 });
  });

  test("a job that ends in spite of the cancel is paid for, and its files are kept", async () => {
    const caller = await gateway.as("too-late");
    const made = await run(caller, "up:slow=2 up:cancel-ignored");
    while (made.jobs().length === 0) await sleep(50);
    await sleep(300);
    await tool(caller, "cancel_forge_run", { inference_id: made.id });
    const ended = await made.ended();
    assert.equal(ended.status, "cancelled");
    assert.equal(ended.assets.length, 1);
    assert.ok(ended.price_creative_units > 0);
    assert.equal((await money(caller)).spent, ended.price_creative_units);
  });
});

test("an account without credit is passed over for the same model elsewhere, and the run says who made it", async () => {
  const fakes = await startUpstreams(["fal", "replicate"], { seed: 8 });
  // To every submit, whatever it asks for.
  fakes.fal.submit = async (call) => fakes.fal.forms.quota(call);
  const gateway = await startGateway({ vars: fakes.vars, beside: fakes.beside });
  try {
    const caller = await gateway.as("passes-over");
    for (const tag of ["first", "second"]) {
      const { answer, error } = await tool(caller, "execute_forge", { model_id: "flux-schnell", prompt: `${tag} a boat` });
      assert.equal(error, undefined, JSON.stringify(error));
      const run = await untilEnded(caller, answer.inference_id);
      assert.equal(run.status, "complete", JSON.stringify(run.error));
      assert.deepEqual([run.provider, run.stand_ins, run.model_id], ["replicate", ["flux-schnell-replicate"], "flux-schnell"]);
      assert.ok(run.price_creative_units <= answer.price_creative_units, "within what was set aside");
      assert.match(run.warnings.join(" "), /flux-schnell was not available; flux-schnell-replicate was asked instead/);
    }
    assert.equal(fakes.fal.jobs.length, 0);
    assert.equal(fakes.replicate.jobs.length, 2);
    assert.equal(fakes.fal.count("submit"), 1, "the second run knew better");
  } finally {
    await gateway.stop();
    await fakes.stop();
  }
});
