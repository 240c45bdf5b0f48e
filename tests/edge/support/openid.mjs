// A real OpenID provider on loopback for tests of the sign-in: `oidc-provider`, certified, with a login form of one
// field instead of its own pages. What a person types is who they are.
import crypto from "node:crypto";
import http from "node:http";
import { Provider } from "oidc-provider";

const UNVERIFIED = /^unverified/;

/// `allow(callback)` names the gateway's callback address once it is known; until then nobody can sign in.
/// `hold()`: where the next answer would have sent the browser; it is sent nowhere.
/// `inIdToken`: whether the address stands in the ID token, as most providers have it, or only in userinfo, as the
/// specification has it.
export async function startOpenId({ inIdToken = false } = {}) {
  let handle = (request, response) => response.writeHead(503).end();
  const server = http.createServer((request, response) => handle(request, response));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let held;
  const client = { client_id: "atelier", client_secret: crypto.randomBytes(24).toString("base64url") };
  return {
    issuer,
    client,
    allow(callback) {
      const provider = new Provider(issuer, configuration({ ...client, redirect_uris: [callback] }, inIdToken));
      const answer = provider.callback();
      handle = (request, response) => {
        if (held) catchRedirect(response, callback, (address) => {
          held(address);
          held = undefined;
        });
        if (request.url.startsWith("/login/")) login(provider, request, response).catch((error) => fail(response, error));
        else answer(request, response);
      };
    },
    hold() {
      return new Promise((resolve) => (held = resolve));
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function configuration(client, inIdToken) {
  return {
    clients: [{ ...client, grant_types: ["authorization_code"], response_types: ["code"] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: !inIdToken,
    cookies: { keys: [crypto.randomBytes(24).toString("base64url")] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, address) => ({ accountId: address, claims: () => claimsOf(address) }),
    interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
    jwks: { keys: [crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" })] },
    loadExistingGrant: grantAll,
    pkce: { required: () => true },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
  };
}

function claimsOf(address) {
  return { sub: address, email: address, email_verified: !UNVERIFIED.test(address), name: address.split("@")[0] };
}

/// The operator has agreed for everybody, as is usual within an organisation: no consent page.
async function grantAll(context) {
  const { client, session, provider } = context.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope("openid email profile");
  await grant.save();
  return grant;
}

function catchRedirect(response, callback, caught) {
  const send = response.writeHead;
  response.writeHead = (...given) => {
    const address = String(response.getHeader("location") ?? "");
    if (address.startsWith(`${callback}?`)) {
      caught(address);
      response.removeHeader("location");
      response.statusCode = 200;
      given[0] = 200;
    }
    return send.apply(response, given);
  };
}

async function login(provider, request, response) {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(`<!doctype html><html lang="en"><title>Provider</title><form method="post">
      <label>Address <input name="address" autofocus></label> <button>Continue</button></form></html>`);
    return;
  }
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const address = new URLSearchParams(body).get("address");
  await provider.interactionFinished(request, response, { login: { accountId: address } }, { mergeWithLastSubmission: false });
}

function fail(response, error) {
  response.writeHead(500, { "content-type": "text/plain" });
  response.end(String(error?.stack ?? error));
}
