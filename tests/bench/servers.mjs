// Starts and stops the measured servers, and knows how each is bound.

import fs from "node:fs";
import path from "node:path";

import { modulesIn } from "./build.mjs";
import { start, stop } from "./children.mjs";
import { BENCH_DIR, COMPATIBILITY_DATE, LIMITS, OURS, OUT_DIR, PEERS } from "./config.mjs";
import { freePort } from "./http.mjs";
import { workerdUnder } from "./machine.mjs";
import { oauthToken, ourToken } from "./oauth.mjs";

export const MCP_PATH = { bare: "/mcp", ours: OURS.mcpPath, stateless: "/mcp", mcpagent: "/mcp" };
export const HEALTH_PATH = { bare: "/health", ours: OURS.healthPath, stateless: "/health", mcpagent: "/health" };

const BARE = { compatibilityFlags: [], durableObjects: {}, kvNamespaces: [], r2Buckets: ["MEDIA"] };

// What a server needs, for Miniflare (serve.mjs) and raw workerd (cold.mjs) alike.
export function specOf(name, built, text = {}) {
  const bindings = { bare: BARE, ours: OURS, ...PEERS }[name];
  return {
    name,
    modules: modulesIn(built.folder, built.entry),
    modulesRoot: built.folder,
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: bindings.compatibilityFlags,
    durableObjects: bindings.durableObjects,
    kvNamespaces: bindings.kvNamespaces,
    r2Buckets: bindings.r2Buckets ?? [],
    rateLimits: bindings.rateLimits ?? {},
    text,
  };
}

function whenReady(child, name, log) {
  return new Promise((resolve, reject) => {
    let output = "";
    const timer = setTimeout(() => reject(new Error(`${name}: not ready in ${LIMITS.serverStartMs} ms`)), LIMITS.serverStartMs);
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.includes('"ready":true')) {
        clearTimeout(timer);
        resolve();
      }
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`${name}: the server ended (${code}) before it was ready; see ${log}`));
    });
  });
}

// `maxMs` bounds the server's life even if everything else here goes wrong.
export async function startServer(spec, stateFolder, maxMs = LIMITS.runMs) {
  const folder = path.join(OUT_DIR, "servers");
  fs.mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const file = path.join(folder, `${spec.name}.json`);
  fs.writeFileSync(file, JSON.stringify({ ...spec, port, maxMs }));
  const log = path.join(folder, `${spec.name}.log`);
  const logFile = fs.openSync(log, "w");
  const child = start(process.execPath, [path.join(BENCH_DIR, "serve.mjs"), file], {
    stdio: ["pipe", "pipe", logFile],
    env: {
      ...process.env,
      // Miniflare keeps KV, R2 and Durable Object state under this folder.
      TMPDIR: stateFolder,
      // Without this Miniflare looks up sample request properties on the network.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
    },
  });
  fs.closeSync(logFile);
  // The child may end first; that its stdin is gone then is no news.
  child.stdin.on("error", () => {});
  try {
    await whenReady(child, spec.name, log);
  } catch (error) {
    await stop(child, LIMITS.serverStopMs);
    throw error;
  }
  return { name: spec.name, port, child, log, workerd: workerdUnder(child.pid) };
}

export const stopServer = (server) => stop(server.child, LIMITS.serverStopMs);

// What callers hold: the usual credential of a server's users, and for ours the
// access token of its own OAuth flow beside the personal one.
export async function tokensFor(server, spec) {
  switch (server.name) {
    case "bare":
      return {};
    case "ours":
      return { usual: await ourToken(server.port, spec.text.OPERATOR_KEY), oauth: await oauthToken(server) };
    default:
      return { usual: await oauthToken(server) };
  }
}
