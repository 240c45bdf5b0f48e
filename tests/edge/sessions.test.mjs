// What a client is told outside of its calls: the stream of a legacy session with its ids and replay, the end of
// sessions, and the modern subscription.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { startGateway } from "./support/gateway.mjs";
import { ended, start } from "./support/forge.mjs";
import { SUBSCRIPTION_ID, exchange, initialize, onSession, request, send } from "./support/mcp.mjs";
import { EventReader } from "./support/sse.mjs";

const PICTURE = { model_id: "offline-image", width: 64, height: 64 };
const EVENT_MILLIS = 15_000;
const isUpdate = (uri) => (message) => message.method === "notifications/resources/updated" && message.params.uri === uri;

let gateway;

before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

/// Files of stored Session objects.
function sessionFiles() {
  const folder = fs.readdirSync(path.join(gateway.state, "v3/do"), { recursive: true });
  return folder.filter((file) => /SessionObject.*[0-9a-f]{64}\.sqlite$/.test(file)).length;
}

async function openStream(session, headers) {
  const leave = new AbortController();
  const response = await onSession(gateway, "GET", session, { headers, signal: leave.signal });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  return { events: new EventReader(response), leave: () => leave.abort() };
}

/// A slow run and a session that is subscribed to it.
async function watched(session, seconds) {
  const run = await start(gateway, { ...PICTURE, prompt: `offline:slow=${seconds}` });
  await request(gateway, "resources/subscribe", { uri: run.resource_uri }, { session });
  return run;
}

test("the stream tells of the end of a subscribed run, with an event id", async () => {
  const session = await initialize(gateway);
  const stream = await openStream(session);
  const primed = await stream.events.next(EVENT_MILLIS);
  assert.equal(primed.id, "0");
  assert.equal(primed.data, "");
  const run = await watched(session, 2);
  const told = await stream.events.message(isUpdate(run.resource_uri), EVENT_MILLIS);
  assert.equal(told.id, "1");
  assert.equal(told.message.jsonrpc, "2.0");
  const { contents } = await request(gateway, "resources/read", { uri: run.resource_uri }, { session });
  assert.equal(JSON.parse(contents[0].text).status, "complete");
  stream.leave();
});

test("a client that comes back with Last-Event-ID gets what it missed, once and in order", async () => {
  const session = await initialize(gateway);
  const first = await openStream(session);
  await first.events.next(EVENT_MILLIS);
  const runs = [await watched(session, 1), await watched(session, 2)];
  const seen = await first.events.message(isUpdate(runs[0].resource_uri), EVENT_MILLIS);
  first.leave();
  await ended(gateway, runs[1].inference_id);
  const third = await watched(session, 1);
  await ended(gateway, third.inference_id);

  const second = await openStream(session, { "last-event-id": seen.id });
  const missed = await second.events.message(() => true, EVENT_MILLIS);
  assert.equal(missed.id, "2");
  assert.ok(isUpdate(runs[1].resource_uri)(missed.message));
  const next = await second.events.message(() => true, EVENT_MILLIS);
  assert.equal(next.id, "3");
  assert.ok(isUpdate(third.resource_uri)(next.message));
  second.leave();

  const all = await openStream(session, { "last-event-id": "0" });
  for (const id of ["1", "2", "3"]) assert.equal((await all.events.message(() => true, EVENT_MILLIS)).id, id);
  all.leave();
});

test("unsubscribed is not told", async () => {
  const session = await initialize(gateway);
  const stream = await openStream(session);
  const silent = await watched(session, 1);
  const loud = await watched(session, 2);
  await request(gateway, "resources/unsubscribe", { uri: silent.resource_uri }, { session });
  const told = await stream.events.message(() => true, EVENT_MILLIS);
  assert.equal(told.message.params.uri, loud.resource_uri);
  stream.leave();
});

test("a second stream supersedes the first", async () => {
  const session = await initialize(gateway);
  const first = await openStream(session);
  const second = await openStream(session);
  const run = await watched(session, 1);
  await second.events.message(isUpdate(run.resource_uri), EVENT_MILLIS);
  for (;;) {
    const event = await first.events.next(EVENT_MILLIS);
    if (!event) break;
    assert.equal(event.data, "", "the first stream must tell nothing and end");
  }
  second.leave();
});

test("DELETE ends a session: its stream closes and its id answers 404", async () => {
  const session = await initialize(gateway);
  const stream = await openStream(session);
  const response = await onSession(gateway, "DELETE", session);
  assert.ok([200, 204].includes(response.status), `HTTP ${response.status}`);
  while (await stream.events.next(EVENT_MILLIS));
  const call = await exchange(gateway, "tools/list", {}, { session });
  assert.equal(call.status, 404);
  for (const method of ["GET", "DELETE"]) {
    const late = await onSession(gateway, method, session);
    assert.equal(late.status, 404, method);
    await late.body?.cancel();
  }
  assert.notEqual(await initialize(gateway), session);
});

test("somebody else's session and made-up ids answer 404 and store nothing", async () => {
  const session = await initialize(gateway);
  const stranger = await gateway.as("stranger");
  const before = sessionFiles();
  const forged = [session.slice(0, -1) + (session.endsWith("A") ? "B" : "A"), "x", crypto.randomUUID(), session.repeat(2)];
  const attempts = [[stranger, session], ...forged.map((id) => [gateway, id])];
  for (const [caller, id] of attempts) {
    assert.equal((await exchange(caller, "tools/list", {}, { session: id })).status, 404, id);
    for (const method of ["GET", "DELETE"]) {
      const response = await onSession(caller, method, id);
      assert.equal(response.status, 404, `${method} ${id}`);
      await response.body?.cancel();
    }
  }
  assert.equal(sessionFiles(), before);
  await request(gateway, "tools/list", {}, { session });
});

test("a session without a stream stores nothing; one with a stream does", async () => {
  const before = sessionFiles();
  const sessions = [await initialize(gateway), await initialize(gateway, { version: "2025-06-18" })];
  for (const session of sessions) {
    await request(gateway, "tools/list", {}, { session });
    await request(gateway, "tools/call", { name: "list_models", arguments: {} }, { session });
    await request(gateway, "ping", {}, { session });
  }
  assert.equal(sessionFiles(), before);
  const stream = await openStream(sessions[0]);
  await stream.events.next(EVENT_MILLIS);
  stream.leave();
  assert.equal(sessionFiles(), before + 1, "this test counts the wrong files");
});

test("GET without a session is 405, without a token 401 with a challenge", async () => {
  const plain = await onSession(gateway, "GET");
  assert.equal(plain.status, 405);
  await plain.body?.cancel();
  const anonymous = await fetch(gateway.url, { headers: { accept: "text/event-stream" }, signal: AbortSignal.timeout(10_000) });
  assert.equal(anonymous.status, 401);
  assert.match(anonymous.headers.get("www-authenticate"), /^Bearer resource_metadata="http/);
  await anonymous.body?.cancel();
});

test("modern: listen acknowledges what it honours, tells of each run's end, then ends gracefully", async () => {
  const runs = [
    await start(gateway, { ...PICTURE, prompt: "offline:slow=2" }),
    await start(gateway, { ...PICTURE, prompt: "offline:slow=1" }),
  ];
  const uris = runs.map((run) => run.resource_uri);
  const notifications = { resourceSubscriptions: [...uris, "atelier://runs/none"], toolsListChanged: true };
  const response = await send(gateway, "subscriptions/listen", { notifications }, { era: "modern", id: "listen:0" });
  assert.equal(response.status, 200);
  const events = new EventReader(response);
  const isOurs = (params) => assert.equal(params._meta[SUBSCRIPTION_ID], "listen:0");
  const { message: first } = await events.message(() => true, EVENT_MILLIS);
  assert.equal(first.method, "notifications/subscriptions/acknowledged");
  assert.deepEqual(first.params.notifications, { resourceSubscriptions: uris });
  isOurs(first.params);
  const told = [];
  for (const _ of runs) {
    const { message } = await events.message((message) => message.method === "notifications/resources/updated", EVENT_MILLIS);
    isOurs(message.params);
    told.push(message.params.uri);
  }
  assert.deepEqual(told.toSorted(), uris.toSorted());
  const { message: last } = await events.message(() => true, EVENT_MILLIS);
  assert.equal(last.id, "listen:0");
  assert.equal(last.result.resultType, "complete");
  isOurs(last.result);
  assert.equal(await events.next(EVENT_MILLIS), undefined);
});

test("modern: another person's run is not honoured", async () => {
  const run = await start(gateway, { ...PICTURE, prompt: "offline:slow=1" });
  const stranger = await gateway.as("listener");
  const notifications = { resourceSubscriptions: [run.resource_uri] };
  const response = await send(stranger, "subscriptions/listen", { notifications }, { era: "modern" });
  const { message } = await new EventReader(response).message(() => true, EVENT_MILLIS);
  assert.deepEqual(message.params.notifications, {});
  await ended(gateway, run.inference_id);
});
