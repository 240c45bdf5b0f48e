// A browser without a browser, for tests that need hundreds of sign-ins: a cookie jar, redirects followed one by
// one, and forms sent as a person would send them. What only a real browser shows is in oauth-sign-in.test.mjs.
import assert from "node:assert/strict";
import http from "node:http";

const MAX_HOPS = 12;
const WAIT_MILLIS = 30_000;
const REDIRECTS = [301, 302, 303, 307, 308];
const TAG = "(?:[^>\"']|\"[^\"]*\"|'[^']*')*";
const FORM = new RegExp(`<form\\b(${TAG})>([\\s\\S]*?)</form>`, "gi");
const CONTROL = new RegExp(`<(input|button|textarea|select|option|/select)\\b(${TAG})>`, "gi");
const ATTRIBUTE = /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

export class Browser {
  // A cookie belongs to a host, whatever the port, as in any browser.
  #jars = new Map();
  #agent = new http.Agent({ keepAlive: true });

  constructor(origin) {
    this.origin = origin;
  }

  close() {
    this.#agent.destroy();
  }

  /// Types an address, follows redirects as long as they stay on the gateway, and answers with the page where it
  /// ends. `left` is the address that a redirect away from the gateway named, to the letter; it is not fetched.
  open(address, { method = "GET", body, site = "none" } = {}) {
    return this.#follow(new URL(address, this.origin), method, body, site);
  }

  /// Sends a form of a page with what it is filled with, apart from `fields` (a value, a list, or undefined to leave
  /// one out) and the pressed `button`.
  submit(form, fields = {}, button) {
    assert.equal(form.method, "POST");
    const body = new URLSearchParams(form.filled);
    for (const [name, value] of Object.entries(fields)) {
      body.delete(name);
      for (const each of value === undefined ? [] : [value].flat()) body.append(name, each);
    }
    if (button) body.append(...button);
    return this.open(form.action, { method: "POST", body: String(body), site: "same-origin" });
  }

  async #follow(url, method, body, site) {
    for (let hop = 0; hop < MAX_HOPS; hop += 1) {
      const { status, headers, text } = await this.#ask(url, method, body, site);
      const location = REDIRECTS.includes(status) ? headers.location : undefined;
      if (!location) return new Page({ url, status, headers, html: text });
      const next = new URL(location, url);
      if (next.origin !== new URL(this.origin).origin) return new Page({ url, status, headers, html: text, left: location });
      if (status < 307) [method, body] = ["GET", undefined];
      url = next;
    }
    throw new Error(`more than ${MAX_HOPS} redirects, the last to ${url}`);
  }

  #ask(url, method, body, site) {
    const headers = {
      accept: "text/html,application/xhtml+xml,*/*;q=0.8",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
      "sec-fetch-site": site,
    };
    const cookies = [...(this.#jars.get(url.hostname) ?? [])].map(([name, value]) => `${name}=${value}`);
    if (cookies.length > 0) headers.cookie = cookies.join("; ");
    if (body !== undefined) {
      headers["content-type"] = "application/x-www-form-urlencoded";
      headers["content-length"] = Buffer.byteLength(body);
      headers.origin = this.origin;
    }
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: this.#agent, signal: AbortSignal.timeout(WAIT_MILLIS) };
      const request = http.request(url, options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        response.once("error", reject);
        response.once("end", () => {
          this.#keep(url.hostname, response.headers["set-cookie"] ?? []);
          resolve({ status: response.statusCode, headers: response.headers, text });
        });
      });
      request.once("error", reject);
      request.end(body);
    });
  }

  #keep(host, lines) {
    const jar = this.#jars.get(host) ?? new Map();
    this.#jars.set(host, jar);
    for (const line of lines) {
      const [pair, ...attributes] = line.split(";").map((part) => part.trim());
      const at = pair.indexOf("=");
      const name = pair.slice(0, at);
      const given = new Map(attributes.map((part) => part.split("=", 2)).map(([key, value]) => [key.toLowerCase(), value]));
      const isOver = Number(given.get("max-age")) <= 0 || new Date(given.get("expires") ?? NaN) < new Date();
      if (isOver) jar.delete(name);
      else jar.set(name, pair.slice(at + 1));
    }
  }
}

class Page {
  constructor({ url, status, headers, html, left }) {
    Object.assign(this, { url: String(url), status, headers, html, left });
  }

  /// The words of the page, for what a person must be told.
  get text() {
    const shown = this.html.replace(/<(style|script|title)\b[\s\S]*?<\/\1>/gi, " ").replace(/<[^>]*>/g, " ");
    return decoded(shown).replace(/\s+/g, " ").trim();
  }

  get forms() {
    return [...this.html.matchAll(FORM)].map(([, head, inside]) => formOf(attributes(head), inside, this.url));
  }

  /// The form that goes to this path, or a sentence about what came instead.
  form(path) {
    const form = this.forms.find(({ action }) => new URL(action).pathname === path);
    const where = this.left ? `left to ${this.left}` : `on ${this.url}`;
    assert.ok(form, `no form to ${path} ${where} (HTTP ${this.status}): ${this.text.slice(0, 600)}`);
    return form;
  }
}

function formOf({ action = "", method = "get" }, inside, base) {
  const filled = [];
  let select;
  for (const [, kind, head] of inside.matchAll(CONTROL)) {
    const given = attributes(head);
    const type = (given.type ?? (kind === "button" ? "submit" : "text")).toLowerCase();
    if (kind === "select") select = { name: given.name, options: [] };
    else if (kind === "option") select.options.push(given);
    else if (kind === "/select") {
      const chosen = select.options.find((option) => "selected" in option) ?? select.options[0];
      if (chosen) filled.push([select.name, chosen.value]);
    } else {
      const isSent = given.name && !("disabled" in given) && !["submit", "button", "reset", "image"].includes(type)
        && (!["checkbox", "radio"].includes(type) || "checked" in given);
      if (isSent) filled.push([given.name, given.value ?? (type === "checkbox" ? "on" : "")]);
    }
  }
  return { action: String(new URL(action || base, base)), method: method.toUpperCase(), filled };
}

function attributes(head) {
  const found = {};
  for (const [, name, double, single, bare] of head.matchAll(ATTRIBUTE)) {
    found[name.toLowerCase()] ??= decoded(double ?? single ?? bare ?? "");
  }
  return found;
}

function decoded(html) {
  return html.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name) return ENTITIES[name.toLowerCase()] ?? whole;
    return String.fromCodePoint(decimal ? Number(decimal) : parseInt(hex, 16));
  });
}
