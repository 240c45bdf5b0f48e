// The uploads section: our presigned PUT beside a bare Worker's
// `put(request.body)`, by speed and by how much the runtime grows.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { pipeline } from "node:stream/promises";

import { temporaryFolder } from "./children.mjs";
import { HOST, LEGACY, NOISY_SHARE, OURS, UPLOADS } from "./config.mjs";
import { request, requestJson } from "./http.mjs";
import { peakRssMiB, resetPeakRss, rssMiB, startMeter, waitForQuiet } from "./machine.mjs";
import { round } from "./measure.mjs";
import { startServer, stopServer } from "./servers.mjs";

const MIB = 1024 * 1024;
// The beginning of an MP4; what follows is whatever a film is.
const FILM_HEAD = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from("ftypisom"), Buffer.from([0, 0, 2, 0]), Buffer.from("isommp42")]);
const UPLOAD_MS = 10 * 60 * 1000;

// Bytes that do not compress, the same for both servers.
function makeFile(folder, bytes) {
  const file = path.join(folder, `film-${bytes}.mp4`);
  const handle = fs.openSync(file, "w");
  const block = Buffer.alloc(MIB);
  for (let at = 0; at < MIB; at += 4) block.writeUInt32LE((at * 2654435761) >>> 0, at);
  let left = bytes;
  fs.writeSync(handle, FILM_HEAD);
  left -= FILM_HEAD.length;
  while (left > 0) {
    left -= fs.writeSync(handle, block, 0, Math.min(left, MIB));
  }
  fs.closeSync(handle);
  return file;
}

function put(port, target, file, bytes) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(
      {
        host: "127.0.0.1",
        port,
        method: "PUT",
        path: target,
        agent: false,
        timeout: UPLOAD_MS,
        headers: { host: HOST, connection: "close", "content-type": "video/mp4", "content-length": bytes },
      },
      (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode !== 200 || JSON.parse(text).bytes !== bytes) {
            reject(new Error(`PUT ${target}: ${response.statusCode} ${text.slice(0, 200)}`));
          } else {
            resolve();
          }
        });
      },
    );
    outgoing.on("error", reject);
    pipeline(fs.createReadStream(file, { highWaterMark: MIB }), outgoing).catch(reject);
  });
}

// A path for each PUT of a round: the bare Worker takes any, ours gives tickets.
async function targets(server, token, bytes, count) {
  const found = [];
  for (let index = 0; index < count; index += 1) {
    if (server.name === "bare") {
      found.push(`/put-${bytes}-${performance.now()}-${index}`);
      continue;
    }
    const body = {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "request_file_upload_url", arguments: { file_name: "film.mp4", content_type: "video/mp4" } },
    };
    const answer = await requestJson(
      server.port,
      {
        method: "POST",
        path: OURS.mcpPath,
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          "mcp-protocol-version": LEGACY,
          authorization: `Bearer ${token}`,
        },
        body: JSON.stringify(body),
      },
      200,
    );
    found.push(new URL(answer.result.structuredContent.upload_url).pathname);
  }
  return found;
}

async function upload(server, token, file, bytes, atOnce) {
  const paths = await targets(server, token, bytes, atOnce);
  const begun = performance.now();
  await Promise.all(paths.map((target) => put(server.port, target, file, bytes)));
  return (performance.now() - begun) / 1000;
}

// Rounds of both servers in turn; what each came to.
async function measure(servers, token, [size, bytes, atOnce, rounds, quickRounds], options, folder) {
  const file = makeFile(folder, bytes);
  const count = options.isQuick ? quickRounds : rounds;
  const seconds = { bare: 0, ours: 0 };
  const growth = { bare: 0, ours: 0 };
  const busyBefore = await waitForQuiet(options.quietSecs * 1000);
  for (const server of servers) await upload(server, token, file, bytes, 1);
  const meters = servers.map((server) => startMeter(server.workerd));
  const ownBefore = process.cpuUsage();
  for (let turn = 0; turn < count; turn += 1) {
    for (const server of turn % 2 === 0 ? servers : servers.toReversed()) {
      resetPeakRss(server.workerd);
      const before = rssMiB(server.workerd);
      seconds[server.name] += await upload(server, token, file, bytes, atOnce);
      growth[server.name] = Math.max(growth[server.name], peakRssMiB(server.workerd) - before);
    }
  }
  const own = process.cpuUsage(ownBefore);
  const [first, second] = meters.map((read) => read(0));
  const elsewhere = first.otherShare - (second.serverSeconds + (own.user + own.system) / 1e6) / (2 * (seconds.bare + seconds.ours));
  fs.rmSync(file);
  const megabytes = (bytes * atOnce * count) / 1e6;
  const of = (name) => ({
    mb_per_second: round(megabytes / seconds[name], 1),
    growth_mib: round(growth[name], 1),
    cpu_seconds: round(name === servers[0].name ? first.serverSeconds : second.serverSeconds, 2),
  });
  return {
    size,
    bytes,
    at_once: atOnce,
    rounds: count,
    bare: of("bare"),
    ours: of("ours"),
    ratio: round(seconds.bare / seconds.ours, 3),
    busy_before: round(busyBefore, 3),
    other_share: round(Math.max(0, elsewhere), 3),
    noisy: elsewhere > NOISY_SHARE,
  };
}

export async function uploadSection({ specs, options, emit, say }) {
  for (let rep = 1; rep <= options.reps; rep += 1) {
    const servers = [];
    const folder = temporaryFolder();
    try {
      const bare = await startServer(specs.bare, temporaryFolder());
      servers.push(bare);
      const ours = await startServer(specs.ours, temporaryFolder());
      servers.push(ours);
      const made = await request(ours.port, {
        method: "POST",
        path: OURS.tokenPath,
        headers: { "content-type": "application/json", authorization: `Bearer ${specs.ours.text.OPERATOR_KEY}` },
        body: JSON.stringify(OURS.tokenRequest),
      });
      const { token } = JSON.parse(made.text);
      for (const load of UPLOADS) {
        const row = await measure(servers, token, load, options, folder);
        emit({ kind: "upload", rep, ...row });
        say(
          `rep ${rep} upload ${row.size}: bare ${row.bare.mb_per_second} MB/s +${row.bare.growth_mib} MiB, ` +
            `ours ${row.ours.mb_per_second} MB/s +${row.ours.growth_mib} MiB, ${row.ratio}x` + (row.noisy ? " (noisy)" : ""),
        );
      }
    } finally {
      for (const server of servers) await stopServer(server);
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
}
