// Generations as tests need them: start one, wait for its end, fetch its files, read the money.
import assert from "node:assert/strict";
import { tool } from "./mcp.mjs";

const WAIT_SECONDS = 45;

/// Starts a run; throws when it is refused.
export async function start(gateway, args) {
  const { error, answer } = await tool(gateway, "execute_forge", args);
  assert.equal(error, undefined, JSON.stringify(error));
  return answer;
}

/// Waits for the end of a run and answers with all of the tool's result.
export async function ended(gateway, inferenceId) {
  const result = await tool(gateway, "get_forge_run", { inference_id: inferenceId, wait_seconds: WAIT_SECONDS });
  assert.equal(result.error, undefined, JSON.stringify(result.error));
  assert.notEqual(result.answer.status, "in_progress", "the run did not end");
  return result;
}

/// Runs to completion.
export async function make(gateway, args) {
  const { inference_id } = await start(gateway, args);
  const result = await ended(gateway, inference_id);
  assert.equal(result.answer.status, "complete", JSON.stringify(result.answer.error));
  assert.equal(result.answer.placeholder, true);
  return result;
}

/// One picture, film, sound or solid: its asset and its bytes.
export async function makeFile(gateway, args) {
  const { answer } = await make(gateway, args);
  const [asset] = answer.assets;
  return { asset, run: answer, bytes: await download(asset) };
}

export function get(url, headers = {}, method = "GET") {
  return fetch(url, { method, headers, signal: AbortSignal.timeout(20_000) });
}

export async function download(asset) {
  const response = await get(asset.url);
  assert.equal(response.status, 200, asset.url);
  assert.equal(response.headers.get("content-type"), asset.mime_type);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(bytes.length, asset.bytes);
  return bytes;
}

export async function money(gateway) {
  const { answer } = await tool(gateway, "get_workspace");
  return {
    balance: answer.balance_creative_units,
    reserved: answer.reserved_creative_units,
    spent: answer.spent_creative_units,
    running: answer.running_runs,
  };
}
