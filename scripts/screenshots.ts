/**
 * `npm run screenshots [-- FOLDER [SCENE…]]`: a picture of every page and state of the console, in both themes and at the width of a desktop and
 * of a phone, as tall as it is up to two windows, to be looked at. Without a folder it makes those of the documentation anew: the documented states, on a phone
 * in one theme, in `docs/screenshots/`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "playwright-core";

import { DESKTOP, type Look, launchBrowser, lookFrom } from "../test/console/browser.ts";
import { SCENES, type Scene } from "../test/console/scenes.ts";
import { openTheatre } from "../test/console/theatre.ts";
import { buildConsole, isConsoleCurrent } from "./console-build.ts";
import { ALL_LOOKS, DOCUMENTED_LOOKS, pictureName } from "./picture-name.ts";
import { PICTURE_FOLDER, stampPictures } from "./picture-stamp.ts";

await main(process.argv.slice(2));

async function main([folder, ...names]: readonly string[]): Promise<void> {
  if (!isConsoleCurrent()) await buildConsole();
  const scenes = SCENES.filter(({ name, isDocumented = false }) =>
    folder === undefined ? isDocumented : names.length === 0 || names.includes(name),
  );
  const looks = folder === undefined ? DOCUMENTED_LOOKS : ALL_LOOKS;
  await takeAll(scenes, looks, folder ?? PICTURE_FOLDER);
  if (folder === undefined) stampPictures();
}

async function takeAll(scenes: readonly Scene[], looks: readonly Look[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const browser = await launchBrowser();
  const theatre = openTheatre(browser);
  try {
    for (const scene of scenes) {
      await using tab = await theatre.play(scene, DESKTOP);
      for (const look of looks) {
        await lookFrom(tab.page, look);
        await growToContent(tab.page);
        await tab.page.screenshot({ path: join(folder, pictureName(scene, look)), animations: "disabled" });
      }
      console.log(scene.name);
    }
  } finally {
    await theatre[Symbol.asyncDispose]();
    await browser.close();
  }
}

async function growToContent(page: Page): Promise<void> {
  const window = page.viewportSize();
  if (window === null) return;
  const content = await page.evaluate<number>("document.documentElement.scrollHeight");
  await page.setViewportSize({
    ...window,
    height: Math.min(Math.max(window.height, content), 2 * window.height),
  });
}
