// A price that a person has to agree to, through the official clients of both eras: an owner sets the threshold on the
// workspace's page, the client asks its user, and what the user says decides whether anything is charged.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as FirstClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as FirstTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { press } from "./support/chromium.mjs";
import { ended, money } from "./support/forge.mjs";
import { tool } from "./support/mcp.mjs";
import { openOffice, OWNER } from "./support/office.mjs";

const INFO = { name: "edge-tests", version: "1" };
const CALL = { timeout: 60_000 };
const ABOVE = 2;
const DEAR = { model_id: "offline-image", prompt: "four pears", width: 64, height: 64, batch_size: 4 };
const FORMS = { capabilities: { elicitation: {} } };
const THRESHOLD = 'form[action$="/threshold"]';

let office;
let caller;
let asked = [];
let says;

before(async () => {
  office = await openOffice({ inIdToken: true });
  const { page } = await office.signedIn(OWNER);
  const begun = office.begin();
  await page.goto(begun.url);
  const back = office.application.back();
  await page.click('button[name="decision"][value="approve"]');
  const { access_token: token } = await office.tokens(begun, await back);
  caller = { url: office.gateway.url, token };
  const { answer } = await tool(caller, "get_workspace");
  await office.gateway.operator("grants", { workspace_id: answer.workspace_id, creative_units: 100, note: "pears" });
  await page.goto(`${office.origin}/account/workspaces/${answer.workspace_id}`);
  await page.fill(`${THRESHOLD} input:not([type="hidden"])`, String(ABOVE));
  await press(page, `${THRESHOLD} button`);
});
after(() => office?.close());
afterEach(() => office.everybodyLeaves());

/// What the user of either client is shown, and says.
function user({ params }) {
  asked.push(params);
  return says;
}

const authorized = () => ({ requestInit: { headers: { authorization: `Bearer ${caller.token}` } } });

const CLIENTS = {
  "@modelcontextprotocol/client 2.4, modern: multi round-trip": async () => {
    const client = new Client(INFO, { ...FORMS, versionNegotiation: { mode: "auto" } });
    client.setRequestHandler("elicitation/create", user);
    await client.connect(new StreamableHTTPClientTransport(new URL(caller.url), authorized()), CALL);
    assert.equal(client.getProtocolEra(), "modern");
    return { call: (args) => client.callTool({ name: "execute_forge", arguments: args }, CALL), close: () => client.close() };
  },
  "@modelcontextprotocol/client 2.4, legacy: on the call's stream": async () => {
    const client = new Client(INFO, FORMS);
    client.setRequestHandler("elicitation/create", user);
    await client.connect(new StreamableHTTPClientTransport(new URL(caller.url), authorized()), CALL);
    assert.equal(client.getProtocolEra(), "legacy");
    return { call: (args) => client.callTool({ name: "execute_forge", arguments: args }, CALL), close: () => client.close() };
  },
  "@modelcontextprotocol/sdk 1.32: on the call's stream": async () => {
    const client = new FirstClient(INFO, FORMS);
    client.setRequestHandler(ElicitRequestSchema, user);
    await client.connect(new FirstTransport(new URL(caller.url), authorized()), CALL);
    return { call: (args) => client.callTool({ name: "execute_forge", arguments: args }, undefined, CALL), close: () => client.close() };
  },
};

for (const [name, connect] of Object.entries(CLIENTS)) {
  test(name, async () => {
    const client = await connect();
    const before = await money(caller);
    try {
      asked = [];
      for (const no of [{ action: "decline" }, { action: "cancel" }, { action: "accept", content: { go_on: false } }]) {
        says = no;
        const refused = await client.call(DEAR);
        assert.equal(refused.isError, true);
        assert.match(refused.content[0].text, /^DECLINED: .* Nothing was charged\. Next: /);
      }
      assert.equal(asked.length, 3);
      for (const { message, requestedSchema } of asked) {
        assert.match(message, /4 Creative Units, which is above the 2 /);
        assert.equal(requestedSchema.properties.go_on.type, "boolean");
      }
      assert.deepEqual(await money(caller), before);

      says = { action: "accept", content: { go_on: true } };
      const { structuredContent: run, isError } = await client.call(DEAR);
      assert.ok(!isError);
      assert.equal((await ended(caller, run.inference_id)).answer.assets.length, 4);
      assert.deepEqual(await money(caller), { ...before, balance: before.balance - 4, spent: before.spent + 4 });

      const cheap = await client.call({ ...DEAR, batch_size: ABOVE });
      assert.ok(!cheap.isError);
      await ended(caller, cheap.structuredContent.inference_id);
      assert.equal(asked.length, 4, "nobody is asked about what is not above the threshold");
    } finally {
      await client.close();
    }
  });
}
