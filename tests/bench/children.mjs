// Every process and temporary folder the benchmark starts is registered here,
// so that the end of the run, an error, or Ctrl-C leaves nothing behind.

import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const children = new Set();
const folders = new Set();

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function start(command, args, options = {}) {
  const child = spawn(command, args, options);
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.once("error", () => children.delete(child));
  return child;
}

// Runs a command to its end; rejects with the tail of its output if it fails.
export function run(command, args, { timeoutMs, onStart, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = start(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    onStart?.(child);
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    const timer = timeoutMs ? setTimeout(() => child.kill("SIGKILL"), timeoutMs) : undefined;
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) {
        resolve(output);
        return;
      }
      reject(new Error(`${path.basename(command)} ${args[0] ?? ""} ended with ${signal ?? code}:\n${output.slice(-3000)}`));
    });
  });
}

// Asks with SIGTERM, so that a Miniflare child can end its workerd, then insists.
export async function stop(child, graceMs) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await ended;
  clearTimeout(timer);
}

// Durable Object and KV state goes to memory where the system has such a
// folder: a disk's fsync must not decide the figures.
export function temporaryFolder() {
  const parent = fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir();
  const folder = fs.mkdtempSync(path.join(parent, "atelier-bench-"));
  folders.add(folder);
  return folder;
}

function removeFolders() {
  for (const folder of folders) {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  folders.clear();
}

export async function stopAll(graceMs) {
  await Promise.all([...children].map((child) => stop(child, graceMs)));
  removeFolders();
}

// `exit` handlers are synchronous: the graceful way has had its turn by then,
// and server children also end by themselves when our end of their stdin closes.
export function cleanUpOnExit(graceMs) {
  let stopping = false;
  const onSignal = async (signal) => {
    if (stopping) {
      return;
    }
    stopping = true;
    console.error(`\n${signal}: stopping every child process`);
    await stopAll(graceMs);
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => onSignal(signal));
  }
  process.on("exit", () => {
    for (const child of children) {
      child.kill("SIGTERM");
    }
    removeFolders();
  });
}
