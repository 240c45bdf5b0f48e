// The ledger on workerd under random interleavings: several people start, repeat and cancel generations and workflows at
// once, units come and go; afterwards the statement itself is added up, row by row, through REST. `SEED` repeats a run.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PIPELINE } from "./support/flow-runs.mjs";
import { money } from "./support/forge.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

const SEQUENCES = 3;
const LANES = 8;
const STEPS = 15;
const GRANT = 60;
const ENDS_WITHIN_MILLIS = 60_000;
const PICTURE = { model_id: "offline-image", width: 64, height: 64 };
const PROMPTS = ["a cat", "offline:slow=1", "offline:slow=20", "offline:fail", "offline:moderated", "offline:lost"];
const ALLOWED = new Set([
  "INSUFFICIENT_BALANCE",
  "RATE_LIMITED",
  "IDEMPOTENCY_CONFLICT",
  "RUN_ALREADY_TERMINAL",
  "INVALID_INPUTS",
  // The first call with the same key is not decided yet.
  "INTERNAL",
]);

let gateway;

before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

const firstSeed = Number(process.env.SEED ?? Date.now() % 1_000_000);
for (let sequence = 0; sequence < SEQUENCES; sequence += 1) {
  const seed = firstSeed + sequence;
  test(`whatever happens at once, the statement adds up (seed ${seed})`, () => play(seed));
}

async function play(seed) {
  const below = dice(seed);
  const ada = await gateway.as(`ada ${seed}`, { units: GRANT });
  const people = [ada];
  for (const name of ["ben", "cho"]) people.push(await gateway.as(`${name} ${seed}`, { workspace_id: ada.workspaceId }));
  const { answer: flow } = await tool(ada, "create_workflow", { document: PIPELINE });
  const world = { people, flowId: flow.workflow_id, runs: [] };
  // What each does is drawn beforehand, so that the order of answers does not change it.
  const lanes = Array.from({ length: LANES }, () => Array.from({ length: STEPS }, () => [below(100), below(1000), below(3)]));
  await Promise.all(
    lanes.map(async (steps) => {
      for (const step of steps) await act(world, ...step);
    }),
  );
  await untilQuiet(ada, people);
  await addUp(world);
}

async function act(world, what, number, who) {
  const caller = world.people[who];
  if (what < 45) {
    const request = { ...PICTURE, prompt: PROMPTS[number % PROMPTS.length], seed: number % 7, batch_size: 1 + (number % 2) };
    await begin(world, caller, "execute_forge", withKey(request, number));
  } else if (what < 65) {
    await begin(world, caller, "execute_workflow", withKey({ workflow_id: world.flowId, inputs: { seed: number % 3 } }, number));
  } else if (what < 90 && world.runs.length > 0) {
    const { id, isFlow } = world.runs[number % world.runs.length];
    const [name, argument] = isFlow ? ["cancel_workflow_run", "run_id"] : ["cancel_forge_run", "inference_id"];
    expectCode(await tool(caller, name, { [argument]: id }));
  } else if (what < 95) {
    const units = 1 + (number % 5);
    // Sent twice with one key: made once.
    const grant = { workspace_id: caller.workspaceId, creative_units: units, idempotency_key: `grant-${what}-${number}-${who}` };
    const [first] = await Promise.all([gateway.operator("grants", grant), gateway.operator("grants", grant)]);
    assert.ok(first);
  } else {
    await sleep(number);
  }
}

const withKey = (request, number) => (number % 3 === 0 ? { ...request, idempotency_key: `key-${number % 12}` } : request);

/// Often twice at once, as a client that lost its connection does.
async function begin(world, caller, name, request) {
  const answers = await Promise.all([tool(caller, name, request), ...(request.seed === 1 ? [tool(caller, name, request)] : [])]);
  for (const result of answers) {
    expectCode(result);
    const id = result.answer?.inference_id ?? result.answer?.run_id;
    if (id) world.runs.push({ id, isFlow: name === "execute_workflow" });
  }
}

function expectCode({ error }) {
  assert.ok(!error || ALLOWED.has(error.code), JSON.stringify(error));
}

async function untilQuiet(ada, people) {
  const until = Date.now() + ENDS_WITHIN_MILLIS;
  for (;;) {
    const running = await Promise.all(people.map(async (person) => (await money(person)).running));
    if (running.every((count) => count === 0)) return;
    assert.ok(Date.now() < until, `${running} runs do not end`);
    await sleep(200);
  }
}

async function addUp({ people: [ada] }) {
  const rows = await statement(ada);
  const thousandths = (units) => Math.round(units * 1000);
  const sum = (kind, of = rows) => of.filter((row) => row.kind === kind).reduce((sum, row) => sum + thousandths(row.creative_units), 0);
  const now = await money(ada);
  const granted = sum("grant") + sum("adjust");
  assert.equal(thousandths(now.balance) + thousandths(now.reserved) + thousandths(now.spent), granted);
  assert.equal(now.reserved, 0);
  assert.equal(thousandths(now.spent), sum("settle"));
  assert.equal(thousandths(rows[0].balance_after), thousandths(now.balance));
  const runs = Map.groupBy(rows.filter((row) => row.run_id), (row) => row.run_id);
  assert.ok(runs.size > 10, `only ${runs.size} runs`);
  for (const [id, of] of runs) {
    for (const kind of ["reserve", "settle", "release"]) {
      assert.ok(of.filter((row) => row.kind === kind).length <= 1, `${id} has two rows of ${kind}`);
    }
    assert.equal(sum("reserve", of), sum("settle", of) + sum("release", of), id);
  }
  const ids = rows.map((row) => row.row_id);
  assert.deepEqual(ids, ids.toSorted((a, b) => b - a));
  assert.equal(new Set(ids).size, ids.length);
}

/// Every row, newest first.
async function statement(caller) {
  const rows = [];
  let cursor;
  do {
    const query = new URLSearchParams({ limit: "50", ...(cursor && { cursor }) });
    const response = await fetch(`${caller.origin}/api/v1/workspaces/${caller.workspaceId}/ledger?${query}`, {
      headers: { authorization: `Bearer ${caller.token}` },
      signal: AbortSignal.timeout(20_000),
    });
    assert.equal(response.status, 200);
    const page = await response.json();
    rows.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  return rows;
}

/// mulberry32, as whole numbers below a bound.
function dice(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}
