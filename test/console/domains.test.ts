import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Route } from "playwright-core";

import { parseHostname } from "../../src/domain/hostname.ts";
import { assertNoSidewaysScroll, PHONE } from "./browser.ts";
import { onStage } from "./on-stage.ts";
import { add, addPointingElsewhere, addThousands, CNAME_TARGET, makeKey } from "./stage.ts";

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

  test("ten thousand domains are found, sorted and paged through, and the URL keeps it all", {
    timeout: 900_000,
  }, async () => {
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

  test("app files that are being typed stay when the page looks anew, and saving says so", async () => {
    await set.stage.waypost.addVerifiedDomain("apps.walk.example");
    await using tab = await open("/domains/apps.walk.example");
    const { page } = tab;
    const apple = page.getByLabel("iOS: apple-app-site-association");
    await apple.fill('{"applinks": ');
    const anew = page.waitForResponse(/deep-links/);
    await page.getByLabel("Links use https").click();
    await anew;
    await page.getByRole("checkbox", { name: /Links use https/, checked: true }).waitFor();
    assert.equal(await apple.inputValue(), '{"applinks": ');
    await apple.fill('{"applinks": {}}');
    await page.getByRole("button", { name: "Save the files" }).click();
    await page.getByText("Saved. The edge serves them within a second.").waitFor();
    await apple.fill("");
    await page.getByText("Saved. The edge").waitFor({ state: "detached" });
    assert.deepEqual(tab.complaints, []);
  });

  test("a secure domain that https does not reach is not shown as if it used https", async () => {
    await set.stage.waypost.addVerifiedDomain("http.walk.example");
    await set.stage.waypost.call("PUT", "/api/v1/tracking-domains/http.walk.example", {
      body: { secure: true },
    });
    await using tab = await open("/domains?state=attention&q=http.walk");
    const { page } = tab;
    const row = page.getByRole("row").filter({ hasText: "http.walk.example" });
    await row.getByText("Verified, http for now").waitFor();
    assert.equal(await row.getByText("https", { exact: true }).count(), 0);
    await row.getByRole("link", { name: "http.walk.example" }).click();
    await page.getByText("Verified, http for now").waitFor();
    await page.getByText("new links use http for now").waitFor();
    await page.getByLabel("Links use https").click();
    await page.getByText("new links use http for now").waitFor({ state: "detached" });
    await page.getByText("Verified", { exact: true }).waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a pasted certificate stays until somebody saves or cancels it", async () => {
    await set.stage.waypost.addVerifiedDomain("pem.walk.example");
    await using tab = await open("/domains/pem.walk.example");
    const { page } = tab;
    await page.getByRole("button", { name: "Bring a certificate" }).click();
    const pasted = page.getByLabel("Certificate and those that signed it");
    await pasted.fill("-----BEGIN CERTIFICATE-----");
    for (let times = 0; times < 3; times += 1) await page.keyboard.press("Escape");
    await page.mouse.click(5, 5);
    assert.equal(await pasted.inputValue(), "-----BEGIN CERTIFICATE-----");
    await page.getByRole("button", { name: "Cancel" }).click();
    await pasted.waitFor({ state: "detached" });
    assert.deepEqual(tab.complaints, []);
  });

  test("the list is narrowed by the state that each row shows", async () => {
    const { trackingDomains } = set.stage.store;
    await add(set.stage, "wait.narrow.example", 0);
    await add(set.stage, "spam.narrow.example", 0);
    await trackingDomains.setBlocked("spam.narrow.example", true);
    const domain = parseHostname("review.narrow.example");
    await trackingDomains.create(
      { domain, subaccountId: 0, secure: false, complianceStatus: "pending" },
      Date.now(),
    );
    await set.stage.waypost.addVerifiedDomain("good.narrow.example");
    await addPointingElsewhere(set.stage, "parked.narrow.example", 0);
    await using tab = await open("/domains?q=narrow");
    const { page } = tab;
    const rows = page.getByRole("table", { name: "Tracking domains" }).getByRole("row");
    for (const [state, name] of [
      ["Waiting for DNS", "wait.narrow.example"],
      ["Waiting for review", "review.narrow.example"],
      ["Blocked", "spam.narrow.example"],
      ["Verified", "good.narrow.example"],
      ["Points elsewhere", "parked.narrow.example"],
    ] as const) {
      await page.getByLabel("State", { exact: true }).selectOption(state);
      // With that of the head.
      await rows.nth(2).waitFor({ state: "detached" });
      await rows.filter({ hasText: name }).getByText(state, { exact: true }).waitFor();
      assert.equal(await rows.count(), 2);
    }
    await page.getByRole("link", { name: "parked.narrow.example" }).click();
    await page.getByRole("heading", { name: "The record to create" }).waitFor();
    await page.getByText("Points elsewhere", { exact: true }).waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a page that waits for a domain announces what is found, not the seconds, and looks at once when it is seen again", async () => {
    await add(set.stage, "seen.walk.example", 0);
    await using tab = await open("/domains/seen.walk.example");
    const { page } = tab;
    const announced = page.getByRole("status");
    await announced.getByText("seen.walk.example does not exist in DNS.").waitFor();
    // Of a later wait: there is time enough to tell looking at once from looking in due time.
    await page.getByText(/^Looking again in (8|11|12|17|18) s$/).waitFor({ timeout: 40_000 });
    assert.equal(await announced.getByText(/Looking|Seen/).count(), 0);
    const turn = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, "hidden", { configurable: true, value: ${hidden} });
         document.dispatchEvent(new Event("visibilitychange"));`,
      );
    await turn(true);
    const looked = page.waitForRequest(/seen\.walk\.example\/verify/, { timeout: 6000 });
    await turn(false);
    await looked;
    assert.deepEqual(tab.complaints, []);
  });

  test("clicks and checks that cannot be loaded are said to be missing, and checks are asked for again", async () => {
    await using tab = await open("/domains?q=set.walk");
    const { page } = tab;
    const fail = (route: Route) => route.fulfill({ status: 503, json: { errors: [{ message: "down" }] } });
    await page.route("**/api/v1/metrics/**", fail);
    await page.route("**/set.walk.example/checks", fail);
    await page.reload();
    await page.getByRole("row").filter({ hasText: "set.walk.example" }).getByText("Not known now").waitFor();
    await page.getByRole("link", { name: "set.walk.example" }).click();
    const past = page.getByRole("alert").filter({ hasText: "Past checks could not be loaded." });
    await past.waitFor();
    await page.unroute("**/set.walk.example/checks");
    await past.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("table", { name: "Past checks" }).waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("a domain's page asks for that domain again and again, not for all there are", async () => {
    await using tab = await open("/domains/set.walk.example");
    const { page } = tab;
    await page.getByRole("button", { name: "Make it the default" }).waitFor();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.waitForResponse(/tracking-domains\/set\.walk\.example$/, { timeout: 60_000 });
    assert.ok(!asked.includes("/api/v1/tracking-domains"), asked.join());
    await page.getByRole("link", { name: "API reference" }).click();
    await page.getByRole("heading", { name: /API/ }).first().waitFor();
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

  test("on a phone, where the table has no head, a choice sorts the list", async () => {
    await using tab = await open("/domains?q=customer-0999", { look: PHONE });
    const { page } = tab;
    const first = page.getByRole("table", { name: "Tracking domains" }).locator("[data-row]").first();
    await first.getByText("click.customer-09990.example").waitFor();
    await page.getByLabel("Sort").selectOption("Sort by domain, descending");
    await first.getByText("click.customer-09999.example").waitFor();
    await page.getByLabel("Sort").selectOption("Sort by owner");
    await page.waitForURL(/sort=owner/);
    await first.getByText("click.customer-09990.example").waitFor();
    await page.goBack();
    await first.getByText("click.customer-09999.example").waitFor();
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByLabel("Sort").waitFor({ state: "hidden" });
    assert.deepEqual(tab.complaints, []);
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
