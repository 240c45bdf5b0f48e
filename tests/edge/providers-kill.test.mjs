// A short run of what `scripts/kill-test --providers` does for long.
import assert from "node:assert/strict";
import { test } from "node:test";
import { providerCrashTest } from "./support/provider-crash.mjs";

test("killed while its providers fail at random, it loses nothing and orders nothing twice", { timeout: 900_000 }, async (t) => {
  const { seed, killed, totals, faults } = await providerCrashTest({ runs: 80, kills: 4 });
  t.diagnostic(JSON.stringify({ seed, killed, ...totals }));
  assert.deepEqual(faults, [], `seed ${seed}`);
  assert.equal(killed, 4);
  assert.ok(totals.complete > 40, JSON.stringify(totals));
});
