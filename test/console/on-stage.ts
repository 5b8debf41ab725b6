import { after, before } from "node:test";

import type { Browser } from "playwright-core";

import { DESKTOP, type Look, launchBrowser, openTab, signIn, type Tab } from "./browser.ts";
import { FIRST_KEY, type Stage, startStage } from "./stage.ts";

/** A browser and an installation. Both are there once the suite's tests begin. */
export interface OnStage {
  readonly browser: Browser;
  readonly stage: Stage;
  /** A browser with nothing in it, signed in at a path; with the first key unless told otherwise. */
  open(path: string, as?: { readonly key?: string; readonly look?: Look }): Promise<Tab>;
}

/** To be called in a suite: starts both before its tests, has the installation prepared, and ends both after them. */
export function onStage(
  prepare: (stage: Stage) => Promise<unknown> = async () => undefined,
  how: Parameters<typeof startStage>[0] = {},
): OnStage {
  let browser: Browser;
  let stage: Stage;
  before(async () => {
    browser = await launchBrowser();
    stage = await startStage(how);
    await prepare(stage);
  });
  after(async () => {
    await stage[Symbol.asyncDispose]();
    await browser.close();
  });
  return {
    get browser() {
      return browser;
    },
    get stage() {
      return stage;
    },
    open: async (path, { key = FIRST_KEY, look = DESKTOP } = {}) => {
      const tab = await openTab(browser, stage.url, look);
      await tab.page.goto(path);
      await signIn(tab.page, key);
      return tab;
    },
  };
}
