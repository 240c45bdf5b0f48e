// Files from other servers: real ones on loopback with every habit of the web, and forty and more ways to spell an address
// that a gateway on the internet must never ask.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { noise, png, sha256 } from "./support/curl.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

const MIB = 1024 * 1024;
let gateway;
let web;

before(async () => {
  web = await startWeb();
  gateway = await startGateway();
});
after(async () => {
  await gateway?.stop();
  web.server.closeAllConnections();
  web.server.close();
});

const picture = png(300_000, 20);
// The size that fills the pieces of an unknown length exactly, one byte less and one more.
const large = png(17 * MIB + 5, 21);

async function startWeb() {
  const asked = [];
  const send = (response, bytes, { length = true, ...headers } = {}) => {
    response.writeHead(200, { "content-type": "application/octet-stream", ...(length && { "content-length": bytes.length }), ...headers });
    response.end(bytes);
  };
  const routes = {
    "/picture.png": (response) => send(response, picture),
    "/unsized": (response) => send(response, picture, { length: false, "content-disposition": 'attachment; filename="named by the server.png"' }),
    "/large-unsized.png": (response) => send(response, large, { length: false }),
    "/page": (response) => send(response, Buffer.from("<!doctype html><title>A page</title>"), { "content-type": "image/png" }),
    "/relative": (response) => response.writeHead(302, { location: "../picture.png?x=1" }).end(),
    "/absolute": (response) => response.writeHead(301, { location: `${web.origin}/relative` }).end(),
    "/loop": (response) => response.writeHead(307, { location: "/loop" }).end(),
    "/gone": (response) => response.writeHead(404).end("no"),
    "/private": (response) => response.writeHead(403).end("no"),
    "/busy": (response) => response.writeHead(503).end("later"),
    "/cut": (response) => {
      response.writeHead(200, { "content-length": picture.length });
      response.write(picture.subarray(0, 100_000));
      setTimeout(() => response.destroy(), 100);
    },
    "/endless": (response) => {
      response.writeHead(200);
      response.write(png(1000));
      const block = noise(MIB);
      const more = () => {
        if (response.destroyed) return;
        while (response.write(block));
        response.once("drain", more);
      };
      more();
    },
    "/slow.png": async (response) => {
      response.writeHead(200, { "content-length": picture.length });
      for (let at = 0; at < picture.length && !response.destroyed; at += 30_000) {
        response.write(picture.subarray(at, at + 30_000));
        await sleep(100);
      }
      response.end();
    },
  };
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    asked.push(request.url);
    if (pathname === "/to") return response.writeHead(302, { location: Buffer.from(searchParams.get("at")).toString("latin1") }).end();
    const route = routes[pathname];
    return route ? route(response) : response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return { server, port, origin: `http://127.0.0.1:${port}`, asked };
}

const from = (of, url, more = {}) => tool(of, "upload_file", { url, ...more });
const stored = async (url, more) => {
  const { answer, error } = await from(gateway, url, more);
  assert.equal(error, undefined, JSON.stringify(error));
  assert.equal(answer.state, "stored");
  return answer;
};

test("a file with its length, without it, slowly, large, and behind redirects", async () => {
  const plain = await stored(`${web.origin}/picture.png?token=secret`);
  assert.deepEqual({ name: plain.name, bytes: plain.bytes, sha: plain.sha256, type: plain.mime_type }, { name: "picture.png", bytes: picture.length, sha: sha256(picture), type: "image/png" });
  assert.equal((await stored(`${web.origin}/unsized`)).name, "named by the server.png");
  const big = await stored(`${web.origin}/large-unsized.png`, { file_name: "mine.png" });
  assert.deepEqual({ name: big.name, sha: big.sha256 }, { name: "mine.png", sha: sha256(large) });
  assert.equal((await stored(`${web.origin}/slow.png`)).sha256, sha256(picture));
  assert.equal((await stored(`${web.origin}/absolute`)).sha256, sha256(picture));
  const served = await fetch(plain.file_url);
  assert.equal(sha256(Buffer.from(await served.arrayBuffer())), sha256(picture));
});

test("the file argument of clients that hold files, and alt text for the library", async () => {
  const file = { download_url: `${web.origin}/picture.png`, file_id: "file-abc", mime_type: "image/png", file_name: "from ChatGPT.png" };
  const { answer } = await tool(gateway, "upload_file", { file });
  assert.equal(answer.name, "from ChatGPT.png");
  const media = await tool(gateway, "upload_media_from_url", { file, alt_text: "A test card" });
  const { answer: list } = await tool(gateway, "list_media", { query: "test card" });
  assert.equal(list.items[0].asset_id, media.answer.file_id);
  assert.equal(list.items[0].origin, "imported");
  for (const args of [{}, { url: file.download_url, file }]) {
    assert.match((await tool(gateway, "upload_file", args)).error.message, /one of `url` and `file`/);
  }
});

test("what goes wrong is told with what to do, and nothing is stored", async () => {
  for (const [path, words] of [
    ["/page", /an HTML page/],
    ["/gone", /status 404/],
    ["/private", /status 403/],
    ["/busy", /status 503/],
    ["/loop", /redirects more than 5 times/],
    ["/cut", /broke off/],
  ]) {
    const { error } = await from(gateway, `${web.origin}${path}`);
    assert.equal(error?.code, "UPLOAD_FAILED", path);
    assert.match(error.message, words, path);
    assert.ok(error.next.length > 20, error.next);
  }
  assert.equal((await from(gateway, `${web.origin}/busy`)).error.details.remote_status, 503);
  assert.match((await from(gateway, "http://127.0.0.1:1/x.png")).error.message, /could not be reached/i);
  const endless = await from(gateway, `${web.origin}/endless`);
  assert.equal(endless.error.code, "FILE_TOO_LARGE");
});

// `P`: the port of a server that must not be reached.
const FORBIDDEN = [
  "http://127.0.0.1:P/", "http://localhost:P/", "http://[::1]:P/", "http://127.1:P/", "http://127.0.1:P/", "http://0:P/",
  "http://0.0.0.0:P/", "http://2130706433:P/", "http://0x7f000001:P/", "http://0x7f.1:P/", "http://0177.0.0.1:P/",
  "http://017700000001:P/", "http://127.0.0.2:P/", "http://[::ffff:127.0.0.1]:P/", "http://[::ffff:7f00:1]:P/",
  "http://[0:0:0:0:0:ffff:127.0.0.1]:P/", "http://[::127.0.0.1]:P/", "http://[64:ff9b::127.0.0.1]:P/", "http://[64:ff9b::7f00:1]:P/",
  "http://[2002:7f00:1::]:P/", "http://[::]:P/", "http://[fe80::1%25lo]:P/", "http://[fd00::1]:P/", "http://127.0.0.1.nip.io:P/",
  "http://localtest.me:P/", "http://LOCALHOST:P/", "http://localhost.:P/", "http://127.0.0.1.:P/", "http://user@127.0.0.1:P/",
  "http://example.com@127.0.0.1:P/", "http://127.0.0.1:P\\@example.com/", "http:127.0.0.1:P/", "http:/127.0.0.1:P/", "//127.0.0.1:P/",
  "https://127.0.0.1:P/", "https://localhost:P/", "https://[::1]:P/", "https://2130706433/", "https://0x7f000001/", "https://[::ffff:127.0.0.1]/",
  "https://169.254.169.254/latest/meta-data/", "https://metadata.google.internal/computeMetadata/v1/", "https://10.0.0.1/", "https://192.168.1.1/",
  "https://172.16.0.1/", "https://100.64.0.1/", "https://kubernetes.default.svc/", "https://printer.local/", "https://\u2460\u2461\u2466.0.0.1/",
  "https://127\u30020\u30020\u30021/", "https://%31%32%37.0.0.1/", "https://loc\u00adalhost/", "file:///etc/passwd", "ftp://127.0.0.1:P/", "gopher://127.0.0.1:P/",
  "data:image/png;base64,iVBORw0KGgo=", "blob:http://127.0.0.1:P/x", "javascript:fetch('http://127.0.0.1:P/')", "https://127.0.0.1.sslip.io/", "https:///127.0.0.1:P/",
];

test("a gateway on the internet asks none of these addresses, on its own or by a redirect", async () => {
  assert.ok(FORBIDDEN.length >= 40);
  const public_ = await startGateway({ vars: { PUBLIC_URL: "https://media.example", TRUSTED_PROXIES: "127.0.0.0/8, ::1" } });
  // As the proxy in front of it would forward it.
  const headers = { "x-forwarded-host": "media.example", "x-forwarded-proto": "https" };
  try {
    web.asked.length = 0;
    for (const form of FORBIDDEN) {
      const url = form.replace("P", web.port);
      const { error } = await tool(public_, "upload_file", { url }, { headers });
      assert.equal(error?.code, "INVALID_INPUTS", url);
      assert.match(error.message, /`url` cannot be fetched: the URL/, url);
    }
    assert.deepEqual(web.asked, []);
    // The gateway of the other tests may ask this machine, by three spellings and no other; a redirect is checked as well.
    // (A redirect to //127.0.0.1 goes to where it came from.)
    for (const form of FORBIDDEN.slice(3).filter((form) => !form.startsWith("//"))) {
      const url = form.replace("P", web.port);
      const { error } = await from(gateway, `${web.origin}/to?at=${encodeURIComponent(url)}`);
      assert.equal(error?.code, "UPLOAD_FAILED", url);
    }
    const beyond = web.asked.filter((path) => !path.startsWith("/to?"));
    assert.deepEqual(beyond, [], "nothing but the redirects themselves was asked for");
  } finally {
    await public_.stop();
  }
});
