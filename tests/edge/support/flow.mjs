// The main job as any client does it: look around, price, generate all four modalities, wait with progress, fetch
// the files, read the resources, use a prompt. Every client of the tests goes through it.
import assert from "node:assert/strict";
import { checkFile } from "./files.mjs";
import { download } from "./forge.mjs";

const TOOLS = [
  "get_instructions",
  "get_forge_instructions",
  "list_workspaces",
  "get_workspace",
  "get_model_recommendations",
  "list_models",
  "get_model",
  "estimate_forge_price",
  "execute_forge",
  "get_forge_run",
  "cancel_forge_run",
];
const SLOW = { model_id: "offline-image", prompt: "a small harbour offline:slow=3", batch_size: 2, width: 96, height: 64 };
const QUICK = [
  { model_id: "offline-video", prompt: "waves", duration_seconds: 1, width: 96, height: 64 },
  { model_id: "offline-solid", prompt: "a gem", options: { face_limit: 500 } },
  { model_id: "offline-sound", prompt: "bell", duration_seconds: 0.5 },
];
const WAIT_SECONDS = 40;
const UPDATE_MILLIS = 10_000;

/// `client` has the methods of the official clients; `call(name, args, {onprogress})` answers a tool's result, whose
/// structure the client has checked against the tool's outputSchema. With `subscribe` it also wants to be told.
/// A command line that makes one request a process has neither that, nor progress, nor completion. One that
/// `followsTasks` answers a call that began a run with the end of that run.
export async function wholeFlow(client) {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name).filter((name) => TOOLS.includes(name)), TOOLS);
  for (const tool of tools) assert.ok(tool.outputSchema?.properties && tool.annotations?.title, tool.name);

  const models = await answer(client, "list_models", { modality: "image" });
  assert.ok(models.items.length >= 5);
  const before = await answer(client, "get_workspace", {});
  const estimate = await answer(client, "estimate_forge_price", SLOW);
  assert.equal(estimate.estimated_price_creative_units, 2);

  const slow = await answer(client, "execute_forge", SLOW);
  assert.equal(slow.status, client.followsTasks ? "complete" : "in_progress");
  const updated = client.subscribe?.(slow.resource_uri);
  await updated?.subscribed;
  const quick = [];
  for (const request of QUICK) quick.push(await answer(client, "execute_forge", request));
  const spent = await Promise.all([waitSlow(client, slow), ...quick.map((run) => wait(client, run))]);
  if (updated) await within(UPDATE_MILLIS, updated.told, "notifications/resources/updated");

  const after = await answer(client, "get_workspace", {});
  const total = spent.reduce((sum, price) => sum + price, 0);
  assert.equal(thousandths(before.balance_creative_units - after.balance_creative_units), thousandths(total));

  await readsResources(client, slow);
  await usesPrompts(client);
  await refuses(client, slow);
}

async function answer(client, name, args, options) {
  const result = await client.call(name, args, options);
  assert.ok(!result.isError, `${name}: ${JSON.stringify(result.content)}`);
  assert.equal(result.content[0].type, "text");
  return result.structuredContent;
}

async function waitSlow(client, run) {
  const heard = [];
  const price = await wait(client, run, { onprogress: (progress) => heard.push(progress) });
  if (client.isCommandLine) return price;
  assert.ok(heard.length >= 2, `progress was told ${heard.length} times`);
  const numbers = heard.map((progress) => progress.progress);
  assert.deepEqual(numbers, numbers.toSorted((one, two) => one - two), "progress fell");
  assert.ok(heard.every((progress) => progress.total === 1 && progress.progress <= 1));
  return price;
}

/// Until the end; checks the files and answers with the price.
async function wait(client, { inference_id }, options) {
  const result = await client.call("get_forge_run", { inference_id, wait_seconds: WAIT_SECONDS }, options);
  const run = result.structuredContent;
  assert.equal(run.status, "complete", JSON.stringify(run.error));
  const links = result.content.filter((block) => block.type === "resource_link");
  assert.deepEqual(links.map((link) => link.uri), run.assets.map((asset) => asset.url));
  const pictures = result.content.filter((block) => block.type === "image");
  assert.deepEqual(pictures.map((block) => block.mimeType), ["image/jpeg"]);
  for (const asset of run.assets) await checkFile(asset, await download(asset));
  return run.price_creative_units;
}

async function readsResources(client, run) {
  const { resources } = await client.listResources();
  assert.ok(resources.some((resource) => resource.uri === `${run.resource_uri}/assets/2`));
  const { contents } = await client.readResource({ uri: run.resource_uri });
  const read = JSON.parse(contents[0].text);
  assert.deepEqual([read.inference_id, read.status, read.assets.length], [run.inference_id, "complete", 2]);
  const file = await client.readResource({ uri: `${run.resource_uri}/assets/1` });
  assert.equal(Buffer.from(file.contents[0].blob, "base64").toString("latin1", 1, 4), "PNG");
  const guide = await client.readResource({ uri: "atelier://instructions" });
  assert.match(guide.contents[0].text, /Creative Units/);
  const { resourceTemplates } = await client.listResourceTemplates();
  assert.equal(resourceTemplates.length, 2);
}

async function usesPrompts(client) {
  const { prompts } = await client.listPrompts();
  assert.ok(prompts.length >= 4);
  const filled = await client.getPrompt({ name: "generate_variations", arguments: { subject: "a crystal sword", count: "3" } });
  assert.match(filled.messages[0].content.text, /^Generate 3 variations of a crystal sword/);
  if (client.isCommandLine) return;
  const { completion } = await client.complete({
    ref: { type: "ref/prompt", name: "generate_variations" },
    argument: { name: "model_id", value: "offline-v" },
  });
  assert.deepEqual(completion.values, ["offline-vectorize", "offline-video"]);
}

/// A refusal is a result that the client hands on, not an exception.
async function refuses(client, run) {
  const late = await client.call("cancel_forge_run", { inference_id: run.inference_id });
  assert.equal(late.isError, true);
  assert.match(late.content[0].text, /^RUN_ALREADY_TERMINAL: /);
  const unknown = await client.call("get_model", { model_id: "no-such-model" });
  assert.match(unknown.content[0].text, /^MODEL_NOT_FOUND: .* Next: /);
}

const thousandths = (units) => Math.round(units * 1000);

function within(millis, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${millis} ms`)), millis);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
