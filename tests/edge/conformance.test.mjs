// The official conformance suite, both requirement sets, against the gateway with the suite's own fixtures compiled
// in. It has no option for a token, so a proxy adds it. Nothing is expected to fail.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { conformanceBundle, startGateway } from "./support/gateway.mjs";
import { startProxy } from "./support/proxy.mjs";
import { run } from "./support/run.mjs";

const SUITE = path.join(import.meta.dirname, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const SUITE_MILLIS = 180_000;
// Scenarios of each set that the suite counts, so that a run which tested less than it should does not pass.
const REQUIRED = { "2026-07-28": 37, "2025-11-25": 30 };
// Scenarios of the Tasks extension, which the suite runs and does not count.
const TASKS = { "2026-07-28": 10, "2025-11-25": 0 };

let gateway;
let proxy;

before(async () => {
  assert.ok(conformanceBundle, "ATELIER_CONFORMANCE_BUNDLE must name the bundle with the suite's fixtures");
  gateway = await startGateway({ bundle: conformanceBundle });
  proxy = await startProxy(gateway.url, { added: { authorization: `Bearer ${gateway.token}` } });
});
after(async () => {
  await proxy?.stop();
  await gateway?.stop();
});

for (const [revision, required] of Object.entries(REQUIRED)) {
  test(`official conformance suite, requirements of ${revision}`, async (context) => {
    const results = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-conformance-"));
    const args = [SUITE, "server", "--url", proxy.url, "--requirements", revision, "-o", results];
    const { code, stdout, stderr } = await run(process.execPath, args, { millis: SUITE_MILLIS });
    fs.rmSync(results, { recursive: true, force: true });
    const summary = stdout.slice(Math.max(0, stdout.indexOf("=== SUMMARY ===")));
    assert.equal(code, 0, `${summary}\n${stderr.slice(-2000)}`);
    const { passed, failed, unscored } = scored(summary);
    context.diagnostic(`${revision}: ${passed.length} required scenarios passed`);
    assert.deepEqual(failed, []);
    assert.equal(passed.length, required, summary);
    const tasks = unscored.filter(({ name }) => name.startsWith("tasks-"));
    assert.equal(tasks.length, TASKS[revision], summary);
    assert.deepEqual(tasks.filter(({ mark }) => mark !== "✓"), []);
  });
}

/// Names of the scenarios that count, and how those went that are listed as "Not scored".
function scored(summary) {
  const [counted, rest] = summary.split("Not scored");
  const unscored = [...(rest ?? "").matchAll(/^\s+([✓✗]) (\S+) \(/gm)].map(([, mark, name]) => ({ mark, name }));
  const ignored = new Set(unscored.map(({ name }) => name));
  const scenarios = [...counted.matchAll(/^([✓✗]) (\S+): /gm)].filter(([, , name]) => !ignored.has(name));
  const named = (mark) => scenarios.filter(([, found]) => found === mark).map(([, , name]) => name);
  return { passed: named("✓"), failed: named("✗"), unscored };
}
