// Creative Units and runs under their limits: nothing is charged for what did not come, nothing is spent twice, and
// a token that was revoked spends nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startGateway } from "./support/gateway.mjs";
import { ended, make, money, start } from "./support/forge.mjs";
import { send, tool } from "./support/mcp.mjs";

const TINY = { width: 64, height: 64 };
const PICTURE = { model_id: "offline-image", ...TINY };

let gateway;

before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

test("estimate and execute agree, and the workspace adds up", async () => {
  const caller = await gateway.as("estimator", { units: 100 });
  const requests = [
    { ...PICTURE, prompt: "a", batch_size: 3, quality: "high" },
    { ...PICTURE, prompt: "a", post: { upscale_ratio: 2, vectorize: true } },
    { model_id: "offline-sound", prompt: "bell", duration_seconds: 1.5 },
  ];
  let spent = 0;
  for (const request of requests) {
    const { answer: estimate } = await tool(caller, "estimate_forge_price", request);
    const { answer: run } = await make(caller, request);
    assert.equal(run.price_creative_units, estimate.estimated_price_creative_units);
    spent += run.price_creative_units;
  }
  assert.deepEqual(await money(caller), { balance: 100 - spent, reserved: 0, spent, running: 0 });
});

test("a run that fails or is moderated costs nothing", async () => {
  const caller = await gateway.as("unlucky", { units: 10 });
  for (const [word, code] of [["offline:fail", "PROVIDER_FAILED"], ["offline:moderated", "MODERATED"]]) {
    const run = await start(caller, { ...PICTURE, prompt: `a cat ${word}` });
    const { answer, isError } = await ended(caller, run.inference_id);
    assert.equal(answer.status, "failed");
    assert.equal(answer.error.code, code);
    assert.equal(answer.price_creative_units, 0);
    assert.deepEqual(answer.assets, []);
    assert.ok(!isError, "the call itself went well");
  }
  assert.deepEqual(await money(caller), { balance: 10, reserved: 0, spent: 0, running: 0 });
});

test("cancelling gives the units back, twice is once, and a finished run cannot be cancelled", async () => {
  const caller = await gateway.as("canceller", { units: 10 });
  const run = await start(caller, { ...PICTURE, prompt: "offline:slow=30", batch_size: 4 });
  assert.deepEqual(await money(caller), { balance: 6, reserved: 4, spent: 0, running: 1 });
  const cancelled = await tool(caller, "cancel_forge_run", { inference_id: run.inference_id });
  assert.equal(cancelled.answer.status, "cancelled");
  assert.equal(cancelled.answer.released_creative_units, 4);
  assert.deepEqual(await money(caller), { balance: 10, reserved: 0, spent: 0, running: 0 });
  const again = await tool(caller, "cancel_forge_run", { inference_id: run.inference_id });
  assert.equal(again.answer.status, "cancelled");
  const { answer: done } = await make(caller, { ...PICTURE, prompt: "quick" });
  const late = await tool(caller, "cancel_forge_run", { inference_id: done.inference_id });
  assert.equal(late.error.code, "RUN_ALREADY_TERMINAL");
  assert.deepEqual(await money(caller), { balance: 9, reserved: 0, spent: 1, running: 0 });
});

test("the sixth run at once is refused and named the five", async () => {
  const caller = await gateway.as("busy", { units: 100 });
  const request = { ...PICTURE, prompt: "offline:slow=30" };
  const asks = Array.from({ length: 8 }, (_, seed) => tool(caller, "execute_forge", { ...request, seed }));
  const outcomes = await Promise.all(asks);
  const running = outcomes.filter((outcome) => !outcome.error).map((outcome) => outcome.answer.inference_id);
  const refused = outcomes.filter((outcome) => outcome.error).map((outcome) => outcome.error);
  assert.equal(running.length, 5);
  assert.equal(refused.length, 3);
  for (const error of refused) {
    assert.equal(error.code, "RATE_LIMITED");
    assert.equal(error.retryable, true);
    assert.deepEqual(error.details.running_ids.toSorted(), running.toSorted());
  }
  await tool(caller, "cancel_forge_run", { inference_id: running[0] });
  const sixth = await start(caller, { ...request, seed: 9 });
  for (const id of [sixth.inference_id, ...running.slice(1)]) await tool(caller, "cancel_forge_run", { inference_id: id });
  assert.deepEqual(await money(caller), { balance: 100, reserved: 0, spent: 0, running: 0 });
});

test("of a hundred at once with units for three, three run and the ledger is exact", async () => {
  const caller = await gateway.as("crowd", { units: 3.5 });
  const asks = Array.from({ length: 100 }, (_, seed) => tool(caller, "execute_forge", { ...PICTURE, prompt: "a", seed }));
  const outcomes = await Promise.all(asks);
  const started = outcomes.filter((outcome) => !outcome.error).map((outcome) => outcome.answer.inference_id);
  const codes = new Set(outcomes.filter((outcome) => outcome.error).map((outcome) => outcome.error.code));
  assert.equal(new Set(started).size, 3);
  assert.deepEqual([...codes], ["INSUFFICIENT_BALANCE"]);
  for (const id of started) await ended(caller, id);
  assert.deepEqual(await money(caller), { balance: 0.5, reserved: 0, spent: 3, running: 0 });
});

test("of a hundred slow ones at once with units for all, five run", async () => {
  const caller = await gateway.as("slow crowd", { units: 1000 });
  const request = { ...PICTURE, prompt: "offline:slow=60" };
  const asks = Array.from({ length: 100 }, (_, seed) => tool(caller, "execute_forge", { ...request, seed }));
  const outcomes = await Promise.all(asks);
  const started = outcomes.filter((outcome) => !outcome.error).map((outcome) => outcome.answer.inference_id);
  const codes = new Set(outcomes.filter((outcome) => outcome.error).map((outcome) => outcome.error.code));
  assert.equal(new Set(started).size, 5);
  assert.deepEqual([...codes], ["RATE_LIMITED"]);
  assert.deepEqual(await money(caller), { balance: 995, reserved: 5, spent: 0, running: 5 });
  for (const id of started) await tool(caller, "cancel_forge_run", { inference_id: id });
  assert.deepEqual(await money(caller), { balance: 1000, reserved: 0, spent: 0, running: 0 });
});

test("the same call again while the first runs is the same run, and afterwards another", async () => {
  const caller = await gateway.as("impatient", { units: 10 });
  const request = { ...PICTURE, prompt: "offline:slow=2" };
  const [first, second] = await Promise.all([start(caller, request), start(caller, request)]);
  assert.equal(first.inference_id, second.inference_id);
  assert.match([...(first.warnings ?? []), ...(second.warnings ?? [])].join(), /still under way/);
  await ended(caller, first.inference_id);
  const later = await start(caller, request);
  assert.notEqual(later.inference_id, first.inference_id);
  await ended(caller, later.inference_id);
  assert.equal((await money(caller)).spent, 2);
});

test("without enough units nothing starts; of two at once with the last units one wins", async () => {
  const caller = await gateway.as("poor", { units: 1.5 });
  const dear = await tool(caller, "execute_forge", { ...PICTURE, prompt: "a", batch_size: 2 });
  assert.equal(dear.error.code, "INSUFFICIENT_BALANCE");
  assert.equal(dear.error.details.balance_creative_units, 1.5);
  const both = await Promise.all([1, 2].map((seed) => tool(caller, "execute_forge", { ...PICTURE, prompt: "a", seed })));
  const won = both.filter((outcome) => !outcome.error);
  const lost = both.filter((outcome) => outcome.error);
  assert.deepEqual([won.length, lost.length], [1, 1]);
  assert.equal(lost[0].error.code, "INSUFFICIENT_BALANCE");
  await ended(caller, won[0].answer.inference_id);
  assert.deepEqual(await money(caller), { balance: 0.5, reserved: 0, spent: 1, running: 0 });
});

test("a price ceiling is kept", async () => {
  const caller = await gateway.as("careful", { units: 10 });
  const request = { ...PICTURE, prompt: "a", batch_size: 3 };
  const refused = await tool(caller, "execute_forge", { ...request, max_price_creative_units: 2.999 });
  assert.equal(refused.error.code, "PRICE_ABOVE_LIMIT");
  await make(caller, { ...request, max_price_creative_units: 3 });
  assert.equal((await money(caller)).spent, 3);
});

test("an idempotency key starts one run, however often and however fast it is repeated", async () => {
  const caller = await gateway.as("repeater", { units: 10 });
  const request = { ...PICTURE, prompt: "once", idempotency_key: "order-1" };
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => tool(caller, "execute_forge", request)));
  for (const { error } of outcomes) assert.equal(error, undefined, JSON.stringify(error));
  const ids = new Set(outcomes.map(({ answer }) => answer.inference_id));
  assert.equal(ids.size, 1);
  await ended(caller, [...ids][0]);
  const later = await start(caller, request);
  assert.ok(ids.has(later.inference_id));
  assert.match(later.warnings.join(), /idempotency_key was used before/);
  const conflict = await tool(caller, "execute_forge", { ...request, prompt: "twice" });
  assert.equal(conflict.error.code, "IDEMPOTENCY_CONFLICT");
  assert.equal((await money(caller)).spent, 1);
});

test("somebody else's run does not exist", async () => {
  const caller = await gateway.as("stranger");
  const run = await start(gateway, { ...PICTURE, prompt: "mine" });
  for (const name of ["get_forge_run", "cancel_forge_run"]) {
    const { error } = await tool(caller, name, { inference_id: run.inference_id });
    assert.equal(error.code, "RUN_NOT_FOUND", name);
  }
  await ended(gateway, run.inference_id);
});

test("a revoked token is refused at once where it would spend", async () => {
  const caller = await gateway.as("leaver", { units: 10 });
  const run = await start(caller, { ...PICTURE, prompt: "offline:slow=30" });
  await gateway.operator("tokens/revoke", { token: caller.token });
  const execute = { name: "execute_forge", arguments: { ...PICTURE, prompt: "more" } };
  const cancel = { name: "cancel_forge_run", arguments: { inference_id: run.inference_id } };
  for (const era of ["legacy", "modern"]) {
    for (const params of [execute, cancel]) {
      const response = await send(caller, "tools/call", params, { era });
      assert.equal(response.status, 401, `${era} ${params.name}: ${await response.text()}`);
      assert.match(response.headers.get("www-authenticate"), /^Bearer .*error="invalid_token"/);
    }
  }
  const heir = await gateway.as("heir", { workspace_id: caller.workspaceId });
  await tool(heir, "cancel_forge_run", { inference_id: run.inference_id });
  assert.deepEqual(await money(heir), { balance: 10, reserved: 0, spent: 0, running: 0 });
});

test("a client that leaves in the middle of a wait leaves the run alone", async () => {
  const caller = await gateway.as("impatient", { units: 10 });
  for (const era of ["legacy", "modern"]) {
    const run = await start(caller, { ...PICTURE, prompt: "offline:slow=4" });
    const leave = new AbortController();
    const wait = { name: "get_forge_run", arguments: { inference_id: run.inference_id, wait_seconds: 40 } };
    const response = await send(caller, "tools/call", wait, { era, signal: leave.signal, meta: { progressToken: 1 } });
    assert.match(response.headers.get("content-type"), /^text\/event-stream/);
    const reader = response.body.getReader();
    await reader.read();
    leave.abort();
    await sleep(200);
    const { answer } = await ended(caller, run.inference_id);
    assert.equal(answer.status, "complete", era);
  }
  assert.deepEqual(await money(caller), { balance: 8, reserved: 0, spent: 2, running: 0 });
});
