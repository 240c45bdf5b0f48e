// Kills a gateway again and again while people hand over files by every door, and then does the accounts: no half file was
// ever readable, no upload is stuck, every one that was tried again is stored, once, with its bytes.
import { setTimeout as sleep } from "node:timers/promises";
import { noise, png, sha256 } from "./curl.mjs";
import { startGateway } from "./gateway.mjs";
import { tool } from "./mcp.mjs";

// Up to longer than a lease, so that some uploads begin again between two kills and some do not.
const KILL_AFTER_MILLIS = [80, 6_000];
const LANES = 4;
const MIB = 1024 * 1024;
const RETRY_MILLIS = 300;
// Longer than the seconds after which an attempt that was not heard of is given up, several times.
const ENDS_WITHIN_MILLIS = 120_000;
const REQUEST_MILLIS = 40_000;
const PART = 32 * MIB;

/// {rounds, totals, faults}; no fault means that everything added up.
export async function uploadCrashTest({ kills, bundle, seed = Date.now() % 1_000_000, say = () => {} }) {
  const random = dice(seed);
  const gateway = await startGateway({ bundle });
  const book = { gateway, uploads: [], faults: [], random, looks: 0, isOver: false };
  try {
    const rounds = [];
    const lanes = Array.from({ length: LANES }, () => lane(book));
    const watcher = watch(book);
    for (let number = 1; number <= kills; number += 1) {
      const [least, most] = KILL_AFTER_MILLIS;
      const killAfter = Math.round(least + random() * (most - least));
      await sleep(killAfter);
      const open = book.uploads.filter((upload) => !upload.stored).length;
      await gateway.kill();
      await gateway.restart();
      rounds.push({ number, killAfter, open, uploads: book.uploads.length });
      say(rounds.at(-1));
    }
    book.isOver = true;
    const late = sleep(ENDS_WITHIN_MILLIS, "late", { ref: false });
    if ((await Promise.race([Promise.all(lanes), late])) === "late") book.faults.push("uploads were still stuck two minutes after the last kill");
    await watcher;
    await account(book);
    const stored = book.uploads.filter((upload) => upload.stored);
    const totals = { uploads: book.uploads.length, stored: stored.length, attempts: sum(book.uploads, "attempts"), looks: book.looks, bytes: sum(stored, "size") };
    return { seed, rounds, totals, faults: book.faults };
  } finally {
    book.isOver = true;
    await gateway.stop();
  }
}

const sum = (items, field) => items.reduce((total, item) => total + item[field], 0);

function dice(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/// One person who hands over one file after the other, each until it is there.
async function lane(book) {
  while (!book.isOver) {
    const number = book.uploads.length;
    const kind = ["put", "put", "put", "parts", "chunks"][Math.floor(book.random() * 5)];
    const size = { put: 200_000 + Math.floor(book.random() ** 2 * 12 * MIB), parts: PART + 90_000_000, chunks: 400_000 }[kind];
    const upload = { number, kind, size, name: `file-${number}.png`, attempts: 0, stored: undefined };
    upload.bytes = kind === "parts" ? film(size, number) : png(size, number);
    upload.sha256 = sha256(upload.bytes);
    if (kind === "parts") upload.name = `file-${number}.mp4`;
    book.uploads.push(upload);
    while (!upload.stored) {
      upload.attempts += 1;
      await ways[kind](book, upload).catch(() => {});
      if (!upload.stored) await sleep(RETRY_MILLIS);
      if (book.isOver && upload.attempts > 400) return;
    }
    upload.bytes = undefined;
  }
}

function film(size, seed) {
  const head = Buffer.from("\0\0\0\x18ftypisom\0\0\x02\0isommp42", "latin1");
  return Buffer.concat([head, noise(size - head.length, seed)]);
}

const ask = async (book, name, args) => {
  const { answer, error } = await tool(book.gateway, name, args, { signal: AbortSignal.timeout(REQUEST_MILLIS) });
  if (error) throw Object.assign(new Error(error.message), { error });
  return answer;
};

const send = async (book, path, method, body) => {
  const response = await fetch(`${book.gateway.origin}${path}`, { method, body, signal: AbortSignal.timeout(REQUEST_MILLIS) });
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
};

async function ticket(book, upload, args) {
  if (upload.path) return;
  const answer = await ask(book, "request_file_upload_url", args);
  upload.path = new URL(answer.upload_url).pathname;
  upload.id = answer.file_id;
}

function settle(book, upload, { status, body }) {
  if (status === 200) return keep(book, upload, body.file_url, body.asset.asset_id, body.bytes);
  if (status === 409 && body.error.code === "UPLOAD_CONFLICT") book.faults.push(`${upload.name}: a conflict with itself`);
}

function keep(book, upload, url, id, bytes) {
  if (bytes !== upload.size) book.faults.push(`${upload.name}: ${bytes} of ${upload.size} bytes`);
  upload.stored = { path: new URL(url).pathname + new URL(url).search, id };
}

const ways = {
  async put(book, upload) {
    await ticket(book, upload, { file_name: upload.name, content_type: "image/png" });
    settle(book, upload, await send(book, upload.path, "PUT", upload.bytes));
  },
  async parts(book, upload) {
    await ticket(book, upload, { file_name: upload.name, content_type: "video/mp4", size_bytes: upload.size, sha256: upload.sha256 });
    const { body } = await send(book, `${upload.path}/missing`, "GET");
    for (const number of body.split("\n").filter(Boolean).map(Number)) {
      await send(book, `${upload.path}/parts/${number}`, "PUT", upload.bytes.subarray((number - 1) * PART, number * PART));
    }
    settle(book, upload, await send(book, `${upload.path}/complete`, "POST"));
  },
  async chunks(book, upload) {
    if (!upload.id) {
      const args = { filename: upload.name, mime_type: "image/png", total_size_bytes: upload.size, sha256: upload.sha256 };
      upload.id = (await ask(book, "upload_media_init", args)).session_id;
    }
    for (let index = 0, at = 0; at < upload.size; index += 1, at += 200_000) {
      const data_base64 = upload.bytes.subarray(at, at + 200_000).toString("base64");
      await ask(book, "upload_media_chunk", { session_id: upload.id, chunk_index: index, data_base64 });
    }
    const done = await ask(book, "upload_media_finalize", { session_id: upload.id });
    keep(book, upload, done.file_url, done.file_id, done.bytes);
  },
};

/// Reads what the list shows while the kills go on: whatever can be read must be a whole file.
async function watch(book) {
  while (!book.isOver) {
    try {
      const { items } = await ask(book, "list_media", { limit: 20 });
      for (const item of items) {
        const { pathname, search } = new URL(item.file_url);
        const response = await fetch(`${book.gateway.origin}${pathname}${search}`, { method: "HEAD", signal: AbortSignal.timeout(5000) });
        if (response.status !== 200) continue;
        book.looks += 1;
        const expected = book.uploads.find((upload) => upload.name === item.name);
        if (Number(response.headers.get("content-length")) !== expected.size) book.faults.push(`${item.name}: half a file could be read`);
      }
    } catch {
      // It is being killed.
    }
    await sleep(200);
  }
}

/// Every file downloaded and compared, every upload in the list once.
async function account(book) {
  const listed = new Map();
  for (let cursor; ; ) {
    const { items, nextCursor } = await ask(book, "list_media", { limit: 100, ...(cursor && { cursor }) });
    for (const item of items) listed.set(item.name, [...(listed.get(item.name) ?? []), item]);
    if (!nextCursor) break;
    cursor = nextCursor;
  }
  for (const upload of book.uploads) {
    const items = listed.get(upload.name) ?? [];
    if (!upload.stored) book.faults.push(`${upload.name} (${upload.kind}): not stored after ${upload.attempts} attempts`);
    if (items.length > 1) book.faults.push(`${upload.name}: ${items.length} assets`);
    if (!upload.stored || items.length === 0) {
      if (upload.stored) book.faults.push(`${upload.name}: stored, and not in the list`);
      continue;
    }
    const response = await fetch(`${book.gateway.origin}${upload.stored.path}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (sha256(bytes) !== upload.sha256) book.faults.push(`${upload.name}: other bytes`);
  }
}
