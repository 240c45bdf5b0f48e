// One load: so many connections for so many seconds on one target, by wrk when
// the machine has it, else by autocannon (which itself needs most of a core).
// Both return the same fields; latencies are milliseconds. wrk's are corrected
// for coordinated omission, autocannon's are not: compare within one run only.

import fs from "node:fs";
import path from "node:path";

import { run } from "./children.mjs";
import { HOST, OUT_DIR } from "./config.mjs";
import { cpuSeconds } from "./machine.mjs";
import { toolCall } from "./mcp.mjs";

// Slow answers must show in the latency and not as errors.
const WRK_TIMEOUT_SECONDS = 10;
const SAMPLE_MS = 50;

const GENERATORS = { wrk: wrkLoad, autocannon: autocannonLoad };
export const GENERATOR_NAMES = Object.keys(GENERATORS);

export async function chooseGenerator(wanted) {
  let name = wanted;
  if (name === undefined) {
    const found = await run("bash", ["-c", "command -v wrk"]).catch(() => "");
    name = found === "" ? "autocannon" : "wrk";
  }
  return { name, load: GENERATORS[name] };
}

// With sessions, the requests carry their ids in turn: one per connection.
function requestsOf({ tool, era, token, sessions }) {
  const ids = sessions.length > 0 ? sessions : [undefined];
  return ids.map((session) => toolCall({ tool, era, token, session }));
}

// Requests are formatted once: formatting for each would cost the generator
// more than a cheap target spends on its answer. Lua reads JSON's escapes of
// the characters that occur here (quotes and backslashes).
const quoted = (text) => JSON.stringify(text);

function wrkScript(requests, targetPath) {
  const lines = requests.map(({ method, headers, body }) => {
    // wrk looks for "Host" in just this spelling, and adds a second one without it.
    const fields = Object.entries({ Host: HOST, ...headers }).map(([name, value]) => `[${quoted(name)}]=${quoted(value)}`);
    return `  { ${quoted(method)}, ${quoted(targetPath)}, { ${fields.join(", ")} }, ${quoted(body)} },`;
  });
  return `
local parts = {
${lines.join("\n")}
}
local formatted = {}
local turn = 0

request = function()
  turn = turn % #parts + 1
  local ready = formatted[turn]
  if ready == nil then
    local part = parts[turn]
    ready = wrk.format(part[1], part[2], part[3], part[4])
    formatted[turn] = ready
  end
  return ready
end

done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"microseconds":%d,"bytes":%d,"p50":%.3f,"p99":%.3f,"max":%.3f,"non2xx":%d,"socket_errors":%d}\\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
`;
}

async function wrkLoad({ port, path: targetPath, connections, secs, ...call }) {
  const file = path.join(OUT_DIR, "wrk.lua");
  fs.writeFileSync(file, wrkScript(requestsOf(call), targetPath));
  const args = [
    "-t1",
    `-c${connections}`,
    `-d${secs}s`,
    "--latency",
    "--timeout",
    `${WRK_TIMEOUT_SECONDS}s`,
    "-s",
    file,
    `http://127.0.0.1:${port}`,
  ];
  // Its CPU is sampled while it lives, because node does not tell that of an
  // ended child and a shell in between would hide wrk from our signals.
  let cpu = 0;
  let sampler;
  const output = await run("wrk", args, {
    timeoutMs: (secs + WRK_TIMEOUT_SECONDS + 10) * 1000,
    onStart: (child) => {
      sampler = setInterval(() => {
        cpu = cpuSeconds(child.pid) ?? cpu;
      }, SAMPLE_MS);
    },
  }).finally(() => clearInterval(sampler));
  const result = /RESULT (\{.*\})/.exec(output);
  if (!result) {
    throw new Error(`wrk gave no result: ${output.slice(-400)}`);
  }
  const { microseconds, ...fields } = JSON.parse(result[1]);
  return {
    ...fields,
    seconds: microseconds / 1e6,
    generator_cpu_s: cpu,
  };
}

async function autocannonLoad({ port, path: targetPath, connections, secs, ...call }) {
  const { default: autocannon } = await import("autocannon");
  const requests = requestsOf(call);
  const [first] = requests;
  let next = 0;
  const cpuBefore = process.cpuUsage();
  const result = await autocannon({
    url: `http://127.0.0.1:${port}${targetPath}`,
    method: first.method,
    body: first.body,
    headers: { host: HOST, ...first.headers },
    connections,
    duration: secs,
    setupClient: (client) => {
      const { headers } = requests[next % requests.length];
      next += 1;
      client.setHeaders({ host: HOST, ...headers });
    },
  });
  const cpu = process.cpuUsage(cpuBefore);
  return {
    requests: result.requests.total,
    seconds: result.duration,
    bytes: result.throughput.total,
    p50: result.latency.p50,
    p99: result.latency.p99,
    max: result.latency.max,
    non2xx: result.non2xx,
    // autocannon's `errors` already holds its timeouts.
    socket_errors: result.errors,
    generator_cpu_s: (cpu.user + cpu.system) / 1e6,
  };
}
