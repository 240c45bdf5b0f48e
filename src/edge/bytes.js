// Bytes on their way between a client, another server and object storage, as the runtime's own streams: they
// enter Wasm only in `mapStream`. bytes.rs knows the names of the faults.

const EXISTS = "exists";
const CHECKSUM = "checksum";
const TOO_LARGE = "too large";
const TIMED_OUT = "timed out";
// What a body of unknown length is collected in before it is known to be large. R2 takes no smaller part than 5 MiB,
// and wants all but the last of one size.
const PART_BYTES = 8 * 1024 * 1024;
// R2's word for a checksum that is another.
const R2_CHECKSUM = "(10037)";

// How to stop whatever fills a stream that `peek` made.
const stops = new WeakMap();

const numbered = (number) => (number < 0 ? undefined : number);

// The first bytes of a stream, and a stream that has them again. Its length stays known, which R2 wants.
export async function peek(stream, length, bytes) {
  const reader = stream.getReader({ mode: "byob" });
  const { value } = await reader.readAtLeast(bytes, new Uint8Array(bytes));
  reader.releaseLock();
  const head = value ?? new Uint8Array();
  const known = numbered(length);
  const { readable, writable } = known === undefined ? new IdentityTransformStream() : new FixedLengthStream(known);
  const stop = new AbortController();
  stops.set(readable, stop);
  const fill = async () => {
    const writer = writable.getWriter();
    // Bytes that come first and the rest that the runtime moves by itself.
    if (head.length > 0) await writer.write(head.slice());
    writer.releaseLock();
    await stream.pipeTo(writable, { signal: stop.signal });
  };
  // Whoever reads sees the fault too.
  fill().catch((fault) => writable.abort(fault).catch(() => {}));
  return { head, stream: readable };
}

// What is read of a refused body so that its sender reads the answer: proxies in between end the connection under a
// client that still sends. More than this, and the client has to live with a broken pipe.
const DISCARD_BYTES = 32 * 1024 * 1024;
const DISCARD_MILLIS = 3_000;

export async function discard(stream) {
  let timer;
  // Beside each read: a sender that has paused must not hold the answer up.
  const late = new Promise((resolve) => (timer = setTimeout(() => resolve({ done: true }), DISCARD_MILLIS)));
  try {
    const reader = stream.getReader({ mode: "byob" });
    let left = DISCARD_BYTES;
    let buffer = new Uint8Array(64 * 1024);
    while (left > 0) {
      const { value, done } = await Promise.race([reader.read(buffer), late]);
      if (done) return;
      left -= value.length;
      buffer = new Uint8Array(value.buffer);
    }
    reader.cancel().catch(() => {});
  } finally {
    clearTimeout(timer);
  }
}

const metadata = (type, disposition) => ({ contentType: type, ...(disposition && { contentDisposition: disposition }) });

function describe(fault) {
  const text = String(fault?.message ?? fault);
  return { fault: text.includes(R2_CHECKSUM) ? CHECKSUM : text };
}

// Runs `work`; after so long the stream is stopped, which ends the work too.
async function within(millis, stream, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      stops.get(stream)?.abort(TIMED_OUT);
      reject(TIMED_OUT);
    }, millis);
  });
  const working = work();
  working.catch(() => {});
  try {
    return await Promise.race([working, late]);
  } catch (fault) {
    return describe(fault);
  } finally {
    clearTimeout(timer);
  }
}

const stored = (object) =>
  object === null ? { fault: EXISTS } : { size: object.size, etag: object.httpEtag };

export function putStream(bucket, key, type, disposition, length, maxBytes, sha256, millis, stream) {
  const options = { httpMetadata: metadata(type, disposition), onlyIf: { etagDoesNotMatch: "*" }, ...(sha256 && { sha256 }) };
  return within(millis, stream, async () => {
    if (length >= 0) return stored(await bucket.put(key, stream, options));
    return putUnsized(bucket, key, options, maxBytes, stream);
  });
}

// A body that does not say how long it is: in one piece if it is small, else in parts.
async function putUnsized(bucket, key, options, maxBytes, stream) {
  const reader = stream.getReader({ mode: "byob" });
  let size = 0;
  const piece = async () => {
    const buffer = new Uint8Array(PART_BYTES);
    const { value, done } = await reader.readAtLeast(PART_BYTES, buffer);
    size += value?.length ?? 0;
    if (size > maxBytes) {
      stops.get(stream)?.abort(TOO_LARGE);
      throw TOO_LARGE;
    }
    return { value: value ?? new Uint8Array(), isLast: done || (value?.length ?? 0) < PART_BYTES };
  };
  let { value, isLast } = await piece();
  if (isLast) return stored(await bucket.put(key, value, options));
  const upload = await bucket.createMultipartUpload(key, { httpMetadata: options.httpMetadata });
  try {
    const parts = [];
    for (;;) {
      if (value.length > 0) parts.push(await upload.uploadPart(parts.length + 1, value));
      if (isLast) break;
      ({ value, isLast } = await piece());
    }
    return stored(await upload.complete(parts));
  } catch (fault) {
    await upload.abort().catch(() => {});
    throw fault;
  }
}

export function digestStream(stream, millis) {
  const digest = new crypto.DigestStream("SHA-256");
  return within(millis, stream, async () => {
    await stream.pipeTo(digest);
    return { digest: new Uint8Array(await digest.digest) };
  });
}

export async function beginParts(bucket, key, type, disposition) {
  const upload = await bucket.createMultipartUpload(key, { httpMetadata: metadata(type, disposition) });
  return upload.uploadId;
}

export function putPart(bucket, key, upload, number, millis, stream) {
  return within(millis, stream, async () => {
    const part = await bucket.resumeMultipartUpload(key, upload).uploadPart(number, stream);
    return { etag: part.etag };
  });
}

export async function endParts(bucket, key, upload, numbers, etags) {
  try {
    const parts = etags.map((etag, index) => ({ partNumber: numbers[index], etag }));
    await bucket.resumeMultipartUpload(key, upload).complete(parts);
    return {};
  } catch (fault) {
    return describe(fault);
  }
}

export async function abortParts(bucket, key, upload) {
  // One that has been completed or aborted before is as gone as it should be.
  await bucket.resumeMultipartUpload(key, upload).abort().catch(() => {});
}

export async function listObjects(bucket, prefix, startAfter, limit) {
  const listed = await bucket.list({ prefix, limit, ...(startAfter && { startAfter }) });
  return {
    keys: listed.objects.map((object) => object.key),
    sizes: listed.objects.map((object) => object.size),
    times: listed.objects.map((object) => object.uploaded.getTime()),
    hasMore: listed.truncated,
  };
}

export async function deleteObjects(bucket, keys) {
  // R2 takes 1000 at once.
  for (let first = 0; first < keys.length; first += 1000) await bucket.delete(keys.slice(first, first + 1000));
}

// What enters Wasm at once: a larger piece would make its memory grow, which never shrinks.
const PIECE_BYTES = 64 * 1024;

// A stream of what `change` makes of each piece of another; it gets an empty one at the end. Not an identity stream, which
// the runtime cannot pipe into the one that `peek` makes. Nothing is read before it is wanted.
export function mapStream(stream, change) {
  const reader = stream.getReader({ mode: "byob" });
  let buffer = new Uint8Array(PIECE_BYTES);
  const next = async () => {
    const { value, done } = await reader.read(buffer);
    if (done) return { changed: change(new Uint8Array()), done };
    const changed = change(value);
    buffer = new Uint8Array(value.buffer);
    return { changed, done };
  };
  const pull = async (controller) => {
    for (;;) {
      const { changed, done } = await next();
      if (changed.length > 0) controller.enqueue(changed);
      if (done) {
        controller.close();
        controller.byobRequest?.respond(0);
      }
      if (done || changed.length > 0) return;
    }
  };
  const failed = (fault) => {
    reader.cancel(fault).catch(() => {});
    // The death of the instance must not pass for a broken stream.
    if (fault instanceof WebAssembly.RuntimeError) reportError(fault);
    throw fault;
  };
  return new ReadableStream({ type: "bytes", pull: (controller) => pull(controller).catch(failed), cancel: (why) => reader.cancel(why) });
}
