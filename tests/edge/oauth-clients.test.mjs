// The hosted clients and editors that people paste the connector URL into, each as a script that does what it is
// known to do: how it finds the authorization server, how it names itself, where it comes back to, which scopes it
// asks for. Each ends with a tool call, a refresh that names no scope, and another call.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { send } from "./support/mcp.mjs";
import {
  authorize,
  begin,
  challengeOf,
  checkTokens,
  clientKey,
  clientOf,
  dance,
  discover,
  getJson,
  random,
  readCallback,
  redeem,
  refresh,
  register,
  scopesOf,
  serveDocuments,
  token,
  works,
} from "./support/oauth.mjs";

const CODE = { grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] };
const CLAUDE = "https://claude.ai/api/mcp/auth_callback";
const CHATGPT = "https://chatgpt.com/connector_platform_oauth_redirect";
const SERVER_SIDE = "https://todo.example/oauth/callback";
const CURSOR = [
  "cursor://anysphere.cursor-mcp/oauth/callback",
  "https://www.cursor.com/agents/mcp/oauth/callback",
  "http://localhost:8787/callback",
];

let gateway;
let documents;
const browsers = [];

before(async () => {
  gateway = await startGateway();
  documents = await serveDocuments();
});
after(async () => {
  for (const browser of browsers) browser.close();
  await documents?.stop();
  await gateway?.stop();
});

function newBrowser() {
  const browser = new Browser(gateway.origin);
  browsers.push(browser);
  return browser;
}

const EPHEMERAL = 49152;
/// Nothing listens there: the scripted browser never goes where a redirect leaves to.
const anyPort = () => EPHEMERAL + Math.floor(Math.random() * (65535 - EPHEMERAL));

/// What the challenge asks for, and `offline_access` when the server lists it.
const challenged = ({ challenge, server }) =>
  [...challenge.scope.split(" "), ...server.scopes_supported.filter((scope) => scope === "offline_access")].join(" ");

function document(name, redirectUris, more = {}) {
  return ({ server }) => {
    assert.equal(server.client_id_metadata_document_supported, true);
    // Claude falls back to registration without it, and makes a new client with every connection.
    assert.ok(server.token_endpoint_auth_methods_supported.includes("none"));
    const id = documents.put(`/${random().slice(0, 8)}/client.json`, (client_id) => ({
      client_id,
      client_name: name,
      redirect_uris: redirectUris,
      token_endpoint_auth_method: "none",
      ...CODE,
      ...more,
    }));
    return clientOf(server, { client_id: id });
  };
}

function registration(name, redirectUris, more = {}) {
  return ({ server }) =>
    register(server, { client_name: name, redirect_uris: redirectUris, token_endpoint_auth_method: "none", ...CODE, ...more });
}

/// The document that ChatGPT publishes: it prefers an assertion and can do without.
function chatGpt(auth) {
  return (found) => {
    const key = clientKey("RS256");
    const jwks = documents.put(`/${random().slice(0, 8)}/jwks.json`, () => ({ keys: [key.jwk] }));
    const client = document("ChatGPT", [CHATGPT], {
      client_uri: "https://chatgpt.com/",
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_methods_supported: ["none", "private_key_jwt"],
      token_endpoint_auth_signing_alg: "RS256",
      jwks_uri: jwks,
    })(found);
    // Without it ChatGPT takes another callback address, of the single connector.
    assert.equal(found.server.authorization_response_iss_parameter_supported, true);
    assert.ok(found.server.token_endpoint_auth_methods_supported.includes("private_key_jwt"));
    return { ...client, auth, key };
  };
}

const ROWS = [
  { name: "Claude, by its metadata document", identify: document("Claude", [CLAUDE]), redirects: [CLAUDE], scope: challenged },
  { name: "Claude, by registration", identify: registration("Claude", [CLAUDE]), redirects: [CLAUDE], scope: challenged },
  {
    name: "Claude Code, by its metadata document, on any port of localhost and 127.0.0.1",
    identify: document("Claude Code", ["http://localhost/callback", "http://127.0.0.1/callback"]),
    redirects: [`http://localhost:${anyPort()}/callback`, `http://127.0.0.1:${anyPort()}/callback`],
    scope: challenged,
  },
  {
    name: "Claude Code, by registration, back on other ports than it registered",
    identify: registration("Claude Code", ["http://localhost:3118/callback", "http://127.0.0.1:3118/callback"]),
    redirects: [`http://localhost:${anyPort()}/callback`, `http://127.0.0.1:${anyPort()}/callback`],
    scope: challenged,
  },
  ...["none", "private_key_jwt"].map((auth) => ({
    name: `ChatGPT, client authentication ${auth}`,
    identify: chatGpt(auth),
    redirects: [CHATGPT],
    scope: challenged,
    knowsPerson: true,
  })),
  { name: "Cursor, with its three redirects", identify: registration("Cursor", CURSOR), redirects: CURSOR, scope: challenged },
  {
    name: "VS Code, on a random port with the path /",
    identify: registration(
      "Visual Studio Code",
      ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
      {
        application_type: "native",
        client_uri: "https://code.visualstudio.com",
        grant_types: [...CODE.grant_types, "urn:ietf:params:oauth:grant-type:device_code"],
      },
    ),
    redirects: [`http://127.0.0.1:${anyPort()}/`, "http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
    scope: ({ resource }) => resource.scopes_supported.join(" "),
  },
  {
    name: "Codex, with the authorization server's scopes and a suffixed callback",
    identify: registration("Codex", ["http://127.0.0.1:1455/callback/c0ffee42"]),
    redirects: [`http://127.0.0.1:${anyPort()}/callback/c0ffee42`],
    scope: ({ server, resource }) => {
      const missing = resource.scopes_supported.filter((scope) => !server.scopes_supported.includes(scope));
      assert.deepEqual(missing, [], "Codex would never ask for these");
      return server.scopes_supported.join(" ");
    },
  },
  {
    name: "Gemini CLI, which compares the resource as a string",
    identify: registration("Gemini CLI MCP Client", ["http://localhost:7777/oauth/callback"]),
    redirects: [`http://localhost:${anyPort()}/oauth/callback`],
    scope: ({ resource }) => resource.scopes_supported.join(" "),
  },
  {
    name: "a server-side client with a secret in the header",
    identify: registration("Todo lists", [SERVER_SIDE], { token_endpoint_auth_method: "client_secret_basic" }),
    redirects: [SERVER_SIDE],
  },
  {
    name: "a server-side client with a secret in the body",
    identify: registration("Calendars", [SERVER_SIDE], { token_endpoint_auth_method: "client_secret_post" }),
    redirects: [SERVER_SIDE],
  },
];

for (const { name, identify, redirects, scope, knowsPerson } of ROWS) {
  test(name, async () => {
    const found = await discover(gateway.url);
    assert.equal(found.resource.resource, gateway.url);
    const client = await identify(found);
    const browser = newBrowser();
    for (const redirectUri of redirects) {
      const request = { redirectUri, resource: found.resource.resource, scope: scope?.(found), email: "ada@example.com" };
      const { tokens } = await dance(client, browser, request);
      const workspace = await works(gateway, tokens.access_token);

      const renewed = checkTokens(await refresh(client, tokens.refresh_token, { resource: request.resource }));
      assert.deepEqual(scopesOf(renewed.scope), scopesOf(tokens.scope), "a refresh without scope keeps the grant's");
      assert.notEqual(renewed.refresh_token, tokens.refresh_token);
      assert.notEqual(renewed.access_token, tokens.access_token);
      assert.deepEqual(await works(gateway, renewed.access_token), workspace);
      if (knowsPerson) await knowsThePerson(client, renewed);
    }
  });
}

/// What a ChatGPT workspace with a domain limit asks for.
async function knowsThePerson({ server }, tokens) {
  const openid = await getJson(`${server.issuer}/.well-known/openid-configuration`);
  assert.deepEqual(openid, server);
  const profile = await getJson(openid.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  assert.deepEqual([profile.email, profile.email_verified], ["ada@example.com", true]);
  assert.match(profile.sub, /\S/);
}

async function somebody(more = {}) {
  const found = await discover(gateway.url);
  const client = await registration("Scripted", [`http://127.0.0.1:9/callback/${random()}`])(found);
  const request = { redirectUri: client.registered.redirect_uris[0], resource: gateway.url, email: "ada@example.com", ...more };
  return { client, request, browser: newBrowser(), found };
}

test("a connector URL with a query is its own resource, to the letter", async () => {
  const url = `${gateway.url}?images=off`;
  const found = await discover(url);
  assert.equal(found.resource.resource, url);
  const { client, browser, request } = await somebody({ resource: url });
  const { tokens } = await dance(client, browser, request);
  await works({ url }, tokens.access_token);
});

test("every address where clients look for metadata answers the same, to a page of another origin too", async () => {
  const paths = {
    "oauth-protected-resource": ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"],
    "oauth-authorization-server": [
      "/.well-known/oauth-authorization-server",
      "/.well-known/oauth-authorization-server/mcp",
      "/.well-known/openid-configuration",
      "/.well-known/openid-configuration/mcp",
      "/mcp/.well-known/openid-configuration",
    ],
  };
  const origin = "https://inspector.example";
  for (const same of Object.values(paths)) {
    const bodies = new Set();
    for (const path of same) {
      const asked = await fetch(gateway.origin + path, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "GET", "access-control-request-headers": "mcp-protocol-version" },
      });
      assert.ok(asked.ok, `${path}: preflight answered ${asked.status}`);
      assert.match(asked.headers.get("access-control-allow-headers") ?? "", /\*|mcp-protocol-version/i, path);
      const response = await fetch(gateway.origin + path, { headers: { origin, "mcp-protocol-version": "2025-11-25" } });
      assert.equal(response.status, 200, path);
      assert.match(response.headers.get("access-control-allow-origin") ?? "", /^(\*|https:\/\/inspector\.example)$/, path);
      bodies.add(await response.text());
    }
    assert.equal(bodies.size, 1, [...bodies].join("\n"));
  }
});

test("identical public registrations are one client; a confidential one is always new", async () => {
  const { server } = await discover(gateway.url);
  const one = registration("Twice", ["https://twice.example/callback"]);
  assert.equal((await one({ server })).id, (await one({ server })).id);
  const other = await registration("Twice", ["https://twice.example/other"])({ server });
  assert.notEqual(other.id, (await one({ server })).id);
  const secret = registration("Twice", ["https://twice.example/callback"], { token_endpoint_auth_method: "client_secret_post" });
  const [first, second] = [await secret({ server }), await secret({ server })];
  assert.notEqual(first.id, second.id);
  assert.notEqual(first.secret, second.secret);
});

const FINE = "https://fine.example/callback";
const ODD = ["javascript:alert(1)//", "http://198.51.100.7/callback", "cursor://elsewhere/oauth/callback", `${FINE}#part`];

test("odd redirects do not spoil a registration, and are refused by a page when used", async () => {
  const { server } = await discover(gateway.url);
  const client = await registration("Odd", [FINE, ...ODD])({ server });
  const browser = newBrowser();
  const request = { redirectUri: FINE, resource: gateway.url, email: "ada@example.com" };
  const { tokens } = await dance(client, browser, request);
  await works(gateway, tokens.access_token);
  const unregistered = [`${FINE}/`, FINE.replace("fine", "FINE"), `${FINE}?next=1`, FINE.replace("//", "//user@")];
  for (const redirectUri of [...ODD, ...unregistered]) {
    const page = await browser.open(begin(client, { redirectUri, resource: gateway.url }).url);
    assert.deepEqual([page.status, page.left], [400, undefined], redirectUri);
    assert.match(page.headers["content-type"], /^text\/html/);
  }
});

test("a denied request goes back with the reason, the state and the issuer", async () => {
  const { client, browser, request } = await somebody();
  const begun = begin(client, request);
  const left = await authorize(browser, begun.url, { email: "ada@example.com", decision: "deny" });
  const { error, code, error_description } = readCallback(client, begun, left);
  assert.deepEqual([error, code], ["access_denied", undefined]);
  assert.match(error_description, /\S/);
});

test("scopes left unticked are not granted; a narrower refresh works, a wider one does not", async () => {
  const { client, browser, request } = await somebody({ scope: "workspaces:read models:read forge:read" });
  const granted = ["models:read", "workspaces:read"];
  const { tokens } = await dance(client, browser, { ...request, scopes: granted });
  assert.deepEqual(scopesOf(tokens.scope), granted);

  const narrow = checkTokens(await refresh(client, tokens.refresh_token, { scope: "workspaces:read" }));
  assert.deepEqual(scopesOf(narrow.scope), ["workspaces:read"]);
  const whole = checkTokens(await refresh(client, narrow.refresh_token));
  assert.deepEqual(scopesOf(whole.scope), granted, "the grant itself has not become narrower");
  const wide = await refresh(client, whole.refresh_token, { scope: "workspaces:read forge:read" });
  assert.deepEqual([wide.status, wide.body.error], [400, "invalid_scope"]);
  await works(gateway, checkTokens(await refresh(client, whole.refresh_token)).access_token);
});

test("a tool beyond the token's scopes is answered with what to ask for, and a second consent gives it", async () => {
  const { client, browser, request } = await somebody({ scope: "workspaces:read" });
  const { tokens } = await dance(client, browser, request);
  const call = { name: "list_models", arguments: {} };
  const refused = await send({ url: gateway.url, token: tokens.access_token }, "tools/call", call);
  await refused.text();
  assert.equal(refused.status, 403);
  const { error, scope, resource_metadata } = challengeOf(refused);
  assert.equal(error, "insufficient_scope");
  assert.deepEqual(scopesOf(scope), ["models:read", "workspaces:read"], "what is needed and what is held");
  assert.ok(resource_metadata.startsWith(`${gateway.origin}/`));

  const more = await dance(client, browser, { ...request, scope });
  const allowed = await send({ url: gateway.url, token: more.tokens.access_token }, "tools/call", call);
  assert.equal(allowed.status, 200, await allowed.text());
});

test("a client that has vanished is told so with 401 invalid_client, and a dead token with invalid_grant", async () => {
  const { client, browser, request } = await somebody();
  const { begun, tokens } = await dance(client, browser, request);
  const vanished = await refresh({ ...client, id: "no-such-client" }, tokens.refresh_token);
  assert.deepEqual([vanished.status, vanished.body.error], [401, "invalid_client"]);
  const dead = await refresh(client, `${tokens.refresh_token.slice(0, -6)}AAAAAA`);
  assert.deepEqual([dead.status, dead.body.error], [400, "invalid_grant"]);
  const unknown = await redeem(client, begun, "no-such-code");
  assert.deepEqual([unknown.status, unknown.body.error], [400, "invalid_grant"]);
});

test("a revoked refresh token is dead", async () => {
  const { client, browser, request } = await somebody();
  const { tokens } = await dance(client, browser, request);
  await works(gateway, tokens.access_token);
  const revoked = await token(client, { token: tokens.refresh_token }, { endpoint: client.server.revocation_endpoint });
  assert.equal(revoked.status, 200);
  const again = await refresh(client, tokens.refresh_token);
  assert.deepEqual([again.status, again.body.error], [400, "invalid_grant"]);
});
