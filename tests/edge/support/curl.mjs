// curl itself, as a model's shell would run it, and bytes to send with it. Also a raw socket, for what curl does not do.
import { spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { deflateSync } from "node:zlib";

const MIB = 1024 * 1024;

/// {exit, status, body, headers, seconds}; `body` parsed where it is JSON. Never throws.
export function curl(...args) {
  return shell("curl", ["-sS", "-i", "-w", "\n%{http_code} %{time_total}", ...args]).then(({ exit, out, error }) => {
    const cut = out.lastIndexOf("\n");
    const [status, seconds] = out.slice(cut + 1).split(" ").map(Number);
    const answers = out.slice(0, Math.max(cut, 0)).split("\r\n\r\n");
    // Interim answers (100 Continue) come before the last head.
    const last = answers.findLastIndex((part) => part.startsWith("HTTP/"));
    const head = answers[last] ?? "";
    const text = answers.slice(last + 1).join("\r\n\r\n");
    const headers = new Headers(head.split("\r\n").slice(1).map((line) => line.split(/: (.*)/s).slice(0, 2)));
    return { exit, status, seconds, headers, text, body: parsed(text), error };
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/// Runs a command to its end, or until the signal: {exit, out, error}.
export function shell(command, args, { cwd, signal } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, signal, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let error = "";
    child.stdout.on("data", (piece) => (out += piece));
    child.stderr.on("data", (piece) => (error += piece));
    child.on("error", () => {});
    child.on("close", (exit) => resolve({ exit, out, error }));
  });
}

export function folder() {
  return fs.mkdtempSync(path.join(os.tmpdir(), "atelier-uploads-"));
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/// A PNG of exactly so many bytes: a small picture, and a chunk that viewers skip.
export function png(bytes, seed = 1) {
  const header = Buffer.from([0, 0, 0, 32, 0, 0, 0, 32, 8, 2, 0, 0, 0]);
  const pixels = Buffer.alloc(32 * 97);
  for (let at = 0; at < pixels.length; at += 1) if (at % 97) pixels[at] = (at * (seed + 7)) & 255;
  const parts = [Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", deflateSync(pixels))];
  const end = chunk("IEND", Buffer.alloc(0));
  const left = bytes - Buffer.concat([...parts, end]).length - 12;
  if (left < 0) throw new Error(`a PNG has more than ${bytes} bytes`);
  // The checksum of a large filler costs seconds here and nobody looks at it.
  const filler = Buffer.concat([Buffer.alloc(4), Buffer.from("fiLl"), noise(left, seed), Buffer.alloc(4)]);
  filler.writeUInt32BE(left);
  return Buffer.concat([...parts, filler, end]);
}

/// Bytes that do not compress, the same for the same seed.
export function noise(bytes, seed = 1) {
  const key = crypto.createHash("sha256").update(String(seed)).digest();
  return crypto.createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

/// Writes an MP4 of so many bytes, a piece at a time: its SHA-256.
export function writeFilm(file, bytes, seed = 1) {
  const head = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from("ftypisom"), Buffer.from([0, 0, 2, 0]), Buffer.from("isommp42")]);
  // One large `mdat` box, with its size in 64 bits.
  const mdat = Buffer.alloc(16);
  mdat.writeUInt32BE(1);
  mdat.write("mdat", 4);
  mdat.writeBigUInt64BE(BigInt(bytes - head.length), 8);
  const handle = fs.openSync(file, "w");
  const digest = crypto.createHash("sha256");
  const write = (piece) => {
    fs.writeSync(handle, piece);
    digest.update(piece);
  };
  write(head);
  write(mdat);
  const block = noise(MIB, seed);
  for (let left = bytes - head.length - mdat.length; left > 0; left -= MIB) write(block.subarray(0, Math.min(left, MIB)));
  fs.closeSync(handle);
  return digest.digest("hex");
}

export const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");

/// A PUT by hand: head, then these pieces with pauses; then the socket is destroyed, or left to hear the answer.
export async function rawPut(url, { length, pieces, pause = 0, destroy = false, version = "1.1", headers = {} }) {
  const { hostname, port, pathname } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port) });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let answer = "";
  socket.on("data", (piece) => (answer += piece));
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const lines = Object.entries({ host: `${hostname}:${port}`, connection: "close", ...(length !== undefined && { "content-length": length }), ...headers });
  socket.write(`PUT ${pathname} HTTP/${version}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  for (const piece of pieces) {
    if (socket.destroyed) break;
    if (!socket.write(piece)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
    if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
  }
  if (destroy) socket.destroy();
  const timer = setTimeout(() => socket.destroy(), 20_000);
  await closed;
  clearTimeout(timer);
  return { status: Number(/^HTTP\/1\.\d (\d+)/.exec(answer)?.[1]), text: answer };
}
