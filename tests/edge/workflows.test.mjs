// Workflows on workerd: the built-in ones through an official client, a definition of one's own, and eight steps with a
// fan-out killed after each step in turn.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { checkFile } from "./support/files.mjs";
import { PIPELINE, flowEnded, startFlow } from "./support/flow-runs.mjs";
import { download, makeFile, money } from "./support/forge.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";
import { play } from "./support/player.mjs";

const TINY = { width: 64, height: 64 };
const CALL = { timeout: 60_000 };

let gateway;

before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

/// An official client; it checks every structured answer against the tool's output schema.
async function connect(caller) {
  const client = new Client({ name: "edge-tests", version: "1" }, { versionNegotiation: { mode: "auto" } });
  const options = { requestInit: { headers: { authorization: `Bearer ${caller.token}` } } };
  await client.connect(new StreamableHTTPClientTransport(new URL(caller.url), options));
  await client.listTools();
  const call = async (name, args, options = {}) => {
    const result = await client.callTool({ name, arguments: args }, { ...CALL, ...options });
    assert.ok(!result.isError, JSON.stringify(result.content));
    return result;
  };
  return { call, close: () => client.close() };
}

test("a picture becomes a product shot, a 3D model; words become icons and a clip with sound", async () => {
  const caller = await gateway.as("studio", { units: 200 });
  const { asset } = await makeFile(caller, { model_id: "offline-image", prompt: "a red teapot on a white background", ...TINY });
  const client = await connect(caller);
  try {
    const { structuredContent: listed } = await client.call("list_workflows", {});
    const wishes = {
      "product-shot": { photo: asset.asset_id },
      "picture-to-3d": { picture: asset.asset_id },
      "icon-set": { subjects: ["a sword", "a shield"] },
      "narrated-clip": { script: "A boat sails. Rain falls." },
    };
    for (const [workflow_id, inputs] of Object.entries(wishes)) {
      assert.ok(listed.items.some((item) => item.workflow_id === workflow_id), workflow_id);
      const { structuredContent: estimate } = await client.call("estimate_workflow_price", { workflow_id, inputs });
      const { structuredContent: run } = await client.call("execute_workflow", { workflow_id, inputs });
      const told = [];
      const onprogress = ({ progress }) => told.push(progress);
      const result = await client.call("get_workflow_run", { run_id: run.run_id, wait_seconds: 45 }, { onprogress });
      const end = result.structuredContent;
      assert.equal(end.status, "success", JSON.stringify(end.error));
      assert.ok(end.price_creative_units <= estimate.estimated_price_creative_units);
      assert.ok(end.price_creative_units >= estimate.least_price_creative_units);
      assert.deepEqual(told, told.toSorted((a, b) => a - b));
      assert.ok(result.content.some((block) => block.type === "image"), "a contact sheet");
      for (const file of end.assets) checkFile(file, await download(file));
      if (workflow_id === "narrated-clip") await checkClip(end.assets.find((file) => file.kind === "video"));
    }
  } finally {
    await client.close();
  }
  assert.equal((await money(caller)).reserved, 0);
});

async function checkClip(film) {
  const played = await play(await download(film), { moments: [0.5], rate: 22_050 });
  assert.ok(played.duration >= 3.9, `${played.duration} s`);
  assert.ok(played.channels[0].some((sample) => Math.abs(sample) > 0.01), "it is not silent");
}

test("a definition of one's own: every problem is told, versions are kept, a failing step may fail", async () => {
  const caller = await gateway.as("author", { units: 50 });
  const wrong = structuredClone(PIPELINE);
  wrong.steps[2].file = "{{steps.nowhere.files[0]}}";
  wrong.steps[5].parameters.duration_seconds = "long";
  const refused = await tool(caller, "create_workflow", { document: wrong });
  assert.equal(refused.error.code, "INVALID_INPUTS");
  const paths = refused.error.details.problems.map((problem) => problem.path);
  assert.deepEqual(paths.toSorted(), ["steps[2].file", "steps[5].parameters.duration_seconds"]);

  const { answer: made } = await tool(caller, "create_workflow", { document: PIPELINE, idempotency_key: "once" });
  const { answer: again } = await tool(caller, "create_workflow", { document: PIPELINE, idempotency_key: "once" });
  assert.equal(made.workflow_id, again.workflow_id);
  const run = await startFlow(caller, made.workflow_id);
  const renamed = { ...PIPELINE, name: "Pipeline two" };
  const { answer: changed } = await tool(caller, "update_workflow", { workflow_id: made.workflow_id, document: renamed, base_version: 1 });
  assert.equal(changed.version, 2);
  const late = await tool(caller, "update_workflow", { workflow_id: made.workflow_id, document: PIPELINE, base_version: 1 });
  assert.equal(late.error.code, "VERSION_CONFLICT");
  const { answer: end, faults } = await flowEnded(caller, run.run_id);
  assert.deepEqual(faults, []);
  assert.deepEqual([end.status, end.version], ["complete", 1]);
  const step = (id) => end.steps.find((one) => one.id === id);
  assert.deepEqual([step("fails").status, step("best").status], ["failure", "success"]);
  assert.deepEqual(step("best").asset_ids, step("larger").asset_ids);
  const { answer: runs } = await tool(caller, "list_runs", { model_id: made.workflow_id });
  assert.deepEqual(runs.items.map((item) => [item.id, item.files]), [[run.run_id, 5]]);
});

const drawn = (id, from) => ({
  id,
  type: "model",
  model_id: "offline-image",
  parameters: {
    prompt: `${id} offline:slow=1`,
    ...TINY,
    ...(from && { guidance_files: [{ file_id: `{{steps.${from}.files[0]}}`, type: "init_image" }] }),
  },
});
const DIAMOND = {
  format: 1,
  name: "Diamond",
  description: "One, three of it, three of those, one of the last.",
  inputs: [],
  steps: [
    drawn("top"),
    ...["a", "b", "c"].map((id) => drawn(id, "top")),
    ...["a", "b", "c"].map((id) => drawn(`${id}2`, id)),
    drawn("bottom", "b2"),
  ],
  outputs: [{ name: "picture", from: "{{steps.bottom.files[0]}}" }],
};

test("eight steps with a fan-out, killed after each step in turn: every run succeeds and no step is charged twice", async () => {
  const caller = await gateway.as("survivor", { units: 100 });
  const { answer: made } = await tool(caller, "create_workflow", { document: DIAMOND });
  for (let step = 0; step < DIAMOND.steps.length; step += 1) {
    const before = await money(caller);
    const { run_id } = await startFlow(caller, made.workflow_id, {}, { idempotency_key: `run-${step}` });
    await untilDone(caller, run_id, step);
    await gateway.kill();
    await gateway.restart();
    Object.assign(caller, { url: gateway.url, origin: gateway.origin });
    // The client does not know what became of its call.
    const repeated = await startFlow(caller, made.workflow_id, {}, { idempotency_key: `run-${step}` });
    assert.equal(repeated.run_id, run_id);
    const { answer: run } = await flowEnded(caller, run_id);
    assert.equal(run.status, "complete", JSON.stringify(run.error));
    const files = run.steps.flatMap((one) => one.asset_ids);
    assert.equal(new Set(files).size, DIAMOND.steps.length, `after ${step} steps`);
    assert.equal(files.length, DIAMOND.steps.length);
    assert.ok(run.steps.every((one) => one.price_creative_units === 1));
    const after = await money(caller);
    assert.deepEqual([after.spent - before.spent, after.reserved], [DIAMOND.steps.length, 0]);
  }
});

/// Until so many steps have ended, or the run has.
async function untilDone(caller, run_id, count) {
  for (;;) {
    const { answer } = await tool(caller, "get_workflow_run", { run_id, wait_seconds: 0 });
    const done = answer.steps.filter((step) => step.status === "success").length;
    if (done >= count || answer.status === "success") return;
    await sleep(30);
  }
}
