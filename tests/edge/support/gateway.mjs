// Starts a real gateway on workerd for a test, and ends it: politely, or with SIGKILL as a crash would.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const ROOT = path.resolve(import.meta.dirname, "../../..");
const START_MILLIS = 90_000;
const STOP_MILLIS = 10_000;
const GROUP_ENDS_MILLIS = 2_000;
const OPERATOR_KEY_LINE = /^OPERATOR_KEY=(.*)$/m;
// Tests ask more often with one token than people do. rate-limit.test.mjs sets its own.
const PLENTY = { RATE_LIMIT_PERSONAL: "1000000", RATE_LIMIT_OAUTH: "1000000" };

// Every gateway that runs, so that none outlives the test that started it.
const running = new Set();
process.on("exit", () => {
  for (const gateway of running) gateway.killNow();
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

export const conformanceBundle = process.env.ATELIER_CONFORMANCE_BUNDLE;

/// `bundle`: a folder other than the one the development script serves. `vars`: settings, by name. `logLevel`: of the log.
/// `beside`: {config, service} of another Worker that runs in the same runtime.
export async function startGateway({ bundle, state, vars, logLevel, beside } = {}) {
  const gateway = new Gateway(state ?? fs.mkdtempSync(path.join(os.tmpdir(), "atelier-edge-")), bundle, vars, logLevel);
  gateway.beside = beside;
  await gateway.start();
  return gateway;
}

export async function freePort() {
  const probe = net.createServer();
  await new Promise((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

class Gateway {
  constructor(state, bundle, vars = {}, logLevel = "warn") {
    this.logLevel = logLevel;
    this.state = state;
    this.bundle = bundle;
    this.vars = { ...PLENTY, ...vars };
    this.log = path.join(state, "server.log");
  }

  /// `port`: where it was before, for whoever still has its address.
  async start(port) {
    this.port = port ?? (await freePort());
    this.origin = `http://127.0.0.1:${this.port}`;
    this.url = `${this.origin}/mcp`;
    const ready = path.join(this.state, `ready-${this.port}.json`);
    const log = fs.openSync(this.log, "a");
    const bundle = this.bundle ? ["--bundle", this.bundle] : ["--no-build"];
    const vars = Object.entries(this.vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    this.serverGroup = undefined;
    this.child = spawn(
      path.join(ROOT, "scripts/dev"),
      [...bundle, ...vars, ...(this.beside ? ["--beside", this.beside.config, "--service", this.beside.service] : []), "--log-level", this.logLevel, "--port", String(this.port), "--state", this.state, "--ready", ready],
      { cwd: ROOT, detached: true, stdio: ["ignore", log, log] },
    );
    fs.closeSync(log);
    running.add(this);
    await this.#answering(ready);
    const made = JSON.parse(fs.readFileSync(ready, "utf8"));
    fs.rmSync(ready);
    this.token = made.token;
    this.workspaceId = made.workspace_id;
    this.serverGroup = made.server_pid;
  }

  async #answering(ready) {
    const until = Date.now() + START_MILLIS;
    while (!fs.existsSync(ready)) {
      if (this.child.exitCode !== null || Date.now() > until) {
        this.killNow();
        throw new Error(`The gateway did not start:\n${fs.readFileSync(this.log, "utf8").slice(-4000)}`);
      }
      await sleep(50);
    }
  }

  /// As a crash of the machine would end it: nothing of the server gets to run another instruction.
  killNow() {
    killGroup(this.serverGroup, "SIGKILL");
    // Before the server's own group is known, only its parent can end it, and it does so on SIGTERM.
    killGroup(this.child?.pid, this.serverGroup ? "SIGKILL" : "SIGTERM");
    running.delete(this);
  }

  async kill() {
    const gone = this.#gone();
    this.killNow();
    await gone;
  }

  async restart(port) {
    await this.start(port);
  }

  /// Ends it as Ctrl-C would, and checks that nothing is left; removes the state.
  async stop({ keepState = false } = {}) {
    const gone = this.#gone();
    killGroup(this.child.pid, "SIGTERM");
    const ended = await Promise.race([gone.then(() => true), sleep(STOP_MILLIS, false, { ref: false })]);
    const left = await outlives(this.serverGroup);
    this.killNow();
    if (!keepState) fs.rmSync(this.state, { recursive: true, force: true, maxRetries: 5 });
    if (!ended || left) throw new Error("The gateway left a process behind on SIGTERM.");
  }

  #gone() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => this.child.once("exit", resolve));
  }

  serverLog() {
    return fs.readFileSync(this.log, "utf8");
  }

  async operator(path, body) {
    const vars = fs.readFileSync(`${ROOT}/.dev.vars`, "utf8");
    const key = OPERATOR_KEY_LINE.exec(vars)[1];
    const response = await fetch(`${this.origin}/api/v1/operator/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`operator/${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /// The gateway as another token sees it, in a workspace of its own unless one is named.
  async as(person, { units = 1000, ...more } = {}) {
    const workspace = more.workspace_id ? {} : { workspace_name: person, grant_creative_units: units };
    const made = await this.operator("tokens", { person, ...workspace, ...more });
    return { url: this.url, origin: this.origin, token: made.token, tokenId: made.token_id, workspaceId: made.workspace_id };
  }
}

function killGroup(pid, signal) {
  if (!pid) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}

/// Whether anything of the group still runs after a moment. A dead process that nobody has collected does not count.
async function outlives(group) {
  const until = Date.now() + GROUP_ENDS_MILLIS;
  for (;;) {
    const lines = execFileSync("ps", ["-A", "-o", "pgid=,stat="], { encoding: "utf8" }).split("\n");
    const processes = lines.map((line) => line.trim().split(/\s+/));
    const isAlive = processes.some(([id, state]) => Number(id) === group && !state.startsWith("Z"));
    if (!isAlive) return false;
    if (Date.now() > until) return true;
    await sleep(50);
  }
}
