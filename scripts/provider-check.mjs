// Asks the gateway to try its providers and says how each did and what to do. Used by scripts/provider-check.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

// A provider has half a minute to answer, and the gateway asks itself once more.
const CHECK_MILLIS = 60_000;

const fail = (text) => {
  process.stderr.write(`✗ ${text}\n`);
  process.exit(2);
};
const options = readOptions();
const key = process.env.OPERATOR_KEY || developmentKey();
if (!key) fail("Set OPERATOR_KEY to the gateway's operator key.");

const { items } = await ask("GET", "/api/v1/providers");
const known = items.map((item) => item.provider);
if (options.provider && !known.includes(options.provider)) {
  fail(`There is no provider ${options.provider}. There are ${known.join(", ")}.`);
}
const wanted = items.filter((item) => !options.provider || item.provider === options.provider);
const results = [];
for (const item of wanted) {
  const checked = await ask("POST", `/api/v1/providers/${item.provider}/check`);
  results.push(checked);
  show(checked, item);
}
const broken = results.filter((checked) => checked.configured && !checked.ok);
const absent = options.provider !== undefined && results.some((checked) => !checked.configured);
process.exit(broken.length > 0 || absent ? 1 : 0);

function show(checked, item) {
  const mark = !checked.configured ? "–" : checked.ok ? "✓" : "✗";
  console.log(`${mark} ${checked.title}${checked.host ? `  ${checked.host}` : ""}`);
  const line = (name, text) => text && console.log(`    ${name.padEnd(10)} ${text}`);
  if (!checked.configured) return line("next", checked.next);
  if (checked.reachable !== null) line("reachable", `${checked.reachable ? "yes" : "no"}, ${checked.millis} ms`);
  if (checked.key_accepted !== null) line("key", checked.key_accepted ? "accepted" : "refused");
  line("account", checked.account);
  if (checked.callbacks.state === "reachable") line("callbacks", "it can tell the gateway when a job is done");
  if (checked.callbacks.state === "unreachable") line("callbacks", `${checked.callbacks.why} The gateway asks after its jobs instead.`);
  if (!["healthy", "built_in"].includes(item.health)) line("lately", item.health.replaceAll("_", " "));
  line("problem", checked.problem);
  return line("next", checked.next);
}

function readOptions() {
  const known = { url: { type: "string", default: "http://127.0.0.1:8787" }, provider: { type: "string" } };
  try {
    return parseArgs({ options: known }).values;
  } catch (error) {
    return fail(error.message);
  }
}

function refusal(status, text) {
  try {
    const { message, next } = JSON.parse(text).error;
    return `${message} ${next}`;
  } catch {
    return `HTTP ${status} ${text.slice(0, 300)}`;
  }
}

function developmentKey() {
  const file = path.join(import.meta.dirname, "../.dev.vars");
  return fs.existsSync(file) ? /^OPERATOR_KEY=(.*)$/m.exec(fs.readFileSync(file, "utf8"))?.[1] : undefined;
}

async function ask(method, address) {
  const response = await fetch(new URL(address, options.url), {
    method,
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(CHECK_MILLIS),
  }).catch((error) => fail(`${options.url}: ${error.cause?.message ?? error.message}`));
  const text = await response.text();
  if (!response.ok) fail(refusal(response.status, text));
  return JSON.parse(text);
}
