// What people do in the console, from end to end, against a real gateway with the built-in provider.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { admin, ADMIN, field, named, open, reason, signIn, until, visit, withGateway } from "./gateway.mjs";
import { ENTRY, ROWS, stubLog } from "./log.mjs";

const skip = reason;
let gateway, browser;
const task = withGateway((...started) => {
  [gateway, browser] = started;
});

const chat = (key, more = {}, body = {}) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "x-portkey-provider": "echo", "content-type": "application/json", ...more },
    body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "Hello!" }], ...body }),
  });

test("signing in and out, and what a wrong key is told", { skip }, async () => {
  const page = await open(browser, gateway);
  await field(page, "Admin key or gateway key").fill("nope");
  await named(page, "button", "Sign in").click();
  await page.getByText("This key is not known here").waitFor();
  await signIn(page);
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite], ["penstock_session", true, "Strict"]);
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage)).then((kept) => kept.includes(ADMIN)), false);
  await page.reload();
  await page.locator(".frame").waitFor();
  await named(page, "button", "Sign out").click();
  await page.getByText("You are signed out.").waitFor();
  const refused = await fetch(`${gateway.url}/v1/api-keys`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
  assert.equal(refused.status, 401);
  await page.context().close();
});

for (const width of [1280, 380]) {
  test(`a key is made, used, changed, rotated and deleted, ${width} pixels wide`, { skip }, () =>
    task(
      async (page) => {
        await visit(page, "keys");
        await named(page, "button", "New key").click();
        const dialog = page.getByRole("dialog");
        await field(dialog, "Name").fill(`bot ${width}`);
        await named(dialog, "button", "Add budget").click();
        await field(dialog, "Budget").fill("5");
        await named(dialog, "button", "Create key").click();
        const shown = named(page, "region", "Key");
        const key = (await shown.textContent()).trim();
        assert.match(key, /^penstock_\w+$/);
        assert.match(await named(page, "region", "A first request").textContent(), /^curl /);
        await named(page, "button", "I have copied it").click();
        await until(async () => (await chat(key)).status === 200);
        assert.equal((await page.content()).includes(key), false, "the key is not shown again");

        await field(page, "Filter keys").fill(`bot ${width}`);
        await named(page, "link", `bot ${width}`).click();
        await page.getByText("Scopes, labels, models, mail").click();
        await field(page, "Allowed models").fill("gpt-*");
        await field(page, "Gets a new text").selectOption("monthly");
        await field(page, "The text before works on").selectOption("259200000");
        await named(page, "button", "Save").click();
        await page.getByText("Saved, in force").waitFor();
        await until(async () => (await chat(key)).status === 412);
        await page.getByText(/^next on /).waitFor();
        const [{ rotation_policy: policy }] = (await admin(gateway, "GET", "/api-keys")).data;
        assert.deepEqual([policy.rotation_period, policy.key_transition_period_ms], ["monthly", 259200000]);

        await named(page, "button", "Rotate").click();
        await field(page, "The old text works").selectOption("0");
        await named(page.getByRole("dialog"), "button", "Rotate").click();
        await named(page, "heading", "The new key").waitFor();
        await until(async () => (await chat(key)).status === 401);
        await named(page, "button", "I have copied it").click();

        await named(page, "button", "Delete").click();
        await named(page, "button", "Delete key").click();
        await named(page, "heading", "Keys").waitFor();
        const left = await admin(gateway, "GET", "/api-keys");
        assert.equal(left.data.some((each) => each.name === `bot ${width}`), false);
      },
      { width },
    ));
}

test("what is wrong with a key is told at its field", { skip }, () =>
  task(async (page) => {
    await visit(page, "keys");
    await named(page, "button", "New key").click();
    const dialog = page.getByRole("dialog");
    await field(dialog, "Name").fill("wrong");
    await dialog.getByText("Scopes, labels, models, mail").click();
    await field(dialog, "Scopes").fill("completions.wirte");
    await named(dialog, "button", "Create key").click();
    await dialog.getByText("did you mean").first().waitFor();
    assert.equal(await field(dialog, "Scopes").getAttribute("aria-invalid"), "true");
  }));

test("a provider is added, tested, limited and deleted", { skip }, () =>
  task(async (page) => {
    await visit(page, "providers");
    await named(page, "button", "Add provider").click();
    await field(page, "Host").fill("echo");
    await field(page, "Name").fill("My echo");
    await field(page, "Slug").fill("my-echo");
    await named(page.getByRole("dialog"), "button", "Add provider").click();
    await named(page, "button", "Test my-echo").click();
    await field(page, "Model").fill("echo");
    await named(page, "button", "Send a test request").click();
    await page.getByText("works: 200").waitFor();
    await named(page, "button", "Cancel").click();
    await named(page, "link", "My echo").click();
    await named(page, "button", "Add rate").click();
    await field(page, "At most").fill("60");
    await named(page, "button", "Save").click();
    await page.getByText("Saved, in force").waitFor();
    assert.equal((await admin(gateway, "GET", "/providers/my-echo")).rate_limits[0].value, 60);
    await named(page, "button", "Delete").click();
    await named(page, "button", "Delete provider").click();
    await page.getByText("No providers yet").waitFor();
  }));

test("a config is written, corrected at its line, explained, versioned", { skip }, () =>
  task(async (page) => {
    await visit(page, "configs");
    await named(page, "button", "New config").click();
    await field(page, "Name").fill("Routes");
    const editor = field(page, "Config in JSON");
    await editor.fill('{\n  "targets": [\n    {"provider": "echo"},\n    {"provider" "echo"}\n  ]\n}');
    await page.getByText("a colon is missing behind provider").waitFor();
    await named(page, "button", "line 4").waitFor();
    await editor.fill('{\n  "strategy": {"mode": "fallback"},\n  "targets": [\n    {"provider": "echo",\n     "retry": {"attempts": "x"}}\n  ]\n}');
    await named(page, "button", "Save").click();
    await named(page, "button", "line 5").waitFor();
    const config = { strategy: { mode: "fallback" }, targets: [{ provider: "echo" }, { provider: "echo" }] };
    await editor.fill(JSON.stringify(config, null, 2));
    await named(page, "button", "Save").click();
    await named(page, "heading", "Versions").waitFor();
    await field(page, "Faults").fill("targets[0]=503");
    await named(page, "button", "Explain").click();
    await page.getByText("from targets[1]").waitFor();
    assert.equal(await page.locator(".tree .end strong").textContent(), "echo");
    assert.equal(await page.locator(".tree .on-path").count(), 3);
    await editor.fill(JSON.stringify({ ...config, targets: [{ provider: "echo" }] }, null, 2));
    assert.ok((await page.locator(".diff .removed").count()) > 0);
    await named(page, "button", "Save").click();
    await until(async () => (await field(page, "Version").locator("option").count()) === 2);
    await field(page, "Version").selectOption({ index: 1 });
    await named(page, "button", "Go back to it").click();
    await until(async () => (await field(page, "Config in JSON").inputValue()).match(/echo/g)?.length === 2);
  }));

test("a budget is seen as a bar, and reset", { skip }, () =>
  task(async (page) => {
    const usage_limits = { type: "requests", credit_limit: 4, periodic_reset: "monthly" };
    const made = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "limited", scopes: ["completions.write"], usage_limits });
    await until(async () => (await chat(made.key)).status === 200);
    await until(async () => (await admin(gateway, "GET", "/penstock/budgets")).data[0].used > 0);
    await visit(page, "limits");
    await named(page, "img", "1 of 4 requests").waitFor();
    await named(page, "button", "Reset limited").click();
    await named(page, "button", "Reset usage").click();
    await named(page, "img", "0 of 4 requests").waitFor();
    await until(async () => (await chat(made.key)).status === 200);
    await until(async () => (await admin(gateway, "GET", "/penstock/budgets")).data.some((each) => each.owner_id === made.id && each.used > 0));
    await visit(page, `keys/${made.id}`);
    await named(page, "img", "1 of 4 requests").waitFor();
    await named(page, "button", "Reset usage").click();
    await page.getByText("This can't be undone.").waitFor();
    await named(page.getByRole("dialog"), "button", "Reset usage").click();
    await named(page, "img", "0 of 4 requests").waitFor();
  }));

test("limits of a length of their own stay so in a form, and make way for another", { skip }, () =>
  task(async (page) => {
    const usage_limits = { type: "requests", credit_limit: 4, penstock_window: "12h" };
    const rate_limits = { type: "requests", value: 9, penstock_window: "5m" };
    await admin(gateway, "POST", "/integrations", { name: "odd", slug: "odd", ai_provider_id: "echo" });
    await admin(gateway, "PUT", "/providers/odd", { usage_limits, rate_limits });
    await visit(page, "providers/odd");
    await field(page, "Budget").fill("5");
    await field(page, "At most").fill("8");
    await named(page, "button", "Save").click();
    await page.getByText("Saved, in force").waitFor();
    const kept = await admin(gateway, "GET", "/providers/odd");
    assert.deepEqual([kept.usage_limits.credit_limit, kept.usage_limits.penstock_window], [5, "12h"]);
    assert.deepEqual([kept.rate_limits[0].value, kept.rate_limits[0].penstock_window], [8, "5m"]);
    await field(page, "begins anew").selectOption("monthly");
    await field(page, "window").selectOption("rpm");
    await named(page, "button", "Save").click();
    await until(async () => {
      const { usage_limits: budget, rate_limits: [rate] } = await admin(gateway, "GET", "/providers/odd");
      return budget.periodic_reset === "monthly" && !budget.penstock_window && rate.unit === "rpm" && !rate.penstock_window;
    });
  }));

test("a policy is made, and what each value used is seen", { skip }, () =>
  task(async (page) => {
    await visit(page, "limits");
    await named(page, "button", "New policy").click();
    await field(page, "Name").fill("teams");
    await field(page, "of").selectOption("requests");
    await field(page, "Budget").fill("10");
    await field(page, "For requests whose").fill("metadata.team");
    await named(page, "button", "Create policy").click();
    await named(page, "button", "teams").click();
    await named(page, "heading", "Used of teams").waitFor();
    await named(page, "button", "Close").click();
    await named(page, "button", "Change teams").click();
    await field(page, "Budget, requests").fill("25");
    await field(page, "Alert at").fill("20");
    await named(page, "button", "Save").click();
    await page.getByText("25 requests monthly").waitFor();
    const any = [{ key: "api_key", value: "*" }];
    const rate = { name: "all", type: "requests", unit: "rpm", value: 1000, conditions: any, group_by: [{ key: "api_key" }] };
    const { id } = await admin(gateway, "POST", "/policies/rate-limits", rate);
    await visit(page, "keys");
    await visit(page, "limits");
    await page.getByText("1,000 requests per minute").waitFor();
    await admin(gateway, "DELETE", `/policies/rate-limits/${id}`);
    await named(page, "button", "End teams").click();
    await named(page, "button", "End policy").click();
    await until(async () => !(await named(page, "button", "End teams").isVisible()));
  }));

test("a chat is streamed, side by side, and as code", { skip }, () =>
  task(async (page) => {
    await visit(page, "playground");
    await named(page, "button", "Side by side").click();
    await field(page, "Model").nth(1).waitFor();
    for (const model of await field(page, "Model").all()) await model.fill("echo/echo");
    await field(page, "Message").fill("Water flows downhill");
    await named(page, "button", "Send").click();
    await until(async () => (await page.locator(".answer").allTextContents()).every((text) => text === "Water flows downhill"));
    await page.getByText("stop", { exact: true }).first().waitFor();
    await page.getByText("As code").first().click();
    assert.match(await named(page, "region", "Python").first().textContent(), /Water flows downhill/);
    const keys = await admin(gateway, "GET", "/api-keys");
    const own = keys.data.filter((each) => each.name === "console playground");
    assert.ok(own.every((each) => each.expires_at !== null), "the console's own keys end");
  }));

test("a stream is stopped", { skip }, () =>
  task(async (page) => {
    await visit(page, "playground");
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/v1/chat/completions", async (route) => {
      await held;
      await route.abort();
    });
    await field(page, "Message").fill("wait");
    await named(page, "button", "Send").click();
    await named(page, "button", "Stop").click();
    await page.getByText("Stopped.").waitFor();
    release();
  }));

test("requests are searched, and one is read and replayed", { skip }, () =>
  task(async (page) => {
    const queries = [];
    await stubLog(page, queries);
    await visit(page, "requests");
    await named(page, "table", "Requests").waitFor();
    assert.equal(await page.locator("tbody tr").count(), ROWS.length);
    await field(page, "Model").fill("gpt-5-mini");
    await field(page, "Status").fill("429");
    await named(page, "button", "Search").click();
    await until(() => queries.some((each) => each.get("models") === "gpt-5-mini" && each.get("status_code") === "429"));
    await field(page, "Outcome").selectOption("false");
    await page.getByText("429 rate_limited").waitFor();
    await until(async () => (await page.locator("tbody tr").count()) === 1);
    await field(page, "Outcome").selectOption("");
    await named(page, "button", "Older").click();
    await until(() => queries.some((each) => each.get("cursor") === "next"));
    await visit(page, "requests/log-9");
    assert.equal(await page.locator(".waterfall > li").count(), 3);
    await page.getByText("Overloaded").waitFor();
    await page.getByText("logit_bias").waitFor();
    await named(page, "button", "Replay in the playground").click();
    await named(page, "heading", "Playground").waitFor();
    assert.equal(await field(page, "Message").inputValue(), "What is a penstock?");
    assert.equal(await field(page, "Model").inputValue(), "@backup/claude-sonnet-5");
  }));

test("a search that ended early says so and goes on", { skip }, () =>
  task(async (page) => {
    const queries = [];
    await stubLog(page, queries);
    await visit(page, "requests");
    await field(page, "Metadata").fill("team=rare");
    await named(page, "button", "Search").click();
    await page.getByText(/No such requests back to /).waitFor();
    await named(page, "button", "Search on").click();
    await until(() => queries.some((each) => each.get("cursor") === "next"));
    await until(async () => (await page.locator("tbody tr").count()) === 1);
    await named(page, "button", "Older").waitFor();
  }));

test("a search is a part of the address, and requests come in while they are looked at", { skip }, () =>
  task(async (page) => {
    const { key, id } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "live", scopes: ["completions.write"] });
    await visit(page, "requests?period=24h");
    await field(page, "Key").fill("live");
    await named(page, "button", "Search").click();
    await page.getByText("No requests in this period with these filters.").waitFor();
    const address = page.url();
    assert.equal(new URLSearchParams(address.split("?")[1]).get("api_key_ids"), id);
    assert.match(address, /period=24h/);
    await until(async () => (await chat(key)).status === 200);
    const rows = page.locator("tbody tr");
    await until(async () => (await rows.count()) === 1);
    await page.getByText("looked at every 2 seconds").waitFor();
    await field(page, "Live").uncheck();
    await page.getByText("stands still").waitFor();
    await rows.getByRole("link").click();
    await named(page, "heading", "Attempts").waitFor();
    await page.getByText("Answered.").waitFor();
    await named(page, "link", "← Requests").click();
    await until(async () => page.url() === address && (await rows.count()) === 1);
    await page.reload();
    await until(async () => (await field(page, "Key").inputValue()) === "live");
    await until(async () => (await rows.count()) === 1);
    await visit(page, "requests");
    await page.goBack();
    await until(async () => page.url() === address && (await field(page, "Key").inputValue()) === "live");
  }));

test("a request that was repeated says so", { skip }, () =>
  task(async (page) => {
    const { key } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "again", scopes: ["completions.write"] });
    const once = async () => (await chat(key, { "idempotency-key": "once" })).status === 200;
    await until(once);
    assert.ok(await once());
    await visit(page, "requests?period=24h");
    await field(page, "Key").fill("again");
    await named(page, "button", "Search").click();
    const rows = page.locator("tbody tr");
    await until(async () => (await rows.count()) === 2);
    await rows.filter({ hasText: "repeated" }).getByRole("link").click();
    await page.getByText("Answered as the first request with this Idempotency-Key.").waitFor();
  }));

test("why each attempt ended is told, and a request is copied as curl", { skip }, () =>
  task(async (page) => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await stubLog(page);
    await visit(page, "requests/log-9");
    const ends = await page.locator(".waterfall > li").allInnerTexts();
    assert.match(ends[0], /Failed, and was tried again\. *Rate limit reached/);
    assert.match(ends[1], /500 ms after the one before/);
    assert.match(ends[1], /Failed, so that config\.targets\[1\] was asked\. *Overloaded/);
    assert.match(ends[2], /Answered\./);
    await named(page, "button", "Copy link").click();
    await until(async () => (await copied()) === page.url());
    await named(page, "button", "Copy as curl").click();
    await until(async () => (await copied()).startsWith(`curl '${gateway.url}/v1/chat/completions'`));
    assert.match(await copied(), /What is a penstock\?/);
  }));

test("what a caller wrote into a path or a body runs in nobody's shell", { skip }, () =>
  task(async (page) => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await stubLog(page);
    const request = { url: "/v1/proxy/$(id);id|'id'&id", method: "POST", headers: { "x-portkey-config": "'$(id)" }, body: "@/etc/passwd" };
    await page.route("**/v1/logs/log-9", (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify({ ...ENTRY, request }) }));
    await visit(page, "requests/log-9");
    await named(page, "button", "Copy as curl").click();
    await until(async () => (await copied()).startsWith("curl "));
    // The words that a shell makes of it; curl is asked what it got.
    const words = execFileSync("/bin/sh", ["-c", `curl() { printf '%s\\n' "$@"; }; ${await copied()}`], { encoding: "utf8" }).split("\n");
    assert.equal(words[0], `${gateway.url}/v1/proxy/$(id);id%7C'id'&id`);
    assert.ok(words.includes("x-portkey-config: '$(id)"));
    assert.deepEqual(words.slice(-3, -1), ["--data-raw", "@/etc/passwd"]);
  }));

test("figures stand beside those of the period before", { skip }, () =>
  task(async (page) => {
    const periods = [];
    const summary = (requests) => ({ requests, errors: 0, error_rate: 0, cost: 0, tokens: 0, input_tokens: 0, output_tokens: 0 });
    await stubLog(page);
    await page.route("**/v1/analytics/summary/overview*", (route) => {
      const query = new URL(route.request().url()).searchParams;
      const [from, to] = ["min", "max"].map((end) => Date.parse(query.get(`time_of_generation_${end}`)));
      periods.push([from, to]);
      const isEarlier = to < Date.now() - 1000;
      const body = JSON.stringify({ object: "analytics-summary", summary: summary(isEarlier ? 200 : 150) });
      return route.fulfill({ contentType: "application/json", body });
    });
    await visit(page, "overview?period=1h");
    await page.getByText("−25 %").waitFor();
    const [now, earlier] = periods.slice(0, 2).sort((a, b) => b[1] - a[1]);
    assert.equal(earlier[1], now[0]);
    assert.equal(earlier[1] - earlier[0], now[1] - now[0]);
    await field(page, "Period").selectOption("7d");
    await until(() => page.url().endsWith("#/overview?period=7d"));
  }));

test("requests are found by a key's name and by metadata, and kept in a file", { skip }, () =>
  task(async (page) => {
    const { key } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "filed", scopes: ["completions.write"], labels: { team: "files" } });
    await until(async () => (await chat(key, { "x-portkey-metadata": '{"team": "files"}' })).status === 200);
    await visit(page, "requests");
    await field(page, "Key").fill("filed");
    await field(page, "Metadata").fill("team=files");
    await named(page, "button", "Search").click();
    await until(async () => (await page.locator("tbody tr").count()) === 1);
    const file = async (name) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByText(name, { exact: true }).click()]);
      return readFileSync(await download.path(), "utf8").trim().split(/\r?\n/);
    };
    const [head, ...rows] = await file("Download CSV");
    assert.match(head, /trace_id/);
    assert.equal(rows.length, 1);
    assert.equal(JSON.parse((await file("Download JSON lines"))[0]).api_key_name, "filed");
    await visit(page, "overview");
    await field(page, "Grouped by").selectOption("metadata/team");
    await named(page, "link", "files").waitFor();
    const [names, ...teams] = await file("Download CSV");
    assert.match(names, /^team,requests,errors,cost,/);
    assert.ok(teams.some((each) => each.startsWith("files,1,0,")));
    await named(page, "link", "files").click();
    await named(page, "heading", "Requests").waitFor();
    await until(async () => (await field(page, "Metadata").inputValue()) === "team=files");
    await page.locator("tbody a").first().click();
    await named(page, "heading", "Metadata").waitFor();
    assert.equal(await named(page.locator(".section"), "link", "files").or(page.locator("dd").getByText("files", { exact: true })).count(), 1);
    await named(page, "link", "files").click();
    await until(async () => (await field(page, "Metadata").inputValue()) === "team=files");
  }));

test("the models of a credential that is shared are listed, and a key has names of its own", { skip }, () =>
  task(async (page) => {
    await admin(gateway, "POST", "/integrations", { name: "Shared", slug: "shared", ai_provider_id: "echo" });
    await admin(gateway, "POST", "/providers", { name: "Of shared", slug: "of-shared", integration_id: "shared" });
    await visit(page, "providers/of-shared");
    await named(page, "button", "Add model").click();
    await field(page.getByRole("dialog"), "Model").fill("echo-*");
    await named(page.getByRole("dialog"), "button", "Add model").click();
    await named(page, "cell", "echo-*").waitFor();
    await field(page, "Every model of the host may be called").click();
    await named(page, "button", "Switch off echo-*").click();
    await named(page, "button", "Switch on echo-*").waitFor();
    const { models, allow_all_models } = await admin(gateway, "GET", "/integrations/shared/models");
    assert.deepEqual([allow_all_models, models[0].slug, models[0].enabled], [false, "echo-*", false]);

    const { id } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "named", scopes: ["completions.write"] });
    await visit(page, `keys/${id}`);
    await page.getByText("Scopes, labels, models, mail").click();
    await field(page, "Model names of its own").fill("quick=@of-shared/echo");
    await named(page, "button", "Save").click();
    await page.getByText("Saved, in force").waitFor();
    assert.deepEqual((await admin(gateway, "GET", `/api-keys/${id}`)).model_aliases, { quick: { target: "@of-shared/echo" } });
  }));

test("a gateway without a request log says so in words", { skip }, () =>
  task(async (page) => {
    const body = JSON.stringify({ message: "The request log is planned for a later release." });
    for (const path of ["**/v1/logs*", "**/v1/analytics/**"]) {
      await page.route(path, (route) => route.fulfill({ status: 501, contentType: "application/json", body }));
    }
    await visit(page, "requests");
    await page.getByText("This gateway has no request log.").waitFor();
    await visit(page, "overview");
    await page.getByText("This gateway has no analytics.").waitFor();
  }));

test("the link of a start signs in once, and leaves the address", { skip }, async () => {
  const page = await open(browser, gateway);
  await page.goto(`${gateway.url}/console/#sign-in=${ADMIN}`); // loads nothing: the console is open there already
  await page.locator(".frame").waitFor();
  assert.equal(page.url().includes(ADMIN), false);
  await until(() => page.url().endsWith("#/overview"));
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "H1", "nobody has gone to another page");
  await page.reload();
  await page.locator(".frame").waitFor();
  await page.goto(`${gateway.url}/console#/keys/%E0%A4%A`);
  await page.getByRole("alert").waitFor();
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a link of anybody else signs nobody in, and takes no session's place", { skip }, async () => {
  const scopes = ["completions.write", "logs.list"];
  const { key } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "of a stranger", scopes });
  const page = await open(browser, gateway);
  for (const other of ["an-old-key", key]) {
    await page.goto(`${gateway.url}/console#sign-in=${other}`);
    await page.getByText("This link has ended").waitFor();
    await page.reload();
    await field(page, "Admin key or gateway key").waitFor();
  }
  await page.goto(`${gateway.url}/console/#sign-in=${ADMIN}`);
  await page.locator(".frame").waitFor();
  await page.goto(`${gateway.url}/console#sign-in=${key}`);
  await page.reload();
  await page.locator(".frame").waitFor();
  const { name } = await page.evaluate(async () => (await fetch("/v1/penstock/session")).json());
  assert.equal(name, "PENSTOCK_ADMIN_KEY");
  await page.context().close();
});

test("why requests failed leads to the latest one, also of streams that broke off", { skip }, () =>
  task(async (page) => {
    const { key } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "breaks", scopes: ["completions.write"] });
    const asked = { model: "echo-cut", stream: true, messages: [{ role: "user", content: "One two three four five six" }] };
    await until(async () => {
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "x-portkey-provider": "echo", "content-type": "application/json" },
        body: JSON.stringify(asked),
      });
      return answer.status === 200 && (await answer.text()).includes("upstream_truncated");
    });
    await until(async () => (await admin(gateway, "GET", "/logs?models=echo-cut")).data.length > 0);
    await visit(page, "overview?period=1h");
    const row = page.getByRole("row").filter({ hasText: "502 upstream_truncated" });
    await row.getByRole("link").click();
    await page.getByText("Broke off when its answer had begun").waitFor();
    await page.locator(".attempt").filter({ hasText: "upstream_truncated" }).waitFor();
  }));

test("health tells of circuits, workers and lost records", { skip }, () =>
  task(async (page) => {
    await visit(page, "health");
    for (const name of ["Stores", "Circuits", "Connections", "Process", "Records"]) {
      await named(page, "heading", name).waitFor();
    }
    assert.equal(await named(page, "heading", "Broken circuits").count(), 0);
  }));

test("health tells which circuits are broken, and leads to what failed", { skip }, () =>
  task(async (page) => {
    const config = { strategy: { mode: "fallback", cb_config: { failure_threshold: 1, cooldown_interval: 60_000 } }, targets: [{ provider: "echo" }] };
    const { key } = await admin(gateway, "POST", "/api-keys/workspace/service", { name: "failing", scopes: ["completions.write"] });
    const failing = { "x-portkey-config": JSON.stringify(config) };
    await until(async () => (await chat(key, failing)).status === 200);
    assert.equal((await chat(key, failing, { echo: { fault: "503" } })).status, 503);
    await visit(page, "health");
    const row = named(page, "table", "Broken circuits").locator("tbody tr");
    await row.getByText("echo", { exact: true }).first().waitFor();
    await row.getByText("open", { exact: true }).waitFor();
    await named(row, "link", "failed requests").click();
    await named(page, "heading", "Requests").waitFor();
    const query = new URLSearchParams(page.url().split("?")[1]);
    assert.deepEqual([query.get("providers"), query.get("is_success"), query.get("models")], ["echo", "false", "echo"]);
    await page.locator("tbody tr").first().waitFor();
  }));

test("a key with scopes to look sees no buttons that change", { skip }, async () => {
  const scopes = ["workspace_service_api_keys.list", "workspace_service_api_keys.read", "providers.list", "configs.list", "configs.read"];
  const { key } = await admin(gateway, "POST", "/api-keys/organisation/service", { name: "reader", scopes });
  await admin(gateway, "POST", "/api-keys/workspace/service", { name: "looked at", scopes: ["completions.write"] });
  await admin(gateway, "POST", "/virtual-keys", { name: "Looked at", provider: "echo" });
  await task(
    async (page) => {
      assert.deepEqual(await page.locator("nav li").allTextContents(), ["Keys", "Providers", "Configs", "Playground"]);
      await visit(page, "keys");
      assert.equal(await named(page, "button", "New key").count(), 0);
      await page.locator("td a").first().click();
      await named(page, "heading", "Settings").waitFor();
      assert.equal(await named(page, "button", "Save").count(), 0);
      assert.equal(await named(page, "button", "Delete").count(), 0);
      await visit(page, "providers");
      await page.locator("td .strong").first().waitFor();
      assert.equal(await page.locator("td a").count(), 0, "the pages of providers would only be refused");
      await page.getByRole("button", { name: /^Test / }).first().click();
      await field(page.getByRole("dialog"), "Gateway key").waitFor();
      await page.getByText("Your key may make none").waitFor();
    },
    { key },
  );
});

test("a change tells the audit log, which shows it", { skip }, () =>
  task(async (page) => {
    await visit(page, "audit");
    await page.getByText("sign in session").first().waitFor();
    await page.locator("tbody button").first().click();
    await page.getByRole("dialog").getByText("POST /v1/penstock/session").waitFor();
  }));

test("the audit log tells names, of what is gone, too", { skip }, () =>
  task(async (page) => {
    const path = "/api-keys/workspace/service";
    const kept = await admin(gateway, "POST", path, { name: "kept for the audit", scopes: ["completions.write"] });
    const gone = await admin(gateway, "POST", path, { name: "gone from the audit", scopes: ["completions.write"] });
    await admin(gateway, "DELETE", `/api-keys/${gone.id}`);
    await visit(page, "audit");
    const row = page.locator("tbody tr").filter({ hasText: "kept for the audit" });
    assert.equal(await row.getByRole("link").getAttribute("href"), `#/keys/${kept.id}`);
    await page.locator("tbody tr").filter({ hasText: "gone from the audit" }).first().waitFor();
    await row.getByRole("button").click();
    await page.getByRole("dialog").getByText(kept.id).first().waitFor();
  }));
