// Uploads and crashes, in short: four kills while files are handed over. `scripts/kill-test --uploads` does as many as it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { uploadCrashTest } from "./support/upload-crash.mjs";

test("killed four times during uploads: no half file, none stuck, every retry ends stored", async () => {
  const { totals, rounds, faults, seed } = await uploadCrashTest({ kills: 4 });
  assert.deepEqual(faults, [], `seed ${seed}`);
  assert.ok(rounds.some((round) => round.open > 0), "no upload was under way at any kill");
  assert.ok(totals.stored > 4);
});
