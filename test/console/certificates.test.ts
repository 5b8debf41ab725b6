import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { Browser } from "playwright-core";

import { type AcmeInstallation, startAcmeInstallation } from "../tls/acme-installation.ts";
import { launchBrowser, openTab, signIn, type Tab } from "./browser.ts";
import { onStage } from "./on-stage.ts";
import { FIRST_KEY } from "./stage.ts";
import { addCertificates } from "./stage-certificates.ts";

const REFUSED = "refused.acme.com";

suite("certificates that Waypost orders, in the console", () => {
  let browser: Browser;
  let waypost: AcmeInstallation;
  before(async () => {
    browser = await launchBrowser();
    waypost = await startAcmeInstallation("sqlite", { pebble: { blocklist: [REFUSED] } });
  });
  after(async () => {
    await waypost[Symbol.asyncDispose]();
    await browser.close();
  });

  const open = async (path: string, key = FIRST_KEY): Promise<Tab> => {
    const tab = await openTab(browser, `http://127.0.0.1:${waypost.control.apiAddress?.port}`);
    await tab.page.goto(path);
    await signIn(tab.page, key);
    return tab;
  };

  test("a certificate is renewed when it is asked for, by who may change domains alone", async (t) => {
    await waypost.add("click.acme.com");
    await waypost.verifyUntilItPasses("click.acme.com");
    const orders = waypost.proxy.count("newOrder");
    const { json } = await waypost.call("POST", "/api/v1/keys", {
      body: { label: "Viewer", grants: ["tracking_domains/view"] },
    });
    const path = "/domains/click.acme.com";
    {
      await using viewer = await open(path, json.results.key);
      await viewer.page.getByText("By Waypost itself").waitFor();
      assert.equal(await viewer.page.getByRole("button", { name: "Renew now" }).count(), 0);
    }
    await using tab = await open(path);
    await tab.page.getByRole("button", { name: "Renew now" }).click();
    await tab.page.getByText("A new certificate is on order.").waitFor();
    await t.waitFor(() => assert.equal(waypost.proxy.count("newOrder"), orders + 1), { timeout: 60_000 });
    assert.deepEqual(tab.complaints, []);
  });

  test("a refused order says why, with the code that the API gives", async () => {
    await waypost.add(REFUSED);
    await waypost.verify(REFUSED);
    await using tab = await open(`/domains/${REFUSED}`);
    const { page } = tab;
    const https = page.locator("#https");
    await https.getByText("acme:rejected_identifier").waitFor();
    const words = (await waypost.lastCheck(REFUSED)).findings.find(
      ({ code }: { code: string }) => code === "certificate_failed",
    );
    await https.getByText(words.found).waitFor();
    assert.deepEqual(tab.complaints, []);
  });
});

suite("certificates in the list of tracking domains", () => {
  const { open } = onStage(addCertificates, { ordersCertificates: true });

  for (const [what, domain, words] of [
    ["a certificate shows for how long it lasts", "shop.acme.com", "https, 61 days"],
    ["an order that is on its way says so", "new.acme.com", "certificate on order"],
    ["an order that failed is the state of its domain", "promo.acme.com", "Certificate failed"],
  ] as const)
    test(what, async () => {
      await using tab = await open("/domains");
      const row = tab.page.getByRole("row").filter({ hasText: domain });
      await row.getByText(words, { exact: true }).waitFor();
      assert.deepEqual(tab.complaints, []);
    });
});
