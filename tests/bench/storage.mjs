// How many storage operations read-only calls cost: our gateway runs behind
// count-entry.mjs, and 100 calls of each measured tool are counted after one
// warm-up call of each.

import fs from "node:fs";
import path from "node:path";

import { temporaryFolder } from "./children.mjs";
import { BENCH_DIR, CALLS, LEGACY, MODERN, OURS } from "./config.mjs";
import { requestJson } from "./http.mjs";
import { callTool } from "./mcp.mjs";
import { startServer, stopServer, tokenFor } from "./servers.mjs";

const CALLS_EACH = 100;
const ERAS = [LEGACY, MODERN];

const total = (counts) => Object.values(counts).reduce((sum, value) => sum + value, 0);

function countingSpec(spec) {
  const [entry, ...others] = spec.modules;
  const source = fs
    .readFileSync(path.join(BENCH_DIR, "count-entry.mjs"), "utf8")
    .replaceAll('"./index.js"', JSON.stringify(`./${path.basename(entry.path)}`));
  const counter = { type: "ESModule", path: path.join(spec.modulesRoot, "count-entry.mjs"), contents: source };
  return { ...spec, modules: [counter, entry, ...others] };
}

export async function storageSection({ spec, emit, say }) {
  const server = await startServer(countingSpec(spec), temporaryFolder());
  const countsOf = (method) => requestJson(server.port, { method, path: "/__count" }, 200);
  try {
    // Making a token stores it: a counter that saw nothing there sees nothing.
    const token = await tokenFor(server, spec);
    const control = await countsOf("GET");

    const call = (tool, era) => callTool(server.port, OURS.mcpPath, { tool, era, token });
    for (const tool of Object.keys(CALLS)) {
      for (const era of ERAS) {
        await call(tool, era);
      }
    }
    const warmUp = await countsOf("GET");
    await countsOf("DELETE");

    for (const tool of Object.keys(CALLS)) {
      for (let i = 0; i < CALLS_EACH; i += 1) {
        await call(tool, ERAS[i % ERAS.length]);
      }
      const counts = await countsOf("GET");
      await countsOf("DELETE");
      emit({ kind: "storage", tool, calls: CALLS_EACH, operations: total(counts), counts });
    }
    emit({
      kind: "storage-control",
      token_operations: total(control),
      token_counts: control,
      warm_up_operations: total(warmUp) - total(control),
    });
    say(`storage operations counted; making the token made ${total(control)} (the control)`);
  } finally {
    await stopServer(server);
  }
}
