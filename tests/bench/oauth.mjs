// The OAuth flow of every server, step by step, and the personal access token
// that only ours has. A server is {name, port} here; with an `agent` its
// requests share connections.

import { createHash, randomBytes } from "node:crypto";

import { FLOWS, OURS } from "./config.mjs";
import { request, requestJson } from "./http.mjs";

// Never dialled: the code is read from the Location header of the redirect.
// On https, as of a hosted client: ours then also looks up what the person
// allowed that client before.
const REDIRECT_URI = "https://client.example/callback";

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };

const send = ({ port, agent }, options) => request(port, { ...options, agent });

function expectStatus(answer, status, what) {
  if (answer.status !== status) {
    throw new Error(`${what}: HTTP ${answer.status} instead of ${status}: ${answer.text.slice(0, 300)}`);
  }
}

// Somebody with a name and a workspace; what is returned is the session's
// cookie. The peers know nobody, so there it is undefined.
export async function signIn(server, email) {
  const { signInPath, sessionCookie } = FLOWS[server.name];
  if (!signInPath) {
    return undefined;
  }
  const body = new URLSearchParams({ return: "/account", email }).toString();
  const answer = await send(server, { method: "POST", path: signInPath, headers: FORM, body });
  expectStatus(answer, 303, `POST ${signInPath}`);
  const cookies = (answer.headers["set-cookie"] ?? []).map((cookie) => cookie.split(";")[0]);
  const session = cookies.find((cookie) => cookie.startsWith(`${sessionCookie}=`));
  if (!session) {
    throw new Error(`POST ${signInPath}: no cookie ${sessionCookie}`);
  }
  return session;
}

export async function register(server, name) {
  const answer = await send(server, {
    method: "POST",
    path: "/oauth/register",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: name,
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    }),
  });
  expectStatus(answer, 201, "POST /oauth/register");
  return JSON.parse(answer.text).client_id;
}

function attributes(tag) {
  const found = {};
  for (const [, name, , value] of tag.matchAll(/([\w-]+)(="([^"]*)")?/g)) {
    found[name] = (value ?? "").replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]);
  }
  return found;
}

// The consent page's form as it stands, approved: hidden fields and what is ticked.
function approved(html, path) {
  const form = html.split(`action="${path}"`)[1]?.split("</form>")[0];
  if (form === undefined) {
    throw new Error(`no form for ${path} in the page: ${html.slice(0, 300)}`);
  }
  const inputs = [...form.matchAll(/<input\s([^>]*)>/g)].map(([, tag]) => attributes(tag));
  const fields = inputs.filter(({ type, checked }) => type === "hidden" || checked !== undefined);
  return new URLSearchParams([...fields.map(({ name, value }) => [name, value]), ["decision", "approve"]]).toString();
}

// To the code: the peers redirect at once, ours after the person's answer.
export async function authorize(server, clientId, person) {
  const { authorizePath, resource, scope } = FLOWS[server.name];
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    ...(scope ? { scope } : {}),
    state: "bench",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource,
  });
  const headers = person ? { cookie: person } : {};
  let answer = await send(server, { path: `${authorizePath}?${query}`, headers });
  if (person) {
    expectStatus(answer, 200, `GET ${authorizePath}`);
    const body = approved(answer.text, authorizePath);
    answer = await send(server, { method: "POST", path: authorizePath, headers: { ...FORM, ...headers }, body });
  }
  expectStatus(answer, person ? 303 : 302, authorizePath);
  const { location } = answer.headers;
  const code = new URL(location).searchParams.get("code");
  if (!location.startsWith(REDIRECT_URI) || !code) {
    throw new Error(`${authorizePath} led to ${location}`);
  }
  return { code, verifier };
}

// Answers as they come: races want refusals too.
async function tokenRequest(server, parameters) {
  const body = new URLSearchParams({ ...parameters, resource: FLOWS[server.name].resource }).toString();
  const answer = await send(server, { method: "POST", path: "/oauth/token", headers: FORM, body });
  if (answer.status !== 200 && answer.status !== 400) {
    throw new Error(`POST /oauth/token: HTTP ${answer.status}: ${answer.text.slice(0, 300)}`);
  }
  return { status: answer.status, ...JSON.parse(answer.text) };
}

export const redeem = (server, clientId, { code, verifier }) =>
  tokenRequest(server, {
    grant_type: "authorization_code",
    code,
    redirect_uri: REDIRECT_URI,
    client_id: clientId,
    code_verifier: verifier,
  });

export const refresh = (server, clientId, refreshToken) =>
  tokenRequest(server, { grant_type: "refresh_token", refresh_token: refreshToken, client_id: clientId });

export function tokensOf(answer) {
  if (answer.status !== 200 || !answer.access_token || !answer.refresh_token) {
    throw new Error(`POST /oauth/token: HTTP ${answer.status}: ${JSON.stringify(answer).slice(0, 300)}`);
  }
  return { access: answer.access_token, refresh: answer.refresh_token };
}

// The whole dance of a client that nobody knows yet, for somebody signed in.
export async function dance(server, { name, person }) {
  const clientId = await register(server, name);
  const authorized = await authorize(server, clientId, person);
  return { clientId, ...tokensOf(await redeem(server, clientId, authorized)) };
}

export async function oauthToken(server) {
  const person = await signIn(server, "bench@bench.example");
  return (await dance(server, { name: "bench", person })).access;
}

export async function ourToken(port, operatorKey) {
  const { token } = await requestJson(
    port,
    {
      method: "POST",
      path: OURS.tokenPath,
      headers: { "content-type": "application/json", authorization: `Bearer ${operatorKey}` },
      body: JSON.stringify(OURS.tokenRequest),
    },
    200,
  );
  if (typeof token !== "string" || token === "") {
    throw new Error(`POST ${OURS.tokenPath}: no token in the answer`);
  }
  return token;
}
