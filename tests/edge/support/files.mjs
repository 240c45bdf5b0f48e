// Judges a file by its bytes: each check parses the format with a tool that is not ours, or reads the fields that
// the format's specification fixes.
import assert from "node:assert/strict";
import gltf from "gltf-validator";
import { createFile, MP4BoxBuffer } from "mp4box";
import { PNG } from "pngjs";

/// What the embedded provider writes into every file.
const NOTE = "Placeholder";
const MP4_TOLERANCE_SECONDS = 0.11;
const WAV_HEADER_BYTES = 44;

/// Checks the bytes of an asset against what the asset says of itself.
export async function checkFile(asset, bytes) {
  const check = CHECKS[asset.mime_type];
  assert.ok(check, `no check for ${asset.mime_type}`);
  assert.ok(bytes.includes(NOTE), `${asset.mime_type} does not say that it is a placeholder`);
  await check(asset, bytes);
}

const CHECKS = {
  "image/png": checkPng,
  "image/jpeg": checkJpeg,
  "image/webp": checkWebp,
  "image/svg+xml": checkSvg,
  "video/mp4": checkMp4,
  "model/gltf-binary": checkGlb,
  "audio/wav": checkWav,
};

/// Decodes completely; a wrong checksum throws.
export function pixels(bytes) {
  return PNG.sync.read(bytes);
}

function checkPng(asset, bytes) {
  const { width, height, data } = pixels(bytes);
  assert.deepEqual([width, height], [asset.width, asset.height]);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4) colours.add(data.readUInt32BE(at));
  assert.ok(colours.size > 8, `a picture with ${colours.size} colours`);
}

function checkJpeg(asset, bytes) {
  assert.equal(bytes.readUInt16BE(0), 0xffd8);
  assert.equal(bytes.readUInt16BE(bytes.length - 2), 0xffd9);
  let at = 2;
  // Segments up to the one that starts a frame (SOF0 to SOF2) and holds the size.
  while (![0xffc0, 0xffc1, 0xffc2].includes(bytes.readUInt16BE(at))) at += 2 + bytes.readUInt16BE(at + 2);
  assert.deepEqual([bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)], [asset.width, asset.height]);
}

function checkWebp(asset, bytes) {
  assert.equal(bytes.toString("latin1", 0, 4), "RIFF");
  assert.equal(bytes.readUInt32LE(4), bytes.length - 8);
  assert.equal(bytes.toString("latin1", 8, 16), "WEBPVP8X");
  assert.deepEqual([bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1], [asset.width, asset.height]);
}

function checkSvg(_, bytes) {
  const text = bytes.toString("utf8");
  assert.match(text, /^\s*(<\?xml[^>]*>\s*)?<svg[^>]* xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.match(text, /<\/svg>\s*$/);
  assert.match(text, /<(path|polygon|rect)\b/);
  assert.doesNotMatch(text, /<script|<foreignObject|\son\w+\s*=|javascript:|<!ENTITY|href\s*=/i);
}

function checkMp4(asset, bytes) {
  assert.equal(bytes.toString("latin1", 4, 8), "ftyp");
  const file = createFile();
  let info;
  let fault;
  file.onReady = (ready) => (info = ready);
  file.onError = (module, message) => (fault = `${module}: ${message}`);
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(new Uint8Array(bytes).buffer, 0));
  file.flush();
  assert.equal(fault, undefined);
  assert.ok(info, "no moov box");
  const [track] = info.videoTracks;
  assert.match(track.codec, /^avc1\./);
  assert.deepEqual([track.video.width, track.video.height], [asset.width, asset.height]);
  const seconds = info.duration / info.timescale;
  assert.ok(Math.abs(seconds - asset.duration_seconds) < MP4_TOLERANCE_SECONDS, `${seconds} s, not ${asset.duration_seconds} s`);
  const samples = file.getTrackSamplesInfo(track.id);
  assert.equal(samples.length, track.nb_samples);
  assert.ok(samples.length > 1 && samples[0].is_sync);
  for (const { offset, size } of samples) assert.ok(size > 0 && offset + size <= bytes.length, "a frame outside the file");
}

async function checkGlb(_, bytes) {
  const report = await gltf.validateBytes(new Uint8Array(bytes), { maxIssues: 20 });
  assert.equal(report.issues.numErrors, 0, JSON.stringify(report.issues.messages));
  assert.ok(report.info.totalTriangleCount > 10);
}

function checkWav(asset, bytes) {
  assert.equal(bytes.toString("latin1", 0, 4), "RIFF");
  assert.equal(bytes.readUInt32LE(4), bytes.length - 8);
  assert.equal(bytes.toString("latin1", 8, 16), "WAVEfmt ");
  assert.equal(bytes.readUInt16LE(20), 1, "not PCM");
  const data = chunk(bytes, "data");
  const seconds = data.length / bytes.readUInt32LE(28);
  assert.ok(Math.abs(seconds - asset.duration_seconds) < 0.05, `${seconds} s, not ${asset.duration_seconds} s`);
  assert.ok(data.some((byte) => byte !== 0), "silence");
}

/// The body of the first RIFF chunk of that name.
function chunk(bytes, name) {
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    if (bytes.toString("latin1", at, at + 4) === name) {
      assert.ok(at + 8 + size <= bytes.length && bytes.length > WAV_HEADER_BYTES);
      return bytes.subarray(at + 8, at + 8 + size);
    }
    at += 8 + size + (size % 2);
  }
  throw new Error(`no ${name} chunk`);
}
