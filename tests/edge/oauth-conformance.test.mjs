// The official conformance suite's scenarios for authorization servers: the metadata and a whole code grant, which
// waits for a person. The suite registers no client itself, so the test does, and the scripted browser is the person.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Browser } from "./support/browser.mjs";
import { freePort, startGateway } from "./support/gateway.mjs";
import { authorize, discover, register } from "./support/oauth.mjs";
import { talk } from "./support/talk.mjs";

const SUITE = path.join(import.meta.dirname, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const SUITE_MILLIS = 60_000;
const SAY_MILLIS = 30_000;
// Both scenarios and the checks in each, so that a run which tested less than it should does not pass.
const CHECKS = {
  "authorization-code-grant": ["authorization-code-grant"],
  "authorization-server-metadata-endpoint": ["authorization-server-metadata", "authorization-server-metadata-cimd"],
};

let gateway;
let browser;

before(async () => {
  gateway = await startGateway();
  browser = new Browser(gateway.origin);
});
after(async () => {
  browser?.close();
  await gateway?.stop();
});

test("official conformance suite, authorization server scenarios", async () => {
  const { server } = await discover(gateway.url);
  const port = await freePort();
  // Public: given a secret, the suite would not send it to a server that also takes clients without one.
  const client = await register(server, {
    client_name: "Conformance suite",
    redirect_uris: [`http://127.0.0.1:${port}/callback`],
    token_endpoint_auth_method: "none",
  });
  const results = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-conformance-"));
  const options = ["--url", gateway.origin, "--client-id", client.id, "--resource", gateway.url, "-p", String(port), "-o", results];
  const suite = talk(process.execPath, [SUITE, "authorization", ...options], { millis: SUITE_MILLIS });
  try {
    const [, asked] = await suite.said(/^(http\S+\/oauth\/authorize\S*)\n/m, SAY_MILLIS);
    const left = await authorize(browser, asked, { email: "ada@example.com" });
    const callback = await fetch(left, { signal: AbortSignal.timeout(SAY_MILLIS) });
    assert.equal(callback.status, 200, await callback.text());
    const { code, stdout, stderr } = await suite.ended;
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.deepEqual(checked(results), CHECKS, stdout);
  } finally {
    suite.end();
    fs.rmSync(results, { recursive: true, force: true });
  }
});

/// Per scenario, the checks that succeeded; a warning or a skipped one is none.
function checked(results) {
  const found = {};
  for (const file of fs.readdirSync(results, { recursive: true }).filter((name) => name.endsWith("checks.json"))) {
    const scenario = Object.keys(CHECKS).find((name) => file.includes(name)) ?? file;
    const checks = JSON.parse(fs.readFileSync(path.join(results, file), "utf8"));
    found[scenario] = checks.filter(({ status }) => status === "SUCCESS").map(({ id }) => id).toSorted();
  }
  return Object.fromEntries(Object.entries(found).toSorted());
}
