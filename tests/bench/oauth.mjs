// How each server's bearer token is obtained, the way its users get one: the
// peers by registration, authorization (auto-consented) and code exchange, ours
// by the operator's endpoint for personal access tokens.

import { createHash, randomBytes } from "node:crypto";

import { HOST, OURS } from "./config.mjs";
import { request, requestJson } from "./http.mjs";

// Never dialled: the code is read from the Location header of the redirect.
const REDIRECT_URI = "http://127.0.0.1:7777/cb";

export async function peerToken(port) {
  const client = await requestJson(
    port,
    {
      method: "POST",
      path: "/oauth/register",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        client_name: "bench",
        redirect_uris: [REDIRECT_URI],
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      }),
    },
    201,
  );

  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    scope: "mcp",
    state: "bench",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource: `http://${HOST}`,
  });
  const redirect = await request(port, { path: `/authorize?${query}` });
  if (redirect.status !== 302) {
    throw new Error(`/authorize: HTTP ${redirect.status}: ${redirect.text.slice(0, 300)}`);
  }

  const token = await requestJson(
    port,
    {
      method: "POST",
      path: "/oauth/token",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        grant_type: "authorization_code",
        code: new URL(redirect.headers.location).searchParams.get("code"),
        redirect_uri: REDIRECT_URI,
        client_id: client.client_id,
        code_verifier: verifier,
        resource: `http://${HOST}`,
      }).toString(),
    },
    200,
  );
  return token.access_token;
}

export async function ourToken(port, operatorKey) {
  const answer = await request(port, {
    method: "POST",
    path: OURS.tokenPath,
    headers: { "content-type": "application/json", authorization: `Bearer ${operatorKey}` },
    body: JSON.stringify(OURS.tokenRequest),
  });
  if (answer.status < 200 || answer.status > 299) {
    throw new Error(`POST ${OURS.tokenPath}: HTTP ${answer.status}: ${answer.text.slice(0, 400)}`);
  }
  const { token } = JSON.parse(answer.text);
  if (typeof token !== "string" || token === "") {
    throw new Error(`POST ${OURS.tokenPath}: no token in the answer`);
  }
  return token;
}
