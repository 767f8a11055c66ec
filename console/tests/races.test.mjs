// What comes late, twice or after its page is gone: answers that take longer than the next question, presses that
// follow each other, sessions that have ended. The gateway's answers are held here until their moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import { admin, ADMIN, field, named, open, reason, signIn, until, visit, withGateway } from "./gateway.mjs";
import { ROWS, stubLog } from "./log.mjs";

const skip = reason;
let gateway, browser;
const task = withGateway((...started) => {
  [gateway, browser] = started;
});

/** Something that is waited for, and `release` that ends the wait. */
function gate() {
  let release;
  const opened = new Promise((resolve) => (release = resolve));
  return { opened, release };
}

/** Keep the answers to calls of this kind until they are released; `began` is true once there is one. */
async function hold(page, method, path) {
  const { opened, release } = gate();
  const held = { began: false, release };
  await page.route(path, async (route) => {
    if (route.request().method() !== method) return route.fallback();
    held.began = true;
    await opened;
    return route.fallback();
  });
  return held;
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
    let meanwhile;
    await stubLog(page);
    await page.route("**/v1/logs?*", async (route) => {
      const isFirst = ++asked === 1;
      await new Promise((resolve) => setTimeout(resolve, 3000));
      if (isFirst) meanwhile = asked;
      await route.fallback();
    });
    await visit(page, "requests");
    await until(async () => (await page.locator("tbody tr").count()) === ROWS.length);
    assert.equal(meanwhile, 1, "nobody asks again while an answer is under way");
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

const ECHO = { targets: [{ provider: "echo" }] };
const SAVED = /^Saved, in force/;

test("what is typed while a config is saved stays, and is not told to be saved", { skip }, () =>
  task(async (page) => {
    const { slug } = await admin(gateway, "POST", "/configs", { name: "Typed", config: ECHO });
    await visit(page, `configs/${slug}`);
    const editor = field(page, "Config in JSON");
    await editor.fill('{"targets": [{"provider": "echo", "weight": 2}]}');
    await field(page, "Faults").fill("targets[0]=503");
    const held = await hold(page, "PUT", `**/v1/configs/${slug}`);
    await named(page, "button", "Save").click();
    await until(() => held.began);
    const later = '{"targets": [{"provider": "echo", "weight": 23}]}';
    await editor.fill(later);
    await field(page, "Name").fill("Typed later");
    held.release();
    await until(async () => (await field(page, "Version").locator("option").count()) === 2);
    assert.deepEqual([await editor.inputValue(), await field(page, "Name").inputValue()], [later, "Typed later"]);
    assert.equal(await field(page, "Faults").inputValue(), "targets[0]=503");
    assert.equal(await page.getByText(SAVED).count(), 0);
    await named(page, "button", "Save").click();
    await page.getByText(SAVED).waitFor();
    const kept = await admin(gateway, "GET", `/configs/${slug}`);
    assert.deepEqual([kept.name, JSON.parse(kept.config).targets[0].weight], ["Typed later", 23]);
  }));

test("what is typed while a config is made stays, and the next save changes it", { skip }, () =>
  task(async (page) => {
    await visit(page, "configs/new");
    const editor = field(page, "Config in JSON");
    await field(page, "Name").fill("Made here");
    await editor.fill(JSON.stringify(ECHO));
    const tests = '[{"name": "works", "status": 200}]';
    await field(page, "Tests in JSON").fill(tests);
    const held = await hold(page, "POST", "**/v1/configs");
    await named(page, "button", "Save").click();
    await until(() => held.began);
    const later = '{"targets": [{"provider": "echo", "weight": 7}]}';
    await editor.fill(later);
    held.release();
    await named(page, "heading", "Versions").waitFor();
    assert.match(page.url(), /#\/configs\/(?!new)/);
    assert.deepEqual([await editor.inputValue(), await field(page, "Tests in JSON").inputValue()], [later, tests]);
    await named(page, "button", "Save").click();
    await until(async () => (await field(page, "Version").locator("option").count()) === 2);
    const made = (await admin(gateway, "GET", "/configs")).data.filter((each) => each.name === "Made here");
    assert.equal(made.length, 1);
    await page.reload();
    await until(async () => (await field(page, "Tests in JSON").inputValue()) === tests);
    await visit(page, "configs/new");
    assert.equal(await field(page, "Name").inputValue(), "", "another new config begins anew");
  }));

test("what is typed while a version is gone back to stays", { skip }, () =>
  task(async (page) => {
    const { slug } = await admin(gateway, "POST", "/configs", { name: "Back", config: ECHO });
    await admin(gateway, "PUT", `/configs/${slug}`, { config: { targets: [{ provider: "echo", weight: 3 }] } });
    await visit(page, `configs/${slug}`);
    const editor = field(page, "Config in JSON");
    for (const typed of [undefined, '{"targets": []}']) {
      await field(page, "Version").selectOption({ index: typed ? 0 : 1 });
      const held = await hold(page, "PUT", `**/v1/configs/${slug}`);
      const back = named(page, "button", "Go back to it");
      await back.click();
      await until(() => held.began);
      if (typed) await editor.fill(typed);
      held.release();
      await back.waitFor({ state: "detached" });
      assert.equal((await editor.inputValue()).replaceAll(/\s/g, ""), (typed ?? JSON.stringify(ECHO)).replaceAll(" ", ""));
    }
  }));

test("what is typed while a key or a provider is saved stays, and what nobody changed is not written", { skip }, () =>
  task(async (page) => {
    const expires_at = "2031-02-03T04:05:06.000Z";
    const { id } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "typed", scopes: ["completions.write"], expires_at });
    await admin(gateway, "POST", "/integrations", { name: "typed", slug: "typed", ai_provider_id: "echo" });
    const written = [];
    page.on("request", (request) => {
      if (request.method() === "PUT") written.push(Object.keys(request.postDataJSON()));
    });
    for (const [place, path, other] of [[`keys/${id}`, `/api-keys/${id}`, "Allowed addresses"], ["providers/typed", "/providers/typed", "Note"]]) {
      await visit(page, place);
      if (place.startsWith("keys")) await page.getByText("Scopes, labels, models, mail").click();
      await field(page, "Name").fill("typed anew");
      const held = await hold(page, "PUT", `**/v1${path}`);
      await named(page, "button", "Save").click();
      await until(() => held.began);
      await field(page, other).fill("10.0.0.0/8");
      held.release();
      await until(() => named(page, "button", "Save").isEnabled());
      await named(page, "heading", "typed anew").waitFor();
      assert.equal(await field(page, other).inputValue(), "10.0.0.0/8");
      assert.equal(await page.getByText(SAVED).count(), 0);
      await named(page, "button", "Save").click();
      await page.getByText(SAVED).waitFor();
    }
    assert.deepEqual(written, [["name"], ["allowed_ips"], ["name"], ["note"]]);
    assert.equal(Date.parse((await admin(gateway, "GET", `/api-keys/${id}`)).expires_at), Date.parse(expires_at));
  }));

test("a form that closes when it is done takes nothing more once it is sent", { skip }, () =>
  task(async (page) => {
    await visit(page, "keys");
    await named(page, "button", "New key").click();
    const dialog = page.getByRole("dialog");
    await field(dialog, "Name").fill("sent");
    const held = await hold(page, "POST", "**/v1/api-keys/**");
    await named(dialog, "button", "Create key").click();
    await until(() => held.began);
    await field(dialog, "Name").press("x");
    assert.equal(await field(dialog, "Name").inputValue(), "sent");
    assert.equal(await named(dialog, "button", "Add budget").isDisabled(), true);
    held.release();
    await named(page, "heading", "The new key").waitFor();
  }));

test("who is signed out by the gateway finds what they typed behind the next sign-in", { skip }, () =>
  task(async (page) => {
    await visit(page, "configs/new");
    await field(page, "Name").fill("Long work");
    await page.context().clearCookies();
    await named(page, "button", "Save").click();
    await page.getByText("The session has ended.").waitFor();
    const reached = await page.evaluate(() => document.elementsFromPoint(innerWidth / 2, 30).map((each) => each.tagName));
    assert.deepEqual(reached.slice(0, 1), ["DIALOG"], "the page can't be reached");
    await page.keyboard.press("Escape");
    await field(page, "Admin key or gateway key").fill(ADMIN);
    await named(page, "button", "Sign in").click();
    assert.equal(await field(page, "Name").inputValue(), "Long work");
    await named(page, "button", "Save").click();
    await page.getByText(SAVED).waitFor();
    await page.context().clearCookies();
    await visit(page, "keys");
    await page.getByText("The session has ended.").waitFor();
    await signIn(page);
    await named(page, "table", "Keys").or(page.getByText("No keys yet")).first().waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  }));

test("what one key's holder typed and gave is not for another of the same name and rights", { skip }, () =>
  task(async (page) => {
    const keys = [];
    for (let count = 0; count < 2; count++) {
      const body = { name: "twin", scopes: ["configs.list", "configs.create", "completions.write", "virtual_keys.list"] };
      keys.push((await admin(gateway, "POST", "/api-keys/organisation/service", body)).key);
    }
    const sent = [];
    page.on("request", (request) => request.url().endsWith("/v1/models") && sent.push(request.headers().authorization));
    await named(page, "button", "Sign out").click();
    await signIn(page, keys[0]);
    await visit(page, "playground");
    await page.getByText("System message, tools, images, gateway key").click();
    await field(page, "Gateway key").fill("of-the-first");
    await field(page, "Gateway key").press("Tab");
    await until(() => sent.includes("Bearer of-the-first"));
    await visit(page, "configs/new");
    await field(page, "Name").fill("Of the first");
    await page.context().clearCookies();
    await named(page, "button", "Save").click();
    await page.getByText("The session has ended.").waitFor();
    await signIn(page, keys[1]);
    await until(async () => (await field(page, "Name").inputValue()) === "");
    sent.length = 0;
    await visit(page, "playground");
    await until(() => sent.length > 0);
    assert.equal(sent[0], undefined);
  }));

test("fields that are emptied stay where they are", { skip }, () =>
  task(async (page) => {
    const { id } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "labelled", scopes: ["completions.write"], labels: { a: "b" } });
    await visit(page, `keys/${id}`);
    await field(page, "Labels").fill("");
    await field(page, "Labels").pressSequentially("team search");
    assert.equal(await field(page, "Labels").inputValue(), "team search");
    await named(page, "button", "Save").click();
    await page.getByRole("alert").getByText("NAME=VALUE is expected, and a line says team search").waitFor();
  }));

test("a period is typed digit by digit, in any time zone", { skip }, async () => {
  for (const timezone of ["Europe/Berlin", "Asia/Kolkata"]) {
    const page = await open(browser, gateway, { timezone });
    await signIn(page);
    await visit(page, "requests?period=own&from=2026-01-02T03:04:00Z&to=2026-01-03T03:04:00Z");
    const steps = await page.evaluate(() => history.length);
    await field(page, "From").click({ position: { x: 8, y: 12 } });
    await page.keyboard.type("03292025");
    await page.keyboard.press("Tab");
    await page.keyboard.type("0130AM");
    await page.keyboard.press("Enter");
    await until(() => page.url().includes("from=2025-03-2"));
    assert.equal(await field(page, "From").inputValue(), "2025-03-29T01:30");
    assert.equal(await page.evaluate(() => history.length), steps + 1, "one search, and not one for each digit");
    await page.context().close();
  }
});

test("a gateway key that is given and refused is not replaced by another one", { skip }, () =>
  task(async (page) => {
    await admin(gateway, "POST", "/api-keys/workspace/service", { name: "any other", scopes: ["completions.write"] });
    let asked = 0;
    page.on("request", (request) => (asked += request.url().endsWith("/v1/models") ? 1 : 0));
    // The first look is refused, and comes again with a key of the console's own, until every worker knows that.
    const listed = page.waitForResponse((response) => response.url().endsWith("/v1/models") && response.ok());
    await visit(page, "playground");
    await page.getByText("System message, tools, images, gateway key").click();
    await listed;
    const before = asked;
    await field(page, "Gateway key").pressSequentially("not-a-key");
    await field(page, "Gateway key").press("Tab");
    await page.getByRole("alert").waitFor();
    assert.equal(asked, before + 1, "models are asked for once, not with each letter");
    let keys = 0;
    page.on("request", (request) => (keys += request.url().includes("/api-keys") ? 1 : 0));
    const refused = page.waitForResponse("**/v1/chat/completions");
    await send(page, "Hello");
    assert.equal((await refused).status(), 401);
    await page.getByRole("alert").nth(1).waitFor();
    assert.equal(keys, 0);
  }));
