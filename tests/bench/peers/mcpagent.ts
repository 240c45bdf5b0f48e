// Peer 2: Cloudflare's `McpAgent` (one Durable Object per session) behind
// workers-oauth-provider, as its tutorials and templates deploy it.
import { OAuthProvider } from "@cloudflare/workers-oauth-provider";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { McpAgent } from "agents/mcp";
import { z } from "zod";
import { getInstructions, listModels } from "./answers";
import { defaultHandler, endpoints, type Env } from "./provider";

export class PeerMcp extends McpAgent<Env> {
  server = new McpServer({ name: "peer-mcpagent", version: "1.0.0" });

  async init() {
    this.server.registerTool(
      "list_models",
      {
        description: "List the models",
        inputSchema: { limit: z.number().int().min(1).max(100).optional() },
      },
      listModels,
    );
    this.server.registerTool(
      "get_instructions",
      { description: "Usage instructions", inputSchema: {} },
      getInstructions,
    );
  }
}

export default new OAuthProvider<Env>({
  ...endpoints,
  apiHandlers: { "/mcp": PeerMcp.serve("/mcp") as never },
  defaultHandler: defaultHandler as never,
});
