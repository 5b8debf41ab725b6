/**
 * The honeypot link, on demand: no reader sees it, so whoever follows it follows every link. It stands right before the
 * pixel at the end. It has no text, so it cannot be clicked even where a mail program takes its style away.
 */
import { HONEYPOT_LINK_NAME, HONEYPOT_PATH } from "../domain/honeypot.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { openLink } from "../token/link-token.ts";
import type { Settings } from "./options.ts";
import { urlBefore } from "./pixel.ts";
import type { Part } from "./report.ts";
import type { HoneypotInsert } from "./splice.ts";

/** `undefined` for a part that gets none: it is for HTML whose links are wrapped. */
export function honeypotFor(part: Part, lineBreak: string, settings: Settings): HoneypotInsert | undefined {
  if (!settings.honeypot || !settings.clickTracking || part !== "html") return undefined;
  return {
    kind: "honeypot",
    target: settings.origin + HONEYPOT_PATH,
    before: '<a href="',
    after: `" style="display:none" tabindex="-1" aria-hidden="true"></a>${lineBreak}`,
  };
}

/** Whether content that was wrapped before has its honeypot right before an offset, where another would go. */
export function hasHoneypotBefore(
  source: string,
  offset: number,
  honeypot: HoneypotInsert,
  ring: KeyRing,
): boolean {
  const found = urlBefore(source, offset, honeypot);
  const opened = openLink(found?.url.slice(found.url.lastIndexOf("/") + 1) ?? "", ring);
  return opened.ok && "linkName" in opened.token && opened.token.linkName === HONEYPOT_LINK_NAME;
}
