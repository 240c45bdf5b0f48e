// Small real files, each another for another seed: what the fake upstreams hand out.
import { createHash } from "node:crypto";
import { PNG } from "pngjs";

const SIDE_MAX = 1024;

function bytesOf(seed) {
  return createHash("sha256").update(String(seed)).digest();
}

export function side(wanted, otherwise = 64) {
  const whole = Math.floor(Number(wanted));
  return whole >= 1 ? Math.min(whole, SIDE_MAX) : otherwise;
}

/// A gradient in one of 2^24 colours; black when asked.
export function png({ seed, width, height, black = false }) {
  const picture = new PNG({ width: side(width), height: side(height), colorType: 2 });
  const [red, green, blue] = bytesOf(seed);
  const span = picture.width + picture.height;
  for (let y = 0, at = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++, at += 4) {
      const light = black ? 0 : (x + y + 1) / span;
      picture.data[at] = Math.round(red * light);
      picture.data[at + 1] = Math.round(green * light);
      picture.data[at + 2] = Math.round(blue * light);
      picture.data[at + 3] = 255;
    }
  }
  return PNG.sync.write(picture, { colorType: 2 });
}

export function svg({ seed, width, height }) {
  const [w, h] = [side(width), side(height)];
  const colour = `#${bytesOf(seed).toString("hex", 0, 3)}`;
  const shape = `<path d="M0 0L${w} 0L${w / 2} ${h}Z" fill="${colour}"/>`;
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}">${shape}</svg>\n`);
}

/// PCM, 16 bits, one channel: a tone.
export function wav({ seed, seconds = 1, rate = 8000 }) {
  const samples = Math.max(1, Math.round(Math.min(seconds, 30) * rate));
  const file = Buffer.alloc(44 + samples * 2);
  file.write("RIFF", 0, "latin1");
  file.writeUInt32LE(36 + samples * 2, 4);
  file.write("WAVEfmt ", 8, "latin1");
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36, "latin1");
  file.writeUInt32LE(samples * 2, 40);
  const pitch = 200 + bytesOf(seed).readUInt16LE(0) / 64;
  for (let at = 0; at < samples; at++) {
    file.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * pitch * at) / rate)), 44 + at * 2);
  }
  return file;
}

/// One triangle with a colour of its own.
export function glb({ seed }) {
  const [red, green, blue] = bytesOf(seed);
  const points = Buffer.alloc(36);
  [0, 0, 0, 1, 0, 0, 0, 1, 0].forEach((value, index) => points.writeFloatLE(value, index * 4));
  const model = {
    asset: { version: "2.0" },
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [{ mesh: 0 }],
    meshes: [{ primitives: [{ attributes: { POSITION: 0 }, material: 0 }] }],
    materials: [{ pbrMetallicRoughness: { baseColorFactor: [red / 255, green / 255, blue / 255, 1] } }],
    accessors: [{ bufferView: 0, componentType: 5126, count: 3, type: "VEC3", min: [0, 0, 0], max: [1, 1, 0] }],
    bufferViews: [{ buffer: 0, byteLength: 36, target: 34962 }],
    buffers: [{ byteLength: 36 }],
  };
  const text = Buffer.from(JSON.stringify(model));
  const json = Buffer.concat([text, Buffer.alloc((4 - (text.length % 4)) % 4, " ")]);
  const chunk = (type, data) => Buffer.concat([u32le(data.length), Buffer.from(type, "latin1"), data]);
  const chunks = Buffer.concat([chunk("JSON", json), chunk("BIN\0", points)]);
  return Buffer.concat([Buffer.from("glTF"), u32le(2), u32le(12 + chunks.length), chunks]);
}

function u32le(value) {
  const four = Buffer.alloc(4);
  four.writeUInt32LE(value);
  return four;
}

/// H.264 without an encoder: every picture is one block of raw samples (I_PCM), 16 by 16, one colour after another.
export function mp4({ seed, frames = 8, perSecond = 8 }) {
  const shades = bytesOf(seed);
  const pictures = Array.from({ length: frames }, (_, index) => {
    const nal = picture(index, shades);
    return Buffer.concat([u32(nal.length), nal]);
  });
  const ftyp = box("ftyp", "isom", u32(512), "isomavc1mp41");
  const sizes = pictures.map(({ length }) => length);
  const first = moov({ sizes, perSecond, at: 0 });
  const head = moov({ sizes, perSecond, at: ftyp.length + first.length + 8 });
  return Buffer.concat([ftyp, head, box("mdat", ...pictures)]);
}

function u32(...values) {
  const four = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => four.writeUInt32BE(value, index * 4));
  return four;
}

function box(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))));
  return Buffer.concat([u32(8 + body.length), Buffer.from(type, "latin1"), body]);
}

class Bits {
  text = "";
  u(value, width) {
    this.text += value.toString(2).padStart(width, "0");
    return this;
  }
  ue(value) {
    const code = (value + 1).toString(2);
    this.text += "0".repeat(code.length - 1) + code;
    return this;
  }
  align() {
    this.text = this.text.padEnd(Math.ceil(this.text.length / 8) * 8, "0");
    return this;
  }
  bytes() {
    this.align();
    return Buffer.from(this.text.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  }
}

// Baseline, level 1, one macroblock, order of output is order of decoding.
const SPS = Buffer.concat([
  Buffer.from([0x67, 66, 0xc0, 10]),
  new Bits().ue(0).ue(0).ue(2).ue(1).u(0, 1).ue(0).ue(0).u(1, 1).u(1, 1).u(0, 1).u(0, 1).u(1, 1).bytes(),
]);
const PPS = Buffer.concat([
  Buffer.from([0x68]),
  new Bits().ue(0).ue(0).u(0, 2).ue(0).ue(0).ue(0).u(0, 3).ue(0).ue(0).ue(0).u(1, 1).u(0, 2).u(1, 1).bytes(),
]);

function picture(index, shades) {
  // Samples stay above 15, so that no start code can arise within them.
  const sample = (at) => 16 + (shades[(index * 3 + at) % shades.length] % 220);
  const head = new Bits().ue(0).ue(7).ue(0).u(0, 4).ue(index % 2).u(0, 2).ue(0).ue(1).ue(25).bytes();
  const block = (length, at) => Buffer.alloc(length, sample(at));
  return Buffer.concat([Buffer.from([0x65]), head, block(256, 0), block(64, 1), block(64, 2), Buffer.from([0x80])]);
}

function moov({ sizes, perSecond, at }) {
  const scale = 1000;
  const step = scale / perSecond;
  const length = sizes.length * step;
  const matrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
  const avcC = box("avcC", [1, 66, 0xc0, 10, 0xff, 0xe1, 0, SPS.length], SPS, [1, 0, PPS.length], PPS);
  const avc1 = box("avc1", Buffer.alloc(6), [0, 1], Buffer.alloc(16), [0, 16, 0, 16], u32(0x480000, 0x480000, 0), [0, 1], Buffer.alloc(32), [0, 24, 0xff, 0xff], avcC);
  const stbl = box(
    "stbl",
    box("stsd", u32(0, 1), avc1),
    box("stts", u32(0, 1, sizes.length, step)),
    box("stsc", u32(0, 1, 1, sizes.length, 1)),
    box("stsz", u32(0, 0, sizes.length, ...sizes)),
    box("stco", u32(0, 1, at)),
  );
  const minf = box("minf", box("vmhd", u32(1, 0, 0)), box("dinf", box("dref", u32(0, 1), box("url ", u32(1)))), stbl);
  const mdia = box("mdia", box("mdhd", u32(0, 0, 0, scale, length, 0x55c40000)), box("hdlr", u32(0, 0), "vide", Buffer.alloc(12), "fake\0"), minf);
  const tkhd = box("tkhd", u32(3, 0, 0, 1, 0, length, 0, 0, 0, 0), matrix, u32(16 << 16, 16 << 16));
  const mvhd = box("mvhd", u32(0, 0, 0, scale, length, 0x10000, 0x1000000, 0, 0), matrix, Buffer.alloc(24), u32(2));
  return box("moov", mvhd, box("trak", tkhd, mdia));
}
