// Asks the gateway for one page of its object storage after another and adds up what it finds. Used by scripts/reconcile.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

const SHOWN = 20;
// A page asks at most a thousand objects; a busy gateway answers in seconds.
const PAGE_MILLIS = 120_000;

const fail = (text) => {
  process.stderr.write(`✗ ${text}\n`);
  process.exit(2);
};
const options = readOptions();
const key = process.env.OPERATOR_KEY || developmentKey();
if (!key) fail("Set OPERATOR_KEY to the gateway's operator key.");

const total = { pages: 0, seen: 0, bytes: 0, deleted: 0, skipped: 0, orphans: [], missing: [], foreign: [] };
let cursor = null;
do {
  const page = await ask(cursor);
  total.pages += 1;
  for (const name of ["seen", "bytes", "deleted", "skipped"]) total[name] += page[name];
  for (const name of ["orphans", "missing", "foreign"]) total[name].push(...page[name]);
  cursor = page.next_cursor;
} while (cursor !== null);

const homeless = total.orphans.filter((orphan) => !orphan.has_workspace);
console.log(`${total.seen} objects, ${size(total.bytes)}`);
list(`${total.orphans.length} that nothing names, ${size(sum(total.orphans))}; ${total.deleted} deleted`, total.orphans, (orphan) =>
  `${orphan.key}  ${size(orphan.bytes)}, stored ${orphan.stored_at}${orphan.has_workspace ? "" : ", of no workspace"}`);
list(`${total.missing.length} listed and not there`, total.missing, (missing) => missing.key);
list(`${total.foreign.length} that this gateway did not make, and leaves alone`, total.foreign, (name) => name);
if (total.skipped > 0) console.log(`${total.skipped} could not be looked at now; try again.`);
if (homeless.length > 0 && !options.delete) {
  console.log("Objects of no workspace: does another gateway use this bucket? Then --delete would take its files.");
}
const left = total.orphans.length - total.deleted;
process.exit(left > 0 || total.missing.length > 0 || total.skipped > 0 ? 1 : 0);

function readOptions() {
  const known = {
    url: { type: "string", default: "http://127.0.0.1:8787" },
    workspace: { type: "string" },
    delete: { type: "boolean", default: false },
    "min-age-hours": { type: "string" },
  };
  try {
    return parseArgs({ options: known }).values;
  } catch (error) {
    return fail(error.message);
  }
}

function developmentKey() {
  const file = path.join(import.meta.dirname, "../.dev.vars");
  return fs.existsSync(file) ? /^OPERATOR_KEY=(.*)$/m.exec(fs.readFileSync(file, "utf8"))?.[1] : undefined;
}

async function ask(after) {
  const age = options["min-age-hours"];
  const body = {
    ...(options.workspace && { workspace_id: options.workspace }),
    ...(after !== null && { cursor: after }),
    ...(age !== undefined && { min_age_hours: Number(age) }),
    delete: options.delete,
  };
  const response = await fetch(new URL("/api/v1/operator/reconcile", options.url), {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PAGE_MILLIS),
  }).catch((error) => fail(`${options.url}: ${error.cause?.message ?? error.message}`));
  const text = await response.text();
  if (!response.ok) fail(`${response.status} ${text}`);
  return JSON.parse(text);
}

function sum(objects) {
  return objects.reduce((bytes, object) => bytes + object.bytes, 0);
}

function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let step = 0;
  let number = bytes;
  while (number >= 1000 && step < units.length - 1) {
    number /= 1000;
    step += 1;
  }
  return `${step === 0 ? number : number.toFixed(1)} ${units[step]}`;
}

function list(title, items, line) {
  console.log(title);
  for (const item of items.slice(0, SHOWN)) console.log(`  ${line(item)}`);
  if (items.length > SHOWN) console.log(`  and ${items.length - SHOWN} more`);
}
