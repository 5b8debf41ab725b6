import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { assertNoSidewaysScroll, PHONE } from "./browser.ts";
import { onStage } from "./on-stage.ts";
import { add, addThousands, CNAME_TARGET, makeKey } from "./stage.ts";

suite("tracking domains in the console", () => {
  const set = onStage();
  const { open } = set;

  test("a domain is added, watched until it turns verified by itself, made the default, and deleted", async () => {
    await using tab = await open("/domains");
    const { page } = tab;
    await page.getByRole("link", { name: "Add a domain" }).click();
    await page.getByLabel("Host name").fill("click.walk.example");
    await page.getByRole("button", { name: "Add the domain" }).click();

    await page.getByText("click.walk.example does not exist in DNS.").waitFor();
    assert.equal(await page.getByText(CNAME_TARGET, { exact: true }).count(), 1);
    assert.match(page.url(), /name=click\.walk\.example/);

    set.stage.waypost.dns.zone.set("click.walk.example", { cname: "elsewhere.example" });
    set.stage.waypost.dns.zone.set("elsewhere.example", { a: ["127.0.0.9"] });
    await page.getByText("click.walk.example is a CNAME to elsewhere.example.").waitFor({ timeout: 60_000 });
    await page.getByText(`It should be a CNAME to ${CNAME_TARGET}.`).first().waitFor();

    set.stage.waypost.dns.zone.set("click.walk.example", { cname: CNAME_TARGET });
    await page.getByText("A request through click.walk.example reached").waitFor({ timeout: 60_000 });

    await page.getByRole("button", { name: "Make it the default" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("New mail that names no tracking domain will use click.walk.example").waitFor();
    await dialog.getByRole("button", { name: "Make it the default" }).click();
    await page.getByText("click.walk.example is the default of the primary account").waitFor();

    await page.getByRole("link", { name: "Open click.walk.example" }).click();
    await page.getByRole("button", { name: "Delete this domain" }).click();
    const confirm = page.getByRole("button", { name: "Delete click.walk.example", exact: true });
    assert.equal(await confirm.isDisabled(), true);
    await page.getByLabel("Type click.walk.example to confirm").fill("click.walk.example");
    await confirm.click();
    await page.getByText("There is no tracking domain yet.").waitFor();
    const { status } = await set.stage.waypost.call("GET", "/api/v1/tracking-domains/click.walk.example");
    assert.equal(status, 404);
    assert.deepEqual(tab.complaints, []);
  });

  test("ten thousand domains are found, sorted and paged through, and the URL keeps it all", async () => {
    await addThousands(set.stage, 10_000);
    await using tab = await open("/domains");
    const { page } = tab;
    await page.getByText("1–100 of 10,000").waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("101–200 of 10,000").waitFor();
    await page.getByLabel("Search by name").fill("customer-0999");
    await page.getByText("click.customer-09990.example").waitFor();
    assert.equal(await page.getByRole("row").count(), 11);
    await page.getByRole("button", { name: "Domain" }).click();
    await page.reload();
    const first = page.getByRole("row").nth(1);
    await first.getByText("click.customer-09999.example").waitFor();
    assert.equal(await page.getByLabel("Search by name").inputValue(), "customer-0999");
    await page.goBack();
    assert.deepEqual(tab.complaints, []);
  });

  test("rows are reached and opened with the keyboard alone", async () => {
    await using tab = await open("/domains?q=customer-0999");
    const { page } = tab;
    await page.getByRole("link", { name: "click.customer-09990.example" }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "click.customer-09992.example" }).waitFor();
  });

  test("settings of a domain are saved: sending domains, app files, https", async () => {
    await set.stage.waypost.addVerifiedDomain("set.walk.example");
    await using tab = await open("/domains/set.walk.example");
    const { page } = tab;
    await page.getByLabel("Sending domain").fill("news.walk.example");
    await page.getByRole("button", { name: "Add a sending domain" }).click();
    await page.getByRole("button", { name: "Remove news.walk.example" }).waitFor();
    const apple = page.getByLabel("iOS: apple-app-site-association");
    await apple.fill("{");
    await page.getByText("That is not JSON").waitFor();
    await apple.fill('{"applinks": {}}');
    await page.getByRole("button", { name: "Save the files" }).click();
    await page.getByText('"applinks": {}').waitFor();
    await page.getByLabel("Links use https").click();
    const path = "/api/v1/tracking-domains/set.walk.example";
    await page.getByRole("checkbox", { name: /Links use https/, checked: true }).waitFor();
    assert.equal((await set.stage.waypost.call("GET", path)).json.results.secure, true);
    assert.deepEqual((await set.stage.waypost.call("GET", `${path}/deep-links`)).json.results, {
      apple_app_site_association: { applinks: {} },
    });
    assert.deepEqual(tab.complaints, []);
  });

  test("a key that may only look sees no way to change anything, and is told why", async () => {
    await add(set.stage, "look.walk.example", 0);
    const key = await makeKey(set.stage, { grants: ["tracking_domains/view"] });
    await using tab = await open("/domains/look.walk.example", { key });
    const { page } = tab;
    await page.getByText("This key may not ask for a check.").waitFor();
    for (const name of [
      "Check now",
      "Make it the default",
      "Delete this domain",
      "Save the files",
      "Bring a certificate",
    ]) {
      assert.equal(await page.getByRole("button", { name }).count(), 0, name);
    }
    assert.equal(await page.getByLabel("Links use https").isDisabled(), true);
    await page.goto("/domains/add");
    await page.getByText("tracking_domains/manage").waitFor();
  });

  test("a subaccount's key sees its own domains alone", async () => {
    await set.stage.waypost.call("POST", "/api/v1/subaccounts", { body: { name: "Harbour" } });
    const key = await makeKey(set.stage, {
      grants: ["tracking_domains/view", "tracking_domains/manage"],
      subaccount_id: 1,
    });
    await using tab = await open("/domains?q=look", { key });
    const { page } = tab;
    await page.getByText("No domain matches.").waitFor();
    await page.goto("/domains/look.walk.example");
    await page.getByText("There is no such tracking domain.").waitFor();
  });

  test("on a phone the whole way of adding a domain fits", async () => {
    await using tab = await open("/domains/add", { look: PHONE });
    const { page } = tab;
    await page
      .getByLabel("Host name")
      .fill("a-name-as-long-as-names-get.with-many-parts.and-more.walk.example");
    await page.getByRole("button", { name: "Add the domain" }).click();
    await page.getByText("does not exist in DNS.").waitFor();
    await assertNoSidewaysScroll(page);
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByRole("link", { name: "Tracking domains" }).click();
    await page.getByLabel("Search by name").fill("a-name-as-long");
    await page.getByRole("link", { name: /a-name-as-long/ }).click();
    await assertNoSidewaysScroll(page);
  });
});
