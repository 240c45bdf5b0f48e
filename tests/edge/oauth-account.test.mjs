// The pages a person manages their account with, in a real Chromium: connected applications, tokens, workspaces and
// who is in them, invitations, signing out. ATELIER_SCREENSHOTS names a folder for pictures.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { look, press } from "./support/chromium.mjs";
import { send, tool } from "./support/mcp.mjs";
import { holder, refresh, works } from "./support/oauth.mjs";
import { openOffice, OWNER } from "./support/office.mjs";

const ACCEPT = 'button[name="decision"][value="accept"]';
const APPROVE = 'button[name="decision"][value="approve"]';

let office;
let origin;

before(async () => {
  // Most providers put the address into the ID token; oauth-sign-in.test.mjs has the other kind.
  office = await openOffice({ inIdToken: true });
  origin = office.origin;
});
after(() => office?.close());
afterEach(() => office.everybodyLeaves());

const REVOKE_APP = 'form[action="/account/apps/revoke"]';
const REVOKE_TOKEN = 'form[action="/account/tokens/revoke"]';
const MAKE_TOKEN = 'form[action="/account/tokens"]';
const EVERYWHERE = 'form[action="/account/sign-out-everywhere"]';

const PEAR = { model_id: "offline-image", prompt: "a pear", width: 64, height: 64 };

const words = (page) => page.locator("body").innerText();

async function connected(address) {
  const somebody = await office.signedIn(address);
  const begun = office.begin();
  await somebody.page.goto(begun.url);
  const back = office.application.back();
  await somebody.page.click(APPROVE);
  return { ...somebody, tokens: await office.tokens(begun, await back) };
}

test("a connected application is listed with who it is, and revoking it ends it", async () => {
  const somebody = await connected(OWNER);
  await works(office.gateway, somebody.tokens.access_token);
  await somebody.page.goto(`${origin}/account`);
  assert.ok((await words(somebody.page)).includes("Pictures & Sons"));
  await look(somebody.page, "account-apps");
  await press(somebody.page, `${REVOKE_APP} button`);
  assert.equal(await somebody.page.locator(REVOKE_APP).count(), 0);
  await look(somebody.page, "account-apps-none");
  const dead = await refresh(office.client, somebody.tokens.refresh_token);
  assert.deepEqual([dead.status, dead.body.error], [400, "invalid_grant"]);
});

test("a personal token is shown once, works with its preset's scopes, and can be revoked", async () => {
  const { page } = await office.signedIn(OWNER);
  await page.goto(`${origin}/account/tokens`);
  await look(page, "account-tokens-none");
  await page.fill(`${MAKE_TOKEN} [name="name"]`, "build machine");
  await page.check('[name="preset"][value="read_only"]');
  await press(page, `${MAKE_TOKEN} button[type="submit"]`);
  const shown = /atl_pat_[\w-]+/.exec(await words(page))?.[0];
  assert.ok(shown, await words(page));
  await look(page, "account-tokens-shown");
  await works(office.gateway, shown);
  const spend = { name: "execute_forge", arguments: { model_id: "offline-image", prompt: "x" } };
  const spending = await send(holder(office.gateway, shown), "tools/call", spend);
  assert.equal(spending.status, 403, await spending.text());

  await page.goto(`${origin}/account/tokens`);
  const listed = await page.content();
  assert.ok(listed.includes("build machine") && !listed.includes(shown), "it is listed and not shown again");
  await look(page, "account-tokens");
  await confirmed(page, REVOKE_TOKEN, "account-tokens-revoke");
  assert.equal(await page.locator(REVOKE_TOKEN).count(), 0);
  await look(page, "account-tokens-revoked");
});

/// Presses the button of a form that stands behind one which only opens it.
async function confirmed(page, form, name) {
  await page.locator("details", { has: page.locator(form) }).locator("summary").first().click();
  await look(page, name);
  await press(page, `${form} button`);
}

test("what a token and an application may spend is said on their cards and changed there", async () => {
  const { page } = await connected(OWNER);
  const changed = async (form, name) => {
    await page.locator("details", { has: page.locator(form) }).first().locator("summary").first().click();
    await page.locator(`${form} [name="max_creative_units_per_day"]`).first().fill("50");
    await page.locator(`${form} [name="max_creative_units_per_month"]`).first().fill("500.5");
    await look(page, name);
    await press(page, `${form} button`);
    assert.ok((await words(page)).includes("Spends at most 50 a day, 500.5 a month"), await words(page));
  };
  await page.goto(`${origin}/account`);
  await changed('form[action="/account/apps/allowance"]', "account-apps-limits");
  await page.goto(`${origin}/account/tokens`);
  await page.fill(`${MAKE_TOKEN} [name="name"]`, "nightly build");
  await page.fill(`${MAKE_TOKEN} [name="max_creative_units_per_day"]`, "2.5");
  await press(page, `${MAKE_TOKEN} button[type="submit"]`);
  assert.ok((await words(page)).includes("Spends at most 2.5 a day"), await words(page));
  await changed('form[action="/account/tokens/allowance"]', "account-tokens-limits");
});

test("a token with permissions of one's own choice has these and no others", async () => {
  const { page } = await office.signedIn(OWNER);
  await page.goto(`${origin}/account/tokens`);
  await page.fill(`${MAKE_TOKEN} [name="name"]`, "reader of models");
  await page.check('[name="preset"][value="custom"]');
  for (const folded of await page.locator(`${MAKE_TOKEN} details > summary`).all()) await folded.click();
  await look(page, "account-tokens-custom");
  await page.check('[name="scope"][value="models:read"]');
  await press(page, `${MAKE_TOKEN} button[type="submit"]`);
  const shown = /atl_pat_[\w-]+/.exec(await words(page))?.[0];
  const { error } = await tool(holder(office.gateway, shown), "list_models");
  assert.equal(error, undefined);
  const refused = await send(holder(office.gateway, shown), "tools/call", { name: "get_workspace", arguments: {} });
  assert.equal(refused.status, 403, await refused.text());
});

async function ownWorkspace(page) {
  await page.goto(`${origin}/account/workspaces`);
  const href = await page.locator('a[href^="/account/workspaces/"]').first().getAttribute("href");
  await page.goto(origin + href);
  return href;
}

async function invites(page, href, email, role) {
  await page.fill(`form[action="${href}/invitations"] [name="email"]`, email);
  await page.selectOption(`form[action="${href}/invitations"] [name="role"]`, role);
  await page.click(`form[action="${href}/invitations"] button`);
  await page.waitForSelector("text=/\\/invitations\\//");
  return /\/invitations\/[\w.~-]+/.exec(await words(page))[0];
}

test("an invited person joins with their role, even from outside the list; nobody else can take the invitation", async () => {
  const owner = await office.signedIn(OWNER);
  const href = await ownWorkspace(owner.page);
  await look(owner.page, "workspace");
  const link = await invites(owner.page, href, "guest@partner.test", "viewer");
  await look(owner.page, "workspace-invited");

  const thief = await office.signedIn("thief@example.com");
  await thief.page.goto(origin + link);
  assert.equal(await thief.page.locator(ACCEPT).count(), 0);
  await look(thief.page, "invitation-of-another");
  const csrf = await thief.page.locator('[name="csrf"]').first().inputValue();
  const form = { csrf, decision: "accept" };
  const taken = await thief.context.request.post(origin + link, { form, headers: { origin }, maxRedirects: 0 });
  assert.ok(taken.status() >= 400, `HTTP ${taken.status()}`);

  const guest = await office.person();
  await guest.page.goto(origin + link);
  await look(guest.page, "invitation-signed-out");
  await press(guest.page, 'a[href^="/sign-in"]');
  await office.signIn(guest.page, "guest@partner.test");
  await guest.page.waitForSelector(ACCEPT);
  await look(guest.page, "invitation");
  await press(guest.page, ACCEPT);
  await guest.page.goto(`${origin}/account/workspaces`);
  assert.match(await words(guest.page), /viewer/i);
  await look(guest.page, "workspaces-guest");

  await owner.page.goto(origin + href);
  assert.ok((await words(owner.page)).includes("guest@partner.test"));
  await look(owner.page, "workspace-joined");
  const again = await guest.page.goto(origin + link);
  assert.ok(again.status() >= 400, "an invitation is for once");
});

test("an invitation can be declined", async () => {
  const owner = await office.signedIn(OWNER);
  const href = await ownWorkspace(owner.page);
  const link = await invites(owner.page, href, "declines@partner.test", "member");
  const guest = await office.person();
  await guest.page.goto(origin + link);
  await press(guest.page, 'a[href^="/sign-in"]');
  await office.signIn(guest.page, "declines@partner.test");
  await press(guest.page, 'button[name="decision"][value="decline"]');
  await owner.page.goto(origin + href);
  assert.ok(!(await words(owner.page)).includes("declines@partner.test"));
});

test("an owner adds units, makes a member a viewer and removes them; what they connected follows at once", async () => {
  const owner = await office.signedIn(OWNER);
  const { tokens } = await connected("moves@example.com");
  const held = holder(office.gateway, tokens.access_token);
  const href = await ownWorkspace(owner.page);
  await owner.page.fill(`form[action="${href}/grants"] [name="creative_units"]`, "7.5");
  await press(owner.page, `form[action="${href}/grants"] button`);
  assert.equal((await works(office.gateway, tokens.access_token)).balance_creative_units, 7.5);
  await look(owner.page, "workspace-granted");
  assert.equal((await tool(held, "execute_forge", PEAR)).error, undefined);

  const row = owner.page.locator("li", { hasText: "moves@example.com" });
  await row.locator('[name="role"]').selectOption("viewer");
  await press(owner.page, row.locator(`form[action="${href}/members"] button`).first());
  await works(office.gateway, tokens.access_token);
  assert.equal((await tool(held, "execute_forge", PEAR)).error?.code, "FORBIDDEN");

  await row.locator(".confirm > summary").click();
  await look(owner.page, "workspace-remove");
  await press(owner.page, row.locator('button[name="remove"]'));
  assert.equal(await row.count(), 0);
  assert.ok((await tool(held, "get_workspace")).error, "a former member still sees the workspace");
});

test("the owner's self-check says what a client would find, and is for the owner", async () => {
  const owner = await office.signedIn(OWNER);
  assert.equal((await owner.page.goto(`${origin}/account/check`)).status(), 200);
  await look(owner.page, "account-check");
  const other = await office.signedIn("member@example.com");
  assert.ok((await other.page.goto(`${origin}/account/check`)).status() >= 400);
});

test("signing out ends this session, and signing out everywhere ends them all", async () => {
  const [here, there] = [await office.signedIn("leaves@example.com"), await office.signedIn("leaves@example.com")];
  const isIn = async ({ context }) => (await context.request.get(`${origin}/account`, { maxRedirects: 0 })).status() === 200;
  await press(here.page, 'form[action="/sign-out"] button');
  assert.deepEqual([await isIn(here), await isIn(there)], [false, true]);
  const again = await office.signedIn("leaves@example.com");
  await confirmed(again.page, EVERYWHERE, "account-everywhere");
  assert.deepEqual([await isIn(again), await isIn(there)], [false, false]);
});

test("every other page, at both widths", async () => {
  const { page } = await office.signedIn(OWNER);
  for (const [name, path] of Object.entries({ home: "/", workspaces: "/account/workspaces", "sign-in-signed-in": "/sign-in" })) {
    await page.goto(origin + path);
    await look(page, name);
  }
});
