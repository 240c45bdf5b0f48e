// Child process: runs one Worker in Miniflare on a direct socket, so that
// neither Miniflare's entry Worker nor wrangler's proxy stands in the way.
// Usage: node serve.mjs SPEC.json; prints {"ready":true} once it listens, ends
// on a signal, when its stdin closes (the parent is gone), or at `maxMs`.

import fs from "node:fs";

import { convertV4MiniflareOptions, Miniflare } from "miniflare";

import { workerdUnder } from "./machine.mjs";

const spec = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

const durableObjects = Object.fromEntries(
  Object.entries(spec.durableObjects).map(([binding, className]) => [binding, { className, useSQLite: true }]),
);

const ratelimits = Object.fromEntries(
  Object.entries(spec.rateLimits).map(([binding, limit]) => [binding, { namespace_id: binding, simple: { limit, period: 60 } }]),
);

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    unsafeDirectSockets: [{ host: "127.0.0.1", port: spec.port }],
    modules: spec.modules,
    modulesRoot: spec.modulesRoot,
    compatibilityDate: spec.compatibilityDate,
    compatibilityFlags: spec.compatibilityFlags,
    kvNamespaces: spec.kvNamespaces,
    r2Buckets: spec.r2Buckets,
    durableObjects,
    ratelimits,
    bindings: spec.text,
  }),
);

let stopping = false;

async function stop(code = 0) {
  if (stopping) {
    return;
  }
  stopping = true;
  const workerd = workerdUnder(process.pid);
  // A runtime that does not end when asked must not outlive the benchmark.
  setTimeout(() => {
    if (workerd !== null) {
      process.kill(workerd, "SIGKILL");
    }
    process.exit(code);
  }, 4000).unref();
  await miniflare.dispose().catch(() => {});
  process.exit(code);
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  process.on(signal, () => stop());
}
process.stdin.resume();
process.stdin.on("end", () => stop());
process.stdin.on("error", () => stop());
setTimeout(() => stop(1), spec.maxMs).unref();

try {
  await miniflare.ready;
  console.log(JSON.stringify({ ready: true }));
} catch (error) {
  console.error(error);
  await stop(1);
}
