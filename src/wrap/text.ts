/**
 * Finds the URLs in running text, where only custom says where one ends.
 *
 * The readers' mail clients turn text into links by rules of their own, so a wrong guess breaks a link that would
 * have worked unwrapped. Where the end can't be told (a URL that runs into Chinese, say) the link is left alone.
 */

import type { Scan } from "./html.ts";
import { createLinkJudge, type LinkCandidate } from "./link-judge.ts";
import type { Settings } from "./options.ts";
import type { LinkReason, LinkReport } from "./report.ts";
import { type Edit, REMOVED } from "./splice.ts";

/** What the scanner must know about a source that isn't Unicode text but bytes read as Latin-1, or flowed. */
export interface TextSource {
  /** The Unicode text of a slice of the source. Default: the slice itself. */
  readonly decode?: (slice: string) => string;
  /** How many units of the source the first part of a decoded slice took; `undefined` when it can't be told. Default: its length. */
  readonly unitsOf?: (decoded: string) => number | undefined;
  /** `format=flowed; delsp=yes` (RFC 3676): a line that ends in a space runs on without it, so a URL may go on. */
  readonly deletesSpace?: boolean;
  /** Where to give up: the links are then more than that, and neither they nor the edits are complete. Default: never. */
  readonly maxLinks?: number;
}

const URL_START = /https?:\/\//gi;
/** In the middle of a word or an address, it isn't the start of a URL: `xhttp://`, `user@http://`. */
const PART_OF_WORD = /[A-Za-z0-9+@]/;
/** A marker ends a run too: it holds a quote, so only its beginning would be in it. And so does Markdown's `[http://…](http://…)`. */
const END_OF_RUN = /[\0-\x20<>"`\x7f]|\[\[data-msys-|\]\((?=https?:\/\/)/gi;
const MAX_RUN_CHARS = 8192;
const MARKER = /\[\[data-msys-(clicktrack|linkname|unsubscribe|sublink)="([^"\]\s]*)"\]\]/y;

/** Lists the edits of a text, in order. Never throws, and takes time in proportion to the source. */
export function scanText(source: string, view: TextSource, settings: Settings): Scan {
  const judge = createLinkJudge("text", settings);
  const { maxLinks = Number.POSITIVE_INFINITY } = view;
  const edits: Edit[] = [];
  const links: LinkReport[] = [];
  URL_START.lastIndex = 0;
  for (let match = URL_START.exec(source); match !== null; match = URL_START.exec(source)) {
    const start = match.index;
    if (start > 0 && PART_OF_WORD.test(source.charAt(start - 1))) continue;
    const { url, end, doubt } = readUrl(source, start, start + match[0].length, view);
    const markers = readMarkers(source, end, view);
    const { report, insert } = judge({ url, ...markers.values }, doubt);
    links.push(report);
    if (links.length > maxLinks) break;
    if (insert !== undefined) edits.push({ start, end, insert });
    if (markers.end > end && !settings.keepMarkers)
      edits.push({ start: end, end: markers.end, insert: REMOVED });
    URL_START.lastIndex = markers.end;
  }
  return { edits, links };
}

interface FoundUrl {
  readonly url: string;
  readonly end: number;
  readonly doubt?: LinkReason;
}

function readUrl(source: string, start: number, afterScheme: number, view: TextSource): FoundUrl {
  const end = endOfRun(source, afterScheme);
  // No limit lets a URL this long be wrapped, so what it ends in doesn't matter.
  if (end - start > MAX_RUN_CHARS) return { url: source.slice(start, start + MAX_RUN_CHARS), end };
  const run = source.slice(start, end);
  if (!NON_ASCII.test(run)) {
    const url = withoutTail(run);
    const runEnd = start + run.length;
    // The rest of a template's marker stands behind a space or a quote; the judge knows it by its beginning.
    const goesOn =
      view.deletesSpace === true &&
      url.length === run.length &&
      SOFT_BREAK.test(source.slice(runEnd, runEnd + 3));
    const isSeveral = LISTED_URL.test(url) || goesOnInBrackets(source, start, runEnd);
    return { url, end: start + url.length, ...(goesOn || isSeveral ? { doubt: "ambiguous_end" } : {}) };
  }
  return readUnicodeUrl(run, start, view);
}

function readUnicodeUrl(run: string, start: number, view: TextSource): FoundUrl {
  const decoded = view.decode?.(run) ?? run;
  const foreign = decoded.search(NEVER_IN_URL);
  const url = withoutTail(foreign === -1 ? decoded : decoded.slice(0, foreign));
  const units = view.unitsOf === undefined ? url.length : view.unitsOf(url);
  if (units === undefined) return { url, end: start + run.length, doubt: "ambiguous_end" };
  const end = start + units;
  // Neither in the URL nor right behind it: `http://example.com에서` may be a URL and a particle.
  return UNCLEAR.test(url) || UNCLEAR.test(decoded.slice(url.length, url.length + 2))
    ? { url, end, doubt: "ambiguous_end" }
    : { url, end };
}

/** RFC 3986 appendix C: between angle brackets, line breaks are no part of the URL, so it may go on in the next line. */
function goesOnInBrackets(source: string, start: number, runEnd: number): boolean {
  if (source.charAt(start - 1) !== "<" || !/^\r?\n/.test(source.slice(runEnd, runEnd + 2))) return false;
  return /[<>]/.exec(source.slice(runEnd, runEnd + MAX_BRACKETED_CHARS))?.[0] === ">";
}

const MAX_BRACKETED_CHARS = 1024;
/** `http://a.example/,http://b.example/`: one URL by the letter, two to a reader. */
const LISTED_URL = /(?:[,;|]|\)\(?)https?:\/\//i;
const SOFT_BREAK = /^ \r?\n/;
const NON_ASCII = /[^\0-\x7f]/;
/** Spaces and punctuation outside ASCII, private and unassigned characters: full-width commas, typographic quotes. */
const NEVER_IN_URL = /(?![\0-\x7f])[\p{P}\p{Z}\p{C}]/u;
/** Scripts that are written without spaces between words or with particles glued on, and symbols such as emoji. */
const UNCLEAR =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]|(?![\0-\x7f])\p{S}/u;

function endOfRun(source: string, from: number): number {
  END_OF_RUN.lastIndex = from;
  return END_OF_RUN.exec(source)?.index ?? source.length;
}

const PAIRS: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };
const ESCAPED_TAIL = /&(?:gt|quot|#39|#34|#62);$/i;

/** The URL without the punctuation behind it. A closing bracket belongs to it when it has an opening one. */
function withoutTail(run: string): string {
  const open = countBrackets(run);
  let end = run.length;
  for (;;) {
    const last = run.charAt(end - 1);
    const opening = PAIRS[last];
    if (opening !== undefined) {
      // Balanced, or closing more than was opened?
      if ((open[opening] ?? 0) >= (open[last] ?? 0)) break;
      open[last] = (open[last] ?? 0) - 1;
      end--;
    } else if (".,:!?'*|~".includes(last)) {
      end--;
    } else if (last === ";") {
      end -= ESCAPED_TAIL.exec(run.slice(Math.max(0, end - 6), end))?.[0].length ?? 1;
    } else {
      break;
    }
  }
  return run.slice(0, end);
}

function countBrackets(run: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [bracket] of run.matchAll(/[()[\]{}]/g)) counts[bracket] = (counts[bracket] ?? 0) + 1;
  return counts;
}

type Markers = Omit<LinkCandidate, "url">;

/** The markers glued to the URL's end: `http://www.example.com[[data-msys-clicktrack="0"]]`. */
function readMarkers(
  source: string,
  from: number,
  { decode = (slice) => slice }: TextSource,
): { readonly values: Markers; readonly end: number } {
  let values: Record<string, string> | undefined;
  let end = from;
  MARKER.lastIndex = from;
  for (let match = MARKER.exec(source); match !== null; match = MARKER.exec(source)) {
    const [whole, name = "", value = ""] = match;
    values ??= {};
    values[name] ??= decode(value);
    end += whole.length;
  }
  return { values: values ?? {}, end };
}
