// Collection on the real runtime: its clock rings the sweep, the operator sees and deletes what nothing names, and what
// is listed stays.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { curl, folder, png, shell } from "./support/curl.mjs";
import { download, makeFile, start } from "./support/forge.mjs";
import { ROOT, startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

const TRIES = 30;
const STEP_MILLIS = 40;
const TRASH_MILLIS = 10_000;

let gateway;
let kept;
const work = folder();

before(async () => {
  gateway = await startGateway({ logLevel: "log" });
  kept = await makeFile(gateway, { model_id: "offline-image", prompt: "a fox", width: 192, height: 128 });
});
after(async () => {
  fs.rmSync(work, { recursive: true });
  await gateway?.stop();
});

const reconcile = (more) => gateway.operator("reconcile", { min_age_hours: 0, ...more });
const script = (...args) => shell(path.join(ROOT, "scripts/reconcile"), ["--url", gateway.origin, ...args]);

/// Until nothing is found that nobody names: the trash is emptied by an alarm.
async function clean() {
  const until = Date.now() + TRASH_MILLIS;
  for (;;) {
    const page = await reconcile();
    if (page.orphans.length === 0) return page;
    assert.ok(Date.now() < until, JSON.stringify(page));
    await sleep(100);
  }
}

/// Cancels a run of four between its first output and its last; answers with what that left.
async function cancelHalfDone() {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const args = { model_id: "offline-image", prompt: `a ship ${tries}`, width: 1024, height: 1024, batch_size: 4 };
    const { inference_id } = await start(gateway, args);
    await sleep(STEP_MILLIS * (1 + tries));
    const { error } = await tool(gateway, "cancel_forge_run", { inference_id });
    if (error) continue;
    // What was on its way to storage arrives.
    await sleep(1000);
    const page = await reconcile();
    if (page.orphans.length > 0) return page;
  }
  return assert.fail("no run was cancelled between two of its outputs");
}

test("without the key it does not exist", async () => {
  for (const authorization of ["Bearer x", `Bearer ${gateway.token}`]) {
    const init = { method: "POST", headers: { authorization }, body: "{}" };
    assert.equal((await fetch(`${gateway.origin}/api/v1/operator/reconcile`, init)).status, 401);
  }
});

test("what a cancelled run stored is found, and deleted when told", async () => {
  const page = await cancelHalfDone();
  for (const orphan of page.orphans) {
    assert.match(orphan.key, new RegExp(`^w/${gateway.workspaceId}/[0-9a-f-]{36}\\.(png|poster\\.jpg)$`));
    assert.ok(orphan.bytes > 100 && orphan.has_workspace && !orphan.key.includes(kept.asset.asset_id));
    assert.ok(Math.abs(Date.now() - Date.parse(orphan.stored_at)) < 120_000, orphan.stored_at);
  }
  assert.deepEqual([page.deleted, page.missing, page.foreign, page.skipped, page.next_cursor], [0, [], [], 0, null]);
  const young = await gateway.operator("reconcile", {});
  assert.deepEqual([young.orphans, young.seen], [[], page.seen], "younger than two days");
  const shown = await script("--min-age-hours", "0");
  assert.equal(shown.exit, 1, shown.error);
  assert.match(shown.out, new RegExp(`^${page.seen} objects`));
  const gone = await script("--min-age-hours", "0", "--delete");
  assert.equal(gone.exit, 0, gone.out + gone.error);
  const left = await clean();
  assert.equal(left.seen, page.seen - page.orphans.length);
  assert.equal((await script("--min-age-hours", "0", "--workspace", gateway.workspaceId)).exit, 0);
  assert.deepEqual(await download(kept.asset), kept.bytes);
});

test("what a run under way has stored is no orphan", async () => {
  const { inference_id } = await start(gateway, { model_id: "offline-image", prompt: "a bridge", width: 1024, height: 1024, batch_size: 4 });
  let run;
  do {
    const { orphans, missing } = await reconcile();
    assert.deepEqual([orphans, missing], [[], []]);
    run = (await tool(gateway, "get_forge_run", { inference_id })).answer;
  } while (run.status === "in_progress");
  assert.equal(run.status, "complete");
  await clean();
});

test("the clock rings the sweep", async () => {
  const rung = await fetch(`${gateway.origin}/cdn-cgi/local/scheduled`);
  assert.equal(rung.status, 200, await rung.text());
  const until = Date.now() + 10_000;
  let line;
  while (!line && Date.now() < until) {
    line = gateway.serverLog().split("\n").find((text) => text.includes('"collector.swept"'));
    await sleep(100);
  }
  assert.ok(line, gateway.serverLog().slice(-2000));
  const { fields } = JSON.parse(line.slice(line.indexOf("{")));
  assert.deepEqual([fields.orphans, fields.skipped, fields.is_at_end, fields.fault], [0, 0, true, null], line);
  assert.ok(fields.seen >= 3, line);
  assert.deepEqual(await download(kept.asset), kept.bytes);
});

test("a file that is uploaded, listed and deleted leaves nothing", async () => {
  const at = path.join(work, "a.png");
  fs.writeFileSync(at, png(5_000, 1));
  const { answer } = await tool(gateway, "request_file_upload_url", { file_name: "a.png" });
  const stored = await curl("-T", at, answer.upload_url);
  assert.equal(stored.status, 200, stored.text);
  const { file_url, asset } = stored.body;
  assert.equal((await fetch(file_url)).status, 200);
  const before = await reconcile();
  assert.deepEqual([before.orphans, before.missing], [[], []]);
  const media = `${gateway.origin}/api/v1/workspaces/${gateway.workspaceId}/media/${asset.asset_id}`;
  const headers = { authorization: `Bearer ${gateway.token}` };
  const deleted = await fetch(media, { method: "DELETE", headers });
  assert.ok(deleted.ok, await deleted.text());
  const until = Date.now() + TRASH_MILLIS;
  while ((await fetch(file_url)).status !== 404) {
    assert.ok(Date.now() < until, "its link still works");
    await sleep(100);
  }
  const after = await clean();
  assert.deepEqual([after.missing, after.foreign], [[], []]);
  assert.equal((await fetch(media, { headers })).status, 404);
});
