// Runs the compiled Worker in `wrangler dev` on loopback, with a development workspace and token. Used by
// scripts/dev; does not build.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { parseArgs } from "node:util";

const root = path.resolve(import.meta.dirname, "..");
const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "8787" },
    state: { type: "string", default: path.join(root, ".wrangler/state") },
    ready: { type: "string" },
    bundle: { type: "string", default: path.join(root, "build/bundle") },
    "log-level": { type: "string", default: "warn" },
    var: { type: "string", multiple: true, default: [] },
    // Another Worker to run beside this one (its configuration), and bindings to it: AI=worker-name#Entrypoint.
    beside: { type: "string" },
    service: { type: "string", multiple: true, default: [] },
  },
});
const port = Number(options.port);
const url = `http://127.0.0.1:${port}`;
const state = path.resolve(options.state);
const START_SECONDS = 60;
const DEVELOPMENT = { person: "developer@localhost", workspace_name: "Development", grant_creative_units: 1000, name: "scripts/dev" };

const say = (text) => process.stderr.write(`\x1b[1m▸\x1b[0m ${text}\n`);
const fail = (text) => {
  process.stderr.write(`✗ ${text}\n`);
  process.exit(1);
};

if (!Number.isInteger(port) || port < 1 || port > 65535) fail(`--port must be from 1 to 65535, not ${options.port}`);
if (!(await isFree(port))) fail(`Port ${port} is in use. Stop what listens there, or choose another: scripts/dev --port ${port + 1}`);
fs.mkdirSync(state, { recursive: true });

say(`Starting on ${url}`);
// A process group of its own, so that wrangler and the runtime under it can be ended together.
const server = spawn(
  path.join(root, "node_modules/.bin/wrangler"),
  ["dev", "--config", writeConfig(), ...(options.beside ? ["--config", path.resolve(options.beside)] : []), "--local", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0",
    "--persist-to", state, "--env-file", path.join(root, ".dev.vars"), "--var", `PUBLIC_URL:${url}`, ...options.var.flatMap((setting) => ["--var", setting]),
    "--show-interactive-dev-session=false", "--log-level", options["log-level"]],
  { cwd: root, detached: true, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, CI: "1" } },
);
let ending = false;
server.on("exit", (code) => {
  if (!ending) fail(`The server ended by itself (code ${code}).`);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end);

await answering();
const token = await developmentToken();
printHow(token);
if (options.ready) {
  const ready = { url: `${url}/mcp`, token: token.token, workspace_id: token.workspace_id, pid: process.pid, server_pid: server.pid };
  fs.writeFileSync(`${options.ready}.part`, JSON.stringify(ready));
  fs.renameSync(`${options.ready}.part`, options.ready);
}

// wrangler.toml with the bundle that is already built, so that serving does not build again. Without its clock, which
// does not ring here and is warned about: curl http://127.0.0.1:PORT/cdn-cgi/local/scheduled rings it.
function writeConfig() {
  const source = fs.readFileSync(path.join(root, "wrangler.toml"), "utf8");
  const config = source
    .replace(/^main = .*$/m, `main = ${JSON.stringify(path.join(path.resolve(options.bundle), "index.js"))}\nno_bundle = true`)
    .replace(/\[(?:build|triggers)\]\n(?:[^\[\n].*\n)*/g, "");
  const services = options.service.map((text) => {
    const [, binding, service, entrypoint] = /^(\w+)=([\w-]+)#(\w+)$/.exec(text) ?? fail(`--service must be like AI=worker-name#Entrypoint, not ${text}`);
    return `\n[[services]]\nbinding = "${binding}"\nservice = "${service}"\nentrypoint = "${entrypoint}"\n`;
  });
  const file = path.join(state, "wrangler.toml");
  fs.writeFileSync(file, config + services.join(""));
  return file;
}

async function isFree(candidate) {
  const probe = net.createServer();
  return new Promise((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(candidate, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

async function answering() {
  const until = Date.now() + START_SECONDS * 1000;
  while (Date.now() < until) {
    const health = await fetch(`${url}/health`).catch(() => undefined);
    if (health?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  ending = true;
  kill("SIGKILL");
  fail(`Nothing answered on ${url} within ${START_SECONDS} seconds.`);
}

// The one kept beside the state it belongs to, as long as the gateway takes it.
async function developmentToken() {
  const file = path.join(state, "development-token.json");
  if (fs.existsSync(file)) {
    const kept = JSON.parse(fs.readFileSync(file, "utf8"));
    if ((await call(kept.token)).status === 200) return kept;
  }
  const key = /^OPERATOR_KEY=(.*)$/m.exec(fs.readFileSync(path.join(root, ".dev.vars"), "utf8"))?.[1];
  const response = await fetch(`${url}/api/v1/operator/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(DEVELOPMENT),
  });
  if (!response.ok) fail(`No development token: ${response.status} ${await response.text()}`);
  const made = await response.json();
  fs.writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

function call(token) {
  return fetch(`${url}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "get_workspace", arguments: {} } }),
  });
}

function printHow({ token, workspace_id }) {
  const connector = `${url}/mcp`;
  const header = `Authorization: Bearer ${token}`;
  const json = (servers) => JSON.stringify(servers);
  process.stdout.write(`
Atelier is running. Start page: ${url}/

  Connector URL   ${connector}  (clients that speak OAuth need nothing else)
  Token           ${token}
  Workspace       ${workspace_id} (1,000 Creative Units to begin with)

Claude Code
  claude mcp add --transport http atelier ${connector} --header "${header}"
Cursor, in .cursor/mcp.json
  ${json({ mcpServers: { atelier: { url: connector, headers: { Authorization: `Bearer ${token}` } } } })}
VS Code, in .vscode/mcp.json
  ${json({ servers: { atelier: { type: "http", url: connector, headers: { Authorization: `Bearer ${token}` } } } })}
Codex
  export ATELIER_TOKEN=${token}
  codex mcp add atelier --url ${connector} --bearer-token-env-var ATELIER_TOKEN

Ctrl-C ends it.
`);
}

function kill(signal) {
  try {
    process.kill(-server.pid, signal);
  } catch {
    // The group is gone already.
  }
}

async function end() {
  if (ending) return;
  ending = true;
  kill("SIGTERM");
  const gone = server.exitCode !== null ? Promise.resolve() : once(server, "exit");
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5000))]);
  // Whatever of the group is left, the runtime included.
  kill("SIGKILL");
  process.exit(0);
}
