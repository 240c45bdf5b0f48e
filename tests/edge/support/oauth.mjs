// An OAuth client for tests, every step in plain sight: discovery, a name for the client, the person's sign-in and
// consent in the scripted browser, the code, the tokens. Clients that people use differ only in what they pass here.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import http from "node:http";
import { tool } from "./mcp.mjs";

const WAIT_MILLIS = 30_000;
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ASSERTION_SECONDS = 60;
const CHALLENGE_PARAMETER = /([\w-]+)="([^"]*)"/g;

export const random = () => crypto.randomBytes(32).toString("base64url");
export const pkceOf = (verifier) => crypto.createHash("sha256").update(verifier).digest("base64url");
export const scopesOf = (text) => text.split(" ").filter(Boolean).toSorted();

/// The parameters of a Bearer challenge.
export function challengeOf(response) {
  const header = response.headers.get("www-authenticate");
  assert.match(header ?? "", /^Bearer /, `HTTP ${response.status} with WWW-Authenticate: ${header}`);
  return Object.fromEntries([...header.matchAll(CHALLENGE_PARAMETER)].map(([, name, value]) => [name, value]));
}

export async function getJson(url, { headers = {}, ...more } = {}) {
  const response = await fetch(url, { headers, redirect: "error", signal: AbortSignal.timeout(WAIT_MILLIS), ...more });
  const text = await response.text();
  assert.equal(response.status, 200, `${url}: HTTP ${response.status} ${text.slice(0, 300)}`);
  assert.match(response.headers.get("content-type"), /^application\/json/, String(url));
  return JSON.parse(text);
}

/// From the connector URL alone, as every client begins: the challenge of a call without a token, the resource it
/// names, that resource's authorization server.
export async function discover(url) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    signal: AbortSignal.timeout(WAIT_MILLIS),
  });
  await response.text();
  assert.equal(response.status, 401);
  const challenge = challengeOf(response);
  const resource = await getJson(challenge.resource_metadata);
  const [issuer] = resource.authorization_servers;
  const server = await getJson(`${issuer}/.well-known/oauth-authorization-server`);
  // RFC 8414 section 3.3: compared as strings, so one slash too many ends the connection in most clients.
  assert.equal(server.issuer, issuer);
  return { challenge, resource, server };
}

/// RFC 7591. Answers with the client as `token` and `begin` want it.
export async function register(server, metadata) {
  const response = await fetch(server.registration_endpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(metadata),
    signal: AbortSignal.timeout(WAIT_MILLIS),
  });
  const registered = await response.json();
  assert.equal(response.status, 201, JSON.stringify(registered));
  return clientOf(server, registered);
}

export function clientOf(server, { client_id, client_secret, token_endpoint_auth_method = "none", ...registered }) {
  return { server, id: client_id, secret: client_secret, auth: token_endpoint_auth_method, registered };
}

/// Serves client-id metadata documents on loopback; a document's address is the client's id.
export async function serveDocuments() {
  const documents = new Map();
  const server = http.createServer((request, response) => {
    const document = documents.get(request.url);
    response.writeHead(document ? 200 : 404, { "content-type": "application/json", "cache-control": "max-age=300" });
    response.end(JSON.stringify(document ?? {}));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    /// `document(id)` makes what stands at `path`.
    put(path, document) {
      documents.set(path, document(`${origin}${path}`));
      return `${origin}${path}`;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/// A key for private_key_jwt: {privateKey, jwk} with the public half as it stands in a JWKS.
export function clientKey(alg = "ES256") {
  const pair = alg === "ES256"
    ? crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
    : crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...pair.publicKey.export({ format: "jwk" }), kid: random().slice(0, 8), alg, use: "sig" };
  return { privateKey: pair.privateKey, jwk };
}

/// RFC 7523 section 3.
function assertionOf(client, claims = {}) {
  const { privateKey, jwk } = client.key;
  const now = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const who = { iss: client.id, sub: client.id, aud: client.server.issuer };
  const body = { ...who, iat: now, exp: now + ASSERTION_SECONDS, jti: random(), ...claims };
  const signed = `${part({ alg: jwk.alg, kid: jwk.kid, typ: "JWT" })}.${part(body)}`;
  const key = jwk.alg === "ES256" ? { key: privateKey, dsaEncoding: "ieee-p1363" } : privateKey;
  return `${signed}.${crypto.sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

/// One request to the token endpoint (or to `endpoint`), with the client's own way of proving who it is.
export async function token(client, parameters, { endpoint = client.server.token_endpoint } = {}) {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== undefined));
  if (client.auth === "client_secret_basic") {
    const pair = [client.id, client.secret].map(encodeURIComponent).join(":");
    headers.authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  } else {
    body.set("client_id", client.id);
  }
  if (client.auth === "client_secret_post") body.set("client_secret", client.secret);
  if (client.auth === "private_key_jwt") {
    body.set("client_assertion_type", ASSERTION_TYPE);
    body.set("client_assertion", assertionOf(client));
  }
  const response = await fetch(endpoint, { method: "POST", headers, body, signal: AbortSignal.timeout(WAIT_MILLIS) });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/// What a client keeps while its person is away: the address it sends them to, and the state and verifier.
export function begin(client, { redirectUri, resource, scope, ...more }) {
  const [state, verifier] = [random(), random()];
  const url = new URL(client.server.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: client.id,
    redirect_uri: redirectUri,
    code_challenge: pkceOf(verifier),
    code_challenge_method: "S256",
    state,
    resource,
    scope,
    ...more,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return { url: String(url), state, verifier, redirectUri, resource };
}

/// Signs in by the development form of a loopback gateway. `page` is where the sign-in was asked for.
export async function signIn(browser, email, page) {
  const asked = page ?? (await browser.open("/sign-in?return=/account"));
  return browser.submit(asked.form("/sign-in/development"), { email });
}

/// Answers the consent page. `scopes`: those left ticked; otherwise the page's own choice.
export function consent(browser, page, { decision = "approve", scopes, workspaceId } = {}) {
  const form = page.form("/oauth/authorize");
  const fields = { ...(scopes && { scope: scopes }), ...(workspaceId && { workspace_id: workspaceId }) };
  return browser.submit(form, fields, ["decision", decision]);
}

/// The person's part: opens the address, signs in when asked, consents. Answers with where the browser was sent.
export async function authorize(browser, url, { email, ...choice } = {}) {
  let page = await browser.open(url);
  if (new URL(page.url).pathname === "/sign-in") {
    assert.ok(email, `nobody is signed in, and the test says nobody: ${page.text.slice(0, 300)}`);
    page = await signIn(browser, email, page);
  }
  const answered = await consent(browser, page, choice);
  assert.equal(answered.status, 303, `the consent was answered with HTTP ${answered.status}: ${answered.text?.slice(0, 600)}`);
  assert.ok(answered.left, `the consent left nowhere, but to ${answered.url}`);
  return answered.left;
}

/// The parameters that came back, once they are sure to be the answer to this very question (RFC 9207 included).
export function readCallback(client, begun, left) {
  const [target, query = ""] = left.split("?", 2);
  assert.equal(target, begun.redirectUri, "sent elsewhere");
  const parameters = new URLSearchParams(query);
  for (const name of ["state", "iss"]) assert.equal(parameters.getAll(name).length, 1, `${name} in ${left}`);
  assert.equal(parameters.get("state"), begun.state);
  assert.equal(parameters.get("iss"), client.server.issuer);
  return Object.fromEntries(parameters);
}

export function redeem(client, begun, code, changed = {}) {
  return token(client, {
    grant_type: "authorization_code",
    code,
    code_verifier: begun.verifier,
    redirect_uri: begun.redirectUri,
    resource: begun.resource,
    ...changed,
  });
}

export function refresh(client, refreshToken, changed = {}) {
  return token(client, { grant_type: "refresh_token", refresh_token: refreshToken, ...changed });
}

/// RFC 6749 section 5.1, and what hosted clients lean on beyond it.
export function checkTokens({ status, headers, body }) {
  assert.equal(status, 200, JSON.stringify(body));
  assert.match(headers.get("cache-control") ?? "", /no-store/);
  assert.equal(body.token_type.toLowerCase(), "bearer");
  assert.match(body.access_token, /^atl_oat_/);
  assert.match(body.refresh_token, /^atl_ort_/);
  assert.ok(body.expires_in > 0 && body.expires_in <= 3600, `expires_in ${body.expires_in}`);
  assert.ok(scopesOf(body.scope).length > 0);
  return body;
}

/// The whole dance. Answers with {begun, callback, tokens}.
export async function dance(client, browser, { email, decision, scopes, workspaceId, ...request }) {
  const begun = begin(client, request);
  const left = await authorize(browser, begun.url, { email, decision, scopes, workspaceId });
  const callback = readCallback(client, begun, left);
  assert.ok(callback.code, `no code: ${left}`);
  return { begun, callback, tokens: checkTokens(await redeem(client, begun, callback.code)) };
}

/// The gateway as the holder of an access token sees it.
export const holder = (gateway, accessToken) => ({ url: gateway.url, token: accessToken });

/// Calls a tool that every grant of these tests may call; throws when the token is not taken.
export async function works(gateway, accessToken) {
  const { error, answer } = await tool(holder(gateway, accessToken), "get_workspace", {});
  assert.equal(error, undefined, JSON.stringify(error));
  return answer;
}
