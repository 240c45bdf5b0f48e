// Every name and number the benchmark depends on, in one place: how the
// gateway is bound, which calls are measured, and which figures are aimed at.
// Change a binding or a class name here and nowhere else.

import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";

export const BENCH_DIR = fileURLToPath(new URL(".", import.meta.url));
export const REPO_DIR = fileURLToPath(new URL("../../", import.meta.url));
export const OUT_DIR = fileURLToPath(new URL(".out/", import.meta.url));

export const COMPATIBILITY_DATE = "2026-11-01";

// The OAuth peers bake their resource (audience) into the bundle, while ports
// are picked at run time; so every request carries this Host and dials 127.0.0.1.
export const HOST = "localhost:18787";

const secret = () => randomBytes(48).toString("base64url");

// The gateway: what `scripts/build --release --out DIR` leaves, and its bindings.
export const OURS = {
  buildScript: "scripts/build",
  entry: "index.js",
  compatibilityFlags: ["enable_request_signal", "global_fetch_strictly_public"],
  durableObjects: {
    WORKSPACE: "WorkspaceObject",
    RUN: "RunObject",
    ACCOUNT: "AccountObject",
    SESSION: "SessionObject",
    CLIENTS: "ClientsObject",
    UPLOAD: "UploadObject",
    GATE: "GateObject",
  },
  kvNamespaces: ["KV"],
  r2Buckets: ["MEDIA"],
  // Requests by one caller in 60 seconds. Everybody here comes from one address, where wrangler.toml means one
  // person or one hosted client; so the limits are out of reach, while asking for each costs what it costs.
  rateLimits: { REGISTER_BUDGET: 1e6, AUTHORIZE_BUDGET: 1e6, TOKEN_BUDGET: 1e6, SIGN_IN_BUDGET: 1e6, REQUEST_BUDGET: 1e6 },
  mcpPath: "/mcp",
  healthPath: "/health",
  tokenPath: "/api/v1/operator/tokens",
  tokenRequest: { person: "bench", workspace_name: "Bench", grant_creative_units: 1000 },
};

// Fresh secrets for each run: nothing written to the output folder stays valid.
export const oursText = () => ({
  GATEWAY_SECRET: secret(),
  OPERATOR_KEY: secret(),
  PUBLIC_URL: "",
  // One token makes all the calls: counted as ever, with the headers of it, but never too many.
  RATE_LIMIT_PERSONAL: "1000000000",
  RATE_LIMIT_OAUTH: "1000000000",
});

// The peers, built with `wrangler deploy --dry-run --minify` from peers/.
export const PEERS = {
  stateless: {
    main: "peers/stateless.ts",
    compatibilityFlags: ["nodejs_compat", "global_fetch_strictly_public"],
    durableObjects: {},
    kvNamespaces: ["OAUTH_KV"],
  },
  mcpagent: {
    main: "peers/mcpagent.ts",
    compatibilityFlags: ["nodejs_compat", "global_fetch_strictly_public"],
    durableObjects: { MCP_OBJECT: "PeerMcp" },
    kvNamespaces: ["OAUTH_KV"],
  },
};

// The OAuth endpoints that differ; /oauth/register and /oauth/token are the same everywhere. Our people sign in
// and fill in a page, the peers' /authorize consents for everybody. Ours asks for every scope there is.
const PEER_FLOW = { authorizePath: "/authorize", resource: `http://${HOST}`, scope: "mcp" };
export const FLOWS = {
  ours: {
    authorizePath: "/oauth/authorize",
    resource: `http://${HOST}/mcp`,
    signInPath: "/sign-in/development",
    sessionCookie: "atelier-session",
  },
  stateless: PEER_FLOW,
  mcpagent: PEER_FLOW,
};

// The cost of OAuth: so many dances and refreshes of each server, so many at once.
export const OAUTH_LOAD = { operations: 300, maxOperations: 1000, warmUp: 100, quickWarmUp: 20, atOnce: 8 };

// The races, [what is tried, how many times at once, rounds].
export const RACES = [
  ["refresh", 4, 20],
  ["redeem", 2, 20],
  ["refresh", 50, 5],
  ["redeem", 50, 5],
];

// The cost of runs: so many people, together in one workspace or each in their own; so many generations at once; how long
// a list is read in pages, how many of the first and last of which are timed.
export const RUNS_LOAD = {
  people: 100,
  atOnce: 32,
  executes: 2000,
  quickExecutes: 300,
  warmUp: 400,
  listed: 10_000,
  pageLimit: 100,
  pagesTimed: 20,
  filters: { "all runs": {}, "failed runs": { status: "failed" }, "complete runs (none)": { status: "complete" } },
};

// Uploads, one PUT each: [name, bytes, how many at once, rounds, rounds when quick].
const MB = 1_000_000;
export const UPLOADS = [
  ["487,213 B", 487_213, 1, 60, 10],
  ["10 MB", 10 * MB, 1, 20, 3],
  ["100 MB", 100 * MB, 1, 8, 2],
  ["8 x 99 MB at once", 99 * MB, 8, 3, 1],
  ["1 GB", 1000 * MB, 1, 2, 1],
];

// Generations at the providers' fakes, ours beside the SDK's: so many pairs, at each of these numbers at once. A job
// takes `jobMs` and up to one interval of the SDKs' polls (`pollMs`, the default of fal's and of Replicate's).
// `concurrency` is out of reach: a full gate would be measured as slowness.
export const PROVIDERS_LOAD = {
  atOnce: [1, 8],
  calls: 200,
  warmUp: 16,
  quick: { calls: 16, warmUp: 8 },
  jobMs: 120,
  pollMs: 500,
  concurrency: 64,
};

export const LEGACY = "2025-06-18";
export const MODERN = "2026-07-28";

export const CALLS = {
  list_models: { limit: 10 },
  get_instructions: {},
};

// One row per load target. `sessions` means one MCP session per connection, `oauth` our own access token in place
// of the personal one.
export const TARGETS = [
  { id: "bare/list_models", server: "bare", tool: "list_models", era: LEGACY },
  { id: "ours/list_models/2025", server: "ours", tool: "list_models", era: LEGACY },
  { id: "ours/list_models/2026", server: "ours", tool: "list_models", era: MODERN },
  { id: "ours/get_instructions/2025", server: "ours", tool: "get_instructions", era: LEGACY },
  { id: "ours/get_instructions/2026", server: "ours", tool: "get_instructions", era: MODERN },
  { id: "ours-oauth/list_models/2025", server: "ours", tool: "list_models", era: LEGACY, oauth: true },
  { id: "ours-oauth/list_models/2026", server: "ours", tool: "list_models", era: MODERN, oauth: true },
  { id: "stateless/list_models/2025", server: "stateless", tool: "list_models", era: LEGACY },
  { id: "stateless/list_models/2026", server: "stateless", tool: "list_models", era: MODERN },
  { id: "stateless/get_instructions/2025", server: "stateless", tool: "get_instructions", era: LEGACY },
  { id: "stateless/get_instructions/2026", server: "stateless", tool: "get_instructions", era: MODERN },
  { id: "mcpagent/list_models/2025", server: "mcpagent", tool: "list_models", era: LEGACY, sessions: true },
  { id: "mcpagent/get_instructions/2025", server: "mcpagent", tool: "get_instructions", era: LEGACY, sessions: true },
];

// Ratios of requests per second, [numerator, denominator, aim]. The McpAgent
// peer and the bare Worker have one era each, so both of our eras meet them.
export const RATIOS = [
  ["ours/list_models/2025", "bare/list_models", 0.5],
  ["ours/list_models/2026", "bare/list_models", 0.5],
  ["ours/list_models/2025", "stateless/list_models/2025", 5],
  ["ours/list_models/2026", "stateless/list_models/2026", 5],
  ["ours/list_models/2025", "mcpagent/list_models/2025", 10],
  ["ours/list_models/2026", "mcpagent/list_models/2025", 10],
  ["ours-oauth/list_models/2025", "bare/list_models", 0.5],
  ["ours-oauth/list_models/2026", "bare/list_models", 0.5],
  ["ours-oauth/list_models/2025", "stateless/list_models/2025", 5],
  ["ours-oauth/list_models/2026", "stateless/list_models/2026", 5],
  ["ours-oauth/list_models/2025", "mcpagent/list_models/2025", 10],
  ["ours-oauth/list_models/2026", "mcpagent/list_models/2025", 10],
  ["ours/get_instructions/2025", "stateless/get_instructions/2025", null],
  ["ours/get_instructions/2026", "stateless/get_instructions/2026", null],
  ["ours/get_instructions/2025", "mcpagent/get_instructions/2025", null],
];

export const AIMS = {
  coldStartMs: 60,
  wasmGzipKiB: 700,
  storageOperations: 0,
  // With an access token older than a minute: one request to its person's object per token, isolate and minute.
  laterStorageOperations: 1,
  // Our CPU for a dance or a refresh to the peer's: less than this.
  oauthCpuRatio: 1,
  raceFaults: 0,
  // Ours to the bare Worker's put(request.body): megabytes a second at least, and memory that much more at most.
  uploadRatio: 0.95,
  uploadMemoryMiB: 10,
};

// How long an access token is believed without a question, and a little more (BELIEVE_SECONDS in src/oauth/bearer.rs).
export const BELIEVE_MS = 60_000;
export const AFTER_BELIEVE_MS = 61_500;

// Bounds, so that a hung server or generator ends the run instead of holding it.
export const LIMITS = {
  maxSecs: 30,
  maxReps: 9,
  maxConnections: 256,
  serverStartMs: 30_000,
  serverStopMs: 8_000,
  buildMs: 900_000,
  requestMs: 15_000,
  coldStartMs: 10_000,
  runMs: 2 * 60 * 60 * 1000,
};

// A row counts as noisy when processes other than the measured server and the
// load generator used more than this share of the machine meanwhile.
export const NOISY_SHARE = 0.15;
