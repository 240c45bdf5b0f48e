// The OAuth code that others have written, against the gateway on workerd: both official TypeScript clients, mcp-remote,
// the MCP Inspector, and oauth4webapi, a certified library that knows nothing of MCP. The person is the scripted
// browser; everything else is theirs.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { UnauthorizedError as FirstUnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client as FirstClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as FirstTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Browser } from "./support/browser.mjs";
import { freePort, startGateway } from "./support/gateway.mjs";
import { authorize, random, scopesOf } from "./support/oauth.mjs";
import { listenTo, talk } from "./support/talk.mjs";

const INFO = { name: "edge-tests", version: "1" };
const CALL = { timeout: 60_000 };
const SAY_MILLIS = 30_000;
const COMMAND_MILLIS = 90_000;
const EMAIL = "ada@example.com";
// What opens an address for a command line: nothing, because the test does.
const NO_BROWSER = { BROWSER: "true", DISPLAY: "", MCP_AUTO_OPEN_ENABLED: "true" };

let gateway;
let browser;
let home;

before(async () => {
  gateway = await startGateway();
  browser = new Browser(gateway.origin);
  home = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-oauth-"));
});
after(async () => {
  browser?.close();
  await gateway?.stop();
  fs.rmSync(home, { recursive: true, force: true });
});

/// What an application keeps for the official clients; it sends the person to the scripted browser.
class Keeper {
  sentTo = [];
  registrations = 0;
  redirectUrl = `http://127.0.0.1:9/callback/${random()}`;

  constructor(choice = {}) {
    this.choice = choice;
    this.clientMetadata = {
      client_name: "An application",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  state() {
    return (this.lastState = random());
  }
  clientInformation() {
    return this.client;
  }
  saveClientInformation(client) {
    this.registrations += 1;
    this.client = client;
  }
  tokens() {
    return this.kept;
  }
  saveTokens(tokens) {
    this.kept = tokens;
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }
  codeVerifier() {
    return this.verifier;
  }
  saveDiscoveryState(discovery) {
    this.discovery = discovery;
  }
  discoveryState() {
    return this.discovery;
  }
  invalidateCredentials(what) {
    if (what === "all" || what === "tokens") this.kept = undefined;
    if (what === "all" || what === "client") this.client = undefined;
    if (what === "all" || what === "discovery") this.discovery = undefined;
  }
  async redirectToAuthorization(url) {
    this.sentTo.push(url);
    const left = await authorize(browser, String(url), { email: EMAIL, ...this.choice });
    this.callback = new URL(left).searchParams;
    assert.equal(this.callback.get("state"), this.lastState);
  }
}

/// The two generations, with what differs between them.
const GENERATIONS = [
  {
    name: "@modelcontextprotocol/sdk 1.32",
    make: () => new FirstClient(INFO),
    transport: (authProvider) => new FirstTransport(new URL(gateway.url), { authProvider }),
    Refused: FirstUnauthorizedError,
    finish: (transport, keeper) => transport.finishAuth(keeper.callback.get("code")),
    call: (client, name, args = {}) => client.callTool({ name, arguments: args }, undefined, CALL),
  },
  ...[undefined, "auto"].map((mode) => ({
    name: `@modelcontextprotocol/client 2.4, ${mode ?? "legacy"}`,
    make: () => new Client(INFO, mode && { versionNegotiation: { mode } }),
    transport: (authProvider) => new StreamableHTTPClientTransport(new URL(gateway.url), { authProvider }),
    Refused: UnauthorizedError,
    finish: (transport, keeper) => transport.finishAuth(keeper.callback),
    call: (client, name, args = {}) => client.callTool({ name, arguments: args }, CALL),
    stepsUp: true,
  })),
];

/// Connects from nothing: refused, sent to the browser, the code redeemed, connected.
async function connect(generation, keeper) {
  const refused = generation.transport(keeper);
  await assert.rejects(generation.make().connect(refused, CALL), generation.Refused);
  await generation.finish(refused, keeper);
  const [client, transport] = [generation.make(), generation.transport(keeper)];
  await client.connect(transport, CALL);
  return { client, transport };
}

async function succeeds(generation, client, name = "get_workspace", args) {
  const result = await generation.call(client, name, args);
  assert.ok(!result.isError, JSON.stringify(result.content));
  return result.structuredContent;
}

for (const generation of GENERATIONS) {
  test(`${generation.name}: connects, and renews an access token that is no longer taken`, async () => {
    const keeper = new Keeper();
    const { client } = await connect(generation, keeper);
    try {
      assert.equal(keeper.sentTo.length, 1);
      assert.equal(keeper.sentTo[0].searchParams.get("resource"), gateway.url);
      const workspace = await succeeds(generation, client);
      const before = keeper.kept;
      keeper.kept = { ...before, access_token: `${before.access_token.slice(0, -8)}AAAAAAAA` };
      assert.deepEqual(await succeeds(generation, client), workspace);
      assert.equal(keeper.sentTo.length, 1, "the person was asked again");
      assert.notEqual(keeper.kept.refresh_token, before.refresh_token);
      assert.deepEqual(scopesOf(keeper.kept.scope), scopesOf(before.scope));
    } finally {
      await client.close();
    }
  });

  test(`${generation.name}: a dead refresh token sends the person to consent again, and a vanished client registers again`, async () => {
    const keeper = new Keeper();
    const first = await connect(generation, keeper);
    const lost = { access_token: "atl_oat_lost", refresh_token: "atl_ort_lost" };
    keeper.kept = { ...keeper.kept, ...lost };
    await assert.rejects(generation.call(first.client, "get_workspace"), generation.Refused);
    assert.equal(keeper.sentTo.length, 2);
    await generation.finish(first.transport, keeper);
    await succeeds(generation, first.client);
    await first.client.close();

    assert.equal(keeper.registrations, 1);
    keeper.client = { ...keeper.client, client_id: "vanished" };
    keeper.kept = { ...keeper.kept, ...lost };
    const second = await connect(generation, keeper);
    assert.equal(keeper.registrations, 2);
    assert.equal(keeper.sentTo.length, 3);
    await succeeds(generation, second.client);
    await second.client.close();
  });

  if (!generation.stepsUp) continue;
  test(`${generation.name}: steps up when a tool wants more than was granted`, async () => {
    const keeper = new Keeper({ scopes: ["workspaces:read"] });
    const { client, transport } = await connect(generation, keeper);
    try {
      await succeeds(generation, client);
      keeper.choice = {};
      await assert.rejects(generation.call(client, "list_models"), generation.Refused);
      const wanted = scopesOf(keeper.sentTo[1].searchParams.get("scope"));
      assert.ok(wanted.includes("models:read") && wanted.includes("workspaces:read"), wanted.join(" "));
      await generation.finish(transport, keeper);
      await succeeds(generation, client, "list_models");
      await succeeds(generation, client);
    } finally {
      await client.close();
    }
  });
}

/// The person's part for a command line: consents, and lets the browser go where it is sent.
async function answer(printed) {
  const left = await authorize(browser, printed, { email: EMAIL });
  const response = await fetch(left, { signal: AbortSignal.timeout(SAY_MILLIS) });
  const page = await response.text();
  assert.equal(response.status, 200, page);
}

const BRIDGE = path.join(import.meta.dirname, "node_modules/mcp-remote/dist/proxy.js");

async function throughBridge(folder, use) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [BRIDGE, gateway.url, "--transport", "http-only", ...use.flags],
    env: { ...process.env, ...NO_BROWSER, MCP_REMOTE_CONFIG_DIR: folder },
    stderr: "pipe",
  });
  const talking = listenTo(transport.stderr);
  const client = new FirstClient(INFO);
  try {
    const connected = client.connect(transport, CALL);
    // Whoever is awaited first, a failure of the other must not go unheard.
    connected.catch(() => {});
    if (use.asks) await answer((await talking.said(/visiting:\s+(http\S+)\n/, SAY_MILLIS))[1]);
    await connected;
    const result = await client.callTool({ name: "get_workspace", arguments: {} }, undefined, CALL);
    assert.ok(!result.isError, JSON.stringify(result.content));
    if (!use.asks) assert.doesNotMatch(talking.text, /visiting:/);
  } catch (error) {
    throw new Error(`${error.message}\nmcp-remote said:\n${talking.text.slice(-3000)}`, { cause: error });
  } finally {
    await client.close();
  }
}

/// Makes the access token that mcp-remote keeps one that the gateway does not take.
function spoil(folder) {
  const files = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith("_tokens.json"));
  assert.equal(files.length, 1, `in ${folder}: ${files}`);
  const file = path.join(folder, files[0]);
  const kept = JSON.parse(fs.readFileSync(file, "utf8"));
  const before = kept.refresh_token;
  fs.writeFileSync(file, JSON.stringify({ ...kept, access_token: "atl_oat_spoilt" }));
  return () => assert.notEqual(JSON.parse(fs.readFileSync(file, "utf8")).refresh_token, before);
}

for (const flags of [[], ["--protocol", "auto"]]) {
  test(`mcp-remote ${flags.join(" ") || "as it comes"}: signs in once, remembers, and renews`, async () => {
    const folder = fs.mkdtempSync(path.join(home, "remote-"));
    await throughBridge(folder, { flags, asks: true });
    await throughBridge(folder, { flags, asks: false });
    const isRenewed = spoil(folder);
    await throughBridge(folder, { flags, asks: false });
    isRenewed();
  });
}

const INSPECTOR = path.join(import.meta.dirname, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");

async function inspect(folder, { flags = [], asks }) {
  const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;
  const target = ["--server-url", gateway.url, "--transport", "http", "--callback-url", callback];
  const call = ["--method", "tools/call", "--tool-name", "get_workspace", "--format", "json"];
  const storage = { HOME: folder, MCP_STORAGE_DIR: path.join(folder, "storage"), MCP_INSPECTOR_SECRET_STORE: "file" };
  const env = { ...NO_BROWSER, ...storage };
  const talking = talk(process.execPath, [INSPECTOR, "--cli", ...target, ...call, ...flags], { env, millis: COMMAND_MILLIS });
  if (asks) await answer((await talking.said(/navigate to: (http\S+)\n/, SAY_MILLIS))[1]);
  const { code, stdout, stderr } = await talking.ended;
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  if (!asks) assert.doesNotMatch(stderr, /navigate to:/);
  assert.equal(JSON.parse(stdout).result.isError ?? false, false);
}

test("MCP Inspector's command line: signs in, remembers, revokes and signs in anew", async () => {
  const folder = fs.mkdtempSync(path.join(home, "inspector-"));
  for (const era of ["legacy", "modern"]) {
    const flags = ["--protocol-era", era];
    await inspect(folder, { flags: [...flags, ...(era === "modern" ? ["--relogin"] : [])], asks: true });
    await inspect(folder, { flags: [...flags, "--stored-auth-only"], asks: false });
  }
});
