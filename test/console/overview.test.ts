import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Browser, Page } from "playwright-core";

import { onStage } from "./on-stage.ts";
import { addEvents, CNAME_TARGET, makeKey, type Stage } from "./stage.ts";

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
    await page.getByRole("img", { name: "Last 7 days: 0 opens and 1 click." }).waitFor({ timeout: 30_000 });
    await page.getByRole("table", { name: "Top links" }).getByText("Boots").waitFor();

    await page.getByRole("link", { name: "Webhooks", exact: true }).click();
    await page.getByRole("link", { name: "Add a webhook" }).click();
    await page.getByLabel("Name").fill("The shop");
    await page.getByLabel("Target").fill(set.stage.receiver.url);
    await page.getByRole("button", { name: "Add the webhook" }).click();
    await page.getByRole("link", { name: "I have it" }).click();
    await page.getByLabel("From (UTC)").fill("2020-01-01T00:00");
    await page.getByRole("button", { name: "Send again" }).click();
    await t.waitFor(() => assert.equal(set.stage.receiver.deliveredIds().length, 1), { timeout: 20_000 });
    await page.getByText("Done", { exact: true }).waitFor();

    await deleteDomain(page);
    assert.deepEqual(tab.complaints, []);
  });

  test("counts people, and everybody when it is asked to", async () => {
    await addEvents(set.stage);
    await using tab = await open("/?range=month");
    const { page } = tab;
    const people = page.getByRole("img", { name: /^Last 30 days: \d+ opens and \d+ clicks\.$/ });
    await people.waitFor({ timeout: 30_000 });
    const before = figures((await people.getAttribute("aria-label")) ?? "");
    await page.getByText(/By prefetch and bots \d+/).waitFor();
    await page.getByLabel("Count prefetch and bots").check();
    await page.getByText(/By prefetch and bots/).waitFor({ state: "detached" });
    const after = figures((await people.getAttribute("aria-label")) ?? "");
    assert.ok(after.opens > before.opens, JSON.stringify({ before, after }));
    assert.ok(after.clicks > before.clicks, JSON.stringify({ before, after }));
    assert.match(page.url(), /everybody=1/);
    await page.getByText("The figures as a table").click();
    await page.getByRole("columnheader", { name: "Opens" }).waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a campaign leads to its clicks, and the list of domains shows the clicks of a week", async () => {
    await set.stage.waypost.addVerifiedDomain("click.acme.com");
    await using tab = await open("/?everybody=1");
    const { page } = tab;
    await page.getByRole("table", { name: "Top campaigns" }).getByRole("link").first().click();
    await page.waitForURL(/\/events\?campaigns=.*events=click/);
    await page.goto("/domains");
    await page.getByText(/[1-9]\d* clicks in 7 days/).waitFor({ timeout: 30_000 });
  });

  test("a key that may not count sees what it needs for that, and domains all the same", async () => {
    const key = await makeKey(set.stage, { grants: ["tracking_domains/view"] });
    await using tab = await open("/", { key });
    await tab.page.getByText("This key may not see how many opened and clicked.").waitFor();
    await tab.page
      .getByText(/tracking domains? (is|are) in order/)
      .first()
      .waitFor();
    assert.deepEqual(tab.complaints, []);
  });
});

function figures(label: string): { readonly opens: number; readonly clicks: number } {
  const [, opens, clicks] = /: (\d+) opens? and (\d+) clicks?/.exec(label) ?? [];
  return { opens: Number(opens), clicks: Number(clicks) };
}

/** In a browser that says of itself what people's browsers say. */
async function clickAsSomebody(browser: Browser, link: string): Promise<void> {
  const context = await browser.newContext({
    userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
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
  await page.getByLabel("Type go.walk.example to confirm").fill("go.walk.example");
  await page.getByRole("button", { name: "Delete go.walk.example", exact: true }).click();
  await page.getByText("There is no tracking domain yet.").waitFor();
}
