// One asset in each modality through a running gateway, with the official client, saved with a page that shows them.
// Used by scripts/demo.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { page } from "./demo-page.mjs";

const root = path.resolve(import.meta.dirname, "..");
const options = readOptions();
const origin = `http://127.0.0.1:${options.port}`;
// The first start compiles the Worker.
const START_MILLIS = 15 * 60_000;
const WAIT_SECONDS = 45;
const ROOM_MILLIS = 60_000;
const CALL = { timeout: 60_000, resetTimeoutOnProgress: true };
// One model is looked up for each; all of them run at once.
const WISHES = [
  { modality: "image", capability: "text_to_image" },
  { modality: "video", capability: "text_to_video" },
  { modality: "three_d", capability: "text_to_3d" },
  { modality: "audio", capability: "music" },
];

const say = (text) => process.stderr.write(`\x1b[1m▸\x1b[0m ${text}\n`);
let started;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));
process.on("exit", () => {
  endGateway("SIGTERM");
  if (started) fs.rmSync(started.folder, { recursive: true, force: true });
});

async function main() {
  const token = (await isRunning()) ? await tokenOfRunning() : await startGateway();
  const client = new Client({ name: "atelier-demo", version: "1" }, { versionNegotiation: { mode: "auto" } });
  const authorized = { requestInit: { headers: { authorization: `Bearer ${token}` } } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), authorized), CALL);
  const { name, version } = client.getServerVersion();
  say(`Connected to ${name} ${version}, MCP ${client.getNegotiatedProtocolVersion()}`);
  say(`Generating: ${options.prompt}`);
  fs.mkdirSync(options.out, { recursive: true });
  const board = new Board(WISHES.map((wish) => wish.modality));
  const made = await Promise.all(WISHES.map((wish) => make(client, wish, board)));
  const sheet = path.join(options.out, "index.html");
  fs.writeFileSync(sheet, page(options.prompt, made));
  const cost = made.reduce((sum, { price }) => sum + price, 0);
  const workspace = await answer(client, "get_workspace", {});
  await client.close();
  for (const { modality, file, bytes, model, price } of made) {
    const size = `${Math.ceil(bytes.length / 1000)} KB`;
    console.log(`${modality.padEnd(8)} ${file}  (${size}, ${model}, ${price} CU)`);
  }
  console.log(`all      ${sheet}`);
  console.log(`It cost ${round(cost)} Creative Units; ${workspace.balance_creative_units} are left.`);
  if (made.some((one) => one.placeholder)) {
    console.log("These are placeholders of the embedded offline provider, drawn without AI.");
  }
}

function readOptions() {
  const known = {
    prompt: { type: "string", default: "a lighthouse above a stormy sea at dusk" },
    out: { type: "string", default: path.join(root, ".out/demo") },
    port: { type: "string", default: "8787" },
  };
  try {
    return parseArgs({ options: known }).values;
  } catch (error) {
    process.stderr.write(`✗ ${error.message}\n`);
    process.exit(2);
  }
}

const round = (units) => Math.round(units * 1000) / 1000;

async function answer(client, name, args, callOptions) {
  const result = await client.callTool({ name, arguments: args }, { ...CALL, ...callOptions });
  if (result.isError) throw new Error(result.content[0].text.split("\n")[0]);
  return result.structuredContent;
}

/// From the choice of a model to the saved files.
async function make(client, { modality, capability }, board) {
  const { items } = await answer(client, "list_models", { capabilities: [capability], limit: 1 });
  if (items.length === 0) throw new Error(`No model here can do ${capability}.`);
  const model = items[0].model_id;
  let run = await start(client, { model_id: model, prompt: options.prompt });
  let result;
  board.show(modality, run.progress);
  while (run.status === "in_progress") {
    const wait = { inference_id: run.inference_id, wait_seconds: WAIT_SECONDS };
    const onprogress = ({ progress }) => board.show(modality, progress);
    result = await client.callTool({ name: "get_forge_run", arguments: wait }, { ...CALL, onprogress });
    run = result.structuredContent ?? { status: "failed", error: { code: result.content[0].text, message: "" } };
  }
  if (run.status !== "complete") throw new Error(`${model}: ${run.error?.code ?? run.status} ${run.error?.message ?? ""}`);
  const [asset] = run.assets;
  const bytes = await download(asset.url);
  const extension = path.extname(new URL(asset.url).pathname);
  const file = path.join(options.out, `${modality}${extension}`);
  fs.writeFileSync(file, bytes);
  const preview = Buffer.from(result.content.find((block) => block.type === "image").data, "base64");
  fs.writeFileSync(path.join(options.out, `${modality}-preview.jpg`), preview);
  board.show(modality, 1);
  const { price_creative_units: price, placeholder } = run;
  return { modality, file, bytes, preview, model, mime: asset.mime_type, price, placeholder };
}

/// Waits for room where runs of an interrupted demonstration are still ending.
async function start(client, request) {
  const until = Date.now() + ROOM_MILLIS;
  for (;;) {
    try {
      return await answer(client, "execute_forge", request);
    } catch (error) {
      if (!error.message.startsWith("RATE_LIMITED") || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

async function download(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  if (!response.ok) throw new Error(`The file could not be downloaded: HTTP ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/// Progress of all at once: one line that is redrawn, or, where nobody looks, one line for each end.
class Board {
  constructor(names) {
    this.done = new Map(names.map((name) => [name, 0]));
  }

  show(name, progress) {
    if (this.done.get(name) === 1) return;
    this.done.set(name, progress);
    if (!process.stderr.isTTY) {
      if (progress === 1) say(`${name} is there`);
      return;
    }
    const cells = [...this.done].map(([name, progress]) => `${name} ${String(Math.round(progress * 100)).padStart(3)} %`);
    const isOver = [...this.done.values()].every((progress) => progress === 1);
    process.stderr.write(`\r\x1b[1m▸\x1b[0m ${cells.join("   ")}${isOver ? "\n" : ""}`);
  }
}

async function isRunning() {
  const response = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
  return response?.ok === true;
}

/// The token the gateway's own script keeps, or one from the operator's API of this clone.
async function tokenOfRunning() {
  say(`Using the gateway on ${origin}`);
  if (process.env.ATELIER_TOKEN) return process.env.ATELIER_TOKEN;
  const kept = path.join(root, ".wrangler/state/development-token.json");
  if (fs.existsSync(kept)) {
    const { token } = JSON.parse(fs.readFileSync(kept, "utf8"));
    if (await isTaken(token)) return token;
  }
  const key = /^OPERATOR_KEY=(.*)$/m.exec(fs.readFileSync(path.join(root, ".dev.vars"), "utf8"))?.[1];
  const response = await fetch(`${origin}/api/v1/operator/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ person: "developer", workspace_name: "Demo", grant_creative_units: 100, name: "scripts/demo" }),
  });
  if (!response.ok) throw new Error(`The gateway on ${origin} is not of this clone. Set ATELIER_TOKEN to a token of it.`);
  return (await response.json()).token;
}

async function isTaken(token) {
  const response = await fetch(`${origin}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });
  return response.ok;
}

/// Starts one for the time of the demonstration; answers with its token.
async function startGateway() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-demo-"));
  const ready = path.join(folder, "ready.json");
  const child = spawn(path.join(root, "scripts/dev"), ["--port", options.port, "--ready", ready], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "ignore", "inherit"],
  });
  started = { child, folder, gone: new Promise((resolve) => child.once("exit", resolve)) };
  const until = Date.now() + START_MILLIS;
  while (!fs.existsSync(ready)) {
    if (child.exitCode !== null) throw new Error("The gateway did not start.");
    if (Date.now() > until) throw new Error("The gateway took too long to start.");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return JSON.parse(fs.readFileSync(ready, "utf8")).token;
}

function endGateway(signal) {
  if (!started) return;
  try {
    process.kill(-started.child.pid, signal);
  } catch {
    // It is gone already.
  }
}

async function stopGateway() {
  if (!started) return;
  endGateway("SIGTERM");
  await started.gone;
  fs.rmSync(started.folder, { recursive: true, force: true });
  started = undefined;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`✗ ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopGateway();
}
