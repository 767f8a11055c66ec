// The editor of configs with its tests, tools and images in the playground, and the page of a key's holder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { admin, faults, field, named, open, overflow, reason, until, visit, withGateway } from "./gateway.mjs";

const skip = reason;
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
let gateway, browser;
const task = withGateway((...started) => {
  [gateway, browser] = started;
});

test("members and values of a config are completed where they belong", { skip }, () =>
  task(async (page) => {
    await visit(page, "configs/new");
    const editor = field(page, "Config in JSON");
    const options = named(page, "listbox", "Completions");
    await editor.fill("");
    await editor.pressSequentially('{"strat');
    assert.deepEqual(await options.getByRole("option").allTextContents(), ["strategy"]);
    assert.deepEqual(await faults(page), []);
    await editor.press("Tab");
    await editor.pressSequentially('{"mo');
    await editor.press("ArrowDown");
    await editor.press("Enter");
    await editor.pressSequentially('"fall');
    await editor.press("Tab");
    await editor.pressSequentially('}, "targets": [{');
    await editor.press("Control+ ");
    await named(options, "option", "api_key").waitFor();
    await editor.press("Escape");
    assert.equal(await options.isVisible(), false);
    await editor.pressSequentially('"provider": "ech');
    await named(options, "option", "echo").click();
    await editor.pressSequentially("}]}");
    assert.deepEqual(JSON.parse(await editor.inputValue()), { strategy: { mode: "fallback" }, targets: [{ provider: "echo" }] });
    await editor.fill('{"retry": {"attempts": 1, ');
    await editor.press("End");
    await editor.press("Control+ ");
    assert.equal((await options.getByRole("option").allTextContents()).includes("attempts"), false);
  }));

for (const width of [1280, 380]) {
  test(`tests of a config are run from the page, ${width} pixels wide`, { skip }, () =>
    task(async (page) => {
      await visit(page, "configs/new");
      const config = { strategy: { mode: "fallback" }, targets: [{ provider: "echo" }, { provider: "echo" }] };
      await field(page, "Config in JSON").fill(JSON.stringify(config, null, 2));
      const tests = [
        { name: "falls back", faults: "targets[0]=503", target: "targets[1]", attempts: ["targets[0] 503", "targets[1] 200"] },
        { name: "is wrong", target: "targets[1]", status: 500, time_at_most: 5 },
      ];
      await field(page, "Tests in JSON").fill(JSON.stringify(tests));
      await named(page, "button", "Run tests").click();
      await page.getByText("1 passed, 1 failed").waitFor();
      await page.getByText("status: expected 500, found 200").waitFor();
      await page.getByText("target: expected targets[1], found targets[0]").waitFor();
      assert.deepEqual(await faults(page), []);
      assert.ok((await overflow(page)) <= 0);
      await page.getByText("As a file for penstock test").click();
      assert.match(await named(page, "region", "TOML").textContent(), /\[\[test\]\]\nname = "falls back"\nfaults = "targets\[0\]=503"/);
      await field(page, "Tests in JSON").fill('[{"name": "a", "taget": "x"}]');
      await named(page, "button", "Run tests").click();
      await page.getByText("a member that is not known: taget").first().waitFor();
    }, { width }));
}

test("tools and images are sent, and what the model calls is shown", { skip }, () =>
  task(async (page) => {
    await visit(page, "playground");
    await field(page, "Model").fill("echo/echo");
    await page.getByText("System message, tools, images, gateway key").click();
    await field(page, "Tools").fill("[{");
    await page.getByText("Line 1").waitFor();
    assert.equal(await named(page, "button", "Send").isDisabled(), true);
    await field(page, "Tools").fill('[{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]');
    await field(page, "Images").setInputFiles({ name: "pixel.png", mimeType: "image/png", buffer: PIXEL });
    await field(page, "Message").fill("Please call get_weather");
    const [request] = await Promise.all([
      page.waitForRequest((each) => each.url().endsWith("/v1/chat/completions") && each.method() === "POST"),
      named(page, "button", "Send").click(),
    ]);
    const body = request.postDataJSON();
    assert.equal(body.messages.at(-1).content[1].image_url.url, `data:image/png;base64,${PIXEL.toString("base64")}`);
    await named(page, "region", "Calls get_weather").waitFor();
    assert.deepEqual(await faults(page), []);
    await page.getByText("As code").first().click();
    const code = await named(page, "region", "Python").first().textContent();
    assert.match(code, /tools=json\.loads/);
    assert.ok(!code.includes(PIXEL.toString("base64")));
  }));

for (const width of [1280, 380]) {
  test(`the holder of a gateway key sees its limits, usage and models, ${width} pixels wide`, { skip }, async () => {
    const usage_limits = { type: "requests", credit_limit: 4, periodic_reset: "monthly" };
    const made = await admin(gateway, "POST", "/api-keys/workspace/service", {
      name: `holder ${width}`, scopes: ["completions.write"], labels: { team: "search" }, usage_limits,
      rate_limits: [{ type: "requests", unit: "rpm", value: 1000 }],
    });
    await until(async () => {
      const headers = { authorization: `Bearer ${made.key}`, "x-portkey-provider": "echo", "content-type": "application/json" };
      const body = JSON.stringify({ model: "echo", messages: [{ role: "user", content: "Hello!" }] });
      return (await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", headers, body })).status === 200;
    });
    const page = await open(browser, gateway, { width });
    await field(page, "Admin key or gateway key").fill(made.key);
    await named(page, "button", "Sign in").click();
    await named(page, "heading", `holder ${width}`).waitFor();
    await named(page, "img", "1 of 4").waitFor();
    await page.getByText("search").waitFor();
    const rate = page.getByRole("row").filter({ hasText: "requests a minute" });
    assert.match(await rate.locator("td").last().textContent(), /^in \d+ s$|^\d+ s ago$|^–$/);
    assert.match(await named(page, "region", "curl").textContent(), /^curl .*\/v1\/chat\/completions/);
    assert.deepEqual(await faults(page), []);
    assert.ok((await overflow(page)) <= 0);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.ok(!kept.includes(made.key));
    await named(page, "button", "Leave").click();
    await named(page, "button", "Sign in").waitFor();
    await field(page, "Admin key or gateway key").fill(`${made.key}x`);
    await named(page, "button", "Sign in").click();
    await page.getByText("This key is not known here").waitFor();
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });
}
