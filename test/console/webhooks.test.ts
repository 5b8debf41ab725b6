import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Page } from "playwright-core";

import { onStage } from "./on-stage.ts";
import { addEvents, makeKey } from "./stage.ts";

suite("the webhook pages", () => {
  const set = onStage();
  const { open } = set;
  const add = async (page: Page, name: string, target: string) => {
    await page.getByLabel("Name").fill(name);
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
    await t.waitFor(() => assert.equal(set.stage.receiver.deliveredIds().length, 240), { timeout: 20_000 });
    await page.getByText("Delivers").waitFor();
    assert.deepEqual(set.stage.receiver.complaints, []);
    assert.deepEqual(tab.complaints, []);
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
    const again = set.stage.receiver.batches.slice(before).flatMap(({ eventIds }) => eventIds);
    await t.waitFor(() => assert.equal(new Set(again).size, 240));
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

  test("a key that may only look finds nothing to press", async () => {
    const { json } = await set.stage.waypost.call("POST", "/api/v1/webhooks", {
      body: { name: "Seen by all", target: set.stage.receiver.url, events: ["click"] },
    });
    const key = await makeKey(set.stage, { grants: ["webhooks/view"] });
    await using tab = await open(`/webhooks/${json.results.id}`, { key });
    await tab.page.getByText("No batch has failed.").waitFor();
    for (const name of [/test/, /Pause/, /secret/, /Delete/, /Send again/])
      assert.equal(await tab.page.getByRole("button", { name }).count(), 0, String(name));
  });
});
