// A receiver of callbacks that keeps what it got, to the byte.
import { createServer } from "node:http";

/// `answer(letter, index)` gives a status or { status, headers }.
export async function startReceiver(answer = () => 200) {
  const letters = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const letter = { headers: request.headers, method: request.method, path: request.url, raw, json: JSON.parse(raw), at: Date.now() };
    letters.push(letter);
    const said = await answer(letter, letters.length - 1);
    const { status, headers } = typeof said === "number" ? { status: said } : said;
    response.writeHead(status, headers).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    letters,
    to: (path) => letters.filter((letter) => letter.path === path),
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
