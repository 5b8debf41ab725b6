/** Decides for each link that a scanner found whether it is wrapped, and says why not. */
import { type ClickType, cutLinkName, openLink, TOKEN_OVERHEAD_BYTES } from "../token/link-token.ts";
import type { Settings } from "./options.ts";
import type { LinkReason, LinkReport, Part } from "./report.ts";
import type { LinkInsert } from "./splice.ts";

/** A link as the content has it, its `data-msys-…` markers read. */
export interface LinkCandidate {
  /** Decoded and stripped as a browser does it. */
  readonly url: string;
  /** {@link isOrdinaryUrl} held. */
  readonly isOrdinary?: boolean;
  readonly clicktrack?: string | undefined;
  readonly linkname?: string | undefined;
  readonly unsubscribe?: string | undefined;
  readonly sublink?: string | undefined;
}

export interface Judgement {
  readonly report: LinkReport;
  /** Present exactly when the link is tracked. */
  readonly insert?: LinkInsert;
}

export type LinkJudge = (candidate: LinkCandidate, doubt?: LinkReason) => Judgement;

/** RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets. A link for a longer address is left alone when it is rendered. */
const MAX_RCPT_BYTES = 320;
/** A token's plaintext without address, name and URL: docs/token-format.md. */
const MAX_FACT_BYTES = 1 + 10 + 4 + 5 + 4 + 2 + 1 + 1;

/** The judge for one part's links. `doubt` is a reason that the scanner found itself. */
export function createLinkJudge(part: Part, settings: Settings): LinkJudge {
  const switchedOff = switchedOffReason(part, settings);
  const clickType = part === "amp_html" ? "amp_click" : "click";

  return (candidate, doubt) => {
    const { url } = candidate;
    const linkName = candidate.linkname ? cutLinkName(candidate.linkname) : undefined;
    const sublink = candidate.sublink === undefined ? "" : sublinkPath(candidate.sublink);
    let reason = reasonAgainst(candidate, settings) ?? doubt ?? switchedOff;
    if (reason === undefined && !fits(url, linkName, sublink, settings)) reason = "too_long";
    if (reason !== undefined) return { report: untracked(candidate.url, part, linkName, reason) };

    const type: ClickType = isMarked(candidate.unsubscribe, "1") ? "link_unsubscribe" : clickType;
    // Written out, because spreading costs more than all the rest of this function.
    return linkName === undefined
      ? { report: { url, part, tracked: true }, insert: { kind: "link", type, target: url, sublink } }
      : {
          report: { url, part, name: linkName, tracked: true },
          insert: { kind: "link", type, target: url, linkName, sublink },
        };
  };
}

function untracked(url: string, part: Part, name: string | undefined, reason: LinkReason): LinkReport {
  return name === undefined
    ? { url, part, tracked: false, reason }
    : { url, part, name, tracked: false, reason };
}

function switchedOffReason(part: Part, settings: Settings): LinkReason | undefined {
  if (!settings.clickTracking) return "click_tracking_off";
  if (part === "text" && !settings.textTracking) return "text_tracking_off";
  if (part === "amp_html" && !settings.origin.startsWith("https:")) return "amp_needs_https";
  return undefined;
}

function reasonAgainst(
  { url, isOrdinary, clicktrack }: LinkCandidate,
  settings: Settings,
): LinkReason | undefined {
  const reason = isOrdinary ? undefined : reasonAgainstUrl(url);
  if (reason !== undefined) return reason;
  if (isMarked(clicktrack, "0")) return "opted_out";
  return !isOrdinary && isOurs(url, settings) ? "already_wrapped" : undefined;
}

function reasonAgainstUrl(url: string): LinkReason | undefined {
  if (TEMPLATE_MARKER.test(url)) return "template_marker";
  if (!/^https?:\/\//i.test(url)) return "not_http";
  return URL.canParse(url) ? undefined : "invalid_url";
}

/**
 * What most links look like: a host name and ordinary characters, so that there is nothing to strip and nothing
 * that a judge could object to, nor a path like ours. `&` may begin a character reference: that is for the scanner to know.
 */
export function isOrdinaryUrl(text: string): boolean {
  return ORDINARY_URL.test(text);
}

/** Neither `%`, which may be half of a marker, nor `--` in a label, which may be wrong Punycode. */
const ORDINARY_URL =
  /^https?:\/\/(?:[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*\.)+[a-zA-Z]{2,}(?:\/(?!e\/)[\w\-.~/?=&;:@!$'(),+#]*)?$/;

/** Forgives the slash of `<a data-msys-clicktrack=0/>`, which is part of an unquoted value. */
function isMarked(value: string | undefined, mark: "0" | "1"): boolean {
  return value !== undefined && value.replace(/\/$/, "").trim() === mark;
}

/** The opening marker is enough: in text, the closing one may stand behind a space. None of them is a URL's. */
const TEMPLATE_MARKER = /\{\{|\*\||%%|\[\[/;

/** Whatever host it names: a message may have been wrapped with another domain of this installation. */
function isOurs(url: string, settings: Settings): boolean {
  const path = OUR_PATH.exec(url)?.[1];
  if (path === undefined) return false;
  return path
    .split("/")
    .slice(-MAX_SEGMENTS)
    .some((segment) => openLink(segment, settings.ring).ok);
}

const OUR_PATH = /^https?:\/\/[^/?#\\]*\/e\/([^?#]*)/i;
/** The token is behind the sublink's segments, however many, and somebody may have put slashes behind it. */
const MAX_SEGMENTS = 10;

/** Whether the wrapped URL keeps within the limit for any recipient: one content is tracked alike for all. */
function fits(url: string, linkName: string | undefined, sublink: string, settings: Settings): boolean {
  const nameBytes = linkName === undefined ? 0 : 63;
  const around = settings.origin.length + "/e/".length + sublink.length;
  const fixed = TOKEN_OVERHEAD_BYTES + MAX_FACT_BYTES + MAX_RCPT_BYTES + nameBytes;
  const room = Math.floor(((settings.maxUrlBytes - around) * 3) / 4) - fixed;
  // A UTF-16 unit is at most three bytes: most links needn't be measured.
  return url.length * 3 <= room || Buffer.byteLength(url) <= room;
}

/** `custom path` as path segments: `custom_path/`. What could end or leave the path is percent-encoded or dropped. */
function sublinkPath(value: string): string {
  const segments = value
    .toWellFormed()
    .split("/")
    .map((segment) =>
      encodeURIComponent(segment.trim().replace(/\s/g, "_")).replace(/[!'()*]/g, percentEncode),
    )
    .filter((segment) => segment !== "" && segment !== "." && segment !== "..");
  return segments.length === 0 ? "" : `${segments.join("/")}/`;
}

function percentEncode(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}
