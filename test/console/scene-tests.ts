import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import AxeBuilder from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";

import { assertNoSidewaysScroll, DESKTOP, launchBrowser, lookFrom, PHONE } from "./browser.ts";
import { AREAS, areaOf, SCENES, type Scene } from "./scenes.ts";
import { openTheatre, type Theatre } from "./theatre.ts";

/** Between them both widths and both themes. */
const LOOKS = [DESKTOP, { ...PHONE, theme: "dark" }] as const;

async function assertUsable(page: Page): Promise<void> {
  // In the frame no script runs, axe's neither: what is in there is the sender's mail.
  const { violations } = await new AxeBuilder({ page }).exclude("iframe").analyze();
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
  assert.deepEqual(told, []);
  await assertNoSidewaysScroll(page);
}

/** Plays the scenes of an area, and looks at each as everybody may. */
export function testScenes(area: keyof typeof AREAS): void {
  const words: readonly string[] = AREAS[area];
  suite(`every state of the console's pages: ${area}`, () =>
    playAll(SCENES.filter((scene) => words.includes(areaOf(scene)))));
}

function playAll(scenes: readonly Scene[]): void {
  let browser: Browser;
  let theatre: Theatre;
  before(async () => {
    browser = await launchBrowser();
    theatre = openTheatre(browser);
  });
  after(async () => {
    await theatre[Symbol.asyncDispose]();
    await browser.close();
  });

  for (const scene of scenes) {
    test(`${scene.name} is usable by everybody and fits, on a desktop and on a phone, light and dark`, async () => {
      await using tab = await theatre.play(scene, DESKTOP);
      for (const look of LOOKS) {
        await lookFrom(tab.page, look);
        await assertUsable(tab.page);
      }
      assert.deepEqual(tab.complaints, []);
    });
  }
}
