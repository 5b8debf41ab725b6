import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, suite, test } from "node:test";

import type { Browser, Page } from "playwright-core";

import { createInstallation } from "../e2e/waypost-process.ts";
import { cookiesIn, DESKTOP, launchBrowser, openTab, signIn } from "./browser.ts";
import { add, FIRST_KEY, makeKey, type Stage, startStage } from "./stage.ts";

const BUILD = resolve(import.meta.dirname, "../../dist/console");
/** What people wait for on their first visit. */
const FIRST_LOAD_LIMIT_BYTES = 150 * 1024;
const INTERACTIVE_WITHIN_MS = 1000;
const BUSY_FACTOR = 5;

suite("the console's session", () => {
  let browser: Browser;
  let stage: Stage;
  before(async () => {
    browser = await launchBrowser();
    stage = await startStage();
    await add(stage, "click.acme.com", 0);
  });
  after(async () => {
    await stage[Symbol.asyncDispose]();
    await browser.close();
  });

  const open = async (path: string) => {
    const tab = await openTab(browser, stage.url, DESKTOP);
    await tab.page.goto(path);
    return tab;
  };

  // First of all: whoever has been refused often, as in the tests below, is answered later.
  test("the first load is small, and the page can be used within a second", async () => {
    const manifest = JSON.parse(readFileSync(join(BUILD, ".vite/manifest.json"), "utf8")) as Record<
      string,
      { readonly file: string; readonly css?: readonly string[]; readonly imports?: readonly string[] }
    >;
    const entry = manifest["index.html"];
    const files = new Set<string>(["index.html"]);
    const collect = (chunk: typeof entry): void => {
      if (chunk === undefined || files.has(chunk.file)) return;
      for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
      for (const name of chunk.imports ?? []) collect(manifest[name]);
    };
    collect(entry);
    collect(manifest["src/pages/overview.tsx"]);
    const bytes = [...files].reduce((sum, file) => sum + readFileSync(join(BUILD, `${file}.gz`)).length, 0);
    assert.ok(bytes < FIRST_LOAD_LIMIT_BYTES, `the first load has ${bytes} bytes`);

    // Once of many: the machine that tests run on does other things too.
    const [times, work]: [number[], number[]] = [[], []];
    while (times.length < 20 && Math.min(...times) >= INTERACTIVE_WITHIN_MS) {
      await using tab = await openTab(browser, stage.url);
      const protocol = await tab.context.newCDPSession(tab.page);
      await protocol.send("Performance.enable", { timeDomain: "threadTicks" });
      const begin = performance.now();
      await tab.page.goto("/", { waitUntil: "commit" });
      await tab.page.getByLabel("API key").fill("x");
      const tookMs = performance.now() - begin;
      times.push(tookMs);
      const { metrics } = await protocol.send("Performance.getMetrics");
      work.push(
        1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.POSITIVE_INFINITY),
      );
    }
    // A machine that is busy all the time lets it wait: then it is what the page itself has to do that is held to the second.
    const took = `it took ${times.map(Math.round)} ms, ${work.map(Math.round)} of them its own`;
    assert.ok(Math.min(...work) < INTERACTIVE_WITHIN_MS, took);
    assert.ok(Math.min(...times) < INTERACTIVE_WITHIN_MS * BUSY_FACTOR, took);
  });

  test("a wrong key is refused in words, and the right one leads to the page that was asked for", async () => {
    await using tab = await open("/domains");
    const { page } = tab;
    await page.getByLabel("API key").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("No such key.").waitFor();
    await signIn(page, FIRST_KEY);
    await page.getByRole("heading", { name: "Tracking domains" }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/domains");
  });

  test("the key is nowhere in the browser afterwards", async () => {
    await using tab = await open("/");
    await signIn(tab.page, FIRST_KEY);
    const cookies = await cookiesIn(tab.context);
    const stored = await tab.page.evaluate<string>("JSON.stringify([localStorage, sessionStorage])");
    assert.equal(JSON.stringify({ cookies, stored }).includes(FIRST_KEY), false);
    assert.deepEqual(await tab.page.evaluate("indexedDB.databases()"), []);
    const [cookie] = cookies;
    assert.deepEqual([cookies.length, cookie?.httpOnly, cookie?.sameSite], [1, true, "Strict"]);
    assert.equal(await tab.page.evaluate("document.cookie"), "");
  });

  test("a session that ends is signed in again over the page, with what was typed still in it", async () => {
    await using tab = await open("/domains/add");
    const { page } = tab;
    await signIn(page, FIRST_KEY);
    await page.getByLabel("Host name").fill("half.typed.example");
    leaveUnused(stage, 481);
    await page.getByRole("button", { name: "Add the domain" }).click();
    const dialog = page.getByRole("dialog", { name: "Your session has ended" });
    await dialog.getByLabel("API key").fill(FIRST_KEY);
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.getByLabel("Host name").inputValue(), "half.typed.example");
    await page.getByRole("button", { name: "Add the domain" }).click();
    await page.getByText("Create a DNS record").waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a session that is over after its days is, however much it was used", async () => {
    await using tab = await open("/domains");
    await signIn(tab.page, FIRST_KEY);
    await tab.page.getByText("click.acme.com").waitFor();
    change(stage, `UPDATE sessions SET expires_at_ms = expires_at_ms - ${168 * 3_600_000}`);
    await somethingIsDone(tab.page);
    await tab.page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
    // A reload begins with the sign-in: no page stays that is made for somebody who is signed in.
    await tab.page.reload();
    await tab.page.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  test("Escape does not get past a session that has ended, however often it is pressed", async () => {
    await using tab = await open("/domains/add");
    const { page } = tab;
    await signIn(page, FIRST_KEY);
    await page.getByLabel("Host name").fill("kept.typed.example");
    await tab.context.clearCookies();
    await page.getByRole("button", { name: "Add the domain" }).click();
    const dialog = page.getByRole("dialog", { name: "Your session has ended" });
    await dialog.waitFor();
    for (let times = 0; times < 3; times += 1) await page.keyboard.press("Escape");
    await dialog.getByLabel("API key").fill(FIRST_KEY);
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.getByLabel("Host name").inputValue(), "kept.typed.example");
    assert.deepEqual(tab.complaints, []);
  });

  test("revoking a key shows in the console at the next thing that is done with it", async () => {
    const key = await makeKey(stage, { grants: ["tracking_domains/view"] });
    await using tab = await open("/domains");
    await signIn(tab.page, key);
    await tab.page.getByText("click.acme.com").waitFor();
    const { json } = await stage.waypost.call("GET", "/api/v1/keys");
    for (const { id, label } of json.results) {
      if (label === "Ben, support") await stage.waypost.call("DELETE", `/api/v1/keys/${id}`);
    }
    await somethingIsDone(tab.page);
    await tab.page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  });

  test("signing out leads back to the beginning, and nothing can be seen from there", async () => {
    await using tab = await open("/domains");
    const { page } = tab;
    await signIn(page, FIRST_KEY);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    await page.goto("/domains");
    await page.getByLabel("API key").waitFor();
    assert.equal(await page.getByText("click.acme.com").count(), 0);
  });

  test("a sign-out that nobody answered says that it did not happen, and works once somebody does", async () => {
    await using tab = await open("/domains");
    const { page, context } = tab;
    await signIn(page, FIRST_KEY);
    await context.setOffline(true);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("alert").getByText("You are still signed in.").waitFor();
    await context.setOffline(false);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    assert.deepEqual(await cookiesIn(context), []);
  });

  test("a key without grants sees a console that says so", async () => {
    const key = await makeKey(stage, { grants: ["messages/wrap"] });
    await using tab = await open("/domains");
    await signIn(tab.page, key);
    await tab.page.getByText("This key may not see tracking domains.").waitFor();
    assert.equal(await tab.page.getByRole("link", { name: "Tracking domains" }).count(), 0);
  });
});

/** Through what may be in front of it: a page that looks anew by itself may have found by now that the session has ended. */
function somethingIsDone(page: Page): Promise<void> {
  return page.getByText("click.acme.com").click({ force: true });
}

/** As if nobody had done anything in the console for so long. */
function leaveUnused(at: Stage, minutes: number): void {
  change(at, `UPDATE sessions SET last_used_at_ms = last_used_at_ms - ${minutes * 60_000}`);
}

function change({ waypost }: Stage, statement: string): void {
  using state = new DatabaseSync(join(waypost.dataDir, "state.db"), { timeout: 5000 });
  assert.ok(state.prepare(statement).run().changes > 0);
}

test("while Waypost is down the console says so, and goes on by itself once it is back", async (t) => {
  const installation = await createInstallation(t, {
    WAYPOST_API_KEY: FIRST_KEY,
    WAYPOST_EDGE_WORKERS: "1",
    WAYPOST_CNAME_TARGET: "edge.waypost.example",
  });
  const first = await installation.serve();
  await first.call("POST", "/api/v1/tracking-domains", {
    body: { domain: "click.acme.com" },
    key: FIRST_KEY,
  });
  const browser = await launchBrowser();
  t.after(() => browser.close());
  await using tab = await openTab(browser, `http://127.0.0.1:${installation.ports.api}`);
  const { page } = tab;
  const codeOfOtherPages = page.waitForResponse(/\/assets\/domain-/);
  await page.goto("/domains");
  await signIn(page, FIRST_KEY);
  await page.getByText("click.acme.com").waitFor();
  await codeOfOtherPages;
  await first.stop();
  await page.getByText("click.acme.com").click();
  await page.getByText("Waypost does not answer.").first().waitFor();
  const again = await installation.serve();
  // Signed in still: a session outlives a restart.
  await page.getByText("The record to create").waitFor();
  await page.getByText("Waypost does not answer.").first().waitFor({ state: "detached" });
  await again.stop();
});
