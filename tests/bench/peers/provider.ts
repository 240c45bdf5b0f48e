// What both peers share: their OAuth endpoints, and a default handler that
// consents at once for a synthetic user (a real deployment shows a page here).
import type { OAuthHelpers } from "@cloudflare/workers-oauth-provider";

declare const BENCH_RESOURCE: string;

export interface Env {
  OAUTH_KV: KVNamespace;
  OAUTH_PROVIDER: OAuthHelpers;
}

export const endpoints = {
  authorizeEndpoint: "/authorize",
  tokenEndpoint: "/oauth/token",
  clientRegistrationEndpoint: "/oauth/register",
  scopesSupported: ["mcp"],
  resourceMetadata: { resource: BENCH_RESOURCE },
};

export const defaultHandler = {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/health") {
      return new Response("ok");
    }
    if (url.pathname === "/authorize") {
      const authorization = await env.OAUTH_PROVIDER.parseAuthRequest(request);
      const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
        request: authorization,
        userId: "bench-user",
        metadata: {},
        scope: authorization.scope,
        props: { userId: "bench-user" },
        revokeExistingGrants: false,
      });
      return new Response(null, { status: 302, headers: { Location: redirectTo } });
    }
    return new Response("not found", { status: 404 });
  },
};
