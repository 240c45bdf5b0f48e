// The load section: for each repetition fresh servers, and within it, for each
// number of connections, every target in turn, so that a drift of the machine
// meets all of them alike.

import { TARGETS, LIMITS, NOISY_SHARE } from "./config.mjs";
import { peakRssMiB, resetPeakRss, startMeter, waitForQuiet } from "./machine.mjs";
import { callTool, openSession } from "./mcp.mjs";
import { temporaryFolder } from "./children.mjs";
import { MCP_PATH, startServer, stopServer, tokensFor } from "./servers.mjs";

export const round = (value, digits) => (value === null || !Number.isFinite(value) ? null : Number(value.toFixed(digits)));

// Of an even number, the mean of the middle two: neither side is favoured.
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(upper)] : (sorted[upper - 1] + sorted[upper]) / 2;
}

// An answer that got shorter under load (a refusal with status 200, say) would
// pass the generator's own checks, so the mean size on the wire is held too.
function checkLoad(load, probe) {
  if (load.non2xx > 0 || load.socket_errors > 0) {
    throw new Error(`${load.non2xx} answers were not 2xx, ${load.socket_errors} socket errors, of ${load.requests}`);
  }
  if (load.requests === 0) {
    throw new Error("no request was answered");
  }
  const meanBytes = load.bytes / load.requests;
  if (meanBytes < probe.answer.bytes * 0.98) {
    throw new Error(`answers under load had ${meanBytes.toFixed(0)} bytes with headers, the checked one ${probe.answer.bytes} without`);
  }
}

async function measureTarget({ target, server, token, connections, options, generator }) {
  const path = MCP_PATH[target.server];
  const sessions = [];
  if (target.sessions) {
    for (let i = 0; i < connections; i += 1) {
      sessions.push(await openSession(server.port, path, token));
    }
  }
  const call = { tool: target.tool, era: target.era, token };
  const probe = () => callTool(server.port, path, { ...call, session: sessions[0] });
  const load = (secs) => generator.load({ ...call, sessions, port: server.port, path, connections, secs });

  const probed = await probe();
  await load(options.warmSecs);
  const busyBefore = await waitForQuiet(options.quietSecs * 1000);
  resetPeakRss(server.workerd);
  const readMeter = startMeter(server.workerd);

  const loaded = await load(options.secs);

  const { serverSeconds, otherShare } = readMeter(loaded.generator_cpu_s);
  const peakRss = peakRssMiB(server.workerd);
  checkLoad(loaded, probed);
  await probe();

  return {
    rps: round(loaded.requests / loaded.seconds, 1),
    p50_ms: loaded.p50,
    p99_ms: loaded.p99,
    max_ms: loaded.max,
    cpu_ms_per_request: serverSeconds === null ? null : round((serverSeconds * 1000) / loaded.requests, 4),
    peak_rss_mib: round(peakRss, 0),
    requests: loaded.requests,
    answer_bytes: probed.answer.bytes,
    non2xx: loaded.non2xx,
    socket_errors: loaded.socket_errors,
    generator_cpu_s: round(loaded.generator_cpu_s, 2),
    busy_before: round(busyBefore, 3),
    other_share: round(otherShare, 3),
    noisy: otherShare === null ? null : otherShare > NOISY_SHARE,
  };
}

// Starts what the targets need; a server that cannot be had fails its own
// targets and no others.
export async function startServers(names, specs, stateFolder) {
  const running = {};
  for (const name of names) {
    try {
      running[name] = { server: await startServer(specs[name], stateFolder, LIMITS.runMs) };
    } catch (error) {
      running[name] = { error };
    }
  }
  return running;
}

export async function stopServers(running) {
  for (const { server } of Object.values(running)) {
    if (server) {
      await stopServer(server);
    }
  }
}

// Anew for each number of connections: tokens of OAuth live for an hour.
async function renewTokens(running, specs) {
  for (const entry of Object.values(running).filter(({ error }) => !error)) {
    try {
      entry.tokens = await tokensFor(entry.server, specs[entry.server.name]);
    } catch (error) {
      entry.error = error;
    }
  }
}

export async function loadSection({ specs, options, generator, emit, say }) {
  const targets = TARGETS.filter((target) => options.wantsTarget(target.id));
  const names = [...new Set(targets.map((target) => target.server))];
  for (let rep = 1; rep <= options.reps; rep += 1) {
    const running = await startServers(names, specs, temporaryFolder());
    for (const connections of options.connections) {
      await renewTokens(running, specs);
      for (const target of targets) {
        const row = { kind: "load", target: target.id, connections, rep };
        const { server, tokens, error } = running[target.server];
        try {
          if (error) {
            throw error;
          }
          const token = target.oauth ? tokens.oauth : tokens.usual;
          const figures = await measureTarget({ target, server, token, connections, options, generator });
          emit({ ...row, ...figures });
          say(
            `rep ${rep} c=${connections} ${target.id}: ${figures.rps} requests/s, p50 ${figures.p50_ms} ms, ` +
              `p99 ${figures.p99_ms} ms, CPU ${figures.cpu_ms_per_request} ms${figures.noisy ? " (noisy)" : ""}`,
          );
        } catch (failure) {
          emit({ ...row, failed: failure.message });
          say(`rep ${rep} c=${connections} ${target.id}: FAILED: ${failure.message}`);
        }
      }
    }
    await stopServers(running);
  }
}

// Middle figures of the repetitions of one target, or null when all failed.
export function medianRow(rows, target, connections) {
  const mine = rows.filter((row) => row.kind === "load" && row.target === target && row.connections === connections);
  const good = mine.filter((row) => row.failed === undefined);
  if (good.length === 0) {
    return mine.length === 0 ? null : { failed: mine[0].failed, reps: mine.length };
  }
  const middle = (field) => {
    const known = good.map((row) => row[field]).filter((value) => value !== null);
    return known.length === 0 ? null : median(known);
  };
  return {
    rps: middle("rps"),
    p50_ms: middle("p50_ms"),
    p99_ms: middle("p99_ms"),
    cpu_ms_per_request: middle("cpu_ms_per_request"),
    peak_rss_mib: Math.max(...good.map((row) => row.peak_rss_mib ?? 0)),
    answer_bytes: good[0].answer_bytes,
    lowest_rps: Math.min(...good.map((row) => row.rps)),
    highest_rps: Math.max(...good.map((row) => row.rps)),
    noisy: good.filter((row) => row.noisy).length,
    reps: good.length,
    failed_reps: mine.length - good.length,
  };
}

// Ratios are taken within each repetition, where both sides met the same
// machine, and the middle one is reported.
export function medianRatio(rows, above, below, connections) {
  const of = (target) =>
    new Map(
      rows
        .filter((row) => row.kind === "load" && row.target === target && row.connections === connections && row.failed === undefined)
        .map((row) => [row.rep, row.rps]),
    );
  const belows = of(below);
  const ratios = [...of(above)].filter(([rep]) => belows.get(rep) > 0).map(([rep, rps]) => rps / belows.get(rep));
  return ratios.length === 0 ? null : median(ratios);
}
