// A reverse proxy on loopback that adds headers to every request, for clients that have no option for them, and
// shows each request to the test. Host, Origin and event streams pass through as they are.
import http from "node:http";

export async function startProxy(target, { added = {}, onRequest = () => {} } = {}) {
  const { hostname, port } = new URL(target);
  const server = http.createServer((request, response) => {
    onRequest(request);
    const headers = [...request.rawHeaders];
    for (const [name, value] of Object.entries(added)) headers.push(name, value);
    const options = { hostname, port, method: request.method, path: request.url, headers, setHost: false };
    const upstream = http.request(options, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    upstream.on("error", (error) => {
      if (!response.headersSent) response.writeHead(502);
      response.end(String(error));
    });
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    url: `${origin}/mcp`,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
