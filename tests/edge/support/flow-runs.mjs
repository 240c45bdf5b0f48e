// Workflow runs as tests need them: a definition with everything that can happen in it, and the end of a run.
import assert from "node:assert/strict";
import { tool } from "./mcp.mjs";

const WAIT_SECONDS = 45;
const TINY = { width: 64, height: 64 };

/// One picture, three things made of it at once, a sound beside; a step that fails and may, and a pick that so falls back.
export const PIPELINE = {
  format: 1,
  name: "Pipeline",
  description: "Everything a crash could come in between.",
  inputs: [
    { name: "seed", type: "integer", minimum: 0, maximum: 4294967295, default: 1 },
    { name: "pace", type: "text", default: "offline:slow=1", max_length: 40 },
  ],
  steps: [
    { id: "base", type: "model", model_id: "offline-image", parameters: { prompt: "a hill {{inputs.pace}}", seed: "{{inputs.seed}}", ...TINY } },
    { id: "fails", type: "model", model_id: "offline-image", optional: true, retries: 1, parameters: { prompt: "offline:fail", ...TINY } },
    { id: "larger", type: "transform", operation: "upscale", file: "{{steps.base.files[0]}}", parameters: { upscale_ratio: 1.5 } },
    { id: "cut", type: "transform", operation: "remove_background", file: "{{steps.base.files[0]}}" },
    { id: "traced", type: "transform", operation: "vectorize", file: "{{steps.cut.files[0]}}" },
    { id: "rain", type: "model", model_id: "offline-sound", parameters: { prompt: "rain offline:slow=2", duration_seconds: 0.5 } },
    { id: "best", type: "pick", from: ["{{steps.fails.files}}", "{{steps.larger.files}}"] },
  ],
  outputs: [
    { name: "picture", from: "{{steps.best.files}}" },
    { name: "vector", from: "{{steps.traced.files}}" },
    { name: "sound", from: "{{steps.rain.files}}" },
  ],
};
/// Steps of it that make a file when all goes well.
const MAKERS = ["base", "larger", "cut", "traced", "rain"];

export async function startFlow(caller, workflowId, inputs = {}, more = {}) {
  const { error, answer } = await tool(caller, "execute_workflow", { workflow_id: workflowId, inputs, ...more });
  assert.equal(error, undefined, JSON.stringify(error));
  return answer;
}

/// Waits for the end of a run; its answer in the words of a generation, the number of its files, and what is wrong with it.
export async function flowEnded(caller, runId) {
  const result = await tool(caller, "get_workflow_run", { run_id: runId, wait_seconds: WAIT_SECONDS });
  assert.equal(result.error, undefined, JSON.stringify(result.error));
  const run = result.answer;
  assert.ok(!["pending", "running"].includes(run.status), "the run did not end");
  const status = { success: "complete", failure: "failed", cancelled: "cancelled" }[run.status];
  return { ...result, ...tally(run), answer: { ...run, status } };
}

function tally(run) {
  const faults = [];
  const made = run.steps.filter((step) => MAKERS.includes(step.id));
  const ids = made.flatMap((step) => step.asset_ids);
  if (new Set(ids).size !== ids.length) faults.push("a file twice");
  const sum = run.steps.reduce((sum, step) => sum + Math.round(step.price_creative_units * 1000), 0);
  if (sum !== Math.round(run.price_creative_units * 1000)) faults.push(`its steps cost ${sum / 1000}`);
  for (const step of made) {
    const isPaid = step.price_creative_units > 0;
    if (isPaid !== step.asset_ids.length > 0) faults.push(`step ${step.id} made ${step.asset_ids.length} files`);
  }
  if (run.status === "success" && ids.length !== MAKERS.length) faults.push(`${ids.length} files`);
  return { count: ids.length, faults };
}
