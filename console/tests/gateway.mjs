// A gateway as a process on a free port, with a database of its own, and a browser to look at it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

const ROOT = new URL("../..", import.meta.url).pathname;
export const ADMIN = "an-admin-key-of-the-environment";
const BROWSER = process.env.TEST_CHROMIUM ?? "/usr/bin/chromium";
const PYTHON = process.env.TEST_PYTHON ?? join(ROOT, ".venv/bin/python");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");

/** Why the tests are skipped; undefined where they can run. */
export const reason = !existsSync(BROWSER)
  ? "Chromium is not installed"
  : !existsSync(PYTHON)
    ? "there is no .venv: run make ready"
    : undefined;

export async function startGateway() {
  const folder = mkdtempSync(join(tmpdir(), "penstock-console-"));
  const environment = { ...process.env, PENSTOCK_ADMIN_KEY: ADMIN, PENSTOCK_STORE_DATA_DIR: folder };
  environment.PYTHONPATH = join(ROOT, "src");
  environment.PENSTOCK_SECRET_KEYS = `test:${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
  const child = spawn(PYTHON, ["-m", "penstock", "serve", "--port", "0"], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  const url = await new Promise((resolve, reject) => {
    child.stderr.on("data", (piece) => {
      told += piece;
      const found = /listens on (http:\/\/\S+)/.exec(told);
      if (found) resolve(found[1]);
    });
    child.once("exit", () => reject(new Error(`the gateway ended: ${told}`)));
  });
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop, banner: () => told };
}

/** Call the admin API with a key. */
export async function admin(gateway, method, path, body, key = ADMIN) {
  const response = await fetch(`${gateway.url}/v1${path}`, {
    method,
    headers: { "x-portkey-api-key": key, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${answer.message}`);
  return answer;
}

export const launch = () => chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox"] });

/** A gateway and a browser for the tests of one file: `begin` gets both before the first test, and they end after the
 *  last one. Gives what runs one task: a page of somebody who is signed in, and nothing thrown when the task is done. */
export function withGateway(begin) {
  let gateway, browser;
  before(async () => {
    if (reason) return;
    gateway = await startGateway();
    browser = await launch();
    await begin(gateway, browser);
  });
  after(async () => {
    await browser?.close();
    await gateway?.stop();
  });
  return async (work, { width, key } = {}) => {
    const page = await open(browser, gateway, { width });
    await signIn(page, key);
    await work(page);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  };
}

/** A page of a browser that remembers nothing. What the page's script throws, and every host that it calls, is kept. */
export async function open(browser, gateway, { width = 1280, dark = false, timezone } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 860 },
    colorScheme: dark ? "dark" : "light",
    timezoneId: timezone,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.hosts = new Set();
  page.problems = [];
  page.on("request", (request) => page.hosts.add(new URL(request.url()).host));
  page.on("pageerror", (error) => page.problems.push(error.message));
  page.on("console", (message) => {
    // A status that a page handles is told by the browser, too.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) page.problems.push(message.text());
  });
  await page.goto(`${gateway.url}/console`);
  return page;
}

/** What has this role and this whole name. A part of a name would also find what another page, or the same one a moment
 *  earlier, shows beside it. */
export const named = (where, role, name) => where.getByRole(role, { name, exact: true });

/** The field of a form that has this whole label, and not a part of a page with the same one. */
export const field = (where, label) => where.locator("input, select, textarea").and(where.getByLabel(label, { exact: true }));

export async function signIn(page, key = ADMIN) {
  await field(page, "Admin key or gateway key").fill(key);
  await named(page, "button", "Sign in").click();
  await page.locator(".frame").waitFor();
}

export async function visit(page, place) {
  await page.evaluate((hash) => {
    window.location.hash = hash;
  }, `/${place}`);
  await page.waitForFunction(
    (href) => document.querySelector("nav a[aria-current]")?.getAttribute("href") === href,
    `#/${place.split(/[/?]/)[0]}`,
  );
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(() => document.querySelector(".loading") === null);
  // What follows a drawing, such as the focus of the new heading, has happened after the browser's next two frames.
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)))),
  );
}

/** Wait until an element with this text has the focus. */
export const focused = (page, text) => page.waitForFunction((wanted) => document.activeElement.textContent === wanted, text);

/** The serious and critical faults that axe finds, in words. */
export async function faults(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run();
    return violations
      .filter((each) => each.impact === "serious" || each.impact === "critical")
      .map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
  });
}

/** By how many pixels the page is wider than the screen. */
export const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Wait, half a minute at most, for what a page or the gateway comes to. */
export async function until(condition) {
  for (let turn = 0; turn < 300; turn++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not come to that");
}
