// Peer 1: Cloudflare's agents `createMcpHandler` behind workers-oauth-provider,
// a server per request and no session, which is what Cloudflare recommends now.
import { OAuthProvider } from "@cloudflare/workers-oauth-provider";
import { McpServer } from "@modelcontextprotocol/server";
import { createMcpHandler } from "agents/mcp/server";
import { z } from "zod";
import { getInstructions, listModels } from "./answers";
import { defaultHandler, endpoints, type Env } from "./provider";

function createServer() {
  const server = new McpServer({ name: "peer-stateless", version: "1.0.0" });
  server.registerTool(
    "list_models",
    {
      description: "List the models",
      inputSchema: z.object({ limit: z.number().int().min(1).max(100).optional() }),
    },
    listModels,
  );
  server.registerTool(
    "get_instructions",
    { description: "Usage instructions", inputSchema: z.object({}) },
    getInstructions,
  );
  return server;
}

const handler = createMcpHandler(() => createServer(), { route: "/mcp" });

export default new OAuthProvider<Env>({
  ...endpoints,
  apiHandlers: {
    "/mcp": {
      fetch: (request: Request, env: Env, ctx: ExecutionContext) => handler(request, env as never, ctx),
    } as never,
  },
  defaultHandler: defaultHandler as never,
});
