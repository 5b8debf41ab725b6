import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";

import { onStage } from "./on-stage.ts";
import { addEvents, makeKey } from "./stage.ts";

suite("the events page", () => {
  const set = onStage(async (stage) => {
    await stage.waypost.call("POST", "/api/v1/subaccounts", { body: { name: "Harbour" } });
    await stage.waypost.addVerifiedDomain("click.acme.com");
    await stage.waypost.call("PUT", "/api/v1/tracking-domains/click.acme.com", { body: { default: true } });
    await addEvents(stage);
  });
  const { open } = set;

  test("shows the newest first, a hundred at a time, with older ones behind them", async () => {
    await using tab = await open("/events");
    const { page } = tab;
    const rows = page.getByRole("table", { name: "Events" }).locator("[data-row]");
    await page.getByText("240 events", { exact: true }).waitFor();
    assert.equal(await rows.count(), 100);
    await page.getByRole("button", { name: "Show older events" }).click();
    await rows.nth(199).waitFor();
    await page.getByRole("button", { name: "Show older events" }).click();
    await rows.nth(239).waitFor();
    const times = await page.getByRole("table", { name: "Events" }).locator("time").all();
    const shown = await Promise.all(times.map((time) => time.getAttribute("datetime")));
    assert.deepEqual(shown, shown.toSorted().reverse());
    assert.deepEqual(tab.complaints, []);
  });

  test("keeps filters in the URL, so that the page can be sent to somebody", async () => {
    await using tab = await open("/events");
    const { page } = tab;
    await page.getByLabel("What", { exact: true }).selectOption("click");
    await page.getByLabel("By whom").selectOption("people");
    await page.getByLabel("Recipients", { exact: true }).fill("ben@mail.example.net");
    await page.getByLabel("Recipients", { exact: true }).press("Enter");
    await page.waitForURL(/recipients=ben%40mail.example.net/);
    const counted = await page.getByText(/^\d+ events$/).textContent();
    const address = page.url();
    assert.match(address, /events=click/);
    assert.match(address, /is_bot=false/);
    await page.goto("/domains");
    await page.goto(address);
    await page.getByText(counted ?? "", { exact: true }).waitFor();
    assert.equal(await page.getByLabel("By whom").inputValue(), "people");
  });

  test("a row opens to everything that is known of the event, and leads on to its message", async () => {
    await using tab = await open("/events?events=click&campaigns=rain-or-shine");
    const { page } = tab;
    await page.getByRole("table", { name: "Events" }).locator("[data-row]").first().click();
    const drawer = page.getByRole("dialog");
    for (const text of [
      "https://www.example.com/boots",
      "Boots for the rain",
      "192.0.2.71",
      "customer: c-4711",
    ])
      await drawer.getByText(text).first().waitFor();
    await drawer.getByRole("link", { name: "000443ee14578172be22" }).click();
    await page.waitForURL(/messages=000443ee14578172be22/);
    await drawer.waitFor({ state: "detached" });
  });

  test("an event that happens appears by itself while the page follows", async () => {
    await using tab = await open("/events");
    const { page } = tab;
    await page.getByRole("button", { name: "Follow live" }).click();
    await page.getByText("Live: events appear here").waitFor();
    const { json } = await set.stage.waypost.call("POST", "/api/v1/wrap", {
      body: {
        content: { html: '<a href="https://shop.example/live">shop</a>' },
        recipients: [{ address: "live@example.com" }],
      },
    });
    const link = /href="([^"]+)/.exec(json.results.messages[0].content.html)?.[1] ?? "";
    assert.equal((await set.stage.waypost.visit(link)).status, 302);
    await page.getByRole("table", { name: "Events" }).getByText("live@example.com").first().waitFor();
    await page.getByText("1 event so far").waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("following with a session that has ended asks to sign in again", async () => {
    await using tab = await open("/events");
    const { page } = tab;
    await page.getByText(/^\d+ events$/).waitFor();
    await tab.context.clearCookies();
    await page.getByRole("button", { name: "Follow live" }).click();
    await page.getByText("Your session has ended").waitFor();
  });

  test("exports what the filters keep", async () => {
    await using tab = await open("/events?events=link_unsubscribe");
    const { page } = tab;
    await page.getByText("40 events", { exact: true }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Export JSON lines" }).click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
    assert.equal(lines.length, 40);
    for (const line of lines) assert.equal(JSON.parse(line).type, "link_unsubscribe");
  });

  test("a subaccount's key sees its own events, and no owners to choose from", async () => {
    const key = await makeKey(set.stage, { grants: ["message_events/view"], subaccount_id: 1 });
    await using tab = await open("/events", { key });
    await tab.page.getByText("60 events", { exact: true }).waitFor();
    await tab.page.getByRole("button", { name: "More filters" }).click();
    await tab.page.getByLabel("Campaigns").waitFor();
    assert.equal(await tab.page.getByLabel("Owner").count(), 0);
  });
});
