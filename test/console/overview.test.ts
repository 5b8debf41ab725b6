import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Browser, Page } from "playwright-core";

import { onStage } from "./on-stage.ts";
import { addDomains, addEvents, CNAME_TARGET, makeKey, type Stage } from "./stage.ts";

const HTML = '<a href="https://shop.example/boots" data-msys-linkname="Boots">boots</a>';

suite("the overview", () => {
  const set = onStage();
  const { open } = set;

  test("from the first sign-in to a webhook, everything can be done and seen on these pages", async (t) => {
    await using tab = await open("/");
    const { page } = tab;
    await page.getByText("There is no tracking domain yet").waitFor();
    await addDomain(page, set.stage);
    const link = await wrapInTester(page);
    await page.getByRole("link", { name: "Events", exact: true }).click();
    await page.getByRole("button", { name: "Follow live" }).click();
    await page.getByText("Live: events appear here").waitFor();
    await clickAsSomebody(set.browser, link);
    await page
      .getByRole("table", { name: "Events" })
      .getByText("https://shop.example/boots")
      .first()
      .waitFor();

    await page.getByRole("link", { name: "Overview", exact: true }).click();
    const chart = page.getByRole("img", { name: "Last 7 days: 0 opens and 1 click." });
    await chart.waitFor({ timeout: 60_000 });
    await page.waitForFunction(HAS_COLORS);
    await page.getByRole("table", { name: "Top links" }).getByText("Boots").waitFor();
    await assertNothingBeforeTheFirstMail(page);

    await page.getByRole("link", { name: "Webhooks", exact: true }).click();
    await page.getByRole("link", { name: "Add a webhook" }).click();
    await page.getByLabel("Name").fill("The shop");
    await page.getByLabel("Target").fill(set.stage.receiver.url);
    await page.getByRole("button", { name: "Add the webhook" }).click();
    await page.getByRole("link", { name: "I have it" }).click();
    await page.getByLabel("From (UTC)").fill("2020-01-01T00:00");
    await page.getByRole("button", { name: "Send again" }).click();
    await t.waitFor(() => assert.equal(set.stage.receiver.deliveredIds().length, 1), { timeout: 60_000 });
    await page.getByText("Done", { exact: true }).waitFor();

    await deleteDomain(page);
    assert.deepEqual(tab.complaints, []);
  });

  test("counts people, and everybody when it is asked to", async (t) => {
    await addEvents(set.stage);
    await using tab = await open("/?range=month");
    const { page } = tab;
    const people = page.getByRole("img", { name: /^Last 30 days: \d+ opens and \d+ clicks\.$/ });
    await people.waitFor({ timeout: 60_000 });
    const before = figures((await people.getAttribute("aria-label")) ?? "");
    await page.getByText(/By prefetch and bots \d+/).waitFor();
    await page.getByText("The figures as a table").click();
    const left = page.getByRole("columnheader", { name: "By prefetch and bots" });
    await left.waitFor();
    await page.getByLabel("Count prefetch and bots").check();
    await page.getByText(/By prefetch and bots \d/).waitFor({ state: "detached" });
    const areMore = async (): Promise<void> => {
      const after = figures((await people.getAttribute("aria-label")) ?? "");
      assert.ok(after.opens > before.opens, JSON.stringify({ before, after }));
      assert.ok(after.clicks > before.clicks, JSON.stringify({ before, after }));
    };
    await t.waitFor(areMore, { timeout: 60_000 });
    assert.match(page.url(), /everybody=1/);
    await page.getByText("The figures as a table").click();
    await page.getByRole("columnheader", { name: "Opens" }).waitFor();
    assert.equal(await left.count(), 0);
    assert.deepEqual(tab.complaints, []);
  });

  test("clicks on links without a name are one row that says so and leads to them, and how links get names", async () => {
    await set.stage.waypost.addVerifiedDomain("go.nameless.example");
    const { json } = await set.stage.waypost.call("POST", "/api/v1/wrap", {
      body: {
        content: { html: '<a href="https://shop.example/nameless">shop</a>' },
        recipients: [{ address: "ann@example.com" }],
        tracking_domain: "go.nameless.example",
      },
    });
    const link = /href="([^"]+)/.exec(json.results.messages[0].content.html)?.[1] ?? "";
    assert.equal((await set.stage.waypost.visit(link)).status, 302);
    await using tab = await open("/?everybody=1");
    const { page } = tab;
    await page.getByText("data-msys-linkname").waitFor();
    const addresses = page.getByRole("table", { name: "Links without a name" }).getByRole("row");
    const mine = addresses.filter({ hasText: "https://shop.example/nameless" });
    await mine.waitFor({ timeout: 60_000 });
    assert.equal(await mine.getByRole("cell").last().textContent(), "1");
    const table = page.getByRole("table", { name: "Top links" });
    await table.getByRole("link", { name: "Links without a name" }).click({ timeout: 60_000 });
    await page.waitForURL(/\/events\?events=click$/);
    await page.getByText("https://shop.example/nameless").first().waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a campaign leads to its clicks, and the list of domains shows the clicks of a week", async () => {
    await set.stage.waypost.addVerifiedDomain("click.acme.com");
    await using tab = await open("/?everybody=1");
    const { page } = tab;
    await page.getByRole("table", { name: "Top campaigns" }).getByRole("link").first().click();
    await page.waitForURL(/\/events\?campaigns=.*events=click/);
    await page.goto("/domains");
    await page.getByText(/[1-9]\d* clicks in 7 days/).waitFor({ timeout: 60_000 });
  });

  test("what needs attention says why in the reader's own values, and leads to where it is mended", async () => {
    await addDomains(set.stage);
    await using tab = await open("/");
    const { page } = tab;
    const entry = (domain: string) => page.getByRole("listitem").filter({ hasText: domain });
    await entry("track.acme.com").getByText("Points elsewhere").waitFor();
    await entry("track.acme.com")
      .getByText(`track.acme.com points to 203.0.113.7. It should be a CNAME to ${CNAME_TARGET}.`)
      .waitFor();
    await entry("spam.north-shop.example").getByText("An operator has blocked it").waitFor();
    await entry("track.acme.com").getByRole("link", { name: "See the record" }).click();
    await page.waitForURL(/\/domains\/track\.acme\.com#status$/);
    await page.getByRole("heading", { name: "The record to create" }).waitFor();

    await set.stage.waypost.call("POST", "/api/v1/webhooks", {
      body: { name: "Warehouse", target: `${set.stage.receiver.url}/failing`, events: ["click"] },
    });
    await addEvents(set.stage);
    await page.goto("/");
    await page.getByText("1 webhook needs attention").waitFor({ timeout: 60_000 });
    await entry("Warehouse").getByRole("link", { name: "See what it answered" }).click();
    await page.getByText("Will be tried again").waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a key that may not count sees what it needs for that, and domains all the same", async () => {
    const key = await makeKey(set.stage, { grants: ["tracking_domains/view"] });
    await using tab = await open("/", { key });
    await tab.page.getByText("This key may not see how many opened and clicked.").waitFor();
    await tab.page.getByText(/domains need attention/).waitFor();
    assert.deepEqual(tab.complaints, []);
  });
});

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0";
/** The page asks anew now and then. */
const BY_ITSELF_MS = 60_000;

suite("an overview that somebody has open", () => {
  const set = onStage(({ waypost }) => waypost.addVerifiedDomain("click.acme.com"));

  test("its chart and its rate of events follow what recipients do by themselves", async () => {
    const { call, visit } = set.stage.waypost;
    const { json } = await call("POST", "/api/v1/wrap", {
      body: {
        content: { html: HTML },
        recipients: [{ address: "ann@example.com" }],
        tracking_domain: "click.acme.com",
      },
    });
    const link = /href="([^"]+)/.exec(json.results.messages[0].content.html)?.[1] ?? "";
    const click = () => visit(link, { headers: { "user-agent": FIREFOX } });
    await using tab = await set.open("/");
    const { page } = tab;
    const chart = (clicks: string) => page.getByRole("img", { name: `Last 7 days: 0 opens and ${clicks}.` });
    await chart("0 clicks").waitFor();
    await page.getByText("No events in the last five minutes").waitFor();
    assert.equal((await click()).status, 302);
    await chart("1 click").waitFor({ timeout: BY_ITSELF_MS });
    await page.getByText("Less than one event a minute now").waitFor({ timeout: BY_ITSELF_MS });
    for (let clicks = 1; clicks < 10; clicks += 1) await click();
    await page.getByText("2 events a minute now").waitFor({ timeout: BY_ITSELF_MS });
    await chart("10 clicks").waitFor({ timeout: BY_ITSELF_MS });
    assert.deepEqual(tab.complaints, []);
  });
});

/** What is drawn, beside axes and grid, which are grey. */
const HAS_COLORS = `(() => {
  const canvas = document.querySelector(".uplot canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let colored = 0;
  for (let at = 0; at < data.length; at += 4) {
    const spread = Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]);
    if (data[at + 3] > 200 && spread > 60) colored += 1;
  }
  return colored > 8;
})()`;

/** The chart's own figures begin with the mail of a moment ago, and it names its zone. */
async function assertNothingBeforeTheFirstMail(page: Page): Promise<void> {
  await page.getByText("Times are in UTC.").waitFor();
  await page.getByText("The figures as a table").click();
  const rows = page.locator("details tbody tr");
  await page.waitForFunction("document.querySelectorAll('details tbody tr').length <= 2");
  // The last row, unless an hour has begun since.
  await rows.filter({ hasText: /01$/ }).waitFor();
  await page.locator(".u-over").hover({ position: { x: 5, y: 50 } });
  await page.getByText(": nothing is known").waitFor();
  await page.getByText("Opens –", { exact: true }).waitFor();
  await page.getByText("Clicks –", { exact: true }).waitFor();
}

function figures(label: string): { readonly opens: number; readonly clicks: number } {
  const [, opens, clicks] = /: (\d+) opens? and (\d+) clicks?/.exec(label) ?? [];
  return { opens: Number(opens), clicks: Number(clicks) };
}

/** In a browser that says of itself what people's browsers say. */
async function clickAsSomebody(browser: Browser, link: string): Promise<void> {
  const context = await browser.newContext({
    userAgent: FIREFOX,
  });
  const page = await context.newPage();
  const redirected = page.waitForRequest("https://shop.example/boots");
  // The shop itself is not on this machine.
  await page.goto(link).catch(() => undefined);
  await redirected;
  await context.close();
}

async function addDomain(page: Page, stage: Stage): Promise<void> {
  stage.waypost.dns.zone.set("go.walk.example", { cname: CNAME_TARGET });
  await page.getByRole("link", { name: "Add a domain" }).click();
  await page.getByLabel("Host name").fill("go.walk.example");
  await page.getByRole("button", { name: "Add the domain" }).click();
  await page.getByText("A request through go.walk.example reached").waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Make it the default" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Make it the default" }).click();
  await page.getByText("go.walk.example is the default of the primary account").waitFor();
}

/** The wrapped link. */
async function wrapInTester(page: Page): Promise<string> {
  await page.getByRole("link", { name: "Link tester", exact: true }).click();
  await page.getByLabel("HTML of the message").fill(HTML);
  await page.getByRole("button", { name: "Wrap it" }).click();
  await page.getByText("1 of 1 links are tracked, with go.walk.example.").waitFor();
  await page.getByRole("button", { name: "As it goes out" }).click();
  const links = await page.locator("mark").allTextContents();
  return links.find((text) => text.includes("/e/")) ?? "";
}

async function deleteDomain(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Tracking domains", exact: true }).click();
  await page.getByRole("link", { name: /go\.walk\.example/ }).click();
  await page.getByRole("button", { name: "Delete this domain" }).click();
  await page.getByText("People clicked on them 1 time in the last 7 days").waitFor();
  await page.getByLabel("Type go.walk.example to confirm").fill("go.walk.example");
  await page.getByRole("button", { name: "Delete go.walk.example", exact: true }).click();
  await page.getByText("There is no tracking domain yet.").waitFor();
}
