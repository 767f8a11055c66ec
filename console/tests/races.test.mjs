// What comes late, twice or after its page is gone: answers that take longer than the next question, presses that
// follow each other, sessions that have ended. The gateway's answers are held here until their moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import { admin, field, named, reason, signIn, until, visit, withGateway } from "./gateway.mjs";
import { ROWS, stubLog } from "./log.mjs";

const skip = reason;
let gateway;
const task = withGateway((started) => {
  gateway = started;
});

/** Something that is waited for, and `release` that ends the wait. */
function gate() {
  let release;
  const opened = new Promise((resolve) => (release = resolve));
  return { opened, release };
}

const stream = (text) =>
  [{ choices: [{ delta: { content: text } }] }, { choices: [{ delta: {}, finish_reason: "stop" }] }]
    .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
    .join("") + "data: [DONE]\n\n";
const answered = (text) => ({ status: 200, contentType: "text/event-stream", body: stream(text) });

async function send(page, text) {
  await field(page, "Message").fill(text);
  await named(page, "button", "Send").click();
}

test("rows that take longer than the time between two looks are shown", { skip }, () =>
  task(async (page) => {
    let asked = 0;
    await stubLog(page);
    await page.route("**/v1/logs?*", async (route) => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await route.fallback();
    });
    await visit(page, "requests");
    await until(async () => (await page.locator("tbody tr").count()) === ROWS.length);
    assert.equal(asked, 1, "nobody asks again while an answer is under way");
  }));

test("the next page is asked for once, however often its button is pressed", { skip }, () =>
  task(async (page) => {
    const { opened, release } = gate();
    await stubLog(page);
    await page.route("**/v1/logs?*cursor=*", async (route) => {
      await opened;
      await route.fallback();
    });
    await visit(page, "requests");
    const older = named(page, "button", "Older");
    await older.evaluate((button) => {
      button.click();
      queueMicrotask(() => queueMicrotask(() => button.click()));
    });
    await page.getByText("an older page stands still").waitFor();
    assert.ok(await older.isDisabled());
    release();
    const newer = named(page, "button", "Newer");
    await until(() => newer.isEnabled());
    await newer.click();
    await page.getByText("looked at every 2 seconds").waitFor();
  }));

test("a question that follows another one ends it, and keeps its own answer", { skip }, () =>
  task(async (page) => {
    const { opened, release } = gate();
    await page.route("**/v1/chat/completions", async (route) => {
      const { messages } = route.request().postDataJSON();
      const text = messages.at(-1).content;
      if (text === "first") await opened;
      // The page does not wait for the first one any more.
      await route.fulfill(answered(`an answer to ${text}`)).catch(() => undefined);
    });
    await visit(page, "playground");
    const aborted = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/chat/completions"));
    await send(page, "first");
    await named(page, "button", "Stop").waitFor();
    await send(page, "second");
    await aborted;
    await page.getByText("an answer to second").waitFor();
    release();
    await page.getByText("stop", { exact: true }).waitFor();
    assert.equal(await page.locator(".answer").textContent(), "an answer to second");
    assert.equal(await page.getByText("Stopped.").count(), 0);
  }));

test("a stream ends with its page", { skip }, () =>
  task(async (page) => {
    const { opened, release } = gate();
    await page.route("**/v1/chat/completions", async (route) => {
      await opened;
      await route.abort().catch(() => undefined);
    });
    await visit(page, "playground");
    await send(page, "wait");
    await named(page, "button", "Stop").waitFor();
    const aborted = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/chat/completions"));
    await visit(page, "keys");
    await aborted;
    release();
  }));

test("two answers side by side share the key that the console makes", { skip }, () =>
  task(async (page) => {
    await admin(gateway, "POST", "/api-keys/workspace/service", { name: "any", scopes: ["completions.write"] });
    let made = 0;
    page.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/api-keys/workspace/service")) made += 1;
    });
    await page.route("**/v1/models", (route) => route.fulfill({ json: { data: [] } }));
    await visit(page, "playground");
    await named(page, "button", "Side by side").click();
    await field(page, "Model").nth(1).waitFor();
    for (const model of await field(page, "Model").all()) await model.fill("echo/echo");
    await send(page, "Together");
    await until(async () => (await page.locator(".answer").allTextContents()).every((text) => text === "Together"));
    assert.equal(made, 1);
  }));

test("who has gone elsewhere is not taken back by what they did before", { skip }, () =>
  task(async (page) => {
    const { id } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "going", scopes: ["completions.write"] });
    const { opened, release } = gate();
    await page.route(`**/v1/api-keys/${id}`, async (route) => {
      if (route.request().method() === "DELETE") await opened;
      await route.continue();
    });
    await visit(page, `keys/${id}`);
    await named(page, "button", "Delete").click();
    await named(page, "button", "Delete key").click();
    await visit(page, "configs");
    const done = page.waitForResponse((response) => response.request().method() === "DELETE");
    release();
    await done;
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    assert.match(page.url(), /#\/configs$/);
  }));

test("a late answer to a session that has ended leaves the next one", { skip }, () =>
  task(async (page) => {
    const { opened, release } = gate();
    let held = false;
    await page.route("**/v1/configs*", async (route) => {
      if (held) return route.fallback();
      held = true;
      await opened;
      return route.fulfill({ status: 401, json: { message: "no session" } });
    });
    await page.evaluate(() => {
      window.location.hash = "/configs";
    });
    await until(() => held);
    await named(page, "button", "Sign out").click();
    await signIn(page);
    await visit(page, "keys");
    const late = page.waitForResponse((response) => response.url().includes("/v1/configs"));
    release();
    await late;
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    assert.equal(await page.locator(".frame").count(), 1);
    assert.equal(await page.getByText("The session has ended.").count(), 0);
  }));
