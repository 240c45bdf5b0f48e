// The published schema of workflows, asked through a JSON Schema validator: it gives the verdicts that `check` gives
// natively (src/workflows/tests/structure.rs reads the same table). Needs no gateway.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import Ajv2020 from "ajv/dist/2020.js";

const folder = path.join(import.meta.dirname, "../../src/workflows");
const read = (file) => JSON.parse(fs.readFileSync(path.join(folder, file), "utf8"));
const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTypes: false, allowUnionTypes: true }).compile(read("schema.json"));

/// The document with what the JSON pointer names set, or taken out.
function edited(document, pointer, row) {
  const keys = pointer.split("/").slice(1);
  const last = keys.pop();
  const parent = keys.reduce((value, key) => value[key], document);
  if (!("set" in row)) delete parent[last];
  else if (last === "-") parent.push(row.set);
  else parent[last] = row.set;
  return document;
}

test("the schema gives the verdicts of the table", () => {
  assert.ok(validate(read("tests/sample.json")), JSON.stringify(validate.errors));
  for (const row of read("tests/structure.json")) {
    const verdict = validate(edited(read("tests/sample.json"), row.at, row));
    assert.equal(verdict, row.good, `${JSON.stringify(row)}: ${JSON.stringify(validate.errors, null, 1)}`);
  }
});

test("every built-in workflow fits the schema", () => {
  const files = fs.readdirSync(path.join(folder, "built_in"));
  assert.ok(files.length > 3);
  for (const file of files) assert.ok(validate(read(`built_in/${file}`)), `${file}: ${JSON.stringify(validate.errors, null, 1)}`);
});
