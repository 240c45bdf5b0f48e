// The crash test in short: three kills under load. `scripts/kill-test` does twenty.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crashTest } from "./support/crash.mjs";

test("killed three times under load: every run ends and every unit is accounted for", async () => {
  const { rounds, totals, faults, seed } = await crashTest({ kills: 3 });
  assert.deepEqual(faults, [], `seed ${seed}`);
  assert.ok(rounds.some((round) => round.unfinished + round.unanswered > 0), "no run was under way at any kill");
  assert.ok(totals.complete > 0);
});
