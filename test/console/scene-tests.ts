import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import AxeBuilder from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";

import { assertNoSidewaysScroll, DESKTOP, type Look, launchBrowser, lookFrom, PHONE } from "./browser.ts";
import { AREAS, areaOf, SCENES, type Scene } from "./scenes.ts";
import { openTheatre, type Theatre } from "./theatre.ts";

/** Between them both widths and both themes. */
const LOOKS: readonly Look[] = [DESKTOP, { ...PHONE, theme: "dark" }];
/** For the longest tables on a machine that is busy. */
const TIMEOUT_MS = 900_000;

/** States that the documentation shows, every page of the navigation among them, are looked at in both; others in turns: axe takes its time. */
function looksAt({ isDocumented }: Scene, index: number): readonly Look[] {
  return isDocumented ? LOOKS : LOOKS.filter((_, look) => look === index % LOOKS.length);
}

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

  for (const [index, scene] of scenes.entries()) {
    test(`${scene.name} is usable by everybody, and fits`, { timeout: TIMEOUT_MS }, async () => {
      await using tab = await theatre.play(scene, DESKTOP);
      for (const look of looksAt(scene, index)) {
        await lookFrom(tab.page, look);
        await assertUsable(tab.page);
      }
      assert.deepEqual(tab.complaints, []);
    });
  }
}
