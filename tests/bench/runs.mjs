// The runs section: how many generations a second can be started through one
// workspace's object and through a hundred, and what a page of a long list of
// runs costs at its beginning and at its end. Each generation is refused by the
// offline provider right after it has begun, so that what is measured is the
// money and the run, not the drawing.

import http from "node:http";

import { temporaryFolder } from "./children.mjs";
import { LEGACY, NOISY_SHARE, OURS, RUNS_LOAD } from "./config.mjs";
import { request, requestJson } from "./http.mjs";
import { startMeter, waitForQuiet } from "./machine.mjs";
import { round } from "./measure.mjs";
import { startServer, stopServer } from "./servers.mjs";

const { people, atOnce, listed, pageLimit, pagesTimed } = RUNS_LOAD;

export async function newCaller(server, spec, body) {
  const made = await requestJson(
    server.port,
    {
      method: "POST",
      path: OURS.tokenPath,
      headers: { "content-type": "application/json", authorization: `Bearer ${spec.text.OPERATOR_KEY}` },
      body: JSON.stringify(body),
    },
    200,
  );
  return { token: made.token, workspaceId: made.workspace_id };
}

// A caller with a `host` is called by it: the gateway tells providers to call back there.
export async function call(server, agent, caller, name, args) {
  const answer = await request(server.port, {
    method: "POST",
    path: OURS.mcpPath,
    agent,
    headers: {
      ...(caller.host && { host: caller.host }),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": LEGACY,
      authorization: `Bearer ${caller.token}`,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } }),
  });
  const result = answer.status === 200 ? JSON.parse(answer.text).result : undefined;
  if (!result || result.isError) {
    throw new Error(`${name}: HTTP ${answer.status}: ${answer.text.slice(0, 300)}`);
  }
  return result.structuredContent;
}

let lastSeed = 0;

// Starts so many generations, a few at once; each caller in turn, so that nobody comes near five under way.
async function execute(server, agent, callers, count) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const caller = callers[next % callers.length];
      next += 1;
      lastSeed += 1;
      const args = { model_id: "offline-image", prompt: "offline:moderated", width: 64, height: 64, seed: lastSeed };
      await call(server, agent, caller, "execute_forge", args);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function measureExecutes(server, agent, callers, options) {
  const count = options.isQuick ? RUNS_LOAD.quickExecutes : RUNS_LOAD.executes;
  const busyBefore = await waitForQuiet(options.quietSecs * 1000);
  const readMeter = startMeter(server.workerd);
  const ownBefore = process.cpuUsage();
  const begun = performance.now();
  await execute(server, agent, callers, count);
  const seconds = (performance.now() - begun) / 1000;
  const own = process.cpuUsage(ownBefore);
  const { serverSeconds, otherShare } = readMeter((own.user + own.system) / 1e6);
  return {
    operations: count,
    at_once: atOnce,
    per_second: round(count / seconds, 1),
    cpu_ms_each: serverSeconds === null ? null : round((serverSeconds * 1000) / count, 3),
    busy_before: round(busyBefore, 3),
    other_share: round(otherShare, 3),
    noisy: otherShare === null ? null : otherShare > NOISY_SHARE,
  };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

// Milliseconds of each page from the newest run to the oldest.
async function readPages(server, agent, caller, filter) {
  const millis = [];
  let cursor;
  let items = 0;
  do {
    const begun = performance.now();
    const args = { whose: "all", limit: pageLimit, ...filter, ...(cursor && { cursor }) };
    const page = await call(server, agent, caller, "list_runs", args);
    millis.push(performance.now() - begun);
    items += page.items.length;
    cursor = page.nextCursor;
  } while (cursor);
  return { items, millis };
}

async function measureLists(server, agent, caller, emit, say) {
  for (const [name, filter] of Object.entries(RUNS_LOAD.filters)) {
    await readPages(server, agent, caller, filter);
    const { items, millis } = await readPages(server, agent, caller, filter);
    const first = median(millis.slice(0, pagesTimed));
    const last = median(millis.slice(-pagesTimed));
    emit({
      kind: "runs-list",
      target: name,
      items,
      pages: millis.length,
      first_ms: round(first, 3),
      last_ms: round(last, 3),
      last_over_first: round(last / first, 2),
    });
    say(`list ${name}: ${items} runs in ${millis.length} pages, ${first.toFixed(2)} ms a page first, ${last.toFixed(2)} ms last`);
  }
}

export async function runsSection({ spec, options, emit, say }) {
  const server = await startServer(spec, temporaryFolder());
  const agent = new http.Agent({ keepAlive: true, maxSockets: atOnce });
  try {
    const grant = { grant_creative_units: 1e6 };
    const first = await newCaller(server, spec, { person: "one-0", workspace_name: "One", ...grant });
    const one = [first];
    const many = [];
    for (let index = 0; index < people; index += 1) {
      many.push(await newCaller(server, spec, { person: `many-${index}`, workspace_name: "Many", ...grant }));
      if (index > 0) {
        one.push(await newCaller(server, spec, { person: `one-${index}`, workspace_id: first.workspaceId }));
      }
    }
    await execute(server, agent, [...one, ...many], RUNS_LOAD.warmUp);
    let made = RUNS_LOAD.warmUp / 2;
    for (let rep = 1; rep <= options.reps; rep += 1) {
      for (const [target, callers] of [["one workspace", one], [`${people} workspaces`, many]]) {
        const figures = await measureExecutes(server, agent, callers, options);
        made += callers === one ? figures.operations : 0;
        emit({ kind: "runs", target, rep, ...figures });
        say(`rep ${rep} executes ${target}: ${figures.per_second} a second, CPU ${figures.cpu_ms_each} ms` + (figures.noisy ? " (noisy)" : ""));
      }
    }
    say(`filling one workspace up to ${listed} runs`);
    await execute(server, agent, one, Math.max(0, listed - made));
    await measureLists(server, agent, first, emit, say);
  } finally {
    agent.destroy();
    await stopServer(server);
  }
}
