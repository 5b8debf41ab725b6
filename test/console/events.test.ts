import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";

import { onStage } from "./on-stage.ts";
import { addEvents, makeKey, type Stage } from "./stage.ts";

const WITHIN = { timeout: 45_000 };

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
    const address = page.url();
    const query = new URL(address).search;
    const { json } = await set.stage.waypost.call("GET", `/api/v1/events/message${query}`);
    const counted = page.getByText(`${json.total_count} events`, { exact: true });
    await counted.waitFor();
    assert.match(address, /events=click/);
    assert.match(address, /is_bot=false/);
    await page.goto("/domains");
    await page.goto(address);
    await counted.waitFor();
    assert.equal(await page.getByLabel("By whom").inputValue(), "people");
  });

  test("filters of a link that are no choice of their own are shown as what they are, and counted", async () => {
    await using tab = await open("/events?events=open,click&is_bot=false&subaccounts=0,1");
    const { page } = tab;
    const chosen = (label: string) => page.getByLabel(label, { exact: true }).locator("option:checked");
    await page.getByText(/^\d+ events$/).waitFor();
    assert.equal(await chosen("What").textContent(), "Open, Click");
    assert.equal(await chosen("By whom").textContent(), "No bots");
    await page.getByRole("button", { name: "More filters (1)" }).click();
    assert.equal(await chosen("Owner").textContent(), "Primary account, Harbour (1)");
    await page.getByLabel("By whom").selectOption("bots");
    await page.getByLabel("What", { exact: true }).selectOption("Every event");
    await page.getByLabel("Owner").selectOption("Every owner");
    await page.waitForURL(/\?is_bot=true$/);
    assert.deepEqual(tab.complaints, []);
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
      "20,480",
    ])
      await drawer.getByText(text).first().waitFor();
    await drawer.getByRole("link", { name: "000443ee14578172be22" }).click();
    await page.waitForURL(/messages=000443ee14578172be22/);
    await drawer.waitFor({ state: "detached" });
  });

  test("what has no room in its column is shortened in the middle, however short, and whole again when there is", async () => {
    await using tab = await open("/events?recipients=ben@mail.example.net");
    const { page } = tab;
    await page.setViewportSize({ width: 800, height: 900 });
    const cells = page.getByRole("table", { name: "Events" }).getByRole("row").nth(1).getByRole("cell");
    await cells
      .nth(1)
      .getByText(/^b.*….*t$/)
      .waitFor();
    const { length } = (await cells.nth(1).locator("[aria-hidden]").textContent()) ?? "";
    assert.ok(length > 4 && length < "ben@mail.example.net".length, String(length));
    await page.setViewportSize({ width: 1440, height: 900 });
    await cells.nth(1).locator("[aria-hidden]").waitFor({ state: "detached" });
    await cells.nth(1).getByText("ben@mail.example.net", { exact: true }).waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("an event that happens appears by itself while the page follows", async () => {
    await using tab = await open("/events");
    const { page } = tab;
    await page.getByRole("button", { name: "Follow live" }).click();
    await page.getByText("Live: events appear here").waitFor();
    await click(set.stage, "live@example.com");
    await page.getByRole("table", { name: "Events" }).getByText("live@example.com").first().waitFor();
    await page.getByText("1 event so far").waitFor();
    assert.equal(await page.getByRole("status").getByText("so far").count(), 0);
    assert.deepEqual(tab.complaints, []);
  });

  test("a live list that is paused stands still, and shows what happened meanwhile when it goes on", async (t) => {
    await using tab = await open("/events?live=1");
    const { page } = tab;
    await page.getByText("Live: events appear here").waitFor();
    const shown = (recipient: string) =>
      page.getByRole("table", { name: "Events" }).getByText(recipient).first();
    // Before the first event, when there is no place yet to go on from, and after it.
    for (const [n, recipient] of ["before@example.com", "behind@example.com"].entries()) {
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByText("Paused.").waitFor();
      await click(set.stage, recipient);
      await t.waitFor(async () => {
        const path = `/api/v1/events/message?recipients=${recipient}`;
        assert.equal((await set.stage.waypost.call("GET", path)).json.total_count, 1);
      }, WITHIN);
      // Longer than an event that is stored takes to a page that follows.
      await page.waitForTimeout(1500);
      assert.equal(await shown(recipient).count(), 0);
      await page.getByRole("button", { name: "Go on" }).click();
      await shown(recipient).waitFor();
      await page.getByText(`${n + 1} event${n === 0 ? "" : "s"} so far`).waitFor();
    }
    assert.deepEqual(tab.complaints, []);
  });

  test("a live list says when Waypost answers with an error, and goes on by itself once it does not", async () => {
    await using tab = await open("/events");
    const { page } = tab;
    let status = 429;
    await page.route("**/api/v1/events/stream*", (route) => route.fulfill({ status, body: "{}" }));
    await page.getByRole("button", { name: "Follow live" }).click();
    await page.getByText("Too many pages follow events already.").waitFor();
    status = 503;
    await page.getByText("Waypost cannot send events for now.").waitFor();
    await page.unroute("**/api/v1/events/stream*");
    await page.getByText("Live: events appear here").waitFor();
    await click(set.stage, "again@example.com");
    await page.getByRole("table", { name: "Events" }).getByText("again@example.com").first().waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a live list that is refused says so, and does not ask again", async () => {
    await using tab = await open("/events");
    const { page } = tab;
    let asked = 0;
    await page.route("**/api/v1/events/stream*", (route) => {
      asked += 1;
      return route.fulfill({ status: 403, body: "{}" });
    });
    await page.getByRole("button", { name: "Follow live" }).click();
    await page.getByText("Waypost refuses to send these events to this key.").waitFor();
    const before = asked;
    // Longer than the first wait for another attempt.
    await page.waitForTimeout(3000);
    assert.equal(asked, before);
    assert.equal(await page.getByRole("button", { name: "Pause" }).count(), 0);
  });

  test("the back button leads to the filters before, however often somebody paused while typing", async (t) => {
    await using tab = await open("/events");
    const { page } = tab;
    await page.getByText(/^\d+ events$/).waitFor();
    await page.getByLabel("What", { exact: true }).selectOption("click");
    await page.waitForURL(/events=click/);
    const recipients = page.getByLabel("Recipients", { exact: true });
    for (const text of ["ben@mail", "ben@mail.example.net"]) {
      await recipients.fill(text);
      await page.waitForURL(new RegExp(`recipients=${encodeURIComponent(text)}$`));
    }
    await page.getByLabel("By whom").selectOption("people");
    await page.waitForURL(/is_bot=false/);
    await page.goBack();
    await page.waitForURL(/events=click&recipients=ben%40mail\.example\.net$/);
    await page.goBack();
    await page.waitForURL(/\/events\?events=click$/);
    await t.waitFor(async () => assert.equal(await recipients.inputValue(), ""), WITHIN);
    await page.goBack();
    await page.waitForURL(/\/events$/);
    const what = page.getByLabel("What", { exact: true });
    await t.waitFor(async () => assert.equal(await what.inputValue(), ""), WITHIN);
    assert.deepEqual(tab.complaints, []);
  });

  test("a link to an event opens it, also when the list does not have it, and says so when there is none", async () => {
    const { json } = await set.stage.waypost.call("GET", "/api/v1/events/message?events=click&per_page=1");
    const [{ event_id: id }] = json.results;
    await using tab = await open(`/events?events=open&event=${id}`);
    const { page } = tab;
    const drawer = page.getByRole("dialog");
    await drawer.getByRole("heading", { name: "Click", exact: true }).waitFor();
    await drawer.getByText(`"event_id": "${id}"`).waitFor({ state: "attached" });
    await drawer.getByRole("button", { name: "Close" }).click();
    await drawer.waitFor({ state: "detached" });
    for (const none of ["4711", "nonsense"]) {
      await page.goto(`/events?event=${none}`);
      await drawer.getByText(`There is no event ${none}`).waitFor();
    }
    assert.deepEqual(tab.complaints, []);
  });

  test("an open event stays open while newer ones push it out of the live list", async () => {
    await using tab = await open("/events?live=1");
    const { page } = tab;
    await page.getByText("Live: events appear here").waitFor();
    await click(set.stage, "first@example.com");
    const table = page.getByRole("table", { name: "Events" });
    const row = table.getByRole("row").filter({ hasText: "first@example.com" });
    await row.first().locator("[data-row]").click();
    const drawer = page.getByRole("dialog");
    await drawer.getByText("first@example.com").first().waitFor();
    await click(set.stage, "later@example.com", 220);
    await row.waitFor({ state: "detached", timeout: 60_000 });
    await drawer.getByRole("link", { name: "first@example.com" }).waitFor();
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
    await using tab = await open("/events?events=link_unsubscribe&range=week");
    const { page } = tab;
    await page.getByText("30 events", { exact: true }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Export JSON lines" }).click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
    assert.equal(lines.length, 30);
    for (const line of lines) assert.equal(JSON.parse(line).type, "link_unsubscribe");
  });

  test("an export that cannot be had is told of on the page, which stays, and is had when it is asked for again", async () => {
    await using tab = await open("/events?events=link_unsubscribe&range=week");
    const { page } = tab;
    await page.route("**/api/v1/events/message.csv*", (route) =>
      route.fulfill({
        status: 503,
        json: { errors: [{ message: "service unavailable", description: "The store does not answer." }] },
      }),
    );
    await page.getByRole("button", { name: "Export CSV" }).click();
    const failure = page.getByRole("alert");
    await failure.getByText("The events could not be exported.").waitFor();
    await failure.getByText("The store does not answer.").waitFor();
    await page.getByText("30 events", { exact: true }).waitFor();
    await page.unroute("**/api/v1/events/message.csv*");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      failure.getByRole("button", { name: "Try again" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "events.csv");
    await failure.waitFor({ state: "detached" });
    assert.deepEqual(tab.complaints, []);
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

/** Somebody gets mail, and clicks on its link. */
async function click({ waypost }: Stage, recipient: string, times = 1): Promise<void> {
  const { json } = await waypost.call("POST", "/api/v1/wrap", {
    body: {
      content: { html: '<a href="https://shop.example/live">shop</a>' },
      recipients: [{ address: recipient }],
    },
  });
  const link = /href="([^"]+)/.exec(json.results.messages[0].content.html)?.[1] ?? "";
  for (let n = 0; n < times; n += 1) assert.equal((await waypost.visit(link)).status, 302);
}
