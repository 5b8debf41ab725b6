/** From where pictures of the console are taken, and what their files are called. */
import { DESKTOP, type Look, PHONE } from "../test/console/browser.ts";
import type { Scene } from "../test/console/scenes.ts";

/** The documentation shows every page in both themes, and on a phone in one of them. */
export const DOCUMENTED_LOOKS: readonly Look[] = [DESKTOP, { ...DESKTOP, theme: "dark" }, PHONE];
export const ALL_LOOKS: readonly Look[] = [...DOCUMENTED_LOOKS, { ...PHONE, theme: "dark" }];

export function pictureName({ name }: Pick<Scene, "name">, { width, theme }: Look): string {
  return `${name}-${theme}${width === PHONE.width ? "-phone" : ""}.png`;
}
