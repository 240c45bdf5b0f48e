// The fake of Workers AI, twice: through the binding that is built into workerd (its module cloudflare-internal:ai-api,
// with the fake in the place of Cloudflare), and through ai-binding.mjs, which the gateway's tests bind instead. Both
// must give, throw and send the same. At the end the same over `wrangler dev`, as the gateway's tests start it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PNG } from "pngjs";
import { freePort, ROOT } from "./support/gateway.mjs";
import { png } from "./upstream/media.mjs";
import { startWorkersAI } from "./upstream/workers-ai.mjs";

const SCHNELL = "@cf/black-forest-labs/flux-1-schnell";
const KLEIN = "@cf/black-forest-labs/flux-2-klein-4b";
const SDXL = "@cf/stabilityai/stable-diffusion-xl-base-1.0";
const INPAINTING = "@cf/runwayml/stable-diffusion-v1-5-inpainting";
const AURA = "@cf/deepgram/aura-1";
const MELO = "@cf/myshell-ai/melotts";
const START_MILLIS = 30_000;
const BINDING = path.join(import.meta.dirname, "upstream/ai-binding.mjs");

// Calls the binding as it is told and says what came: the kind of value, a stream's bytes as base64.
const CALLER = `
const base64 = async (body) => {
  const bytes = new Uint8Array(await new Response(body).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
};
async function inputsOf({ inputs, form, streams, type }) {
  if (streams) return Object.fromEntries(streams.map((name) => [name, { body: new Response("x").body, contentType: "text/plain" }]));
  if (!form) return inputs;
  const data = new FormData();
  for (const [name, value] of Object.entries(form)) data.append(name, value.file ? new Blob([Uint8Array.from(atob(value.file), (each) => each.charCodeAt(0))], { type: "image/png" }) : value, value.file && name);
  const response = new Response(data);
  return { ...inputs, multipart: { body: response.body, contentType: type === undefined ? response.headers.get("content-type") : type } };
}
export default {
  async fetch(request, env) {
    const asked = await request.json();
    try {
      const value = await env[asked.binding].run(asked.model, await inputsOf(asked), asked.options);
      if (value instanceof Response) return Response.json({ kind: "response", status: value.status, type: value.headers.get("content-type"), bytes: await base64(value.body) });
      if (value instanceof ReadableStream) return Response.json({ kind: "stream", bytes: await base64(value) });
      return Response.json({ kind: "object", value });
    } catch (error) {
      return Response.json({ kind: "error", name: error.name, message: error.message, isError: error instanceof Error });
    }
  },
};
`;

const children = new Set();
process.on("exit", () => children.forEach(end));

function end(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
  children.delete(child);
}

async function start(command, args, options, url) {
  const child = spawn(path.join(ROOT, "node_modules/.bin", command), args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  children.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const until = Date.now() + START_MILLIS;
  while (Date.now() < until && child.exitCode === null) {
    if (
      await fetch(url, { method: "POST", body: '{"binding":"none"}' }).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return child;
    await sleep(50);
  }
  end(child);
  throw new Error(`${command} did not start:\n${said.slice(-3000)}`);
}

// "REAL" is what workerd has built in; the addresses that it asks for lead to the fake.
const workerd = (port, upstream) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "caller", worker = (
      modules = [(name = "caller.mjs", esModule = embed "caller.mjs")],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "AI", service = (name = "workers-ai", entrypoint = "AI")),
        (name = "REAL", wrapped = (moduleName = "cloudflare-internal:ai-api", innerBindings = [(name = "fetcher", service = "upstream")])),
      ],
    )),
    (name = "workers-ai", worker = (
      modules = [(name = "ai-binding.mjs", esModule = embed "ai-binding.mjs")],
      compatibilityDate = "2026-11-01",
      bindings = [(name = "UPSTREAM", text = "${upstream}")],
    )),
    (name = "upstream", external = (address = "${new URL(upstream).host}", http = ())),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "caller")],
);
`;

let fake, url, folder;
before(async () => {
  fake = await startWorkersAI({ seed: 1 });
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-ai-"));
  const port = await freePort();
  url = `http://127.0.0.1:${port}/`;
  fs.writeFileSync(path.join(folder, "caller.mjs"), CALLER);
  fs.copyFileSync(BINDING, path.join(folder, "ai-binding.mjs"));
  fs.writeFileSync(path.join(folder, "config.capnp"), workerd(port, fake.url));
  await start("workerd", ["serve", path.join(folder, "config.capnp")], {}, url);
});
after(async () => {
  [...children].forEach(end);
  await fake.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

const ask = async (binding, asked, to = url) => (await fetch(to, { method: "POST", body: JSON.stringify({ binding, ...asked }) })).json();
const bytesOf = (text) => Buffer.from(text, "base64");

/// Asks both bindings; what a job's own bytes are differs, what kind of thing they come as may not.
async function both(asked) {
  const answers = [];
  const before = fake.jobs.length;
  for (const binding of ["REAL", "AI"]) answers.push(await ask(binding, asked));
  const [one, other] = fake.jobs.slice(before).map(({ endpoint, input, options, prompt }) => ({ endpoint, input, options, prompt }));
  assert.deepEqual(other, one);
  const [real, ours] = answers.map((answer) => ({
    ...answer,
    bytes: answer.bytes && bytesOf(answer.bytes).length > 0,
    value: answer.value && Object.keys(answer.value),
  }));
  assert.deepEqual(ours, real);
  return answers;
}

test("base64 in an object, from JSON", async () => {
  for (const { kind, value } of await both({ model: SCHNELL, inputs: { prompt: "a fox", steps: 4 } })) {
    assert.equal(kind, "object");
    assert.equal(bytesOf(value.image).toString("hex", 0, 3), "ffd8ff");
  }
  const [real, ours] = fake.jobs.filter(({ prompt }) => prompt === "a fox");
  assert.deepEqual(ours.input, { prompt: "a fox", steps: 4 });
  assert.deepEqual([ours.endpoint, ours.input, ours.charged], [real.endpoint, real.input, 58]);
});

test("a stream of the picture itself, or the whole answer", async () => {
  for (const { kind, bytes } of await both({ model: SDXL, inputs: { prompt: "a stream", width: 96, height: 64 } })) {
    assert.equal(kind, "stream");
    assert.equal(PNG.sync.read(bytesOf(bytes)).width, 96);
  }
  for (const answer of await both({ model: SDXL, inputs: { prompt: "raw" }, options: { returnRawResponse: true } })) {
    assert.deepEqual([answer.kind, answer.status, answer.type], ["response", 200, "image/png"]);
  }
});

test("speech: a stream, or base64 in an object", async () => {
  for (const { kind, bytes } of await both({ model: AURA, inputs: { text: "hello" } }))
    assert.deepEqual([kind, bytesOf(bytes).toString("latin1", 0, 3)], ["stream", "ID3"]);
  for (const { kind, value } of await both({ model: MELO, inputs: { prompt: "hello", lang: "en" } }))
    assert.deepEqual([kind, bytesOf(value.audio).toString("latin1", 0, 3)], ["object", "ID3"]);
});

test("a form as a stream, with pictures in it", async () => {
  const picture = png({ seed: 1, width: 512, height: 512 });
  const form = { prompt: "a form", width: "128", input_image_0: { file: picture.toString("base64") } };
  for (const { kind, value } of await both({ model: KLEIN, form, inputs: { extra: 1 } })) {
    assert.equal(kind, "object");
    assert.equal(PNG.sync.read(bytesOf(value.image)).width, 128);
  }
  const jobs = fake.jobs.filter(({ prompt }) => prompt === "a form");
  for (const { input } of jobs) assert.deepEqual([input.extra, input.input_image_0.bytes.equals(picture)], [1, true]);
  assert.equal(jobs.length, 2);
});

test("pictures as lists of bytes and as base64", async () => {
  const bytes = png({ seed: 2, width: 16, height: 16 });
  const mask = png({ seed: 3, width: 16, height: 16 });
  await both({ model: INPAINTING, inputs: { prompt: "lists", image: [...bytes], mask: [...mask] } });
  await both({ model: INPAINTING, inputs: { prompt: "base64", image_b64: bytes.toString("base64"), mask: [...mask] } });
  const [refused] = await both({ model: INPAINTING, inputs: { prompt: "none" } });
  assert.match(refused.message, /^5006: /);
  const [html] = await both({ model: INPAINTING, inputs: { prompt: "html", image: [...Buffer.from("<html>")], mask: [...mask] } });
  assert.match(html.message, /^5004: /);
});

test("every refusal is thrown with its number, by both alike", async () => {
  const cases = {
    "up:quota": "3036",
    "up:429=2": "3040",
    "up:invalid": "5006",
    "up:moderated": "3030",
    "up:auth": "10000",
    "up:fail": "3043",
  };
  for (const [prompt, code] of Object.entries(cases)) {
    const [{ kind, message, isError }] = await both({ model: SCHNELL, inputs: { prompt } });
    assert.deepEqual([kind, message.split(":")[0], isError], ["error", code, true], prompt);
  }
  assert.match((await both({ model: SCHNELL, inputs: { prompt: "up:500=2" } }))[0].message, /^Internal Server Error$/);
  assert.match((await both({ model: SCHNELL, inputs: { prompt: "up:503=2" } }))[0].message, /1031/);
  assert.match(
    (await both({ model: "@cf/nobody/nothing", inputs: { prompt: "x" } }))[0].message,
    /^5007: No such model @cf\/nobody\/nothing/,
  );
  assert.match((await both({ model: KLEIN, inputs: { prompt: "as json" } }))[0].message, /^5006: .*multipart/);
  assert.match((await both({ model: KLEIN, form: { prompt: "up:moderated" } }))[0].message, /^8007: /);
  const raw = await both({ model: SCHNELL, inputs: { prompt: "raw up:quota" }, options: { returnRawResponse: true } });
  assert.deepEqual([raw[0].status, JSON.parse(bytesOf(raw[0].bytes)).internalCode], [429, 3036]);
  assert.equal(fake.jobs.filter(({ prompt, state }) => /^up:(?!fail)/.test(prompt) && state).length, 0);
});

test("what the binding itself refuses", async () => {
  assert.match((await both({ model: KLEIN, streams: ["one", "two"] }))[0].message, /Multiple ReadableStreams/);
  assert.match((await both({ model: KLEIN, form: { prompt: "x" }, type: "" }))[0].message, /Content-Type is required/);
  assert.match(
    (await both({ model: KLEIN, form: { prompt: "x" }, options: { gateway: { id: "g" } } }))[0].message,
    /AI Gateway does not support/,
  );
});

test("answers that are broken", async () => {
  assert.match((await both({ model: SCHNELL, inputs: { prompt: "up:truncated-submit" } }))[0].message, /JSON/);
  assert.equal((await both({ model: SCHNELL, inputs: { prompt: "up:malformed-submit" } }))[0].kind, "stream");
  assert.equal((await both({ model: SCHNELL, inputs: { prompt: "up:lying-type" } }))[0].kind, "stream");
  assert.equal((await both({ model: SCHNELL, inputs: { prompt: "up:charset" } }))[0].kind, "stream");
  assert.deepEqual((await both({ model: SCHNELL, inputs: { prompt: "up:none" } }))[0].value, {});
  assert.equal((await both({ model: SCHNELL, inputs: { prompt: "up:spaced" } }))[0].kind, "object");
  const html = (await both({ model: SDXL, inputs: { prompt: "up:wrong-type" } }))[1];
  assert.match(bytesOf(html.bytes).toString(), /^<!doctype html>/);
  for (const prompt of ["up:lost-submit", "up:reset=2"]) {
    for (const binding of ["REAL", "AI"]) assert.equal((await ask(binding, { model: SCHNELL, inputs: { prompt } })).kind, "error", prompt);
  }
  for (const binding of ["REAL", "AI"])
    assert.equal((await ask(binding, { model: SDXL, inputs: { prompt: "up:file-cut=2" } })).kind, "error");
  await fake.settled();
  assert.equal(fake.jobs.filter(({ prompt }) => prompt === "up:lost-submit").length, 2);
  assert.equal(fake.jobs.filter(({ prompt }) => prompt === "up:reset=2").length, 0);
});

test("the service binding over wrangler dev", async () => {
  const at = (name) => path.join(folder, `${name}.json`);
  const shared = { compatibility_date: "2026-11-01" };
  fs.writeFileSync(
    at("gateway"),
    JSON.stringify({
      ...shared,
      name: "gateway",
      main: "caller.mjs",
      services: [{ binding: "AI", service: "workers-ai", entrypoint: "AI" }],
    }),
  );
  fs.writeFileSync(
    at("workers-ai"),
    JSON.stringify({ ...shared, name: "workers-ai", main: "ai-binding.mjs", vars: { UPSTREAM: fake.url } }),
  );
  const port = await freePort();
  const to = `http://127.0.0.1:${port}/`;
  const args = [
    "dev",
    "-c",
    at("gateway"),
    "-c",
    at("workers-ai"),
    "--local",
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--inspector-port",
    "0",
    "--show-interactive-dev-session=false",
  ];
  await start("wrangler", args, { cwd: folder, env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" } }, to);
  assert.equal((await ask("AI", { model: SCHNELL, inputs: { prompt: "over wrangler" } }, to)).kind, "object");
  assert.equal((await ask("AI", { model: SDXL, inputs: { prompt: "over wrangler" } }, to)).kind, "stream");
  assert.equal((await ask("AI", { model: KLEIN, form: { prompt: "over wrangler" } }, to)).kind, "object");
  assert.equal(
    (await ask("AI", { model: SDXL, inputs: { prompt: "over wrangler" }, options: { returnRawResponse: true } }, to)).kind,
    "response",
  );
  assert.equal(
    (await ask("AI", { model: SDXL, inputs: { prompt: "over wrangler up:429=1" } }, to)).message,
    "3040: Capacity temporarily exceeded, please try again.",
  );
  assert.equal(fake.jobs.filter(({ prompt }) => prompt === "over wrangler").length, 4);
});
