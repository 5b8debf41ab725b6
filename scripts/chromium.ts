/** The browser that tests and screenshots drive: Chromium as the system has it. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { findOrInstall, type NeededProgram, searchFolders } from "./debian-package.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

export const CHROMIUM: NeededProgram = {
  what: "Chromium",
  debianPackage: "chromium",
  search: () => NAMES.map((name) => searchFolders([name])).find((folder) => folder !== undefined),
};

/** The program. Throws with what to install when there is none and none can be had. */
export function findChromium(): string {
  const folder = findOrInstall(CHROMIUM, () => undefined);
  return NAMES.map((name) => join(folder, name)).find((path) => existsSync(path)) ?? "";
}
