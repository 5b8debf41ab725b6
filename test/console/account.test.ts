import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { GRANTS } from "../../src/domain/grants.ts";
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
    await set.stage.waypost.call("POST", "/api/v1/subaccounts", { body: { name: "Corner Shop" } });
    await using tab = await open("/keys");
    const { page } = tab;
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Label").fill("Reader");
    await page.getByLabel("Owner").selectOption({ label: "Corner Shop (2)" });
    // It is suspended.
    assert.equal(await page.getByRole("option", { name: "Harbour Books (1)" }).count(), 0);
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
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal((await page.content()).includes(key), false);

    await page.getByRole("link", { name: "Reader" }).click();
    await page.getByRole("button", { name: "Revoke this key" }).click();
    await page.getByRole("button", { name: "Revoke the key" }).click();
    await page.getByRole("link", { name: "Reader" }).waitFor({ state: "detached" });
    assert.equal((await set.stage.waypost.call("GET", "/api/v1/tracking-domains", { key })).status, 401);
    assert.deepEqual(tab.complaints, []);
  });

  test("a key that is shown once stays until somebody says to have it, and is copied on a page without a clipboard too", async () => {
    await using tab = await open("/keys");
    const { page } = tab;
    await tab.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Label").fill("Kept");
    await page.getByLabel("See tracking domains").check();
    await page.getByRole("button", { name: "Make the key" }).click();
    const dialog = page.getByRole("dialog", { name: "The key Kept" });
    const key = (await dialog.locator("code").textContent()) ?? "";
    for (let times = 0; times < 3; times += 1) await page.keyboard.press("Escape");
    await page.mouse.click(5, 5);
    await dialog.getByText(key).waitFor();
    await page.evaluate(
      `void Object.defineProperty(navigator, "clipboard", { configurable: true, value: undefined })`,
    );
    await dialog.getByRole("button", { name: "Copy the key" }).click();
    await dialog.getByText("Copied").waitFor();
    await page.evaluate("delete navigator.clipboard");
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), key);
    await dialog.getByRole("button", { name: "I have it" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual(tab.complaints, []);
  });

  test("a key may be given all that its owner can have at once, and the page says why one without anything is not made", async () => {
    await using tab = await open("/keys");
    const { page } = tab;
    await page.getByRole("button", { name: "Make a key" }).click();
    const make = page.getByRole("button", { name: "Make the key" });
    assert.equal(await make.isDisabled(), true);
    await page.getByText("Choose what it may do first.").waitFor();
    await page.getByLabel("Label").fill("Everything");
    await page.getByLabel("All of these").check();
    await page.getByText("Choose what it may do first.").waitFor({ state: "detached" });
    await page.getByLabel("See who changed what").uncheck();
    assert.equal(await page.getByLabel("All of these").isChecked(), false);
    await page.getByLabel("All of these").check();
    await make.click();
    const key = (await page.getByRole("dialog").locator("code").textContent()) ?? "";
    const { json } = await set.stage.waypost.call("GET", "/api/v1/keys");
    const made = json.results.find(({ label }: { label: string }) => label === "Everything");
    assert.deepEqual(made.grants.toSorted(), [...GRANTS].toSorted());
    assert.notEqual(key, "");
    assert.deepEqual(tab.complaints, []);
  });

  test("a dialog is closed by Escape and by a click beside it, not by a drag that began inside", async () => {
    await using tab = await open("/keys");
    const { page } = tab;
    const dialog = page.getByRole("dialog", { name: "Make a key" });
    const press = page.getByRole("button", { name: "Make a key" });
    await press.click();
    await page.getByLabel("Label").fill("Half typed");
    const field = await page.getByLabel("Label").boundingBox();
    assert.ok(field);
    await page.mouse.move(field.x + 60, field.y + 10);
    await page.mouse.down();
    await page.mouse.move(5, field.y + 10, { steps: 4 });
    await page.mouse.up();
    assert.equal(await page.getByLabel("Label").inputValue(), "Half typed");
    await page.mouse.click(5, 5);
    await dialog.waitFor({ state: "detached" });
    await press.click();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual(tab.complaints, []);
  });

  test("keys and subaccounts are found by what they are known by, and the URL keeps it", async () => {
    for (const label of ["Newsletter", "Shop"])
      await set.stage.waypost.call("POST", "/api/v1/keys", { body: { label, grants: ["metrics/view"] } });
    await set.stage.waypost.call("POST", "/api/v1/subaccounts", { body: { name: "North Shop" } });
    await using tab = await open("/keys");
    const { page } = tab;
    await page.getByLabel("Search API keys").fill("SHO");
    await page.getByRole("link", { name: "Newsletter" }).waitFor({ state: "detached" });
    await page.waitForURL(/\?q=SHO$/);
    await page.reload();
    await page.getByRole("link", { name: "Shop" }).waitFor();
    assert.equal(await page.getByRole("table", { name: "API keys" }).locator("[data-row]").count(), 1);
    await page.getByLabel("Search API keys").fill("nobody");
    await page.getByText("Nothing matches.").waitFor();
    await page.goto("/subaccounts?q=north");
    await page.getByRole("link", { name: "North Shop" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Harbour Books" }).count(), 0);
    await page.getByLabel("Search Subaccounts").fill("1");
    await page.getByRole("link", { name: "Harbour Books" }).waitFor();
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
    // Sign-ins stand among all entries, too.
    await page.getByText("Updated a subaccount").first().waitFor({ state: "detached" });
    assert.deepEqual(tab.complaints, []);
  });

  test("settings are shown, with no secret among them, and say what Waypost's own words mean", async () => {
    await using tab = await open("/settings?q=secret");
    const { page } = tab;
    await page.getByText("WAYPOST_SECRET").waitFor();
    await page.getByLabel("Search settings").fill("cname");
    await page.getByText("edge.waypost.example").waitFor();
    assert.equal(await page.getByText("WAYPOST_SECRET").count(), 0);
    assert.equal((await page.content()).includes(FIRST_KEY), false);
    for (const [ours, theirs] of [
      ["spool", "in which opens and clicks wait to be stored"],
      ["snapshot", "what the edge needs to answer with nothing else running"],
    ] as const) {
      await page.getByLabel("Search settings").fill(ours);
      await page.getByText(theirs).waitFor();
    }
  });
});
