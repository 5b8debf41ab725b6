import { test } from "node:test";

import { startTestApi } from "../api/harness.ts";
import { assertNoSidewaysScroll, launchBrowser, openTab } from "./browser.ts";

test("the API reference fits a narrow window", async (t) => {
  await using api = await startTestApi("sqlite");
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const url = `http://127.0.0.1:${api.control.apiAddress?.port}`;
  await using tab = await openTab(browser, url, { width: 320, theme: "light" });
  await tab.page.goto("/docs");
  await assertNoSidewaysScroll(tab.page);
});
