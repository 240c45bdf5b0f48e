// A token's requests a minute, as a client on the wire meets them: what each answer says, and the refusal.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "./support/gateway.mjs";
import { send } from "./support/mcp.mjs";

const LIMIT = 8;
const WINDOW_SECONDS = 60;

let gateway;

before(async () => {
  gateway = await startGateway({ vars: { RATE_LIMIT_PERSONAL: String(LIMIT) } });
});
after(() => gateway?.stop());

const told = ({ headers }) =>
  ["limit", "remaining", "reset"].map((name) => Number(headers.get(`x-ratelimit-${name}`) ?? Number.NaN));

test("every answer says what is left, and one request too many is a 429 that says when to come back", async () => {
  const ada = await gateway.as("ada@example.com");
  const begin = Date.now() / 1000;
  let reset;
  for (let left = LIMIT - 1; left >= 0; left--) {
    const response = await send(ada, "tools/list", {}, { era: left % 2 ? "modern" : "legacy" });
    await response.arrayBuffer();
    assert.equal(response.status, 200);
    const [limit, remaining, resetAt] = told(response);
    assert.deepEqual([limit, remaining], [LIMIT, left]);
    reset ??= resetAt;
    assert.equal(resetAt, reset, "one window");
  }
  assert.ok(Math.abs(reset - begin - WINDOW_SECONDS) <= 3, `${reset - begin} s`);

  const refused = await send(ada, "tools/list", {}, { headers: { origin: gateway.origin } });
  assert.equal(refused.status, 429);
  assert.deepEqual(told(refused), [LIMIT, 0, reset]);
  const wait = Number(refused.headers.get("retry-after"));
  assert.ok(Math.abs(Date.now() / 1000 + wait - reset) <= 2, `retry after ${wait} s`);
  assert.match(refused.headers.get("access-control-expose-headers"), /X-RateLimit-Remaining/);
  const { error } = await refused.json();
  assert.equal(error.code, "RATE_LIMITED");
  assert.match(error.message, /8 requests a minute/);
  assert.match(error.next, new RegExp(`Wait ${wait} seconds?`));
  assert.deepEqual(error.details, { limit: LIMIT, retry_after_seconds: wait });

  const other = await gateway.as("ada@example.com", { workspace_id: ada.workspaceId });
  const response = await send(other, "tools/list");
  await response.arrayBuffer();
  assert.deepEqual([response.status, told(response)[1]], [200, LIMIT - 1], "another token of the same person");
});

test("whoever has no valid token is told nothing", async () => {
  const stranger = await send({ ...gateway, url: gateway.url, token: "atl_pat_made-up" }, "tools/list");
  assert.equal(stranger.status, 401);
  assert.ok(told(stranger).every(Number.isNaN), "no headers");
});
