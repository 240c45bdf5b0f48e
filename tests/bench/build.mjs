// Builds what is measured: our gateway through its own build script, the peers
// with wrangler as their users would, and the bare Worker by itself.

import fs from "node:fs";
import path from "node:path";

import { run } from "./children.mjs";
import { BENCH_DIR, COMPATIBILITY_DATE, HOST, LIMITS, OURS, OUT_DIR, PEERS, REPO_DIR } from "./config.mjs";

// Entry and .wasm files beside it, as both Miniflare and raw workerd want them:
// the first module of the list is the Worker's entry.
export function modulesIn(folder, entry) {
  const entryFile = path.join(folder, entry);
  if (!fs.existsSync(entryFile)) {
    throw new Error(`no ${entry} in ${folder}`);
  }
  const wasm = fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".wasm"))
    .map((name) => ({ type: "CompiledWasm", path: path.join(folder, name) }));
  return [{ type: "ESModule", path: entryFile }, ...wasm];
}

// Uses a folder that is already built if one was given.
export async function buildOurs(given) {
  if (given) {
    return { folder: path.resolve(given), entry: OURS.entry };
  }
  const script = path.join(REPO_DIR, OURS.buildScript);
  if (!fs.existsSync(script)) {
    throw new Error(`${OURS.buildScript} does not exist; give a built folder with --ours DIR`);
  }
  const folder = path.join(OUT_DIR, "ours");
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  await run(script, ["--release", "--out", folder], { cwd: REPO_DIR, timeoutMs: LIMITS.buildMs });
  return { folder, entry: OURS.entry };
}

// `answers` holds our own results by tool name: see peers/answers.ts.
export async function buildPeer(name, answers) {
  const peer = PEERS[name];
  const folder = path.join(OUT_DIR, "peers", name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });

  // The configuration is written among the outputs, so that wrangler's own
  // scratch folder, which it puts beside its configuration, lands there too.
  const config = path.join(folder, "wrangler.json");
  const classes = Object.entries(peer.durableObjects);
  const contents = {
    name: `bench-${name}`,
    main: path.join(BENCH_DIR, peer.main),
    compatibility_date: COMPATIBILITY_DATE,
    compatibility_flags: peer.compatibilityFlags,
    define: {
      BENCH_RESOURCE: JSON.stringify(`http://${HOST}`),
      BENCH_ANSWERS: JSON.stringify(answers),
    },
    kv_namespaces: peer.kvNamespaces.map((binding) => ({ binding, id: "local" })),
    durable_objects: {
      bindings: classes.map(([binding, className]) => ({ name: binding, class_name: className })),
    },
    migrations: classes.length === 0 ? [] : [{ tag: "v1", new_sqlite_classes: classes.map(([, className]) => className) }],
  };
  fs.writeFileSync(config, JSON.stringify(contents, null, 2));

  const wrangler = path.join(REPO_DIR, "node_modules/wrangler/bin/wrangler.js");
  const dist = path.join(folder, "dist");
  await run(process.execPath, [wrangler, "deploy", "--dry-run", "--minify", "-c", config, "--outdir", dist], {
    cwd: folder,
    timeoutMs: LIMITS.buildMs,
    env: {
      ...process.env,
      CI: "1",
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_SEND_ERROR_REPORTS: "false",
      WRANGLER_HIDE_BANNER: "true",
    },
  });
  const entry = `${path.basename(peer.main, path.extname(peer.main))}.js`;
  return { folder: dist, entry };
}

// One file without imports: putting the constant in place of its name is all
// the building it needs.
export function buildBare(body) {
  const folder = path.join(OUT_DIR, "bare");
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const source = fs.readFileSync(path.join(BENCH_DIR, "peers/bare.js"), "utf8");
  fs.writeFileSync(path.join(folder, "bare.js"), source.replaceAll("BENCH_BARE_BODY", () => JSON.stringify(body)));
  return { folder, entry: "bare.js" };
}
