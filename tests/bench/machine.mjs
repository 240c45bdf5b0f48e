// What the kernel says about processes and the machine (Linux /proc). On other
// systems each figure is null and the run goes on without it.

import fs from "node:fs";
import os from "node:os";

import { sleep } from "./children.mjs";

// USER_HZ, the unit of /proc times; 100 on every Linux that node supports.
const TICKS_PER_SECOND = 100;
const QUIET_SHARE = 0.08;

function read(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

// The command name may hold spaces and brackets, so fields count from the last ")".
export function cpuSeconds(pid) {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) {
    return null;
  }
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export function peakRssMiB(pid) {
  const match = /VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? "");
  return match ? Number(match[1]) / 1024 : null;
}

export function rssMiB(pid) {
  const match = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? "");
  return match ? Number(match[1]) / 1024 : null;
}

// Makes the next peak the peak of the next load, not of the process's life.
export function resetPeakRss(pid) {
  try {
    fs.writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Not allowed here: the peak stays that of the whole process.
  }
}

// Miniflare starts workerd as its child; the simulators run inside it too.
export function workerdUnder(pid) {
  const children = (read(`/proc/${pid}/task/${pid}/children`) ?? "").trim().split(" ").filter(Boolean);
  for (const child of children) {
    if (read(`/proc/${child}/comm`)?.trim() === "workerd") {
      return Number(child);
    }
    const deeper = workerdUnder(child);
    if (deeper !== null) {
      return deeper;
    }
  }
  return null;
}

export function machineTimes() {
  const line = read("/proc/stat")?.split("\n")[0];
  if (!line) {
    return null;
  }
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  const idle = ticks[3] + ticks[4];
  return { total: total / TICKS_PER_SECOND, busy: (total - idle) / TICKS_PER_SECOND };
}

// Begins to measure a server process; the function it returns tells what has happened since. Told what the load
// generator used, that includes the share of the machine that went to neither of the two.
export function startMeter(pid) {
  const cpuBefore = cpuSeconds(pid);
  const before = machineTimes();
  return (generatorSeconds) => {
    const after = machineTimes();
    const serverSeconds = cpuBefore === null ? null : cpuSeconds(pid) - cpuBefore;
    if (before === null || serverSeconds === null) {
      return { serverSeconds, otherShare: null };
    }
    const others = after.busy - before.busy - serverSeconds - generatorSeconds;
    return { serverSeconds, otherShare: Math.max(0, others / Math.max(after.total - before.total, 0.01)) };
  };
}

// Waits until the whole machine is almost idle for a second, but not for ever;
// returns the busy share it last saw, so that a noisy start can be told later.
export async function waitForQuiet(maxMs) {
  const until = performance.now() + maxMs;
  for (;;) {
    const before = machineTimes();
    if (before === null) {
      return null;
    }
    await sleep(Math.min(1000, Math.max(250, maxMs)));
    const after = machineTimes();
    const share = (after.busy - before.busy) / Math.max(after.total - before.total, 0.01);
    if (share < QUIET_SHARE || performance.now() >= until) {
      return share;
    }
  }
}

export function describeMachine() {
  return {
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.cpus().length,
    memory_gib: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
  };
}
