// The clients that people use, each through the whole flow on workerd: the official TypeScript clients in every mode
// they have, and mcp-remote as the bridge for hosts that only know stdio.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as FirstClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as FirstTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { wholeFlow } from "./support/flow.mjs";
import { startGateway } from "./support/gateway.mjs";
import { LEGACY, MODERN } from "./support/mcp.mjs";
import { startProxy } from "./support/proxy.mjs";

const INFO = { name: "edge-tests", version: "1" };
const CALL = { timeout: 60_000 };

let gateway;
let proxy;
let seen = [];

before(async () => {
  gateway = await startGateway();
  const onRequest = ({ method, url, headers }) => {
    if (url === "/mcp") seen.push({ method, version: headers["mcp-protocol-version"] });
  };
  proxy = await startProxy(gateway.url, { onRequest });
});
after(async () => {
  await proxy?.stop();
  await gateway?.stop();
});

const authorized = () => ({ requestInit: { headers: { authorization: `Bearer ${gateway.token}` } } });
const posts = () => seen.filter((request) => request.method === "POST");

const METHODS = [
  "listTools",
  "listResources",
  "listResourceTemplates",
  "readResource",
  "listPrompts",
  "getPrompt",
  "complete",
];

/// What the flow needs, on top of an official client.
function adapt(client, call, subscribe) {
  const adapted = { call, subscribe };
  for (const name of METHODS) adapted[name] = client[name].bind(client);
  return adapted;
}

/// Subscribes as a legacy client does; `told` resolves with the notification.
function subscriber(client, notification) {
  return (uri) => {
    let tell;
    const told = new Promise((resolve) => (tell = resolve));
    client.setNotificationHandler(notification, ({ params }) => {
      if (params.uri === uri) tell();
    });
    return { subscribed: client.subscribeResource({ uri }), told };
  };
}

/// Subscribes as a modern client does: on a stream of its own.
function listener(client) {
  return (uri) => {
    let tell;
    const told = new Promise((resolve) => (tell = resolve));
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => {
      if (params.uri === uri) tell();
    });
    const subscribed = client.listen({ resourceSubscriptions: [uri] }).then((subscription) => {
      assert.deepEqual(subscription.honoredFilter.resourceSubscriptions, [uri]);
    });
    return { subscribed, told };
  };
}

async function withClient(mode, use) {
  seen = [];
  const client = new Client(INFO, mode && { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(proxy.url), authorized()), CALL);
  try {
    await use(client);
  } finally {
    await client.close();
  }
}

const callOf = (client) => (name, args, options) => client.callTool({ name, arguments: args }, { ...CALL, ...options });

test("@modelcontextprotocol/client 2.4, as it comes: legacy", async () => {
  await withClient(undefined, async (client) => {
    assert.equal(client.getProtocolEra(), "legacy");
    assert.equal(client.getNegotiatedProtocolVersion(), LEGACY);
    assert.match(client.getInstructions(), /\S/);
    await wholeFlow(adapt(client, callOf(client), subscriber(client, "notifications/resources/updated")));
    assert.ok(seen.some((request) => request.method === "GET"), "it opened no stream");
  });
});

for (const mode of ["auto", { pin: MODERN }]) {
  test(`@modelcontextprotocol/client 2.4, ${mode.pin ? "pinned" : "auto"}: modern`, async () => {
    await withClient(mode, async (client) => {
      assert.equal(client.getProtocolEra(), "modern");
      assert.equal(client.getNegotiatedProtocolVersion(), MODERN);
      assert.match(client.getInstructions(), /\S/);
      await wholeFlow(adapt(client, callOf(client), listener(client)));
      assert.ok(posts().every((request) => request.version === MODERN));
      assert.equal(seen.length, posts().length, "the modern era has no GET or DELETE");
    });
  });
}

/// The client of the first SDK, which most hosts still embed.
function adaptFirst(client) {
  const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, { ...CALL, ...options });
  return adapt(client, call, subscriber(client, ResourceUpdatedNotificationSchema));
}

test("@modelcontextprotocol/sdk 1.32", async () => {
  seen = [];
  const client = new FirstClient(INFO);
  const transport = new FirstTransport(new URL(proxy.url), authorized());
  await client.connect(transport, CALL);
  try {
    assert.equal(client.getServerVersion().name, "atelier");
    await wholeFlow(adaptFirst(client));
    await transport.terminateSession();
    assert.ok(seen.some((request) => request.method === "DELETE"));
  } finally {
    await client.close();
  }
});

const BRIDGES = [
  { name: "as it comes: legacy", flags: [], version: LEGACY },
  { name: "--protocol auto: modern", flags: ["--protocol", "auto"], version: MODERN },
];

for (const { name, flags, version } of BRIDGES) {
  test(`mcp-remote, ${name}`, async () => {
    seen = [];
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-remote-"));
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [
        path.join(import.meta.dirname, "node_modules/mcp-remote/dist/proxy.js"),
        proxy.url,
        "--transport", "http-only",
        "--header", `Authorization:Bearer ${gateway.token}`,
        ...flags,
      ],
      env: { ...process.env, MCP_REMOTE_CONFIG_DIR: home },
      stderr: "pipe",
    });
    let said = "";
    transport.stderr.on("data", (text) => (said += text));
    const client = new FirstClient(INFO);
    try {
      await client.connect(transport, CALL);
      await wholeFlow(adaptFirst(client));
      const versions = new Set(posts().map((request) => request.version).filter(Boolean));
      assert.deepEqual([...versions], [version]);
    } catch (error) {
      throw new Error(`${error.message}\nmcp-remote said:\n${said.slice(-3000)}`, { cause: error });
    } finally {
      await client.close();
      fs.rmSync(home, { recursive: true, force: true });
    }
  });
}
