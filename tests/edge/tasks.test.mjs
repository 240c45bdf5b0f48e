// Runs as tasks, through the official client of the extension io.modelcontextprotocol/tasks on workerd: begun, followed
// to the result, failed, cancelled; and the notification of the end on a stream.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { TaskCancelledError, createTaskSessionFromClient, resultFromTaskOutcome } from "@modelcontextprotocol/ext-tasks/client";
import { isCreateTaskResultV2, isTaskStatusNotificationV2 } from "@modelcontextprotocol/ext-tasks/core/v2";
import { download, money } from "./support/forge.mjs";
import { startGateway } from "./support/gateway.mjs";
import { MODERN, SUBSCRIPTION_ID, exchange, request, send } from "./support/mcp.mjs";
import { EventReader } from "./support/sse.mjs";

const INFO = { name: "edge-tests", version: "1" };
const EVENT_MILLIS = 15_000;
const PICTURE = { model_id: "offline-image", prompt: "a plum", width: 64, height: 64 };
const META = "io.modelcontextprotocol";
const DECLARED = { extensions: { [`${META}/tasks`]: {} } };
const modern = { era: "modern", meta: { [`${META}/clientCapabilities`]: DECLARED } };
/// The extension has its header too.
const about = (taskId) => ({ ...modern, headers: { "mcp-name": taskId } });

let gateway;
let client;
let session;

before(async () => {
  gateway = await startGateway();
  client = new Client(INFO, { capabilities: DECLARED, versionNegotiation: { mode: "auto" } });
  const headers = { authorization: `Bearer ${gateway.token}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url), { requestInit: { headers } }));
  session = createTaskSessionFromClient(client, {
    endpointId: "edge-tests",
    rawDispatch,
    v2RequestFraming: { protocolVersion: MODERN, clientInfo: INFO, clientCapabilities: DECLARED },
  });
});
after(async () => {
  await session?.close();
  await client?.close();
  await gateway?.stop();
});

/// The SDK's own codecs know no tasks, so the extension's client asks its host for the way to the server.
async function rawDispatch({ method, params }, { signal } = {}) {
  const name = params.name ?? params.taskId;
  const { _meta, ...rest } = params;
  const { message } = await exchange(gateway, method, rest, { era: "modern", meta: _meta, headers: { "mcp-name": name }, signal });
  return "result" in message ? { kind: "result", result: message.result } : { kind: "error", error: message.error };
}

test("a generation is begun as a task and its result is that of the run", async () => {
  const before = await money(gateway);
  const execution = await session.callTool("execute_forge", { ...PICTURE, prompt: "a plum offline:slow=2" });
  assert.equal(execution.kind, "task");
  const { outcome } = await execution.settle();
  const result = resultFromTaskOutcome(outcome);
  assert.equal(result.resultType, "complete");
  assert.equal(result.structuredContent.status, "complete");
  assert.deepEqual(result.content.map((block) => block.type), ["text", "image", "resource_link"]);
  await download(result.structuredContent.assets[0]);
  assert.deepEqual(await money(gateway), { ...before, balance: before.balance - 1, spent: before.spent + 1 });
});

test("a run that fails is a result with isError, a refusal no task at all", async () => {
  const execution = await session.callTool("execute_forge", { ...PICTURE, prompt: "offline:slow=1 offline:fail" });
  const result = resultFromTaskOutcome((await execution.settle()).outcome);
  assert.equal(result.isError, true);
  assert.match(result.content[0].text, /^PROVIDER_FAILED: .* Next: /);
  const refused = await session.callTool("execute_forge", { model_id: "none", prompt: "x" });
  assert.notEqual(refused.kind, "task");
});

test("a task can be cancelled, and its units come back", async () => {
  const before = await money(gateway);
  const execution = await session.callTool("execute_forge", { ...PICTURE, prompt: "offline:slow=60" });
  const settled = execution.settle();
  await execution.cancel();
  const { outcome } = await settled;
  assert.throws(() => resultFromTaskOutcome(outcome), TaskCancelledError);
  assert.deepEqual(await money(gateway), before);
});

test("the end is told on a stream that asked for it", async () => {
  const task = await request(gateway, "tools/call", { name: "execute_forge", arguments: { ...PICTURE, prompt: "offline:slow=2" } }, modern);
  assert.ok(isCreateTaskResultV2(task), JSON.stringify(task));
  const notifications = { taskIds: [task.taskId, crypto.randomUUID()] };
  const response = await send(gateway, "subscriptions/listen", { notifications }, { ...modern, id: "listen:0" });
  const events = new EventReader(response);
  const { message: first } = await events.message(() => true, EVENT_MILLIS);
  assert.deepEqual(first.params.notifications, { taskIds: [task.taskId] });
  const { message } = await events.message(() => true, EVENT_MILLIS);
  assert.ok(isTaskStatusNotificationV2(message), JSON.stringify(message));
  assert.equal(message.params._meta[SUBSCRIPTION_ID], "listen:0");
  assert.deepEqual([message.params.taskId, message.params.status], [task.taskId, "completed"]);
  const { message: last } = await events.message(() => true, EVENT_MILLIS);
  assert.equal(last.result.resultType, "complete");
});

test("another person's task, and a client that declares nothing", async () => {
  const task = await request(gateway, "tools/call", { name: "execute_forge", arguments: PICTURE }, modern);
  const stranger = await gateway.as("stranger");
  const foreign = await exchange(stranger, "tasks/get", { taskId: task.taskId }, about(task.taskId));
  assert.equal(foreign.message.error.code, -32602);
  const plain = await exchange(gateway, "tasks/get", { taskId: task.taskId }, { era: "modern", headers: { "mcp-name": task.taskId } });
  assert.deepEqual([plain.status, plain.message.error.code], [400, -32021]);
  assert.deepEqual(plain.message.error.data.requiredCapabilities, DECLARED);
});
