// Every page on a wide and on a narrow screen, light and dark: drawn without an error, wide enough, with no serious
// fault of accessibility and no request to another host. SCREENSHOTS=1 writes docs/console/*.png.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { admin, faults, field, focused, named, open, overflow, reason, signIn, until, visit, withGateway } from "./gateway.mjs";
import { stubLog } from "./log.mjs";

const SHOTS = process.env.SCREENSHOTS ? new URL("../../docs/console/", import.meta.url).pathname : undefined;
const SHOWN = new Set(["overview", "requests/log-9", "keys", "configs/CONFIG"]);
const skip = reason;
let gateway, browser, ids;

withGateway(async (...started) => {
  [gateway, browser] = started;
  await admin(gateway, "POST", "/virtual-keys", { name: "Production", slug: "prod", provider: "echo", note: "shared" });
  await admin(gateway, "POST", "/policies/usage-limits", {
    name: "teams", type: "cost", credit_limit: 50, periodic_reset: "monthly",
    conditions: [{ key: "metadata.team", value: "*" }], group_by: [{ key: "metadata.team" }],
  });
  const targets = [{ provider: "@prod", retry: { attempts: 2 } }, { provider: "echo" }];
  const config = await admin(gateway, "POST", "/configs", { name: "Main", config: { strategy: { mode: "fallback" }, targets } });
  const made = [];
  for (const [name, limit] of [["search-team", 40], ["support-bot", 12], ["nightly-report", undefined]]) {
    const usage_limits = limit && { type: "tokens", credit_limit: limit, periodic_reset: "monthly" };
    made.push(
      await admin(gateway, "POST", "/api-keys/workspace/service", {
        name, scopes: ["completions.write"], labels: { team: name.split("-")[0] }, ...(usage_limits && { usage_limits }),
      }),
    );
  }
  ids = { KEY: made[0].id, CONFIG: config.slug };
});

const PAGES = [
  "overview", "requests", "requests/log-9", "keys", "keys/KEY", "providers", "providers/prod", "configs", "configs/new",
  "configs/CONFIG", "limits", "playground", "health", "audit",
];

for (const [width, dark] of [[1280, false], [380, true], [1280, true], [380, false]]) {
  test(`every page, ${width} pixels wide, ${dark ? "dark" : "light"}`, { skip }, async () => {
    const page = await open(browser, gateway, { width, dark });
    assert.deepEqual(await faults(page), [], "the sign-in page");
    assert.equal(await overflow(page), 0, "the sign-in page");
    await stubLog(page);
    await signIn(page);
    for (const name of PAGES) {
      await visit(page, name.replace("KEY", ids?.KEY).replace("CONFIG", ids?.CONFIG));
      if (name === "configs/CONFIG") {
        await field(page, "Faults").fill("targets[0]=503|503|503");
        await named(page, "button", "Explain").click();
        await page.getByText("of at most").waitFor();
      }
      assert.deepEqual(await faults(page), [], name);
      assert.equal(await overflow(page), 0, `${name} is too wide`);
      if (SHOTS && SHOWN.has(name) && (width === 1280 ? !dark : dark && name === "keys")) {
        mkdirSync(SHOTS, { recursive: true });
        const file = name.split("/")[0] + (width === 380 ? "-narrow" : "");
        await page.screenshot({ path: `${SHOTS}${file}.png` });
      }
    }
    assert.deepEqual(page.problems, []);
    assert.deepEqual([...page.hosts], [new URL(gateway.url).host]);
    await page.context().close();
  });
}

test("an address that changes while the console is being drawn is gone to", { skip }, async () => {
  const page = await open(browser, gateway);
  await page.evaluate(() => {
    // Called before the drawing's own effects have run, which listen for changes of the address.
    new MutationObserver((_, self) => {
      if (document.querySelector(".frame") === null) return;
      self.disconnect();
      window.location.hash = "/keys";
    }).observe(document.body, { childList: true, subtree: true });
  });
  await signIn(page);
  await named(page, "heading", "Keys").waitFor();
  await page.context().close();
});

test("a page is worked with keys alone", { skip }, async () => {
  const page = await open(browser, gateway, { width: 380 });
  await field(page, "Admin key or gateway key").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "INPUT");
  await page.keyboard.type("an-admin-key-of-the-environment");
  await page.keyboard.press("Enter");
  await page.locator(".frame").waitFor();
  await visit(page, "keys");
  await named(page, "button", "Menu").focus();
  await page.keyboard.press("Enter");
  await named(page, "link", "Audit").waitFor();
  await named(page, "link", "Audit").focus();
  await page.keyboard.press("Enter");
  await named(page, "heading", "Audit").waitFor();
  await focused(page, "Audit");
  await visit(page, "keys");
  await named(page, "button", "New key").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("typed at once");
  assert.equal(await field(page, "Name").inputValue(), "typed at once");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await focused(page, "New key unsaved");
  await page.context().close();
});

test("the theme is chosen, and stays", { skip }, async () => {
  const page = await open(browser, gateway);
  await signIn(page);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  const isDark = async () => (await ground()) !== light;
  await named(page, "combobox", "Theme").selectOption("dark");
  await until(isDark); // the page takes it after the next paint
  await page.reload();
  await page.locator(".frame").waitFor();
  await until(isDark);
  await page.context().close();
});
