// Connecting as a person does, in a real Chromium against a real OpenID provider: sign in, consent, come back with a
// code, call a tool; and every way in which that must not work. ATELIER_SCREENSHOTS names a folder for pictures.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { look, press } from "./support/chromium.mjs";
import { challengeOf, checkTokens, readCallback, redeem, works } from "./support/oauth.mjs";
import { openOffice, OWNER } from "./support/office.mjs";

const APPROVE = 'button[name="decision"][value="approve"]';
const DENY = 'button[name="decision"][value="deny"]';

let office;
let origin;

before(async () => {
  office = await openOffice();
  origin = office.origin;
});
after(() => office?.close());
afterEach(() => office.everybodyLeaves());

const words = (page) => page.locator("body").innerText();
const cookieOf = async ({ context }, name) => (await context.cookies(origin)).find((cookie) => cookie.name === name);

/// Opens an application's request, signs in, and stands on the consent page.
async function atConsent(address, { begun = office.begin(), options, name } = {}) {
  const somebody = await office.person(options);
  await somebody.page.goto(begun.url);
  if (name) await look(somebody.page, `${name}-sign-in`);
  await office.signIn(somebody.page, address);
  assert.equal(await somebody.page.locator(APPROVE).count(), 1, await words(somebody.page));
  if (name) await look(somebody.page, `${name}-consent`);
  return { ...somebody, begun };
}

async function approve(page) {
  const back = office.application.back();
  await page.click(APPROVE);
  return back;
}

test("before the owner has been here, somebody on the list has no workspace to let an application into", async () => {
  const somebody = await office.person();
  await somebody.page.goto(office.begin().url);
  const answered = somebody.page.waitForResponse((response) => new URL(response.url()).pathname === "/oauth/authorize");
  await office.signIn(somebody.page, "early@example.com");
  assert.equal((await answered).status(), 403);
  await look(somebody.page, "no-workspace");
});

test("the owner connects an application: sign in, consent, a code, a tool call, in a workspace of their own", async () => {
  const owner = await atConsent(OWNER, { name: "owner" });
  const said = await words(owner.page);
  assert.ok(said.includes("Pictures & Sons"), said);
  assert.ok(said.includes(OWNER), said);
  assert.ok(said.includes("127.0.0.1"), "the page names where the answer goes");
  const ticked = owner.page.locator('input[type="checkbox"][name="scope"]');
  assert.ok((await ticked.count()) >= 10);
  const tokens = await office.tokens(owner.begun, await approve(owner.page));
  await works(office.gateway, tokens.access_token);

  const session = await cookieOf(owner, "atelier-session");
  assert.deepEqual([session.httpOnly, session.sameSite, session.path], [true, "Lax", "/"]);
});

test("the sign-in page names the provider", async () => {
  const { page } = await office.person();
  await page.goto(office.begin().url);
  const named = `Continue with ${new URL(office.provider.issuer).hostname}`;
  assert.deepEqual(await page.locator("main a").allInnerTexts(), [named]);
});

test("it works without JavaScript", async () => {
  const somebody = await atConsent("plain@example.com", { options: { javaScriptEnabled: false } });
  const tokens = await office.tokens(somebody.begun, await approve(somebody.page));
  await works(office.gateway, tokens.access_token);
});

test("denying goes back to the application with the reason", async () => {
  const somebody = await atConsent("denies@example.com");
  const back = office.application.back();
  await somebody.page.click(DENY);
  const { error, code } = readCallback(office.client, somebody.begun, await back);
  assert.deepEqual([error, code], ["access_denied", undefined]);
});

test("a scope that the person unticks is not in the token", async () => {
  const somebody = await atConsent("careful@example.com");
  for (const closed of await somebody.page.locator("details > summary").all()) await closed.click();
  const boxes = somebody.page.locator('input[type="checkbox"][name="scope"]');
  for (const box of await boxes.all()) {
    if ((await box.getAttribute("value")) !== "workspaces:read" && (await box.isEnabled())) await box.uncheck();
  }
  const tokens = await office.tokens(somebody.begun, await approve(somebody.page));
  assert.equal(tokens.scope, "workspaces:read");
});

const HOSTED = "https://claude.ai/api/mcp/auth_callback";
// Chromium applies `form-action` to where the answered form is redirected, so a policy too strict ends here unseen.
const ELSEWHERE = {
  "an editor's own scheme": "cursor://anysphere.cursor-mcp/oauth/callback",
  "a port of localhost": "http://localhost:9/callback",
  "a port of [::1]": "http://[::1]:9/callback",
};

test("the browser leaves for a hosted client", async () => {
  const client = await office.registered("Claude", [HOSTED]);
  const begun = office.begin({ client, redirectUri: HOSTED });
  const hosted = await atConsent("travels@example.com", { begun, name: "hosted" });
  await hosted.context.route("https://claude.ai/**", (route) => route.fulfill({ contentType: "text/html", body: "<p>Claude</p>" }));
  await hosted.page.click(APPROVE);
  await hosted.page.waitForURL("https://claude.ai/**");
  const tokens = await office.tokens(hosted.begun, hosted.page.url(), client);
  await works(office.gateway, tokens.access_token);

  // The next time the page says so, and still asks.
  const again = await atConsent("travels@example.com", { begun: office.begin({ client, redirectUri: HOSTED }), name: "hosted-again" });
  assert.match(await words(again.page), /allowed this app before/i);
});

for (const [where, redirectUri] of Object.entries(ELSEWHERE)) {
  test(`the browser leaves for ${where}`, async () => {
    const client = await office.registered("Cursor", [redirectUri]);
    const somebody = await atConsent("travels@example.com", { begun: office.begin({ client, redirectUri }) });
    const left = somebody.page.waitForRequest((request) => request.url().startsWith(redirectUri)).catch(() => undefined);
    await somebody.page.click(APPROVE);
    const address = (await left)?.url();
    assert.ok(address, `it stayed on ${somebody.page.url()}: ${somebody.faults.join("\n")}`);
    assert.ok(readCallback(client, somebody.begun, address).code, address);
    });
}

test("a client that borrows a known name is shown as what it is", async () => {
  const redirectUri = "https://claude-connect.example/callback";
  const client = await office.registered("Claude", [redirectUri]);
  const somebody = await atConsent("wary@example.com", { begun: office.begin({ client, redirectUri }), name: "look-alike" });
  assert.match(await words(somebody.page), /does not belong to Anthropic/);
});

/// What the open consent page would send when approved.
function consentFields(page) {
  return page.evaluate(() => {
    const form = document.querySelector('form[action="/oauth/authorize"]');
    return [...new FormData(form)].concat([["decision", "approve"]]);
  });
}

function post({ context }, fields) {
  const body = String(new URLSearchParams(fields));
  const headers = { "content-type": "application/x-www-form-urlencoded", origin };
  return context.request.post(`${origin}/oauth/authorize`, { data: body, headers, maxRedirects: 0 });
}

/// A page that says no: HTML, no code, no way to the application.
async function refuses(response) {
  const { location, "content-type": type } = response.headers();
  assert.ok([400, 403].includes(response.status()), `HTTP ${response.status()} ${location ?? ""}`);
  assert.match(type, /^text\/html/);
  assert.equal(location, undefined);
}

test("a consent that is sent twice, as by a double click, gives two codes for two grants", async () => {
  const somebody = await atConsent("twice@example.com");
  const fields = await consentFields(somebody.page);
  const sent = [await post(somebody, fields), await post(somebody, fields)];
  const codes = sent.map((response) => readCallback(office.client, somebody.begun, response.headers().location).code);
  assert.notEqual(codes[0], codes[1]);
  const [first, second] = await Promise.all(codes.map((code) => redeem(office.client, somebody.begun, code)));
  await works(office.gateway, checkTokens(first).access_token);
  assert.notEqual(checkTokens(second).refresh_token, first.body.refresh_token);
});

test("a consent page whose session has ended meanwhile is refused with a page", async () => {
  const somebody = await atConsent("leaves@example.com");
  const other = await somebody.context.newPage();
  await other.goto(`${origin}/account`);
  await press(other, 'form[action="/sign-out"] button');
  const answered = somebody.page.waitForResponse((response) => response.request().method() === "POST");
  await somebody.page.click(APPROVE);
  await refuses(await answered);
  await look(somebody.page, "consent-too-late");
});

test("a request that the gateway never made, or whose seal is broken, is refused", async () => {
  const somebody = await atConsent("forger@example.com");
  const fields = await consentFields(somebody.page);
  for (const broken of ["request", "csrf"]) {
    const changed = fields.map(([name, value]) => [name, name === broken ? `${value.slice(0, -4)}AAAA` : value]);
    await refuses(await post(somebody, changed));
    await refuses(await post(somebody, fields.filter(([name]) => name !== broken)));
  }
  assert.equal((await post(somebody, fields)).status(), 303, "the unbroken one works");
});

test("one person's consent page does nothing in another's browser", async () => {
  const [one, other] = [await atConsent("one@example.com"), await office.signedIn("other@example.com")];
  const fields = await consentFields(one.page);
  await refuses(await post(other, fields));
  await refuses(await post(await office.person(), fields));
  assert.equal((await post(one, fields)).status(), 303);
});

test("the provider's answer is worth nothing in another browser", async () => {
  const victim = await office.person();
  const held = office.provider.hold();
  await victim.page.goto(`${origin}/sign-in?return=/account`);
  await office.toProvider(victim.page);
  await victim.page.fill("[name=address]", "victim@example.com");
  await victim.page.click("button");
  const stolen = await held;
  assert.match(stolen, /[?&]code=/);

  const thief = await office.person();
  const opened = await thief.page.goto(stolen);
  assert.equal(opened.status(), 400);
  await look(thief.page, "wrong-browser");
  assert.equal(await cookieOf(thief, "atelier-session"), undefined);
  // Nor in that browser once it has begun a sign-in of its own.
  await thief.page.goto(`${origin}/sign-in?return=/account`);
  await office.toProvider(thief.page);
  assert.equal((await thief.page.goto(stolen)).status(), 400);
  assert.equal(await cookieOf(thief, "atelier-session"), undefined);
});

test("whoever is not on the list is told so, and an address that the provider has not verified is worth nothing", async () => {
  for (const address of ["stranger@elsewhere.test", "unverified@example.com", "owner@example.com.elsewhere.test"]) {
    const somebody = await office.person();
    const begun = office.begin();
    await somebody.page.goto(begun.url);
    const answered = somebody.page.waitForResponse((response) => response.url().startsWith(`${origin}/sign-in/oidc/callback`));
    await office.signIn(somebody.page, address);
    assert.equal((await answered).status(), 403, address);
    assert.ok((await words(somebody.page)).includes(address), "the page says who was refused");
    await look(somebody.page, `refused-${address.split("@")[0]}`);
    assert.equal(await cookieOf(somebody, "atelier-session"), undefined);
  }
  await office.signedIn("auditor@partner.test");
});

test("signing in ends where it began, and never on another site", async () => {
  const away = ["https://evil.example/", "//evil.example/", "/\\evil.example/", "/%5Cevil.example", "http:evil.example"];
  for (const path of [...away, "javascript:alert(1)"]) {
    const somebody = await office.person();
    await somebody.page.goto(`${origin}/sign-in?${new URLSearchParams({ return: path })}`);
    const asked = [];
    somebody.page.on("request", (request) => request.isNavigationRequest() && asked.push(request.url()));
    await office.signIn(somebody.page, "returns@example.com");
    assert.equal(new URL(asked.at(-1)).origin, origin, path);
  }
});

test("a request that no application could have made is a page, not a redirect", async () => {
  const somebody = await office.person();
  const begun = office.begin({ client: { ...office.client, id: "no-such-client" } });
  const elsewhere = office.begin({ redirectUri: `${office.application.redirectUri}/elsewhere` });
  for (const [name, { url }] of Object.entries({ "unknown-client": begun, "unknown-redirect": elsewhere })) {
    const response = await somebody.page.goto(url);
    assert.equal(response.status(), 400);
    assert.equal(new URL(somebody.page.url()).origin, origin);
    await look(somebody.page, name);
  }
});

test("no page of a person's can be framed", async () => {
  const somebody = await office.signedIn("framed@example.com");
  for (const path of ["/account", "/account/tokens", new URL(office.begin().url).href.slice(origin.length)]) {
    const address = `${origin}${path}`.replaceAll("&", "&amp;");
    office.application.pages.set("/frame", `<!doctype html><title>Frame</title><iframe src="${address}"></iframe>`);
    const page = await somebody.context.newPage();
    await page.goto(`${office.application.origin}/frame`);
    const frame = page.frames().find((each) => each !== page.mainFrame());
    assert.match(frame.url(), /^chrome-error:/, path);
    await page.close();
  }
});

test("the challenge leads there from the connector URL alone", async () => {
  const response = await fetch(office.gateway.url, { method: "POST" });
  assert.equal(challengeOf(response).resource_metadata, `${origin}/.well-known/oauth-protected-resource/mcp`);
  await response.text();
});
