// The MCP Inspector's command line, as people and agents use it to try a server, through the whole flow in both
// eras; its strict check finds nothing wrong with a tool's schemas.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { wholeFlow } from "./support/flow.mjs";
import { startGateway } from "./support/gateway.mjs";
import { run } from "./support/run.mjs";

const INSPECTOR = path.join(import.meta.dirname, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
const COMMAND_MILLIS = 60_000;
// What the command answers when the tool refused: the refusal is still printed as a result.
const TOOL_REFUSED = 5;

let gateway;
let home;

before(async () => {
  gateway = await startGateway();
  home = fs.mkdtempSync(path.join(os.tmpdir(), "atelier-inspector-"));
});
after(async () => {
  await gateway?.stop();
  fs.rmSync(home, { recursive: true, force: true });
});

function inspector(era, method, ...args) {
  const target = ["--server-url", gateway.url, "--transport", "http", "--header", `Authorization: Bearer ${gateway.token}`];
  const all = [INSPECTOR, "--cli", ...target, "--protocol-era", era, "--format", "json", "--method", method, ...args];
  return run(process.execPath, all, { millis: COMMAND_MILLIS, env: { HOME: home } });
}

function commandLine(era) {
  const ask = async (method, ...args) => {
    const { code, stdout, stderr } = await inspector(era, method, ...args);
    assert.ok(code === 0 || code === TOOL_REFUSED, `${method}: exit ${code}\n${stdout}\n${stderr}`);
    return JSON.parse(stdout).result;
  };
  return {
    isCommandLine: true,
    // It declares the Tasks extension, which the older revisions do not have.
    followsTasks: era === "modern",
    call: (name, args) => ask("tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args)),
    listTools: () => ask("tools/list"),
    listResources: () => ask("resources/list"),
    listResourceTemplates: () => ask("resources/templates/list"),
    readResource: ({ uri }) => ask("resources/read", "--uri", uri),
    listPrompts: () => ask("prompts/list"),
    getPrompt: ({ name, arguments: given }) => {
      const pairs = Object.entries(given).map(([key, value]) => `${key}=${value}`);
      return ask("prompts/get", "--prompt-name", name, "--prompt-args", ...pairs);
    },
  };
}

for (const era of ["legacy", "modern"]) {
  test(`MCP Inspector, ${era}: tools/list --strict finds no error`, async () => {
    const { code, stdout, stderr } = await inspector(era, "tools/list", "--strict");
    assert.equal(code, 0, stderr);
    assert.ok(JSON.parse(stdout).result.tools.length >= 11);
    assert.doesNotMatch(stderr, /^Error:/m);
  });

  test(`MCP Inspector, ${era}: the whole flow`, () => wholeFlow(commandLine(era)));
}
