/**
 * The open pixels, in SparkPost's own markup. A pixel goes right behind `<body …>` (initial open) or right before
 * the last `</body>` (open). AMP for Email allows no tracking element but `amp-img`
 * (https://amp.dev/documentation/guides-and-tutorials/email/learn/email-spec/amp-email-components).
 */
import type { KeyRing } from "../token/key-ring.ts";
import { openLink } from "../token/link-token.ts";
import type { Settings } from "./options.ts";
import type { Part } from "./report.ts";
import type { PixelInsert } from "./splice.ts";

export interface Pixels {
  readonly top?: PixelInsert;
  readonly bottom?: PixelInsert;
}

const HIDDEN =
  "color:transparent;visibility:hidden;opacity:0;font-size:0px;border:0;max-height:1px;width:1px;margin:0px;" +
  "padding:0px;border-width:0px!important;display:none!important;line-height:0px!important;";

const MAX_PIXEL_CHARS = 4096;
const AMP_IMG = '<amp-img width="1" height="1" layout="fixed" alt="" src="';

/** The pixels a part gets. `lineBreak` is the document's own. Text gets none, and AMP none without https. */
export function pixelsFor(part: Part, lineBreak: string, settings: Settings): Pixels {
  if (part === "text") return {};
  if (part === "amp_html" && !settings.origin.startsWith("https:")) return {};
  const make = part === "amp_html" ? ampPixels : htmlPixels;
  const { top, bottom } = make(lineBreak);
  return { ...(settings.initialOpen ? { top } : {}), ...(settings.openTracking ? { bottom } : {}) };
}

/** Whether content that was wrapped before has its pixel right behind an offset, where another would go. */
export function hasPixelBehind(source: string, offset: number, pixel: PixelInsert, ring: KeyRing): boolean {
  if (!source.startsWith(pixel.before, offset)) return false;
  const start = offset + pixel.before.length;
  return isPixelUrl(source.slice(start, source.indexOf('"', start)), pixel, ring);
}

/** Where such a pixel right before an offset begins; `undefined` when there is none. */
export function pixelBefore(
  source: string,
  offset: number,
  pixel: PixelInsert,
  ring: KeyRing,
): number | undefined {
  const found = urlBefore(source, offset, pixel);
  return found !== undefined && isPixelUrl(found.url, pixel, ring) ? found.start : undefined;
}

/** The URL in markup of ours that ends at an offset, and where that markup begins. */
export function urlBefore(
  source: string,
  offset: number,
  { before, after }: Pick<PixelInsert, "before" | "after">,
): { readonly start: number; readonly url: string } | undefined {
  // Far enough for any URL of ours, so that a long document isn't searched for one that isn't there.
  const from = Math.max(0, offset - MAX_PIXEL_CHARS);
  const nearby = source.slice(from, offset);
  const start = nearby.lastIndexOf(before);
  if (start === -1 || !nearby.endsWith(after)) return undefined;
  return { start: from + start, url: nearby.slice(start + before.length, -after.length) };
}

function isPixelUrl(url: string, pixel: PixelInsert, ring: KeyRing): boolean {
  const opened = openLink(url.slice(url.lastIndexOf("/") + 1), ring);
  return opened.ok && opened.token.type === pixel.type;
}

function htmlPixels(lineBreak: string): Required<Pixels> {
  return {
    top: {
      kind: "pixel",
      type: "initial_open",
      before: `<div style="${HIDDEN}"><img border="0" width="1" height="1" src="`,
      after: `" alt=""/></div>${lineBreak}`,
    },
    bottom: {
      kind: "pixel",
      type: "open",
      before: '<img border="0" width="1" height="1" alt="" src="',
      after: `">${lineBreak}`,
    },
  };
}

function ampPixels(lineBreak: string): Required<Pixels> {
  const markup = { kind: "pixel", before: AMP_IMG, after: `"></amp-img>${lineBreak}` } as const;
  return { top: { ...markup, type: "amp_initial_open" }, bottom: { ...markup, type: "amp_open" } };
}
