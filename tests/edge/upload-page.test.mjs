// The upload page in a real Chromium on workerd: files that are chosen, dropped, pasted, by mouse and by keyboard alone;
// a connection that goes away; a reload in the middle; what the page says in words and to a screen reader.
// ATELIER_SCREENSHOTS names a folder for pictures.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PNG } from "pngjs";
import { launch, look, person } from "./support/chromium.mjs";
import { startGateway } from "./support/gateway.mjs";
import { tool } from "./support/mcp.mjs";

const LARGE_BYTES = 20 * 1024 * 1024;
const WAIT_MILLIS = 120_000;
// Fast enough for a test, slow enough to be cut in the middle.
const SLOW = { offline: false, latency: 5, downloadThroughput: -1, uploadThroughput: 1_000_000 };
const OFFLINE = { ...SLOW, offline: true };
const FREE = { ...SLOW, uploadThroughput: -1, latency: 0 };
const SCREENSHOTS = process.env.ATELIER_SCREENSHOTS;

let gateway;
let browser;
const open = [];

before(async () => {
  gateway = await startGateway();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});
afterEach(() => Promise.all(open.splice(0).map((context) => context.close())));

/// A picture that can be told from another; `bytes`: padded after its end to so many.
function picture(seed, bytes = 0) {
  const png = new PNG({ width: 96, height: 96 });
  for (let at = 0; at < png.data.length; at += 4) {
    const [x, y] = [(at / 4) % 96, Math.floor(at / 4 / 96)];
    png.data.set([(x * 2 + seed * 40) % 256, (y * 2 + seed * 90) % 256, (seed * 70) % 256, 255], at);
  }
  const file = PNG.sync.write(png);
  if (bytes === 0) return file;
  const padded = Buffer.alloc(bytes, seed);
  file.copy(padded);
  for (let at = file.length; at + 4 <= bytes; at += 4096) padded.writeUInt32LE((at * 2654435761) >>> 0, at);
  return padded;
}

const chosen = (name, buffer, mimeType = "image/png") => ({ name, mimeType, buffer });
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function link(args = {}) {
  const { answer, error } = await tool(gateway, "request_file_upload_url", args);
  assert.equal(error, undefined, JSON.stringify(error));
  return answer;
}

/// Somebody on a new page; `puts`: every PUT the page makes.
async function visit({ ticket, ...options } = {}) {
  const asked = ticket ?? (await link());
  const somebody = await person(browser, gateway.origin, options);
  open.push(somebody.context);
  const puts = [];
  somebody.page.on("request", (request) => request.method() === "PUT" && puts.push(request.url()));
  const asks = [];
  somebody.page.on("dialog", (dialog) => (asks.push(dialog.type()), dialog.accept()));
  await somebody.page.goto(asked.upload_page_url);
  await somebody.page.locator("#choose").waitFor();
  const cdp = await somebody.context.newCDPSession(somebody.page);
  await cdp.send("Network.enable");
  const network = (conditions) => cdp.send("Network.emulateNetworkConditions", conditions);
  return { ...somebody, ticket: asked, puts, asks, cdp, network };
}

/// A cable between browser and gateway that can be pulled: Chromium's own offline mode leaves what is under way alone.
async function cable() {
  const sockets = new Set();
  let isPulled = false;
  const server = net.createServer((near) => {
    if (isPulled) return void near.destroy();
    const far = net.connect(gateway.port, "127.0.0.1");
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => (sockets.delete(socket), other.destroy())).pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const pull = () => {
    isPulled = true;
    for (const socket of sockets) socket.destroy();
  };
  const address = (url) => url.replace(`:${gateway.port}`, `:${server.address().port}`);
  return { address, pull, mend: () => (isPulled = false), close: () => (pull(), server.close()) };
}

const rowOf = (page, name) => page.locator("li.upload", { hasText: name });
const stored = (page, name) => rowOf(page, name).locator(".said", { hasText: /^Stored$/ }).waitFor({ timeout: WAIT_MILLIS });

async function done(page, files) {
  await page.locator("#done").click();
  await page.locator("h1", { hasText: files === 1 ? "1 file is there" : `${files} files are there` }).waitFor();
}

async function status(ticket, wait = 0) {
  const { answer } = await tool(gateway, "get_upload_status", { upload_id: ticket.upload_id, wait_seconds: wait });
  return answer;
}

async function fileIs(entry, bytes) {
  const response = await fetch(entry.file_url);
  assert.equal(sha256(Buffer.from(await response.arrayBuffer())), sha256(bytes), entry.name);
}

/// Drops or pastes a file that is made in the page, byte for byte.
async function hand(page, type, { name, mimeType, buffer }) {
  await page.locator("#files").evaluate((input) => (input.onchange = (event) => event.stopImmediatePropagation()));
  await page.evaluate(() => {
    const box = Object.assign(document.createElement("input"), { type: "file", id: "hand-over" });
    document.body.append(box);
  });
  await page.setInputFiles("#hand-over", { name, mimeType, buffer });
  await page.evaluate((kind) => {
    const box = document.getElementById("hand-over");
    const data = new DataTransfer();
    data.items.add(box.files[0]);
    const target = document.getElementById("lead");
    const options = { bubbles: true, cancelable: true };
    if (kind === "paste") target.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
    else for (const each of ["dragenter", "dragover", "drop"]) target.dispatchEvent(new DragEvent(each, { ...options, dataTransfer: data }));
    box.remove();
  }, type);
}

async function shoot(page, name) {
  if (!SCREENSHOTS) return;
  fs.mkdirSync(SCREENSHOTS, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { width } = page.viewportSize();
    await page.screenshot({ path: path.join(SCREENSHOTS, `upload-${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

test("two files are chosen, stored, and the chat gets their ids", async () => {
  const { page, ticket, faults } = await visit();
  assert.match(await page.locator("#lead").innerText(), /workspace .+ Its members will see/);
  await shoot(page, "empty");
  const [one, two] = [picture(1), picture(2)];
  const waiting = status(ticket, 40);
  await page.setInputFiles("#files", [chosen("one.png", one), chosen("two.png", two)]);
  await Promise.all([stored(page, "one.png"), stored(page, "two.png")]);
  assert.equal(await page.locator("#summary").innerText(), "2 of 2 stored");
  await look(page, "upload-stored");
  await shoot(page, "stored");
  assert.equal((await status(ticket)).state, "pending", "the person has not said so yet");
  await done(page, 2);
  await shoot(page, "done");
  const answer = await waiting;
  assert.equal(answer.state, "stored");
  assert.deepEqual(answer.files.map(({ name, state }) => [name, state]), [["one.png", "stored"], ["two.png", "stored"]]);
  await fileIs(answer.files[0], one);
  await fileIs(answer.files[1], two);
  await page.goto(ticket.upload_page_url);
  assert.match(await page.locator("main").innerText(), /2 files are there[\s\S]*Go back to the chat/);
  assert.deepEqual(faults, []);
});

test("a large file is dropped, the connection goes away in the middle, and every byte arrives", async () => {
  const line = await cable();
  open.push(line);
  const asked = await link();
  const ticket = { ...asked, upload_page_url: line.address(asked.upload_page_url) };
  const { page, network, puts } = await visit({ ticket });
  const file = picture(3, LARGE_BYTES);
  await network(SLOW);
  await hand(page, "drop", chosen("large.png", file));
  const bar = rowOf(page, "large.png").locator("progress");
  await page.waitForFunction((element) => element.value > 10, await bar.elementHandle(), { timeout: WAIT_MILLIS });
  await network(OFFLINE);
  line.pull();
  await page.locator(".said", { hasText: "You are offline" }).waitFor();
  await shoot(page, "offline");
  await sleep(2000);
  line.mend();
  await network(FREE);
  await stored(page, "large.png");
  assert.ok(puts.length > 3, `${puts.length} PUTs: nothing was interrupted`);
  await done(page, 1);
  const { files } = await status(ticket);
  await fileIs(files[0], file);
});

test("the gateway dies in the middle and comes back", async () => {
  const { page, ticket, network } = await visit();
  const file = picture(4, LARGE_BYTES);
  await network(SLOW);
  await page.setInputFiles("#files", chosen("crash.png", file));
  const bar = rowOf(page, "crash.png").locator("progress");
  await page.waitForFunction((element) => element.value > 10, await bar.elementHandle(), { timeout: WAIT_MILLIS });
  const { port } = gateway;
  await gateway.kill();
  await gateway.restart(port);
  await network(FREE);
  await stored(page, "crash.png");
  await done(page, 1);
  await fileIs((await status(ticket)).files[0], file);
});

test("a picture is pasted", async () => {
  const { page, ticket } = await visit();
  const file = picture(5);
  await hand(page, "paste", chosen("image.png", file));
  await page.locator(".said", { hasText: /^Stored$/ }).waitFor();
  await done(page, 1);
  const { files } = await status(ticket);
  assert.match(files[0].name, /^pasted-.*\.png$/);
  await fileIs(files[0], file);
});

test("by keyboard alone: choose with Enter, remove, Done with Space", async () => {
  const { page } = await visit();
  // Asked for early: Chromium is told to hand the dialog over, and that takes a moment.
  const opened = page.waitForEvent("filechooser");
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
  const order = [];
  for (let at = 0; at < 3; at += 1) {
    await page.keyboard.press("Tab");
    order.push(await focused());
  }
  assert.deepEqual(order, ["skip", "brand", "choose"]);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus can be seen");
  await page.keyboard.press("Enter");
  const chooser = await opened;
  await chooser.setFiles([chosen("keys.png", picture(6)), chosen("notes.txt", Buffer.from("no"), "text/plain")]);
  await stored(page, "keys.png");
  await page.locator("#choose").focus();
  await page.keyboard.press("Tab");
  assert.match(await focused(), /remove/);
  await page.keyboard.press("Space");
  assert.equal(await page.locator("li.upload").count(), 1);
  assert.notEqual(await focused(), "", "the focus is not lost");
  while ((await focused()) !== "done") await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await page.locator("h1", { hasText: "1 file is there" }).waitFor();
  assert.equal(await focused(), "title");
});

test("after a reload only what is missing is sent", async () => {
  const { page, ticket, network, puts, asks } = await visit();
  const file = picture(7, LARGE_BYTES);
  await network(SLOW);
  const first = page.waitForResponse((response) => response.request().method() === "PUT" && response.ok(), { timeout: WAIT_MILLIS });
  await page.setInputFiles("#files", chosen("again.png", file));
  await first;
  await page.reload();
  assert.deepEqual(asks, ["beforeunload"]);
  const row = rowOf(page, "again.png");
  await row.locator(".said", { hasText: "Choose again.png again to go on" }).waitFor();
  await shoot(page, "unfinished");
  await network(FREE);
  const { files } = await page.evaluate(() => fetch(`${location.pathname}/state`).then((response) => response.json()));
  const missing = 3 - files[0].received_parts.length;
  assert.ok(missing === 1 || missing === 2, JSON.stringify(files));
  puts.length = 0;
  await page.setInputFiles("#files", chosen("again.png", file));
  await stored(page, "again.png");
  assert.equal(puts.length, missing, puts.join("\n"));
  assert.equal(await page.locator("li.upload").count(), 1);
  await done(page, 1);
  await fileIs((await status(ticket)).files[0], file);
});

test("what is not taken is refused in words, before and after it was sent", async () => {
  const { page, puts } = await visit();
  const notPicture = chosen("looks.png", Buffer.from("GIF89a and more of what is not a PNG at all, whatever it is called"));
  await page.setInputFiles("#files", [chosen("notes.txt", Buffer.from("no"), "text/plain"), chosen("empty.png", Buffer.alloc(0)), notPicture]);
  await rowOf(page, "notes.txt").locator(".said", { hasText: "Convert it to one of PNG, JPEG" }).waitFor();
  await rowOf(page, "empty.png").locator(".said", { hasText: "empty" }).waitFor();
  await rowOf(page, "looks.png").locator(".said", { hasText: "by its first bytes it is" }).waitFor();
  assert.equal(puts.length, 1, "only what may be a picture was sent");
  // Too large, by the limit that the page was told.
  await page.evaluate(() => {
    const data = new DataTransfer();
    const file = new File(["x"], "huge.mp3", { type: "audio/mpeg" });
    Object.defineProperty(file, "size", { value: 70_000_000 });
    data.items.add(file);
    const event = new Event("drop", { bubbles: true, cancelable: true });
    event.dataTransfer = { files: [file] };
    document.body.dispatchEvent(event);
  });
  await rowOf(page, "huge.mp3").locator(".said", { hasText: "MP3 may have 67.2 MB" }).waitFor();
  await look(page, "upload-refused");
  await shoot(page, "refused");
  assert.equal(await page.locator("#done").isDisabled(), true);
});

test("a link for one file, on a phone: it is over when the file is there", async () => {
  const ticket = await link({ file_name: "voice.png" });
  const { page } = await visit({ ticket, viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true });
  assert.equal(await page.locator("#photograph").isVisible(), true);
  await shoot(page, "one");
  await page.setInputFiles("#files", chosen("other.png", picture(8)));
  await page.locator("h1", { hasText: "1 file is there" }).waitFor();
  await shoot(page, "one-done");
  const { answer } = await tool(gateway, "get_upload_status", { upload_id: ticket.file_id, wait_seconds: 0 });
  assert.equal(answer.state, "stored");
});

test("every control has a name, progress a value, and a screen reader is told", async () => {
  const { page, cdp, network } = await visit({ viewport: { width: 375, height: 740 } });
  await page.evaluate(() => {
    const heard = (window.heard = []);
    new MutationObserver(() => heard.push(document.getElementById("announcer").textContent)).observe(document.getElementById("announcer"), { childList: true });
  });
  await network(SLOW);
  await page.setInputFiles("#files", [chosen("slow.png", picture(9, LARGE_BYTES)), chosen("small.png", picture(10)), chosen("no.txt", Buffer.from("x"), "text/plain")]);
  await stored(page, "small.png");
  await shoot(page, "sending");
  const { nodes } = await cdp.send("Accessibility.getFullAXTree");
  const shown = nodes.filter((node) => !node.ignored);
  const role = (name) => shown.filter((node) => node.role?.value === name);
  for (const node of shown.filter(({ role }) => ["button", "link", "progressIndicator", "progressbar", "textbox"].includes(role?.value))) {
    assert.ok(node.name?.value?.trim(), JSON.stringify(node));
  }
  const [bar] = [...role("progressIndicator"), ...role("progressbar")];
  assert.equal(bar.name.value, "slow.png");
  assert.ok(Number.isFinite(Number(bar.value?.value)), JSON.stringify(bar));
  const live = role("status").map((node) => node.properties.find(({ name }) => name === "live")?.value.value);
  assert.ok(live.includes("polite"), JSON.stringify(live));
  await network(FREE);
  await stored(page, "slow.png");
  await page.waitForFunction(() => window.heard.join(" ").includes("slow.png is stored"));
  const heard = (await page.evaluate(() => window.heard)).join(" ");
  for (const words of ["Sending 2 files", "small.png is stored", "no.txt: This type of file is not taken", "percent sent"]) {
    assert.ok(heard.includes(words), `${words}: ${heard}`);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320);
});

test("a mistyped link and one without JavaScript say what to do", async () => {
  const { page } = await person(browser, gateway.origin, { javaScriptEnabled: false });
  open.push(page.context());
  await page.goto(`${gateway.origin}/upload/mistyped`);
  assert.match(await page.locator("main").innerText(), /does not work[\s\S]*Copy the whole link/);
  await page.goto((await link({ file_name: "a.png" })).upload_page_url);
  assert.match(await page.locator("main").innerText(), /needs JavaScript[\s\S]*curl -sS -T FILE/);
  await shoot(page, "no-script");
});
