// The benchmark's order of work; scripts/bench starts it. One run builds every
// server, asks ours for the answers that the others will return, and measures
// all of them side by side. See README.md for what the figures mean.

import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { buildBare, buildOurs, buildPeer } from "./build.mjs";
import { cleanUpOnExit, run, stopAll, temporaryFolder } from "./children.mjs";
import { coldSection } from "./cold.mjs";
import {
  CALLS,
  LEGACY,
  LIMITS,
  MODERN,
  OAUTH_LOAD,
  OURS,
  OUT_DIR,
  PEERS,
  REPO_DIR,
  TARGETS,
  oursText,
} from "./config.mjs";
import { chooseGenerator, GENERATOR_NAMES } from "./load.mjs";
import { describeMachine } from "./machine.mjs";
import { callTool } from "./mcp.mjs";
import { loadSection } from "./measure.mjs";
import { oauthSection } from "./oauth-cost.mjs";
import { providersSection } from "./providers.mjs";
import { raceSection } from "./race.mjs";
import { summary } from "./report.mjs";
import { specOf, startServer, stopServer, tokensFor } from "./servers.mjs";
import { runsSection } from "./runs.mjs";
import { sizeSection } from "./sizes.mjs";
import { uploadSection } from "./uploads.mjs";
import { storageSection } from "./storage.mjs";

const USAGE = `usage: scripts/bench [options]
  --secs N        seconds of each load (6; at most ${LIMITS.maxSecs})
  --reps N        repetitions (3; at most ${LIMITS.maxReps})
  --conc A,B,...  connections (1,16,64)
  --only A,B,...  sections load, cold, sizes, storage, oauth, race, runs,
                  providers, uploads; or the beginnings of target names, such as ours or stateless/list_models
  --ours DIR      measure the gateway already built in DIR
  --cold N        cold starts of each server (15)
  --ops N         OAuth dances and refreshes of each server and repetition
                  (${OAUTH_LOAD.operations}; at most ${OAUTH_LOAD.maxOperations})
  --quiet-secs N  longest wait for a quiet machine before each load (60)
  --generator G   ${GENERATOR_NAMES.join(" or ")} (wrk if the machine has it)
  --out FILE      file of JSON lines (tests/bench/.out/bench-TIME.jsonl)
  --quick         a short look: --secs 2 --reps 1 --cold 5 --ops 40
                  --quiet-secs 2, and no wait for a minute of storage counts`;

const SECTIONS = ["load", "cold", "sizes", "storage", "oauth", "race", "runs", "providers", "uploads"];

const say = (line) => console.error(line);

function wholeNumber(name, given, least, most) {
  const value = Number(given);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`--${name} takes a whole number from ${least} to ${most}, not ${given}`);
  }
  return value;
}

const commaList = (given) => (given ?? "").split(",").filter((item) => item !== "");

function readOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      secs: { type: "string" },
      reps: { type: "string" },
      conc: { type: "string" },
      only: { type: "string" },
      ours: { type: "string" },
      cold: { type: "string" },
      ops: { type: "string" },
      "quiet-secs": { type: "string" },
      out: { type: "string" },
      generator: { type: "string" },
      quick: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { quick, generator } = values;
  if (generator !== undefined && !GENERATOR_NAMES.includes(generator)) {
    throw new Error(`--generator takes ${GENERATOR_NAMES.join(" or ")}, not ${generator}`);
  }
  const only = commaList(values.only);
  const sections = only.filter((item) => SECTIONS.includes(item));
  const targets = only.filter((item) => !SECTIONS.includes(item));
  const unknown = targets.find((item) => !TARGETS.some(({ id }) => id.startsWith(item)));
  if (unknown !== undefined) {
    throw new Error(`--only: ${unknown} is neither a section nor the beginning of a target's name`);
  }
  // Naming only targets means their load and nothing else.
  const wantsSection = (section) =>
    only.length === 0 || sections.includes(section) || (section === "load" && targets.length > 0);
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return {
    secs: wholeNumber("secs", values.secs ?? (quick ? 2 : 6), 1, LIMITS.maxSecs),
    warmSecs: quick ? 1 : 2,
    reps: wholeNumber("reps", values.reps ?? (quick ? 1 : 3), 1, LIMITS.maxReps),
    connections: commaList(values.conc ?? "1,16,64").map((item) => wholeNumber("conc", item, 1, LIMITS.maxConnections)),
    coldRuns: wholeNumber("cold", values.cold ?? (quick ? 5 : 15), 1, 50),
    operations: wholeNumber("ops", values.ops ?? (quick ? 40 : OAUTH_LOAD.operations), 1, OAUTH_LOAD.maxOperations),
    isQuick: quick === true,
    quietSecs: wholeNumber("quiet-secs", values["quiet-secs"] ?? (quick ? 2 : 60), 0, 600),
    ours: values.ours,
    generator,
    out: path.resolve(values.out ?? path.join(OUT_DIR, `bench-${time}.jsonl`)),
    wantsSection,
    wantsTarget: (id) => targets.length === 0 || targets.some((target) => id.startsWith(target)),
  };
}

// Our answers, raw and as results: the bare Worker returns the former, the
// peers' tools the latter.
async function askOurs(spec) {
  const server = await startServer(spec, temporaryFolder());
  try {
    const { usual: token } = await tokensFor(server, spec);
    const results = {};
    let bareBody = "";
    for (const tool of Object.keys(CALLS)) {
      for (const era of [LEGACY, MODERN]) {
        const { answer, result } = await callTool(server.port, OURS.mcpPath, { tool, era, token });
        if (era === LEGACY) {
          const { content, structuredContent } = result;
          results[tool] = structuredContent === undefined ? { content } : { content, structuredContent };
        }
        if (era === LEGACY && tool === "list_models") {
          bareBody = answer.text;
        }
      }
    }
    return { results, bareBody };
  } finally {
    await stopServer(server);
  }
}

async function buildAll(options) {
  say("building the gateway");
  const specs = { ours: specOf("ours", await buildOurs(options.ours), oursText()) };
  const { results, bareBody } = await askOurs(specs.ours);
  say(`our answer to list_models: ${Buffer.byteLength(bareBody)} bytes`);
  say("building the bare Worker and the peers");
  specs.bare = specOf("bare", buildBare(bareBody));
  for (const name of Object.keys(PEERS)) {
    specs[name] = specOf(name, await buildPeer(name, results));
  }
  const { bare, ours, ...peers } = specs;
  return { bare, ours, ...peers };
}

// Empty outside a git checkout; the run does not depend on it.
async function commit() {
  try {
    return (await run("git", ["-C", REPO_DIR, "rev-parse", "--short", "HEAD"])).trim();
  } catch {
    return "";
  }
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  fs.mkdirSync(path.dirname(options.out), { recursive: true });
  fs.mkdirSync(OUT_DIR, { recursive: true });
  fs.writeFileSync(options.out, "");
  const rows = [];
  // Each row is on disk at once: an interrupted run keeps what it measured.
  const emit = (row) => {
    rows.push(row);
    fs.appendFileSync(options.out, `${JSON.stringify(row)}\n`);
  };

  const generator = await chooseGenerator(options.generator);
  const { secs, warmSecs, reps, connections, coldRuns, operations, quietSecs } = options;
  emit({
    kind: "run",
    at: new Date().toISOString(),
    commit: await commit(),
    generator: generator.name,
    ...describeMachine(),
    options: { secs, warm_secs: warmSecs, reps, connections, cold_runs: coldRuns, operations, quiet_secs: quietSecs },
  });

  const specs = await buildAll(options);
  const section = async (name, work) => {
    if (!options.wantsSection(name)) {
      return;
    }
    try {
      await work();
    } catch (error) {
      emit({ kind: name, target: "whole section", failed: error.message });
      say(`${name}: FAILED: ${error.message}`);
    }
  };
  await section("sizes", () => sizeSection({ specs, emit }));
  await section("storage", () => storageSection({ spec: specs.ours, options, emit, say }));
  await section("cold", () => coldSection({ specs, runs: coldRuns, emit, say }));
  await section("race", () => raceSection({ specs, emit, say }));
  await section("oauth", () => oauthSection({ specs, options, emit, say }));
  await section("runs", () => runsSection({ spec: specs.ours, options, emit, say }));
  await section("providers", () => providersSection({ spec: specs.ours, options, emit, say }));
  await section("uploads", () => uploadSection({ specs, options, emit, say }));
  await section("load", () => loadSection({ specs, options, generator, emit, say }));

  console.log(`\n${summary(rows, connections)}\n\nrows: ${options.out} (load by ${generator.name})`);
  return rows.some((row) => row.failed !== undefined) ? 1 : 0;
}

cleanUpOnExit(LIMITS.serverStopMs);
const bound = setTimeout(() => {
  console.error(`the run took longer than ${LIMITS.runMs / 60_000} minutes: stopping`);
  process.exit(1);
}, LIMITS.runMs);
bound.unref();

let code = 1;
try {
  code = await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
}
await stopAll(LIMITS.serverStopMs);
process.exit(code);
