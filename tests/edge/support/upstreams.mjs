// The fake upstreams, and what a gateway has to be told to use them.
import { startElevenLabs } from "../upstream/elevenlabs.mjs";
import { startFal } from "../upstream/fal.mjs";
import { startOpenAI } from "../upstream/openai.mjs";
import { startReplicate } from "../upstream/replicate.mjs";
import { startWorkersAI } from "../upstream/workers-ai.mjs";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const STARTS = {
  fal: startFal,
  replicate: startReplicate,
  openai: startOpenAI,
  elevenlabs: startElevenLabs,
  openai_compatible: (options) => startOpenAI({ ...options, flavour: "localai" }),
  workers_ai: startWorkersAI,
};

const VARS = {
  fal: (fake) => ({ FAL_KEY: fake.key, FAL_URL: fake.url, FAL_USER_ID: fake.userId }),
  replicate: (fake) => ({ REPLICATE_API_TOKEN: fake.key, REPLICATE_URL: `${fake.url}/v1` }),
  openai: (fake) => ({ OPENAI_API_KEY: fake.key, OPENAI_URL: `${fake.url}/v1` }),
  elevenlabs: (fake) => ({ ELEVENLABS_API_KEY: fake.key, ELEVENLABS_URL: fake.url }),
  openai_compatible: (fake) => ({ OPENAI_COMPATIBLE_URL: `${fake.url}/v1` }),
  workers_ai: () => ({ WORKERS_AI: "yes" }),
};

/// What each makes cheaply from a prompt alone.
export const MODELS = {
  fal: { model_id: "flux-schnell", width: 256, height: 256 },
  replicate: { model_id: "flux-schnell-replicate" },
  openai: { model_id: "gpt-image-2" },
  elevenlabs: { model_id: "eleven-v3" },
  openai_compatible: { model_id: "local-image" },
  workers_ai: { model_id: "flux-schnell-workers-ai" },
};

/// {fal, replicate, …, vars, all, stop()}
export async function startUpstreams(names, options = {}) {
  const found = {};
  for (const name of names) found[name] = await STARTS[name](options);
  const all = Object.values(found);
  const vars = Object.assign({}, ...names.map((name) => VARS[name](found[name])));
  const beside = found.workers_ai && aiWorker(found.workers_ai.url);
  const stop = async () => {
    await Promise.all(all.map((fake) => fake.stop()));
    if (beside) fs.rmSync(path.dirname(beside.config), { recursive: true });
  };
  return { ...found, vars, beside, all, stop };
}

/// The real binding wants an account: another Worker stands in for it.
function aiWorker(url) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-ai-"));
  const config = path.join(folder, "wrangler.json");
  const main = path.resolve(import.meta.dirname, "../upstream/ai-binding.mjs");
  fs.writeFileSync(config, JSON.stringify({ name: "workers-ai", main, compatibility_date: "2026-11-01", vars: { UPSTREAM: url } }));
  return { config, service: "AI=workers-ai#AI" };
}

/// Jobs that exist upstream because of this prompt's tag.
export const jobsOf = (fakes, tag) => fakes.all.flatMap((fake) => fake.jobs.filter((job) => job.prompt.includes(tag)));
