// A gateway with a sign-in of its own and the people around it: a real OpenID provider, a real Chromium, and an
// application on loopback that its user comes back to. For the tests that click.
import assert from "node:assert/strict";
import http from "node:http";
import { launch, person } from "./chromium.mjs";
import { startGateway } from "./gateway.mjs";
import { begin, checkTokens, discover, random, readCallback, redeem, register } from "./oauth.mjs";
import { startOpenId } from "./openid.mjs";

const BACK_PAGE = "<!doctype html><title>Back</title><link rel=icon href=data:,><p>You can close this page.</p>";
const BACK_MILLIS = 15_000;
export const OWNER = "owner@example.com";
/// Everybody at example.com, and one person elsewhere.
const ALLOWED = "example.com, auditor@partner.test";

export async function openOffice(options) {
  const office = new Office();
  try {
    await office.open(options);
    return office;
  } catch (error) {
    await office.close();
    throw error;
  }
}

class Office {
  people = [];

  async open({ inIdToken } = {}) {
    // First, because it is what a machine may lack.
    this.chromium = await launch();
    this.provider = await startOpenId({ inIdToken });
    const { issuer, client } = this.provider;
    this.gateway = await startGateway({
      vars: {
        OIDC_ISSUER: issuer,
        OIDC_CLIENT_ID: client.client_id,
        OIDC_CLIENT_SECRET: client.client_secret,
        OWNER,
        SIGN_IN_ALLOW: ALLOWED,
      },
    });
    this.origin = this.gateway.origin;
    this.provider.allow(`${this.origin}/sign-in/oidc/callback`);
    this.application = await startApplication();
    this.found = await discover(this.gateway.url);
    this.client = await this.registered("Pictures & Sons", [this.application.redirectUri]);
  }

  async close() {
    await this.chromium?.close();
    await this.application?.stop();
    await this.provider?.stop();
    await this.gateway?.stop();
  }

  registered(client_name, redirect_uris) {
    return register(this.found.server, { client_name, redirect_uris, token_endpoint_auth_method: "none" });
  }

  /// Somebody with a browser of their own.
  async person(options) {
    const somebody = await person(this.chromium, this.origin, options);
    this.people.push(somebody);
    return somebody;
  }

  /// Somebody who is signed in already.
  async signedIn(address, options) {
    const somebody = await this.person(options);
    await somebody.page.goto(`${this.origin}/sign-in?return=/account`);
    await this.signIn(somebody.page, address);
    await somebody.page.waitForURL(`${this.origin}/account`);
    return somebody;
  }

  /// From the gateway's sign-in page to the provider's.
  async toProvider(page) {
    await page.click('a[href*="/sign-in/oidc"], form[action*="/sign-in/oidc"] button');
    await page.waitForURL(`${this.provider.issuer}/login/**`);
  }

  /// To the provider, through it, and to where that ends.
  async signIn(page, address) {
    await this.toProvider(page);
    await page.fill("[name=address]", address);
    await page.click("button");
    await page.waitForURL((url) => url.origin !== this.provider.issuer);
  }

  begin(more = {}) {
    const { client = this.client, ...request } = more;
    return begin(client, { redirectUri: this.application.redirectUri, resource: this.gateway.url, ...request });
  }

  /// Redeems what the browser came back with.
  async tokens(begun, address, client = this.client) {
    const { code } = readCallback(client, begun, address);
    assert.ok(code, address);
    return checkTokens(await redeem(client, begun, code));
  }

  /// After each test: everybody leaves, and no page of the gateway may have complained in the console or been stopped by
  /// its own policy.
  async everybodyLeaves() {
    const people = this.people.splice(0);
    await Promise.all(people.map(({ context }) => context.close()));
    assert.deepEqual(people.flatMap(({ faults }) => faults), []);
  }
}

/// An application's callback on loopback. `pages` are others that it serves, by path.
async function startApplication() {
  const pages = new Map();
  const waiting = [];
  const server = http.createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(pages.get(request.url) ?? BACK_PAGE);
    if (request.url.startsWith("/callback/")) waiting.shift()?.(`${origin}${request.url}`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    redirectUri: `${origin}/callback/${random().slice(0, 8)}`,
    pages,
    /// The address of the next callback. Ask before what leads to it.
    back() {
      let timer;
      const came = new Promise((resolve) => waiting.push(resolve));
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("the browser did not come back to the application")), BACK_MILLIS);
      });
      return Promise.race([came, late]).finally(() => clearTimeout(timer));
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
