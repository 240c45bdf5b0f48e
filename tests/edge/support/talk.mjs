// Runs a command line that asks for something while it runs, as those that want a person to open an address do.
import { spawn } from "node:child_process";

/// `said(pattern, millis)`: the first match in what it has written so far or writes within that time; `ended`:
/// {code, stdout, stderr} once it is gone; `end()` kills everything it started.
export function talk(command, args, { env = {}, cwd, millis }) {
  const child = spawn(command, args, {
    cwd,
    detached: true,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const written = { stdout: "", stderr: "" };
  const waiting = new Set();
  const look = () => waiting.forEach((each) => each());
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => {
      written[stream] += text;
      look();
    });
  }
  const end = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group is gone already.
    }
  };
  process.once("exit", end);
  const timer = setTimeout(end, millis);
  let isOver = false;
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      process.off("exit", end);
      isOver = true;
      look();
      resolve({ code, ...written });
    });
  });
  const said = (pattern, wait) => saying(written, waiting, pattern, wait, () => isOver);
  return { said, ended, end };
}

/// Of a stream that somebody else has started, such as the stderr of a stdio transport.
export function listenTo(stream) {
  const written = { text: "" };
  const waiting = new Set();
  let isOver = false;
  const look = () => waiting.forEach((each) => each());
  stream.setEncoding?.("utf8");
  stream.on("data", (text) => {
    written.text += text;
    look();
  });
  stream.once("end", () => {
    isOver = true;
    look();
  });
  return {
    said: (pattern, wait) => saying(written, waiting, pattern, wait, () => isOver),
    get text() {
      return written.text;
    },
  };
}

function saying(written, waiting, pattern, wait, isOver) {
  return new Promise((resolve, reject) => {
    const everything = () => Object.values(written).join("\n");
    const stop = (settle, value) => {
      clearTimeout(timer);
      waiting.delete(look);
      settle(value);
    };
    const look = () => {
      for (const text of Object.values(written)) {
        const match = pattern.exec(text);
        if (match) return stop(resolve, match);
      }
      if (isOver()) stop(reject, new Error(`it ended without saying ${pattern}:\n${everything().slice(-3000)}`));
    };
    const late = () => new Error(`it did not say ${pattern} within ${wait} ms:\n${everything().slice(-3000)}`);
    const timer = setTimeout(() => stop(reject, late()), wait);
    waiting.add(look);
    look();
  });
}
