// The authorization server through oauth4webapi, a certified client library that checks every answer against its RFC:
// discovery by both documents, registration, the code with each way of client authentication, the access token as a
// JWT, userinfo, rotation and revocation.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as oauth from "oauth4webapi";
import { Browser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";
import { authorize, random, scopesOf, serveDocuments, works } from "./support/oauth.mjs";

// The library wants https; loopback is the exception that it has a switch for.
const LOOPBACK = { [oauth.allowInsecureRequests]: true };
const PREFIX = "atl_oat_";
const EMAIL = "ada@example.com";

let gateway;
let browser;
let documents;
let server;

before(async () => {
  gateway = await startGateway();
  browser = new Browser(gateway.origin);
  documents = await serveDocuments();
  server = await discovered("oauth2");
});
after(async () => {
  browser?.close();
  await documents?.stop();
  await gateway?.stop();
});

async function discovered(algorithm) {
  const issuer = new URL(gateway.origin);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...LOOPBACK }));
}

async function registered(metadata) {
  const redirect_uris = [`http://127.0.0.1:9/callback/${random()}`];
  const wanted = { client_name: "Certified", redirect_uris, grant_types: ["authorization_code", "refresh_token"], ...metadata };
  return oauth.processDynamicClientRegistrationResponse(await oauth.dynamicClientRegistrationRequest(server, wanted, LOOPBACK));
}

/// The code flow; every answer passes the library's checks (state, `iss`, PKCE, token response).
async function grant(client, authentication, redirectUri, more = {}) {
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: redirectUri,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    resource: gateway.url,
    ...more,
  });
  const left = new URL(await authorize(browser, String(url), { email: EMAIL }));
  const parameters = oauth.validateAuthResponse(server, client, left, state);
  const code = [parameters, redirectUri, verifier];
  const response = await oauth.authorizationCodeGrantRequest(server, client, authentication, ...code, LOOPBACK);
  return oauth.processAuthorizationCodeResponse(server, client, response);
}

test("both metadata documents pass, and the resource's", async () => {
  assert.deepEqual(await discovered("oidc"), server);
  const response = await oauth.resourceDiscoveryRequest(new URL(gateway.url), LOOPBACK);
  const resource = await oauth.processResourceDiscoveryResponse(new URL(gateway.url), response);
  assert.deepEqual(resource.authorization_servers, [server.issuer]);
});

/// Each way that the metadata offers: [the client, how it proves itself].
const WAYS = {
  none: async () => [await registered({ token_endpoint_auth_method: "none" }), oauth.None()],
  client_secret_basic: async () => {
    const client = await registered({ token_endpoint_auth_method: "client_secret_basic" });
    return [client, oauth.ClientSecretBasic(client.client_secret)];
  },
  client_secret_post: async () => {
    const client = await registered({ token_endpoint_auth_method: "client_secret_post" });
    return [client, oauth.ClientSecretPost(client.client_secret)];
  },
  private_key_jwt: async () => {
    const pair = await oauth.generateKeyPair("ES256");
    const jwk = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid: "one", alg: "ES256", use: "sig" };
    const redirect_uris = [`http://127.0.0.1:9/callback/${random()}`];
    const client_id = documents.put(`/${random()}/client.json`, (id) => ({
      client_id: id,
      client_name: "Certified",
      redirect_uris,
      token_endpoint_auth_method: "private_key_jwt",
      jwks: { keys: [jwk] },
    }));
    return [{ client_id, redirect_uris }, oauth.PrivateKeyJwt({ key: pair.privateKey, kid: "one" })];
  },
};

test("the metadata offers exactly the ways of client authentication that are tried here", () => {
  assert.deepEqual(server.token_endpoint_auth_methods_supported.toSorted(), Object.keys(WAYS).toSorted());
});

for (const [way, make] of Object.entries(WAYS)) {
  test(`${way}: code, access token, userinfo, rotation, revocation`, async () => {
    const [client, authentication] = await make();
    const tokens = await grant(client, authentication, client.redirect_uris[0]);
    const claims = await verified(tokens.access_token);
    assert.equal(claims.client_id, client.client_id);
    await works(gateway, tokens.access_token);

    const asked = await oauth.userInfoRequest(server, client, tokens.access_token, LOOPBACK);
    const profile = await oauth.processUserInfoResponse(server, client, claims.sub, asked);
    assert.deepEqual([profile.email, profile.email_verified], [EMAIL, true]);

    const again = await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, LOOPBACK);
    const renewed = await oauth.processRefreshTokenResponse(server, client, again);
    assert.notEqual(renewed.refresh_token, tokens.refresh_token);
    assert.deepEqual(scopesOf(renewed.scope), scopesOf(tokens.scope));
    await works(gateway, renewed.access_token);

    const revoked = await oauth.revocationRequest(server, client, authentication, renewed.refresh_token, LOOPBACK);
    await oauth.processRevocationResponse(revoked);
    const late = await oauth.refreshTokenGrantRequest(server, client, authentication, renewed.refresh_token, LOOPBACK);
    await assert.rejects(oauth.processRefreshTokenResponse(server, client, late), { error: "invalid_grant", status: 400 });
  });
}

/// RFC 9068, by the published keys. The prefix is ours, for whoever finds a token in a log; the rest is a JWT.
function verified(accessToken) {
  assert.ok(accessToken.startsWith(PREFIX));
  const headers = { authorization: `Bearer ${accessToken.slice(PREFIX.length)}` };
  return oauth.validateJwtAccessToken(server, new Request(gateway.url, { headers }), gateway.url, LOOPBACK);
}

test("a client that proves itself with another's key is refused", async () => {
  const [client, authentication] = await WAYS.private_key_jwt();
  const tokens = await grant(client, authentication, client.redirect_uris[0]);
  const stranger = oauth.PrivateKeyJwt({ key: (await oauth.generateKeyPair("ES256")).privateKey, kid: "one" });
  const response = await oauth.refreshTokenGrantRequest(server, client, stranger, tokens.refresh_token, LOOPBACK);
  await assert.rejects(oauth.processRefreshTokenResponse(server, client, response), { error: "invalid_client", status: 401 });
});
