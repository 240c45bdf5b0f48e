// Runs a command line in its own process group, with a limit, and collects what it says.
import { spawn } from "node:child_process";

/// {code, stdout, stderr}; on the limit everything it started is killed and `code` is null.
export function run(command, args, { millis, env = {}, cwd } = {}) {
  const child = spawn(command, args, {
    cwd,
    detached: true,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const end = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group is gone already.
    }
  };
  process.once("exit", end);
  const timer = setTimeout(end, millis);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      process.off("exit", end);
      resolve({ code, stdout, stderr });
    });
  });
}
