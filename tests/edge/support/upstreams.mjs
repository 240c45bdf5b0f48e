// The fake upstreams, and what a gateway has to be told to use them.
import { startElevenLabs } from "../upstream/elevenlabs.mjs";
import { startFal } from "../upstream/fal.mjs";
import { startOpenAI } from "../upstream/openai.mjs";
import { startReplicate } from "../upstream/replicate.mjs";

const STARTS = { fal: startFal, replicate: startReplicate, openai: startOpenAI, elevenlabs: startElevenLabs };

const VARS = {
  fal: (fake) => ({ FAL_KEY: fake.key, FAL_URL: fake.url, FAL_USER_ID: fake.userId }),
  replicate: (fake) => ({ REPLICATE_API_TOKEN: fake.key, REPLICATE_URL: `${fake.url}/v1` }),
  openai: (fake) => ({ OPENAI_API_KEY: fake.key, OPENAI_URL: `${fake.url}/v1` }),
  elevenlabs: (fake) => ({ ELEVENLABS_API_KEY: fake.key, ELEVENLABS_URL: fake.url }),
};

/// What each makes cheaply from a prompt alone.
export const MODELS = {
  fal: { model_id: "flux-schnell", width: 64, height: 64 },
  replicate: { model_id: "flux-schnell-replicate" },
  openai: { model_id: "gpt-image-2" },
  elevenlabs: { model_id: "eleven-v3" },
};

/// {fal, replicate, …, vars, all, stop()}
export async function startUpstreams(names, options = {}) {
  const found = {};
  for (const name of names) found[name] = await STARTS[name](options);
  const all = Object.values(found);
  const vars = Object.assign({}, ...names.map((name) => VARS[name](found[name])));
  return { ...found, vars, all, stop: () => Promise.all(all.map((fake) => fake.stop())) };
}

/// Jobs that exist upstream because of this prompt's tag.
export const jobsOf = (fakes, tag) => fakes.all.flatMap((fake) => fake.jobs.filter((job) => job.prompt.includes(tag)));
