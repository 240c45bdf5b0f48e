// A defect that ends the Wasm instance: whoever called gets a 5xx at once, nobody in flight hangs, and the next call
// finds a new instance. The panic itself is a fixture that only the conformance build has.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ended, start } from "./support/forge.mjs";
import { conformanceBundle, startGateway } from "./support/gateway.mjs";
import { exchange, send, tool } from "./support/mcp.mjs";

const AT_ONCE_MILLIS = 2_000;
// So long others are in flight before the panic.
const BEFORE_MILLIS = 500;
const PICTURE = { model_id: "offline-image", width: 64, height: 64 };

let gateway;

before(async () => {
  assert.ok(conformanceBundle, "ATELIER_CONFORMANCE_BUNDLE must name the bundle with the panic fixture");
  gateway = await startGateway({ bundle: conformanceBundle });
});
after(() => gateway?.stop());

const panic = (where, options) => exchange(gateway, "tools/call", { name: "test_panic", arguments: { where } }, options);

/// What a call came to and after how long; a connection that was closed is an end, too.
async function timed(promise) {
  const from = Date.now();
  const outcome = await promise.catch((error) => ({ error }));
  return { ...outcome, millis: Date.now() - from };
}

/// A call that would wait for 30 seconds, read to its end.
async function waiting(run, options) {
  const wait = { name: "get_forge_run", arguments: { inference_id: run.inference_id, wait_seconds: 30 } };
  const response = await send(gateway, "tools/call", wait, options);
  return { status: response.status, text: await response.text() };
}

for (const where of ["worker", "object"]) {
  test(`a panic in the ${where}: 5xx at once, everybody in flight ends, the next call works`, async () => {
    const run = await start(gateway, { ...PICTURE, prompt: "offline:slow=5" });
    const inFlight = [
      timed(waiting(run, { headers: { accept: "application/json" } })),
      timed(waiting(run, { era: "modern", meta: { progressToken: 1 } })),
    ];
    await sleep(BEFORE_MILLIS);
    const dead = await timed(panic(where));
    assert.ok(dead.status >= 500, `HTTP ${dead.status} ${JSON.stringify(dead.message ?? dead.error)}`);
    assert.ok(dead.millis < AT_ONCE_MILLIS, `${dead.millis} ms`);
    for (const other of await Promise.all(inFlight)) {
      assert.ok(other.millis < BEFORE_MILLIS + AT_ONCE_MILLIS, `a call in flight took ${other.millis} ms`);
    }
    const next = await timed(tool(gateway, "list_models"));
    assert.equal(next.error, undefined, String(next.error));
    assert.ok(next.answer.items.length > 0);
    assert.ok(next.millis < AT_ONCE_MILLIS, `${next.millis} ms`);
    const { answer } = await ended(gateway, run.inference_id);
    assert.equal(answer.status, "complete", "the run that was under way");
  });
}

test("ten panics in a row leave a gateway that works", async () => {
  for (let turn = 0; turn < 10; turn += 1) {
    const dead = await timed(panic(turn % 2 ? "object" : "worker"));
    assert.ok(dead.status >= 500 && dead.millis < AT_ONCE_MILLIS, `turn ${turn}: HTTP ${dead.status} after ${dead.millis} ms`);
    const next = await tool(gateway, "get_workspace");
    assert.equal(next.error, undefined);
  }
});
