/**
 * Finds what must change in an HTML document, by offsets, without building a tree: the URLs of links, the
 * `data-msys-…` attributes on them, and where the pixels go.
 *
 * The tokenizer follows the HTML standard's tokenization, so comments, scripts, styles and other raw text
 * are never mistaken for markup. Downlevel-hidden conditional comments (`<!--[if mso]>…<![endif]-->`) are markup to
 * Outlook, so their inside is scanned too, for links only.
 */
import { decodeHTMLAttribute } from "entities/decode";
import { QuoteType, Tokenizer, type TokenizerCallbacks } from "htmlparser2";

import type { KeyRing } from "../token/key-ring.ts";
import { createLinkJudge, type LinkCandidate, type LinkJudge } from "./link-judge.ts";
import type { Settings } from "./options.ts";
import { hasPixelBefore, hasPixelBehind, type Pixels, pixelsFor } from "./pixel.ts";
import type { LinkReport, Part } from "./report.ts";
import { type Edit, type PixelInsert, REMOVED } from "./splice.ts";

export interface Scan {
  readonly edits: readonly Edit[];
  readonly links: readonly LinkReport[];
}

/** What the scanner must know about a source that isn't Unicode text but bytes read as Latin-1. */
export interface HtmlSource {
  readonly part: Part;
  /** The Unicode text of a slice of the source. Default: the slice itself. */
  readonly decode?: (slice: string) => string;
}

/** Lists the edits of a document, in order. Never throws, and takes time in proportion to the source. */
export function scanHtml(source: string, { part, decode }: HtmlSource, settings: Settings): Scan {
  const lineBreak = source.includes("\r\n") ? "\r\n" : "\n";
  const scanner = new HtmlScanner(source, createLinkJudge(part, settings), settings, decode);
  scanner.run();
  const pixels = pixelsFor(part, lineBreak, settings);
  return { edits: placePixels(scanner, pixels, source, settings.ring), links: scanner.links };
}

function placePixels(
  scanner: HtmlScanner,
  { top, bottom }: Pixels,
  source: string,
  ring: KeyRing,
): readonly Edit[] {
  const { bodyStart, bodyEnd, edits } = scanner;
  if (bottom !== undefined && !hasPixelBefore(source, bodyEnd, bottom, ring))
    edits.push(insertAt(bodyEnd, bottom));
  if (top !== undefined && bodyStart !== undefined && !hasPixelBehind(source, bodyStart, top, ring)) {
    // A line that begins with two dashes could be taken for a MIME boundary: no line break before it.
    const keepsLine = source.startsWith("--", bodyStart);
    edits.unshift(insertAt(bodyStart, keepsLine ? { ...top, after: top.after.trimEnd() } : top));
  }
  // Almost sorted already: only the pixels may be out of place. Stable, so that a top pixel stays before a bottom one.
  return edits.sort((a, b) => a.start - b.start);
}

function insertAt(offset: number, insert: PixelInsert): Edit {
  return { start: offset, end: offset, insert };
}

/** VML shapes that can be a link in Outlook (https://www.w3.org/TR/NOTE-VML, the `href` attribute). */
const VML_LINKS = new Set(
  ["arc", "curve", "group", "image", "line", "oval", "polyline", "rect", "roundrect", "shape"].map(
    (name) => `v:${name}`,
  ),
);
/** Elements whose content is text to the tokenizer: an unclosed one swallows the rest of the document. */
const RAW_TEXT = new Set([
  "iframe",
  "noembed",
  "noframes",
  "plaintext",
  "script",
  "style",
  "textarea",
  "title",
  "xmp",
]);

const MARKERS = [
  "data-msys-clicktrack",
  "data-msys-linkname",
  "data-msys-unsubscribe",
  "data-msys-sublink",
] as const;
type Marker = (typeof MARKERS)[number];
type LinkAttribute = "href" | Marker;

const CONDITIONAL = /^\[if\b[^\]]*\]>/i;

/** Longer visible text is no URL that somebody reads. */
const MAX_URL_TEXT_CHARS = 2048;
const URL_TEXT = /^(?:https?:\/\/|www\.)\S+$|^(?:[a-z0-9-]+\.)+[a-z]{2,}(?:[/:?#]\S*)?$/i;

/** The parts of a tag's attribute that matter, as offsets into the source. */
interface AttributeRange {
  /** The value without the white space around it. */
  readonly start: number;
  readonly end: number;
}

class HtmlScanner implements TokenizerCallbacks {
  readonly edits: Edit[] = [];
  readonly links: LinkReport[] = [];
  /** Behind the first `<body …>`. */
  bodyStart: number | undefined;
  /** Before the last `</body>`, else the last offset where markup can stand. */
  bodyEnd = 0;

  readonly #source: string;
  readonly #judge: LinkJudge;
  readonly #settings: Settings;
  readonly #decode: (slice: string) => string;
  /** Where the piece being tokenized begins in the source: not 0 inside a conditional comment. */
  #base = 0;
  #inConditional = false;
  #closingBody: number | undefined;

  /** Up to here every tag, comment and raw text is closed. */
  #settled = 0;
  /** End of the last closing tag's name: its `>` is looked for only when it matters. */
  #closingName = -1;
  #probing = false;
  #probeSeen = false;

  #tagStart = 0;
  #isBody = false;
  #isRaw = false;
  #inRaw = false;
  /** The link element being read: its attributes, first of each name. */
  #link: Map<LinkAttribute, AttributeRange> | undefined;
  #markerRanges: AttributeRange[] = [];
  #isAnchor = false;
  #attribute: LinkAttribute | undefined;
  #nameStart = 0;
  #valueStart = -1;
  #valueEnd = -1;

  /** The tracked `<a>` whose visible text is being collected; its report and edit by index. */
  #open: { readonly link: number; readonly edit: number; text: string } | undefined;

  constructor(source: string, judge: LinkJudge, settings: Settings, decode?: (slice: string) => string) {
    this.#source = source;
    this.#judge = judge;
    this.#settings = settings;
    this.#decode = decode ?? ((slice) => slice);
  }

  run(): void {
    const tokenizer = new Tokenizer({ decodeEntities: false }, this);
    tokenizer.write(this.#source);
    // Where the document ends inside of something unclosed, a tag behind it isn't seen as one.
    this.#probing = true;
    tokenizer.write("<x>");
    this.#judgeVisibleText();
    this.bodyEnd = this.#closingBody ?? (this.#probeSeen ? this.#source.length : this.#lastSettled());
  }

  onopentagname(start: number, end: number): void {
    if (this.#probing) {
      this.#probeSeen = start === this.#source.length + 1;
      return;
    }
    this.#tagStart = this.#base + start - 1;
    this.#isBody = false;
    this.#isRaw = false;
    this.#link = undefined;
    const length = end - start;
    const source = this.#source;
    const at = this.#base + start;
    if (length === 1) {
      this.#isAnchor = (source.charCodeAt(at) | 0x20) === 0x61;
      if (this.#isAnchor) this.#startLink();
      return;
    }
    this.#isAnchor = false;
    if (length < 3 || length > 11) return;
    this.#classify(source.slice(at, at + length).toLowerCase());
  }

  #classify(name: string): void {
    if (name === "area" || VML_LINKS.has(name)) this.#startLink();
    else if (name === "body") this.#isBody = true;
    else this.#isRaw = RAW_TEXT.has(name);
  }

  #startLink(): void {
    this.#link = new Map();
    if (this.#markerRanges.length > 0) this.#markerRanges = [];
  }

  onattribname(start: number, end: number): void {
    if (this.#link === undefined) return;
    this.#attribute = linkAttribute(this.#source, this.#base + start, this.#base + end);
    this.#nameStart = this.#base + start;
    this.#valueStart = -1;
  }

  onattribdata(start: number, end: number): void {
    if (this.#valueStart === -1) this.#valueStart = this.#base + start;
    this.#valueEnd = this.#base + end;
  }

  onattribend(quote: QuoteType, end: number): void {
    const link = this.#link;
    const attribute = this.#attribute;
    if (link === undefined || attribute === undefined || this.#probing) return;
    this.#attribute = undefined;
    const hasValue = quote !== QuoteType.NoValue && this.#valueStart !== -1;
    if (attribute !== "href") this.#markerRanges.push({ start: this.#nameStart, end: this.#base + end });
    if (link.has(attribute)) return;
    link.set(
      attribute,
      hasValue ? trimmed(this.#source, this.#valueStart, this.#valueEnd) : { start: 0, end: 0 },
    );
  }

  onopentagend(index: number): void {
    if (this.#probing) return;
    const end = this.#base + index + 1;
    if (this.#link !== undefined) this.#endLink();
    if (this.#isBody && !this.#inConditional) this.bodyStart ??= end;
    if (this.#isRaw) this.#inRaw = true;
    this.#settle(this.#isRaw ? this.#tagStart : end);
  }

  onselfclosingtag(index: number): void {
    this.onopentagend(index);
  }

  onclosetag(start: number, end: number): void {
    if (this.#probing) return;
    this.#inRaw = false;
    if (this.#open !== undefined && isName(this.#source, this.#base + start, this.#base + end, "a"))
      this.#judgeVisibleText();
    if (this.#inConditional) return;
    if (isName(this.#source, start, end, "body")) this.#closingBody = start - 2;
    this.#settle(start - 2);
    this.#closingName = end;
  }

  ontext(start: number, end: number): void {
    if (this.#probing) return;
    if (this.#open !== undefined && this.#open.text.length <= MAX_URL_TEXT_CHARS) {
      this.#open.text += this.#source.slice(this.#base + start, this.#base + end);
    }
    if (!this.#inRaw) this.#settle(this.#base + end);
  }

  oncomment(start: number, index: number, offset: number): void {
    if (this.#probing || this.#inConditional) return;
    this.#settle(index + 1);
    if (this.#source.startsWith("[", start)) this.#scanConditional(start, index - offset);
  }

  oncdata(_start: number, index: number): void {
    if (!this.#probing) this.#settle(this.#base + index + 1);
  }

  ondeclaration(_start: number, index: number): void {
    if (!this.#probing) this.#settle(this.#base + index + 1);
  }

  // Never called: entities aren't decoded, processing instructions are comments in HTML, and the tokenizer isn't ended.
  onattribentity(): void {}
  ontextentity(): void {}
  onprocessinginstruction(): void {}
  onend(): void {}

  #settle(offset: number): void {
    if (this.#inConditional) return;
    this.#settled = offset;
    this.#closingName = -1;
  }

  #lastSettled(): number {
    if (this.#closingName === -1) return this.#settled;
    const end = this.#source.indexOf(">", this.#closingName);
    return end === -1 ? this.#settled : end + 1;
  }

  #endLink(): void {
    const attributes = this.#link;
    this.#link = undefined;
    if (attributes === undefined) return;
    if (this.#isAnchor) this.#judgeVisibleText();
    const first = this.edits.length;
    const href = attributes.get("href");
    if (href !== undefined) this.#judgeLink(href, attributes);
    if (this.#markerRanges.length === 0 || this.#settings.keepMarkers) return;
    for (const range of this.#markerRanges) this.edits.push(this.#removal(range));
    // The edits of one tag come in the order of its attributes, whichever that is.
    const ofThisTag = this.edits.splice(first).sort((a, b) => a.start - b.start);
    const edit = ofThisTag.findIndex(({ insert }) => insert.kind === "link");
    if (edit !== -1 && this.#open?.link === this.links.length - 1)
      this.#open = { ...this.#open, edit: first + edit };
    this.edits.push(...ofThisTag);
  }

  #judgeLink(href: AttributeRange, attributes: ReadonlyMap<LinkAttribute, AttributeRange>): void {
    const url = this.#url(href);
    const candidate: LinkCandidate =
      attributes.size === 1
        ? { url }
        : {
            url,
            clicktrack: this.#value(attributes.get("data-msys-clicktrack")),
            linkname: this.#value(attributes.get("data-msys-linkname")),
            unsubscribe: this.#value(attributes.get("data-msys-unsubscribe")),
            sublink: this.#value(attributes.get("data-msys-sublink")),
          };
    const { report, insert } = this.#judge(candidate);
    this.links.push(report);
    if (insert === undefined) return;
    this.edits.push({ start: href.start, end: href.end, insert });
    if (this.#settings.skipUrlText && this.#isAnchor) {
      this.#open = { link: this.links.length - 1, edit: this.edits.length - 1, text: "" };
    }
  }

  #value(range: AttributeRange | undefined): string | undefined {
    if (range === undefined) return undefined;
    const raw = this.#decode(this.#source.slice(range.start, range.end));
    const decoded = raw.includes("&") ? decodeHTMLAttribute(raw) : raw;
    return decoded.includes("\0") ? decoded.replaceAll("\0", "\ufffd") : decoded;
  }

  /** The URL as a browser reads it (WHATWG URL, "basic URL parser", steps 1 to 3: stripped at both ends, tabs and line breaks taken out). */
  #url(range: AttributeRange): string {
    const raw = this.#source.slice(range.start, range.end);
    if (PLAIN_URL.test(raw)) return raw;
    return (this.#value(range) ?? "").replace(ENDS_OF_URL, "").replace(/[\t\n\r]/g, "");
  }

  /** A marker goes with the white space before it, unless two attributes would then run together. */
  #removal({ start, end }: AttributeRange): Edit {
    const source = this.#source;
    let from = start;
    if (isSpaceOrEnd(source.charCodeAt(end))) while (isSpace(source.charCodeAt(from - 1))) from--;
    return { start: from, end, insert: REMOVED };
  }

  /** Links whose visible text is a URL are given back: called when the text is complete. */
  #judgeVisibleText(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || open.text.length > MAX_URL_TEXT_CHARS) return;
    const text = decodeHTMLAttribute(this.#decode(open.text)).trim();
    const report = this.links[open.link];
    if (report === undefined || !URL_TEXT.test(text)) return;
    this.links[open.link] = { ...report, tracked: false, reason: "url_text" };
    this.edits.splice(open.edit, 1);
  }

  #scanConditional(start: number, end: number): void {
    const comment = this.#source.slice(start, end);
    const opening = CONDITIONAL.exec(comment)?.[0];
    if (opening === undefined || !comment.toLowerCase().endsWith("<![endif]")) return;
    this.#judgeVisibleText();
    this.#inConditional = true;
    this.#base = start + opening.length;
    new Tokenizer({ decodeEntities: false }, this).write(comment.slice(opening.length));
    this.#judgeVisibleText();
    this.#inConditional = false;
    this.#base = 0;
    this.#inRaw = false;
    this.#link = undefined;
  }
}

/** Nothing to decode and nothing to strip. */
const PLAIN_URL = /^[!-%'-~]*$/;
const ENDS_OF_URL = /^[\0-\x20]+|[\0-\x20]+$/g;

function linkAttribute(source: string, start: number, end: number): LinkAttribute | undefined {
  const length = end - start;
  if (length === 4) return isName(source, start, end, "href") ? "href" : undefined;
  // The markers have 17 to 21 letters.
  if (length < 17 || length > 21) return undefined;
  const name = source.slice(start, end).toLowerCase();
  return MARKERS.find((marker) => marker === name);
}

function isName(source: string, start: number, end: number, name: string): boolean {
  return end - start === name.length && source.slice(start, end).toLowerCase() === name;
}

function trimmed(source: string, from: number, to: number): AttributeRange {
  let start = from;
  let end = to;
  while (start < end && isSpace(source.charCodeAt(start))) start++;
  while (end > start && isSpace(source.charCodeAt(end - 1))) end--;
  return { start, end };
}

/** HTML's white space. */
function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b);
}

function isSpaceOrEnd(code: number): boolean {
  return isSpace(code) || code === 0x3e;
}
