import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { onStage } from "./on-stage.ts";
import { FIRST_KEY } from "./stage.ts";

suite("keys, subaccounts, the audit trail and settings in the console", () => {
  const set = onStage();
  const { open } = set;

  test("a subaccount is made, named anew and suspended", async () => {
    await using tab = await open("/subaccounts");
    const { page } = tab;
    await page.getByText("There is no subaccount.").waitFor();
    await page.getByRole("button", { name: "Make a subaccount" }).click();
    await page.getByLabel("Name").fill("Harbour");
    await page.getByRole("button", { name: "Make the subaccount" }).click();
    await page.getByRole("link", { name: "Harbour" }).click();
    await page.getByLabel("Name").fill("Harbour Books");
    await page.getByLabel("Status").selectOption("Suspended");
    await page.getByLabel("Kept of recipients").selectOption("Pseudonyms");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row", { name: /Harbour Books.*Suspended/ }).waitFor();
    const { json } = await set.stage.waypost.call("GET", "/api/v1/subaccounts/1");
    assert.deepEqual(json.results, {
      id: 1,
      name: "Harbour Books",
      status: "suspended",
      privacy: "pseudonymous",
    });
    assert.deepEqual(tab.complaints, []);
  });

  test("a key is made for a subaccount, works, is shown once, and is revoked", async () => {
    await using tab = await open("/keys");
    const { page } = tab;
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Label").fill("Reader");
    await page.getByLabel("Owner").selectOption({ label: "Harbour Books (1)" });
    assert.equal(await page.getByLabel("See who changed what").count(), 0);
    await page.getByLabel("See tracking domains").check();
    await page.getByLabel("Usable from").fill("not an address");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByText("Invalid valid_ips value").waitFor();
    await page.getByLabel("Usable from").fill("127.0.0.1");
    await page.getByRole("button", { name: "Make the key" }).click();
    const key = (await page.getByRole("dialog").locator("code").textContent()) ?? "";
    assert.equal((await set.stage.waypost.call("GET", "/api/v1/tracking-domains", { key })).status, 200);
    await page.getByRole("button", { name: "I have it" }).click();
    assert.equal((await page.content()).includes(key), false);

    await page.getByRole("link", { name: "Reader" }).click();
    await page.getByRole("button", { name: "Revoke this key" }).click();
    await page.getByRole("button", { name: "Revoke the key" }).click();
    await page.getByRole("link", { name: "Reader" }).waitFor({ state: "detached" });
    assert.equal((await set.stage.waypost.call("GET", "/api/v1/tracking-domains", { key })).status, 401);
    assert.deepEqual(tab.complaints, []);
  });

  test("the audit trail shows what was just done, by whom and how", async () => {
    await using tab = await open("/audit");
    const { page } = tab;
    await page.getByRole("row", { name: /Revoked an API key.*First key/ }).waitFor();
    await page.getByLabel("Search by what was changed").fill("subaccounts/1");
    await page.getByRole("link", { name: "Updated a subaccount" }).click();
    const drawer = page.getByRole("dialog");
    await drawer.getByText("The console").waitFor();
    await drawer.getByText("Harbour Books").waitFor();
    await drawer.getByText("suspended").waitFor();
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    await page.getByLabel("Search by what was changed").fill("");
    await page.getByLabel("Kind").selectOption("Sign-ins");
    await page
      .getByRole("row", { name: /Signed in to the console/ })
      .first()
      .waitFor();
    assert.equal(await page.getByText("Updated a subaccount").count(), 0);
    assert.deepEqual(tab.complaints, []);
  });

  test("settings are shown, and no secret among them", async () => {
    await using tab = await open("/settings?q=secret");
    const { page } = tab;
    await page.getByText("WAYPOST_SECRET").waitFor();
    await page.getByLabel("Search settings").fill("cname");
    await page.getByText("edge.waypost.example").waitFor();
    assert.equal(await page.getByText("WAYPOST_SECRET").count(), 0);
    assert.equal((await page.content()).includes(FIRST_KEY), false);
  });
});
