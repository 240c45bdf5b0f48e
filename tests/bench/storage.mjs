// How many storage operations read-only calls cost: our gateway runs behind
// count-entry.mjs, and 100 calls of each measured tool are counted, with the
// personal access token after one warm-up call of each, with an access token of
// OAuth in its first minute without any, and again when that minute is over.

import fs from "node:fs";
import path from "node:path";

import { sleep, temporaryFolder } from "./children.mjs";
import { AFTER_BELIEVE_MS, AIMS, BELIEVE_MS, BENCH_DIR, CALLS, LEGACY, MODERN, OURS } from "./config.mjs";
import { requestJson } from "./http.mjs";
import { callTool } from "./mcp.mjs";
import { oauthToken, ourToken } from "./oauth.mjs";
import { startServer, stopServer } from "./servers.mjs";

const CALLS_EACH = 100;
const ERAS = [LEGACY, MODERN];

export const total = (counts) => Object.values(counts).reduce((sum, value) => sum + value, 0);

export function countingSpec(spec) {
  const [entry, ...others] = spec.modules;
  const source = fs
    .readFileSync(path.join(BENCH_DIR, "count-entry.mjs"), "utf8")
    .replaceAll('"./index.js"', JSON.stringify(`./${path.basename(entry.path)}`));
  const counter = { type: "ESModule", path: path.join(spec.modulesRoot, "count-entry.mjs"), contents: source };
  return { ...spec, modules: [counter, entry, ...others] };
}

// What was counted since the last time.
export const takeCounts = (server) => requestJson(server.port, { method: "DELETE", path: "/__count" }, 200);

async function countCalls(server, token, label, aim, emit) {
  for (const tool of Object.keys(CALLS)) {
    for (let i = 0; i < CALLS_EACH; i += 1) {
      await callTool(server.port, OURS.mcpPath, { tool, era: ERAS[i % ERAS.length], token });
    }
    const counts = await takeCounts(server);
    emit({ kind: "storage", token: label, tool, calls: CALLS_EACH, operations: total(counts), counts, aim });
  }
}

async function personalToken(server, spec, emit) {
  // Making a token stores it: a counter that saw nothing there sees nothing.
  const token = await ourToken(server.port, spec.text.OPERATOR_KEY);
  const control = await takeCounts(server);
  for (const tool of Object.keys(CALLS)) {
    for (const era of ERAS) {
      await callTool(server.port, OURS.mcpPath, { tool, era, token });
    }
  }
  const warmUp = await takeCounts(server);
  await countCalls(server, token, "personal token", AIMS.storageOperations, emit);
  emit({
    kind: "storage-control",
    token_operations: total(control),
    token_counts: control,
    warm_up_operations: total(warmUp),
  });
}

async function accessToken(server, options, emit, say) {
  const token = await oauthToken(server);
  const issued = performance.now();
  await takeCounts(server);
  await countCalls(server, token, "access token, first minute", AIMS.storageOperations, emit);
  const elapsed = performance.now() - issued;
  if (elapsed > BELIEVE_MS) {
    throw new Error(`counting took ${elapsed.toFixed(0)} ms, longer than an access token is new`);
  }
  if (options.isQuick) {
    return;
  }
  say("storage: waiting until the access token is older than a minute");
  await sleep(AFTER_BELIEVE_MS - elapsed);
  await countCalls(server, token, "access token, later", AIMS.laterStorageOperations, emit);
}

export async function storageSection({ spec, options, emit, say }) {
  const server = await startServer(countingSpec(spec), temporaryFolder());
  try {
    await personalToken(server, spec, emit);
    await accessToken(server, options, emit, say);
    say("storage operations counted");
  } finally {
    await stopServer(server);
  }
}
