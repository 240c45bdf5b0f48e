// The crash test as a command: kills the server `--kills` times under load and prints the accounts.
import { parseArgs } from "node:util";
import { crashTest } from "./support/crash.mjs";
import { providerCrashTest } from "./support/provider-crash.mjs";
import { uploadCrashTest } from "./support/upload-crash.mjs";

const { values } = parseArgs({ options: { kills: { type: "string", default: "20" }, seed: { type: "string" }, uploads: { type: "boolean" }, providers: { type: "boolean" }, runs: { type: "string", default: "1000" }, bundle: { type: "string" } } });
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) {
  console.error(`--kills must be a whole number from 1, not ${values.kills}`);
  process.exit(2);
}

const seed = values.seed === undefined ? undefined : Number(values.seed);
if (values.uploads) {
  const say = ({ number, killAfter, open, uploads }) => console.log(`kill ${number} after ${killAfter} ms: ${open} of ${uploads} uploads under way`);
  const { totals, faults, seed: used } = await uploadCrashTest({ kills, bundle: values.bundle, ...(seed !== undefined && { seed }), say });
  console.log(`
${kills} kills (seed ${used}), ${totals.uploads} uploads in ${totals.attempts} attempts, ${totals.stored} stored, ${(totals.bytes / 1e6).toFixed(0)} MB;
${totals.looks} looks at what could be read meanwhile`);
  for (const fault of faults) console.log(`✗ ${fault}`);
  console.log(faults.length === 0 ? "✓ no half file, no upload stuck, every retry stored" : `✗ ${faults.length} faults`);
  process.exit(faults.length === 0 ? 0 : 1);
}

if (values.providers) {
  const say = ({ killed, done, jobs, waiting }) =>
    console.log(waiting === undefined ? `kill ${killed}: ${done} runs ended, jobs upstream ${jobs.join(" + ")}` : `waiting for ${waiting}`);
  const runs = Number(values.runs);
  const { totals, faults, killed, seed: used } = await providerCrashTest({ runs, kills, bundle: values.bundle, ...(seed !== undefined && { seed }), say });
  console.log(`\n${killed} kills (seed ${used}), ${JSON.stringify(totals)}`);
  for (const fault of faults) console.log(`✗ ${fault}`);
  console.log(faults.length === 0 ? "✓ every run ended, no unit lost, no job ordered twice, nothing lost that a provider holds" : `✗ ${faults.length} faults`);
  process.exit(faults.length === 0 ? 0 : 1);
}

const columns = [
  ["kill", "number"],
  ["after ms", "killAfter"],
  ["asked", "asked"],
  ["no answer", "unanswered"],
  ["under way", "unfinished"],
  ["restart ms", "restart"],
];
const line = (cells) => console.log(cells.map((cell, at) => String(cell).padStart(columns[at][0].length + 2)).join(""));

line(columns.map(([title]) => title));
const { totals, faults, seed: used } = await crashTest({
  kills,
  bundle: values.bundle,
  ...(seed !== undefined && { seed }),
  say: (round) => line(columns.map(([, field]) => round[field])),
});
console.log(`
${kills} kills (seed ${used}), ${totals.runs} runs, ${totals.flows} of them workflows with ${totals.steps} files:
${totals.complete} complete, ${totals.failed} failed (${totals.cutOff} cut off before they began), ${totals.cancelled} cancelled
${totals.repeated} were asked for again because no answer came; ${totals.files} files, each downloaded
granted ${totals.granted} = balance ${totals.balance} + reserved ${totals.reserved} + spent ${totals.spent}`);
for (const fault of faults) console.log(`✗ ${fault}`);
console.log(faults.length === 0 ? "✓ every run ended, no unit was lost or spent twice" : `✗ ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
