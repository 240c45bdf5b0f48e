// One small HTTP request: node's fetch cannot be trusted to send a Host of our
// choosing, and the servers must see the same Host whatever port they got.

import http from "node:http";
import net from "node:net";

import { HOST, LIMITS } from "./config.mjs";

// `agent` keeps connections for the next request; without one each request has its own.
export function request(port, { method = "GET", path = "/", headers = {}, body, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent,
        timeout: LIMITS.requestMs,
        headers: {
          host: HOST,
          ...(agent ? {} : { connection: "close" }),
          ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: response.statusCode,
            headers: response.headers,
            bytes: bytes.length,
            text: bytes.toString("utf8"),
          });
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path}: no answer in ${LIMITS.requestMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

export async function requestJson(port, options, expectedStatus) {
  const answer = await request(port, options);
  if (answer.status !== expectedStatus) {
    throw new Error(`${options.method ?? "GET"} ${options.path}: ${answer.status} instead of ${expectedStatus}: ${answer.text.slice(0, 400)}`);
  }
  return JSON.parse(answer.text);
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
