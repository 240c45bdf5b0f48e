// Cold start: from the exec of raw workerd to the first 200 on the health path.
// No Miniflare here: node's own start would drown the difference. Raw workerd
// has no KV or R2, so those stay unbound and only the health path is asked.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";

import { sleep, start, stop, temporaryFolder } from "./children.mjs";
import { HOST, LIMITS, OUT_DIR } from "./config.mjs";
import { freePort } from "./http.mjs";
import { HEALTH_PATH } from "./servers.mjs";

// The `workerd` package exports the path of its native binary.
const workerd = createRequire(import.meta.url)("workerd").default;

const text = (value) => JSON.stringify(value);

function moduleLine(module, name) {
  const field = module.type === "CompiledWasm" ? "wasm" : "esModule";
  return `(name = ${text(name)}, ${field} = embed ${text(name)})`;
}

// The `agents` package imports a module that only Cloudflare's own runtime has;
// the stand-in lets its bundle load and is never called.
const EXTENSIONS = `
  extensions = [ (modules = [ (
    name = "cloudflare-internal:email",
    internal = true,
    esModule = "export class EmailMessage {} export default { EmailMessage };"
  ) ]) ],`;

function capnp(spec, port, stateFolder) {
  const modules = spec.modules.map((module) => moduleLine(module, path.basename(module.path)));
  const classes = Object.entries(spec.durableObjects);
  const namespaces = classes.map(([, name]) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`);
  const bindings = [
    ...classes.map(([binding, name]) => `(name = ${text(binding)}, durableObjectNamespace = ${text(name)})`),
    ...Object.entries(spec.text).map(([binding, value]) => `(name = ${text(binding)}, text = ${text(value)})`),
  ];
  const list = (items) => `[\n    ${items.join(",\n    ")}\n  ]`;
  // In-memory storage crashes this workerd on alarms, so objects get a folder.
  const storage =
    classes.length === 0 ? "" : `\n  durableObjectNamespaces = ${list(namespaces)},\n  durableObjectStorage = (localDisk = "state"),`;
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "state", disk = (path = ${text(stateFolder)}, writable = true)),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ],${spec.name === "mcpagent" ? EXTENSIONS : ""}
);

const worker :Workerd.Worker = (
  modules = ${list(modules)},
  compatibilityDate = ${text(spec.compatibilityDate)},
  compatibilityFlags = [${spec.compatibilityFlags.map(text).join(", ")}],${storage}
  bindings = ${bindings.length === 0 ? "[]" : list(bindings)},
);
`;
}

async function prepare(spec) {
  const folder = path.join(OUT_DIR, "cold", spec.name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  for (const module of spec.modules) {
    fs.copyFileSync(module.path, path.join(folder, path.basename(module.path)));
  }
  const port = await freePort();
  const file = path.join(folder, "config.capnp");
  fs.writeFileSync(file, capnp(spec, port, temporaryFolder()));
  return { name: spec.name, file, port };
}

// Null while nothing listens yet.
function statusOf(port, healthPath) {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path: healthPath, agent: false, headers: { host: HOST, connection: "close" } };
    const asked = http.get(options, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
      response.on("error", () => resolve(null));
    });
    asked.on("error", () => resolve(null));
    // One attempt that hangs must not hold the poll beyond its bound.
    asked.setTimeout(LIMITS.coldStartMs, () => asked.destroy());
  });
}

async function oneStart({ name, file, port }) {
  const begin = performance.now();
  const child = start(workerd, ["serve", file, "--experimental"], { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  try {
    for (;;) {
      const status = await statusOf(port, HEALTH_PATH[name]);
      const elapsed = performance.now() - begin;
      if (status === 200) {
        return elapsed;
      }
      if (status !== null) {
        throw new Error(`${name}: ${HEALTH_PATH[name]} answered ${status}: ${errors.slice(0, 600)}`);
      }
      if (child.exitCode !== null || elapsed > LIMITS.coldStartMs) {
        throw new Error(`${name}: no answer from raw workerd: ${errors.slice(0, 600)}`);
      }
      await sleep(1);
    }
  } finally {
    child.kill("SIGKILL");
    await stop(child, 1000);
  }
}

export async function coldSection({ specs, runs, emit, say }) {
  const prepared = [];
  for (const spec of Object.values(specs)) {
    prepared.push(await prepare(spec));
  }
  const failed = new Set();
  // Run 0 fills the page cache and is not counted.
  for (let run = 0; run <= runs; run += 1) {
    for (const target of prepared) {
      if (failed.has(target.name)) {
        continue;
      }
      try {
        const ms = await oneStart(target);
        if (run > 0) {
          emit({ kind: "cold", target: target.name, run, ms: Number(ms.toFixed(2)) });
        }
      } catch (error) {
        failed.add(target.name);
        emit({ kind: "cold", target: target.name, run, failed: error.message });
        say(`cold start of ${target.name}: FAILED: ${error.message}`);
      }
    }
  }
  say(`cold starts: ${runs} of each`);
}
