// A real headless Chromium for what only a browser decides: which cookies it sends, what a content security policy
// blocks, how wide a page is.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM || "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const STEP_MILLIS = 15_000;
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 375, height: 740 };
const SCREENSHOTS = process.env.ATELIER_SCREENSHOTS;

export function launch() {
  assert.ok(
    fs.existsSync(EXECUTABLE),
    `There is no browser at ${EXECUTABLE}. Install one with \`apt-get install chromium\`, or name another by CHROMIUM=/path/to/chromium.`,
  );
  return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}

/// A person's own browser: nothing is shared with another. `faults` collects what the gateway's pages complain of.
export async function person(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  context.setDefaultTimeout(STEP_MILLIS);
  const page = await context.newPage();
  const faults = [];
  const isOurs = (address) => address.startsWith(`${origin}/`);
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("console", (message) => {
    const { url } = message.location();
    // The status of a page that says no is the point of some tests; that of anything it loads is a fault.
    const isPage = url === page.url() && message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (message.type() === "error" && !isPage && (isOurs(url) || isOurs(page.url()))) faults.push(`${url}: ${message.text()}`);
  });
  return { context, page, faults };
}

/// Presses what leads to another page, and waits until that is there.
export async function press(page, button) {
  const target = typeof button === "string" ? page.locator(button) : button;
  await Promise.all([page.waitForEvent("load"), target.click()]);
}

/// Looks at the page at both widths: a picture when asked for, and nothing may stick out on a phone.
export async function look(page, name) {
  for (const size of [WIDE, PHONE]) {
    await page.setViewportSize(size);
    if (SCREENSHOTS) {
      fs.mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${size.width}.png`), fullPage: true });
    }
    const { width, wide } = await page.evaluate(sticksOut);
    assert.ok(width <= size.width && wide.length === 0, `${name} at ${size.width} px is ${width} px wide; ${wide.join(", ")}`);
  }
  await page.setViewportSize(WIDE);
}

/// Runs in the page. What a box scrolls by itself does not widen the page, and a hidden overflow hides nothing here.
function sticksOut() {
  const limit = document.documentElement.clientWidth;
  const scrolls = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  const wide = [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > limit + 1 && !scrolls(element))
    .map((element) => `<${element.localName} class="${element.className}"> ${element.textContent.trim().slice(0, 40)}`);
  return { width: document.documentElement.scrollWidth, wide: wide.slice(0, 5) };
}
