import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Page } from "playwright-core";

import { startReceiver } from "../webhooks/receiver.ts";
import { onStage } from "./on-stage.ts";
import { addEvents, as, makeKey } from "./stage.ts";

suite("the webhook pages", () => {
  const set = onStage();
  const { open } = set;
  const add = async (page: Page, name: string, target: string) => {
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("Target").fill(target);
    await page.getByRole("button", { name: "Add the webhook" }).click();
  };

  test("a webhook is added, gets events, and its secret is shown once", async (t) => {
    await using tab = await open("/webhooks/add");
    const { page } = tab;
    await add(page, "Clicks to the shop", set.stage.receiver.url);
    await page.getByText("its target took the test").waitFor();
    assert.match((await page.locator("code").textContent()) ?? "", /^whsec_/);
    await page.getByRole("link", { name: "I have it" }).click();
    await page.getByText("Nothing sent yet").waitFor();
    assert.equal(await page.getByText("whsec_").count(), 0);

    await addEvents(set.stage);
    await t.waitFor(() => assert.equal(set.stage.receiver.deliveredIds().length, 240), { timeout: 60_000 });
    await page.getByText("Delivers").waitFor();
    assert.deepEqual(set.stage.receiver.complaints, []);
    assert.deepEqual(tab.complaints, []);
  });

  test("a webhook that delivers shows its last batches, each with its events and what was answered", async (t) => {
    await using tab = await open("/webhooks");
    const { page } = tab;
    await page.getByRole("link", { name: "Clicks to the shop" }).click();
    const rows = page.getByRole("table", { name: "Last batches" }).getByRole("row");
    const arrived = rows.filter({ hasText: "Arrived" });
    await arrived.first().waitFor();
    const sent = set.stage.receiver.batches.filter(({ eventIds }) => eventIds.length > 0);
    await t.waitFor(async () => assert.equal(await arrived.count(), sent.length), { timeout: 60_000 });
    const cells = await arrived.first().getByRole("cell").allTextContents();
    const newest = sent.at(-1);
    assert.deepEqual(cells.slice(0, 4), ["Arrived", "Status 200", String(newest?.eventIds.length), "1"]);
    assert.ok(cells[5]?.startsWith(newest?.batchId.slice(0, 8) ?? "?"));
  });

  test("events are sent again from a time on, and the page says how far it is", async (t) => {
    await using tab = await open("/webhooks");
    const { page } = tab;
    await page.getByRole("link", { name: "Clicks to the shop" }).click();
    const before = set.stage.receiver.batches.length;
    await page.getByLabel("From (UTC)").fill("2020-01-01T00:00");
    await page.getByRole("button", { name: "Send again" }).click();
    await page.getByText("Done", { exact: true }).waitFor();
    await page.getByText(/240 events in \d+ batch/).waitFor();
    const again = () => set.stage.receiver.batches.slice(before).flatMap(({ eventIds }) => eventIds);
    await t.waitFor(() => assert.equal(new Set(again()).size, 240), { timeout: 60_000 });
  });

  test("a target that does not take the test is refused with what it answered, and nothing is saved", async () => {
    await using tab = await open("/webhooks/add");
    const { page } = tab;
    await add(page, "Nowhere", "http://127.0.0.1:9/");
    await page.getByText(/There was no answer/).waitFor();
    await page.getByRole("link", { name: "All webhooks" }).click();
    await page.getByRole("link", { name: "Clicks to the shop" }).waitFor();
    assert.equal(await page.getByText("Nowhere").count(), 0);
  });

  test("a webhook is paused, goes on, gets a new secret, and is deleted", async () => {
    await using tab = await open("/webhooks");
    const { page } = tab;
    await page.getByRole("link", { name: "Clicks to the shop" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByText("Delivers").waitFor();
    await page.getByRole("button", { name: "Make a new secret" }).click();
    await page.getByText("The former one signs too until").waitFor();
    await page.getByRole("button", { name: "Delete this webhook" }).click();
    await page.getByRole("button", { name: "Delete the webhook" }).click();
    await page.getByText("There is no webhook yet.").waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a webhook moves to another server once its password and headers are typed anew", async (t) => {
    const moved = await startReceiver();
    t.after(() => moved[Symbol.asyncDispose]());
    await using tab = await open("/webhooks/add");
    const { page } = tab;
    await page.getByLabel("Authentication").selectOption("basic");
    await page.getByLabel("User name").fill("ann");
    await page.getByLabel("Password").fill("first");
    await page.getByLabel("Headers").fill("X-Team: shop");
    await add(page, "Warehouse", set.stage.receiver.url);
    await page.getByRole("link", { name: "I have it" }).click();
    const sent = set.stage.receiver.batches.at(-1)?.headers;
    assert.deepEqual([sent?.authorization, sent?.["x-team"]], [`Basic ${btoa("ann:first")}`, "shop"]);

    const save = page.getByRole("button", { name: "Save" });
    await page.getByLabel("Target").fill(moved.url);
    await page.getByText("The target moves to another server.").waitFor();
    await save.click();
    await page.getByText(/must be sent again/).waitFor();
    assert.equal(moved.batches.length, 0);
    await page.getByLabel("Password").fill("second");
    await page.getByLabel("Headers").fill("X-Team: new");
    await page.getByText("The target moves to another server.").waitFor({ state: "detached" });
    await save.click();
    await t.waitFor(() => assert.equal(moved.batches.length, 1), { timeout: 60_000 });
    await page.getByRole("button", { name: "Save", disabled: true }).waitFor();
    assert.deepEqual(
      [moved.batches[0]?.headers.authorization, moved.batches[0]?.headers["x-team"]],
      [`Basic ${btoa("ann:second")}`, "new"],
    );
    assert.equal(await page.getByLabel("Password").inputValue(), "********");
    // What shows as a mask stays as it is.
    await page.getByLabel("User name").fill("bob");
    await page.getByLabel("Target").fill(`${moved.url}?again`);
    await save.click();
    await t.waitFor(() => assert.equal(moved.batches.length, 2), { timeout: 60_000 });
    assert.equal(moved.batches[1]?.headers.authorization, `Basic ${btoa("bob:second")}`);
    assert.equal(moved.batches[1]?.headers["x-team"], "new");
  });

  test("a given-up batch that cannot be sent again says why beside the button, and its id is copied whole", async () => {
    const { json } = await set.stage.waypost.call("POST", "/api/v1/webhooks", {
      body: { name: "Gave up", target: set.stage.receiver.url, events: ["click"] },
    });
    const batch = {
      batch_id: "0198c1d2-5ad4-7cc1-9f0e-6a1b2c3d4e5f",
      ts: "2026-11-22T21:00:00.000Z",
      attempts: 8,
      state: "dead",
      response_code: "503",
      latency: 84,
    };
    await using tab = await open("/");
    const { page } = tab;
    await page.route("**/batch-status?*", (route) => route.fulfill({ json: { results: [batch] } }));
    await page.goto(`/webhooks/${json.results.id}`);
    const row = page.getByRole("row").filter({ hasText: "Given up" });
    await row.getByRole("button", { name: "Send it again" }).click();
    await row.getByRole("alert").filter({ hasText: /./ }).waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    const title = await row.getByRole("cell").first().boundingBox();
    assert.ok((title?.width ?? 0) > 90, "the words leave no room for the state on a phone");
    await page.setViewportSize({ width: 1440, height: 900 });
    await row.getByRole("button", { name: "Send it again" }).waitFor();
    await tab.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await row.getByRole("button", { name: "Copy the batch id" }).click();
    await row.getByText("Copied").waitFor();
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), batch.batch_id);
    assert.deepEqual(tab.complaints, []);
  });

  test("a webhook is found by its name or its target", async () => {
    await using tab = await open("/webhooks?q=gave");
    const { page } = tab;
    const rows = page.getByRole("table", { name: "Webhooks" }).locator("[data-row]");
    await page.getByRole("link", { name: "Gave up" }).waitFor();
    assert.equal(await rows.count(), 1);
    await page.getByLabel("Search Webhooks").fill(new URL(set.stage.receiver.url).host);
    await page.waitForURL(/q=127\.0\.0\.1/);
    await page.getByRole("link", { name: "Gave up" }).waitFor();
    await page.getByLabel("Search Webhooks").fill("nothing like it");
    await page.getByText("Nothing matches.").waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a webhook says whose events it posts, and whose it leaves out", async () => {
    await set.stage.waypost.call("POST", "/api/v1/subaccounts", { body: { name: "Harbour" } });
    const make = (name: string, subaccount: number | undefined, more: object = {}) =>
      set.stage.waypost.call("POST", "/api/v1/webhooks", {
        body: { name, target: set.stage.receiver.url, events: ["click"], ...more },
        ...(subaccount !== undefined && { headers: as(subaccount) }),
      });
    await make("Of all", undefined);
    await make("Of most", undefined, { exception_subaccounts: [1] });
    await make("Of the account", 0);
    await make("Of one", 1);
    await using tab = await open("/webhooks?q=of");
    const { page } = tab;
    for (const [name, whose] of [
      ["Of all", "Everybody's"],
      ["Of most", "Everybody's, except Harbour (1)"],
      ["Of the account", "Primary account"],
      ["Of one", "Harbour (1)"],
    ] as const) {
      await page.getByRole("row").filter({ hasText: name }).getByText(whose, { exact: true }).waitFor();
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
      await page.getByText(whose, { exact: true }).waitFor();
      await page.goBack();
    }
    assert.deepEqual(tab.complaints, []);
  });

  test("a key that may only look finds nothing to press", async () => {
    const { json } = await set.stage.waypost.call("POST", "/api/v1/webhooks", {
      body: { name: "Seen by all", target: set.stage.receiver.url, events: ["click"] },
    });
    const key = await makeKey(set.stage, { grants: ["webhooks/view"] });
    await using tab = await open(`/webhooks/${json.results.id}`, { key });
    await tab.page.getByText("No batch has been sent yet.").waitFor();
    for (const name of [/test/, /Pause/, /secret/, /Delete/, /Send again/])
      assert.equal(await tab.page.getByRole("button", { name }).count(), 0, String(name));
  });
});
