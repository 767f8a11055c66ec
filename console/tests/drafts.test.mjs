// What is typed and not saved: it stays on other pages and behind closed dialogs, and nobody loses it unasked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { admin, faults, field, focused, named, open, overflow, reason, signIn, until, visit, withGateway } from "./gateway.mjs";

const skip = reason;
let gateway, browser;
const task = withGateway((...started) => {
  [gateway, browser] = started;
});

const makeKey = (name) => admin(gateway, "POST", "/api-keys/workspace/service", { name, scopes: ["completions.write"] });
const entry = (page, name) => named(page.getByRole("navigation"), "link", name);
const typedBefore = (where) => where.getByText("This is what you typed before. It is not saved yet.");

/** Do something that leaves the document; the questions that the browser asks, each of which is answered by staying. */
async function questions(page, leave) {
  const asked = [];
  const answer = async (dialog) => {
    asked.push(dialog.type());
    await dialog.dismiss();
  };
  page.on("dialog", answer);
  await leave();
  page.off("dialog", answer);
  return asked;
}

const reload = (page) => () => page.reload({ timeout: 5000 }).catch(() => undefined);

for (const width of [1280, 380]) {
  test(`a config that is being written is found again, ${width} pixels wide`, { skip }, () =>
    task(async (page) => {
      await visit(page, "configs");
      await named(page, "button", "New config").click();
      await field(page, "Name").fill(`draft ${width}`);
      const editor = field(page, "Config in JSON");
      await editor.fill('{"provider": "echo", "retry": {"attempts": 3');
      await field(page, "Faults").fill("targets[0]=429");
      await page.getByText("Not saved yet.").waitFor();
      if (width === 380) await named(page, "button", "Menu").click();
      await entry(page, "Configs unsaved").waitFor();
      await entry(page, "Providers").click();
      await named(page, "heading", "Providers").waitFor();
      await page.goBack();
      await typedBefore(page).waitFor();
      assert.equal(await editor.inputValue(), '{"provider": "echo", "retry": {"attempts": 3');
      assert.equal(await field(page, "Name").inputValue(), `draft ${width}`);
      assert.equal(await field(page, "Faults").inputValue(), "targets[0]=429");
      assert.deepEqual(await faults(page), []);
      assert.ok((await overflow(page)) <= 0);
      await visit(page, "configs");
      assert.deepEqual(await faults(page), []);
      await named(page, "button", "New config unsaved").click();
      await editor.fill('{"provider": "echo"}');
      await named(page, "button", "Save").click();
      await page.getByText("Saved, in force").waitFor();
      assert.equal(await typedBefore(page).count(), 0);
      await visit(page, "configs");
      await named(page, "button", "New config").click();
      await named(page, "heading", "New config").waitFor();
      assert.equal(await field(page, "Name").inputValue(), "");
    }, { width }));
}

test("a document with unsaved text is left with a question, and without one else", { skip }, () =>
  task(async (page) => {
    const key = await makeKey("reloaded");
    await visit(page, `keys/${key.id}`);
    await field(page, "Name").click();
    await page.keyboard.type(" anew");
    await visit(page, "providers");
    assert.deepEqual(await questions(page, reload(page)), ["beforeunload"]);
    await visit(page, `keys/${key.id}`);
    assert.equal(await field(page, "Name").inputValue(), "reloaded anew");
    await named(page, "button", "Discard changes").click();
    assert.equal(await field(page, "Name").inputValue(), "reloaded");
    assert.deepEqual(await questions(page, reload(page)), []);
    await named(page, "heading", "reloaded").waitFor();
    await field(page, "Name").fill("saved");
    await named(page, "button", "Save").click();
    await page.getByText("Saved, in force").waitFor();
    assert.deepEqual(await questions(page, reload(page)), []);
  }));

test("a dialog that is closed keeps its text, and Cancel does not", { skip }, () =>
  task(async (page) => {
    await visit(page, "keys");
    await named(page, "button", "New key").click();
    await field(page, "Name").fill("half a key");
    await field(page, "Name").press("Escape");
    await named(page, "button", "New key unsaved").click();
    await typedBefore(page).waitFor();
    assert.equal(await field(page, "Name").inputValue(), "half a key");
    assert.deepEqual(await faults(page), []);
    await named(page, "button", "Begin anew").click();
    assert.equal(await field(page, "Name").inputValue(), "");
    await field(page, "Name").fill("half a key");
    await named(page, "button", "Cancel").click();
    await named(page, "button", "New key").click();
    assert.equal(await field(page, "Name").inputValue(), "");
    await field(page, "Name").fill("a whole key");
    await named(page, "button", "Create key").click();
    await named(page, "button", "I have copied it").waitFor();
    // A browser closes a dialog at the second press that nothing comes between.
    for (let turn = 0; turn < 3; turn++) await page.keyboard.press("Escape");
    await named(page, "button", "I have copied it").click();
    await named(page, "button", "New key").waitFor();
  }));

test("a credential is not kept behind a closed dialog", { skip }, () =>
  task(async (page) => {
    await visit(page, "providers");
    await named(page, "button", "Add provider").click();
    await field(page, "Host").fill("openai");
    await field(page, "Credential").fill("sk-secret");
    await named(page, "button", "Close").click();
    await named(page, "button", "Add provider unsaved").click();
    assert.equal(await field(page, "Host").inputValue(), "openai");
    assert.equal(await field(page, "Credential").inputValue(), "");
    await named(page, "button", "Cancel").click();
    await named(page, "button", "Add provider").waitFor();
  }));

test("what others change meanwhile is shown beside what is typed", { skip }, () =>
  task(async (page) => {
    const key = await makeKey("shared");
    await visit(page, `keys/${key.id}`);
    await field(page, "Name").fill("mine");
    await visit(page, "keys");
    await page.getByRole("row").filter({ hasText: "shared" }).getByText("unsaved").waitFor();
    await admin(gateway, "PUT", `/api-keys/${key.id}`, { name: "theirs", expires_at: "2031-01-01T00:00:00Z" });
    await visit(page, `keys/${key.id}`);
    await page.getByText("Somebody else has saved something else meanwhile").waitFor();
    assert.equal(await field(page, "Name").inputValue(), "mine");
    assert.match(await field(page, "Expires").inputValue(), /^203[01]-/);
    await named(page, "button", "Save").click();
    await page.getByText("Saved, in force").waitFor();
    const saved = await admin(gateway, "GET", `/api-keys/${key.id}`);
    assert.equal(saved.name, "mine");
    assert.match(saved.expires_at, /^2031-01-01T00:00:00/);
  }));

test("what is typed while it is saved is kept behind another page", { skip }, () =>
  task(async (page) => {
    const key = await makeKey("slow");
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await page.route(`**/v1/api-keys/${key.id}`, async (route) => {
      if (route.request().method() === "PUT") await released;
      await route.fallback();
    });
    await visit(page, `keys/${key.id}`);
    await field(page, "Name").fill("slow 1");
    await named(page, "button", "Save").click();
    await field(page, "Name").fill("slow 2");
    await visit(page, "providers");
    release();
    await until(async () => (await admin(gateway, "GET", `/api-keys/${key.id}`)).name === "slow 1");
    await visit(page, `keys/${key.id}`);
    await typedBefore(page).waitFor();
    assert.equal(await field(page, "Name").inputValue(), "slow 2");
    await named(page, "button", "Discard changes").click();
  }));

test("who signs out is asked first, and leaves nothing to others", { skip }, async () => {
  const other = await admin(gateway, "POST", "/api-keys/organisation/service", { name: "another", scopes: ["*"] });
  const page = await open(browser, gateway);
  await signIn(page);
  await visit(page, "limits");
  await named(page, "button", "New policy").click();
  await field(page, "Name").fill("by team");
  await field(page, "Name").press("Escape");
  await visit(page, "overview");
  await named(page, "button", "Sign out").press("Enter");
  await page.getByText("What you typed in Limits is not saved, and is lost.").waitFor();
  assert.deepEqual(await faults(page), []);
  await page.keyboard.press("Escape");
  await focused(page, "Sign out");
  await named(page, "button", "Sign out").press("Enter");
  await named(page.getByRole("dialog"), "button", "Sign out").click();
  await page.getByText("You are signed out.").waitFor();
  await signIn(page, other.key);
  await visit(page, "limits");
  await named(page, "button", "New policy").click();
  assert.equal(await field(page, "Name").inputValue(), "");
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("what is typed into something that is deleted is forgotten with it", { skip }, () =>
  task(async (page) => {
    const key = await makeKey("short-lived");
    await visit(page, `keys/${key.id}`);
    await field(page, "Name").fill("never saved");
    await named(page, "button", "Delete").click();
    await named(page, "button", "Delete key").click();
    await named(page, "heading", "Keys").waitFor();
    await entry(page, "Keys").waitFor();
    assert.deepEqual(await questions(page, reload(page)), []);
  }));

test("what is typed in the playground and to find keys stays, and nobody is asked", { skip }, () =>
  task(async (page) => {
    await visit(page, "playground");
    await field(page, "Message").fill("Half a question");
    await field(page, "Model").fill("echo/echo");
    await page.getByText("System message, tools, images, gateway key").click();
    await field(page, "System message").fill("Be brief.");
    await visit(page, "keys");
    await field(page, "Filter keys").fill("search");
    await visit(page, "playground");
    assert.equal(await field(page, "Message").inputValue(), "Half a question");
    assert.equal(await field(page, "Model").inputValue(), "echo/echo");
    assert.ok(await field(page, "System message").isVisible());
    await visit(page, "keys");
    assert.equal(await field(page, "Filter keys").inputValue(), "search");
    assert.deepEqual(await questions(page, reload(page)), []);
  }));
