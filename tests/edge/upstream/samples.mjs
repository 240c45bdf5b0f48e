// The formats that media.mjs does not make: JPEG, WebP, MP3 and bare samples, each another for another seed.
import { createHash } from "node:crypto";
import { png, wav } from "./media.mjs";

// No encoder of these formats is at hand: 16×16 pixels of one colour whatever size was asked, told apart by a comment.
const JPEG = Buffer.from(
  "/9j/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2Nj" +
    "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEB" +
    "AAAAAAAAAAAAAAAAAAAABf/EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/AJgBh5//2Q==",
  "base64",
);
const WEBP = Buffer.from("UklGRh4AAABXRUJQVlA4TBEAAAAvD8ADAAdQqCIXpf+BiOh/AAA=", "base64");
const MP3_BITRATES = {
  1: [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  2: [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const MP3_RATES = { 1: [44100, 48000, 32000], 2: [22050, 24000, 16000] };

const digest = (name) => createHash("sha256").update(name).digest();

export function image(format, seed, { width, height, black }) {
  if (black || format === "png") return png({ seed, width, height, black });
  return format === "jpeg" ? jpeg(seed) : webp(seed);
}

function jpeg(name) {
  const comment = Buffer.from(name);
  const head = Buffer.from([0xff, 0xfe, 0, 0]);
  head.writeUInt16BE(comment.length + 2, 2);
  return Buffer.concat([JPEG.subarray(0, 2), head, comment, JPEG.subarray(2)]);
}

function webp(name) {
  const text = digest(name);
  const head = Buffer.alloc(8);
  head.write("NAME");
  head.writeUInt32LE(text.length, 4);
  const file = Buffer.concat([WEBP, head, text]);
  file.writeUInt32LE(file.length - 8, 4);
  return file;
}

/// 16 bits, one channel, without a header.
export const pcm = (options) => wav(options).subarray(44);

/// Frames whose side information is zero decode as silence; the seed stands in an ID3v2 tag before them.
export function mp3({ seed, rate = 44_100, kilobits = 128, seconds = 0.5 }) {
  const version = MP3_RATES[1].includes(rate) ? 1 : 2;
  const samples = version === 1 ? 1152 : 576;
  const length = Math.floor((samples * kilobits * 125) / rate);
  const frame = Buffer.alloc(length);
  const bitrate = MP3_BITRATES[version].indexOf(kilobits) + 1;
  // Sync, layer III, no checksum; bitrate and sampling rate; one channel.
  frame.set([0xff, version === 1 ? 0xfb : 0xf3, (bitrate << 4) | (MP3_RATES[version].indexOf(rate) << 2), 0xc0]);
  const frames = Array(Math.max(2, Math.ceil((rate * seconds) / samples))).fill(frame);
  return Buffer.concat([id3(seed), ...frames]);
}

function id3(name) {
  const text = Buffer.concat([Buffer.from([3]), Buffer.from(name)]);
  const size = (value) => [(value >> 21) & 127, (value >> 14) & 127, (value >> 7) & 127, value & 127];
  const head = Buffer.from([0x49, 0x44, 0x33, 4, 0, 0, ...size(text.length + 10)]);
  return Buffer.concat([head, Buffer.from("TIT2"), Buffer.from([...size(text.length), 0, 0]), text]);
}
