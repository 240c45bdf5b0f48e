// What the operator sees of inference providers: the page in a real Chromium, the REST view, scripts/provider-check; what a
// caller is told when one fails; and that no key and no prompt is in any of it, or in the log. ATELIER_SCREENSHOTS names a
// folder for pictures. How runs end is in providers.test.mjs.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, look, person, press } from "./support/chromium.mjs";
import { ROOT, startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";
import { MODELS, startUpstreams } from "./support/upstreams.mjs";

const NAMES = ["fal", "replicate", "openai", "elevenlabs"];
const PROMPT = "canary-of-a-prompt";
const OWN_KEY = "sk-canary-of-a-workspace-7531";
const WRONG = {
  FAL_KEY: "wrong-canary-1:of-fal",
  REPLICATE_API_TOKEN: "wrong-canary-2-of-replicate",
  OPENAI_API_KEY: "wrong-canary-3-of-openai",
  ELEVENLABS_API_KEY: "wrong-canary-4-of-elevenlabs",
};
const CHECK_MILLIS = 30_000;
const RUN_MILLIS = 60_000;
const PAGE = "/account/providers";

let fakes;
let gateway;
let chromium;
// Everything that anybody was answered, and every log.
const told = [];

before(async () => {
  chromium = await launch();
  fakes = await startUpstreams(NAMES, { seed: 9 });
  gateway = await open({ WORKSPACE_PROVIDER_KEYS: "yes" });
});
after(async () => {
  await chromium?.close();
  await gateway?.stop();
  await fakes?.stop();
});

const open = (more) => startGateway({ vars: { ...fakes.vars, ...more }, logLevel: "info" });

async function closed(opened) {
  told.push(opened.serverLog());
  await opened.stop();
}

async function run(caller, name, words = "") {
  const { answer, error } = await tool(caller, "execute_forge", { ...MODELS[name], prompt: `${PROMPT} ${words}` });
  assert.equal(error, undefined, JSON.stringify(error));
  const until = Date.now() + RUN_MILLIS;
  for (;;) {
    const result = await tool(caller, "get_forge_run", { inference_id: answer.inference_id, wait_seconds: 20 });
    if (result.answer.status !== "in_progress" || Date.now() > until) {
      // The description of a file is its prompt, for whoever made it.
      told.push(JSON.stringify(result).replaceAll(/"(description|alt)":"[^"]*"/g, ""));
      return { ...result.answer, line: result.content.map(({ text }) => text ?? "").join("\n") };
    }
    await sleep(50);
  }
}

/// {code, out}. `key`: instead of the development one.
function check(asked, more = [], key = "") {
  const given = { ...process.env, OPERATOR_KEY: key };
  return new Promise((resolve) => {
    const options = { env: given, timeout: CHECK_MILLIS };
    execFile(path.join(ROOT, "scripts/provider-check"), ["--url", asked.origin, ...more], options, (error, stdout, stderr) => {
      told.push(stdout, stderr);
      resolve({ code: error?.code ?? 0, out: stdout + stderr });
    });
  });
}

async function view(asked, headers) {
  const response = await fetch(`${asked.origin}/api/v1/providers`, { headers });
  const text = await response.text();
  told.push(text);
  return { status: response.status, answer: JSON.parse(text) };
}

const operatorKey = () => /^OPERATOR_KEY=(.*)$/m.exec(fs.readFileSync(`${ROOT}/.dev.vars`, "utf8"))[1];
const operator = () => ({ authorization: `Bearer ${operatorKey()}` });

/// Signed in as the development person, who owns the gateway.
async function visit(asked, address, work) {
  const { context, page, faults } = await person(chromium, asked.origin);
  try {
    await page.goto(`${asked.origin}/sign-in?return=${encodeURIComponent(address)}`);
    await press(page, 'form[action="/sign-in/development"] button');
    await work(page);
    told.push(await page.content());
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}

/// The words of each provider's card, by its title.
async function cards(page) {
  const texts = await page.locator("ul.cards > li").allInnerTexts();
  return Object.fromEntries(texts.map((text) => [text.split("\n")[0].trim(), text]));
}

test("before anything was made, every provider is there with what it needs", async () => {
  await visit(gateway, PAGE, async (page) => {
    const shown = await cards(page);
    assert.deepEqual(Object.keys(shown).length, 7, Object.keys(shown).join());
    for (const title of ["fal", "Replicate", "OpenAI", "ElevenLabs"]) {
      assert.match(shown[title], /Nothing was asked of it lately\.[^]*Jobs under way\s+0 of \d+[^]*\d+ models/);
    }
    assert.match(shown["Workers AI"], /Not set up\s+Set WORKERS_AI to use it\./);
    assert.match(shown["Embedded offline provider"], /Built in/);
    await look(page, "providers-before");
  });
});

test("after runs the page and the REST view say the same of each, in jobs and in money", async () => {
  const caller = await gateway.as("maker");
  for (const name of NAMES) {
    assert.equal((await run(caller, name)).status, "complete");
    assert.equal((await run(caller, name, "up:moderated")).status, "failed");
  }
  const { status, answer } = await view(gateway, operator());
  assert.equal(status, 200);
  await visit(gateway, PAGE, async (page) => {
    const shown = await cards(page);
    for (const name of NAMES) {
      const item = answer.items.find(({ provider }) => provider === name);
      const [made] = item.today;
      assert.deepEqual([item.health, made.model_id, made.jobs, made.outputs], ["healthy", MODELS[name].model_id, 2, 1]);
      assert.deepEqual(made.failures, { moderated: 1 });
      assert.ok(made.dollars > 0 && Math.abs(made.creative_units - made.dollars * 100) < 0.01, JSON.stringify(made));
      const card = shown[item.title];
      assert.match(card, /Works\s+It takes jobs without trouble\./);
      for (const text of [MODELS[name].model_id, "Failed: 1 moderated", String(made.creative_units), item.host]) {
        assert.ok(card.includes(text), `${text}: ${card}`);
      }
    }
    await look(page, "providers-after");
  });
});

test("nobody but the operator reads the view or has a key tried", async () => {
  for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: `Bearer ${gateway.token}` }]) {
    const { status, answer } = await view(gateway, headers);
    assert.deepEqual([status, answer.error.code, answer.items], [401, "UNAUTHENTICATED", undefined]);
    assert.equal(answer.error.message, "The operator key is missing or wrong.");
    const tried = await fetch(`${gateway.origin}/api/v1/providers/fal/check`, { method: "POST", headers });
    assert.equal(tried.status, 401);
  }
});

describe("provider-check", () => {
  for (const [name, account] of [
    ["fal", /accepted/],
    ["replicate", /The key is that of the account acme\./],
    ["openai", /OpenAI answers; models: \d+\./],
    ["elevenlabs", /\d+ of \d+ credits are left\./],
  ]) {
    // FAL_URL stands for both of fal's addresses, but the check leaves `/v1` of the second one out.
    test(`${name}: a right key is accepted, and nothing is made`, async () => {
      const jobs = fakes[name].jobs.length;
      const { code, out } = await check(gateway, ["--provider", name]);
      assert.equal(code, 0, out);
      assert.match(out, /^✓ .*127\.0\.0\.1:\d+\n    reachable  yes, \d+ ms\n    key        accepted\n/);
      assert.match(out, account);
      assert.equal(fakes[name].jobs.length, jobs);
    });
  }

  test("who is called back says that on this computer it is not", async () => {
    const { out } = await check(gateway, ["--provider", "replicate"]);
    assert.match(out, /callbacks {2}http:\/\/127\.0\.0\.1:\d+ is reached from this computer only\. The gateway asks after its jobs instead\./);
    assert.doesNotMatch((await check(gateway, ["--provider", "openai"])).out, /callbacks/);
  });

  test("what is asked wrongly ends with 2 and says how to ask", async () => {
    const nobody = await check(gateway, ["--provider", "nobody"]);
    assert.deepEqual([nobody.code, nobody.out.startsWith("✗ There is no provider nobody. There are fal, replicate,")], [2, true]);
    const stranger = await check(gateway, [], "not-the-key-of-this-gateway-at-all");
    assert.deepEqual(stranger, {
      code: 2,
      out: "✗ The operator key is missing or wrong. Send Authorization: Bearer with the value of OPERATOR_KEY.\n",
    });
    const gone = await check({ origin: "http://127.0.0.1:9" });
    assert.equal(gone.code, 2);
  });

  test("one that is not set up is no fault, unless it is asked for", async () => {
    const { code, out } = await check(gateway, ["--provider", "workers_ai"]);
    assert.deepEqual([code, out], [1, "– Workers AI\n    next       Set WORKERS_AI to use it.\n"]);
    assert.equal((await check(gateway, ["--provider", "offline"])).code, 0);
  });

  test("a wrong key is refused by each, which names the setting, and the page says so", async () => {
    const wrong = await open(WRONG);
    try {
      const { code, out } = await check(wrong);
      assert.equal(code, 1);
      for (const setting of Object.keys(WRONG)) assert.ok(out.includes(`npx wrangler secret put ${setting}\n`), `${setting}: ${out}`);
      assert.equal(out.match(/key {8}refused/g).length, NAMES.length, out);
      await visit(wrong, PAGE, async (page) => {
        const shown = await cards(page);
        assert.deepEqual(Object.keys(shown).slice(0, 4).toSorted(), ["ElevenLabs", "OpenAI", "Replicate", "fal"]);
        assert.match(shown.fal, /Out of order\s+It refuses the key\. Since .* UTC; one job tries again from .* UTC\./);
        await look(page, "providers-refused");
      });
    } finally {
      await closed(wrong);
    }
  });
});

test("a provider that rests after a refusal is told as such, to callers and to the owner, in whole sentences", async () => {
  const troubled = await open({});
  try {
    const caller = await troubled.as("unlucky");
    const first = await run(caller, "elevenlabs", "up:quota");
    assert.match(first.error.message, /^The gateway's account at ElevenLabs has no credit left: /);
    assert.match(first.error.next, /^Tell the operator to top it up\./);
    const second = await run(caller, "elevenlabs");
    assert.deepEqual(
      [second.error.message, second.error.next],
      [
        "ElevenLabs cannot be used at present: its last requests failed, and it is not asked for some minutes.",
        "Choose another provider's model, or run it again later.",
      ],
    );
    await visit(troubled, PAGE, async (page) => {
      const shown = await cards(page);
      assert.equal(Object.keys(shown)[0], "ElevenLabs");
      assert.match(shown.ElevenLabs, /Out of order\s+The account there has no credit left\. Since .* UTC; one job tries again from .* UTC\.\n/);
      await look(page, "providers-out-of-order");
    });
  } finally {
    await closed(troubled);
  }
});

test("what cannot be taken is said in the provider's words, without the prompt", async () => {
  const caller = await gateway.as("clumsy");
  for (const name of NAMES) {
    const { error, line } = await run(caller, name, "up:invalid");
    assert.equal(error.code, "INVALID_INPUTS");
    assert.match(error.message, /^\S+ did not take the request: [A-Za-z][^]*\.$/);
    assert.ok(line.includes("nothing charged") && line.includes("Next: "), line);
  }
});

test("a workspace's own key is shown by its last characters alone, and can be removed", async () => {
  const home = `/account/workspaces/${gateway.workspaceId}`;
  await visit(gateway, home, async (page) => {
    await page.selectOption("#key-provider", "openai");
    await page.fill("#provider-key", OWN_KEY);
    await press(page, 'form[action$="/provider-keys"] button');
    const words = await page.locator("body").innerText();
    assert.match(words, /OpenAI\s+Ends in 7531\. Set by developer@localhost/);
    await look(page, "workspace-own-key");
    told.push(await page.content());
    await page.locator("summary", { hasText: "the key for OpenAI" }).click();
    await press(page, 'form[action$="/provider-keys/remove"] button');
    assert.doesNotMatch(await page.locator("body").innerText(), /Ends in/);
  });
});

test("no key and no prompt is in anything that was told, or in a log", () => {
  told.push(gateway.serverLog());
  const secrets = [...NAMES.map((name) => fakes[name].key), ...Object.values(WRONG), OWN_KEY, PROMPT, operatorKey()];
  const halves = secrets.flatMap((secret) => secret.split(":"));
  const all = told.join("\n");
  assert.ok(all.length > 10_000);
  assert.deepEqual(halves.filter((half) => half.length > 5 && all.includes(half)), []);
  assert.deepEqual(fakes.all.flatMap((fake) => fake.bugs), []);
});
