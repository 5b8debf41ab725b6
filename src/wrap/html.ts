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
import { hasHoneypotBefore, honeypotFor } from "./honeypot.ts";
import { createLinkJudge, isOrdinaryUrl, type LinkCandidate, type LinkJudge } from "./link-judge.ts";
import type { Settings } from "./options.ts";
import { hasPixelBehind, type Pixels, pixelBefore, pixelsFor } from "./pixel.ts";
import type { LinkReport, Part } from "./report.ts";
import { type Edit, type HoneypotInsert, type PixelInsert, REMOVED } from "./splice.ts";

export interface Scan {
  readonly edits: readonly Edit[];
  readonly links: readonly LinkReport[];
}

/** What the scanner must know about a source that isn't Unicode text but bytes read as Latin-1. */
export interface HtmlSource {
  readonly part: Part;
  /** The Unicode text of a slice of the source. Default: the slice itself. */
  readonly decode?: (slice: string) => string;
  /** Where to give up: the links are then more than that, and neither they nor the edits are complete. Default: never. */
  readonly maxLinks?: number;
  /** For a document without a line break of its own. Default: a line feed. */
  readonly lineBreak?: string;
}

/** Lists the edits of a document, in order. Never throws, and takes time in proportion to the source. */
export function scanHtml(source: string, view: HtmlSource, settings: Settings): Scan {
  const { part } = view;
  const ownBreak = source.includes("\r\n") ? "\r\n" : "\n";
  const lineBreak = source.includes("\n") ? ownBreak : (view.lineBreak ?? "\n");
  const scanner = new HtmlScanner(source, createLinkJudge(part, settings), settings, view);
  scanner.run();
  const additions = {
    ...pixelsFor(part, lineBreak, settings),
    honeypot: honeypotFor(part, lineBreak, settings),
  };
  return { edits: placeAdditions(scanner, additions, source, settings.ring), links: scanner.links };
}

interface Additions extends Pixels {
  readonly honeypot: HoneypotInsert | undefined;
}

function placeAdditions(
  scanner: HtmlScanner,
  { top, bottom, honeypot }: Additions,
  source: string,
  ring: KeyRing,
): readonly Edit[] {
  const { bodyStart, bodyEnd, edits } = scanner;
  const pixelStart = bottom && pixelBefore(source, bodyEnd, bottom, ring);
  const honeypotEnd = pixelStart ?? bodyEnd;
  if (honeypot !== undefined && !hasHoneypotBefore(source, honeypotEnd, honeypot, ring))
    edits.push(insertAt(honeypotEnd, honeypot));
  if (bottom !== undefined && pixelStart === undefined) edits.push(insertAt(bodyEnd, bottom));
  if (top !== undefined && bodyStart !== undefined && !hasPixelBehind(source, bodyStart, top, ring)) {
    // A line that begins with two dashes could be taken for a MIME boundary: no line break before it.
    const keepsLine = source.startsWith("--", bodyStart);
    edits.unshift(insertAt(bodyStart, keepsLine ? { ...top, after: top.after.trimEnd() } : top));
  }
  // Almost sorted already: only what was added may be out of place. Stable, so that a top pixel stays before a bottom one.
  return edits.sort((a, b) => a.start - b.start);
}

function insertAt(offset: number, insert: PixelInsert | HoneypotInsert): Edit {
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

/** Length and first letter of the names that matter: a quick no for nearly every other tag. */
const SPECIAL_SHAPES = new Uint8Array(12 * 32);
for (const name of ["area", "body", "math", "svg", ...VML_LINKS, ...RAW_TEXT])
  SPECIAL_SHAPES[shapeOf(name.length, name.charCodeAt(0))] = 1;

function shapeOf(length: number, letter: number): number {
  return length * 32 + (letter & 31);
}

const LETTER_A = 0x61;

const MARKERS = [
  "data-msys-clicktrack",
  "data-msys-linkname",
  "data-msys-unsubscribe",
  "data-msys-sublink",
] as const;
type Marker = (typeof MARKERS)[number];

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

const NO_VALUE: AttributeRange = { start: 0, end: 0 };

/** What {@link skipTo} needs to know of the tokenizer's inside. */
interface Cursor {
  readonly buffer: string;
  readonly offset: number;
  index: number;
}

/**
 * The tokenizer with its inner loop, the search for the next `<` or quote, done by the engine's own string search:
 * that loop was the largest part of compiling. Should a later version name or use it otherwise, this is never called.
 */
function createTokenizer(callbacks: TokenizerCallbacks): Tokenizer {
  return Object.assign(new Tokenizer({ decodeEntities: false }, callbacks), { fastForwardTo: skipTo });
}

function skipTo(this: Cursor, code: number): boolean {
  const found = this.buffer.indexOf(String.fromCharCode(code), this.index + 1 - this.offset);
  this.index = this.offset + (found === -1 ? this.buffer.length - 1 : found);
  return found !== -1;
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
  readonly #maxLinks: number;
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
  #lost = false;

  #tagStart = 0;
  /** What the tag being read, or read last, is to us. */
  #tag: "anchor" | TagKind = "other";
  /** Somewhere there was SVG or MathML, so raw text may be none. */
  #wasForeign = false;
  #inRaw = false;
  #rawStart = 0;
  /** Of the link element being read: the first of each attribute counts. */
  #href: AttributeRange | undefined;
  #markers: Map<Marker, AttributeRange> | undefined;
  #markerRanges: AttributeRange[] = [];
  #attribute: "href" | Marker | undefined;
  #nameStart = 0;
  #valueStart = -1;
  #valueEnd = -1;

  /** The tracked `<a>` whose visible text is being collected; its report and edit by index. */
  #open: { readonly link: number; readonly edit: number; text: string } | undefined;

  constructor(source: string, judge: LinkJudge, settings: Settings, view: HtmlSource) {
    this.#source = source;
    this.#judge = judge;
    this.#settings = settings;
    this.#decode = view.decode ?? ((slice) => slice);
    this.#maxLinks = view.maxLinks ?? Number.POSITIVE_INFINITY;
  }

  run(): void {
    const tokenizer = createTokenizer(this);
    tokenizer.write(this.#source);
    // Where the document ends inside of something unclosed, a tag behind it isn't seen as one.
    this.#probing = true;
    tokenizer.write("<x>");
    this.#judgeVisibleText();
    this.bodyEnd =
      this.#closingBody ?? (this.#probeSeen && !this.#lost ? this.#source.length : this.#lastSettled());
  }

  onopentagname(start: number, end: number): void {
    if (this.#probing) {
      this.#probeSeen = start === this.#source.length + 1;
      return;
    }
    this.#tagStart = this.#base + start - 1;
    const length = end - start;
    const letter = this.#source.charCodeAt(this.#base + start) | 0x20;
    if (length === 1 && letter === LETTER_A) this.#tag = "anchor";
    else if (SPECIAL_SHAPES[shapeOf(length, letter)] !== 1) this.#tag = "other";
    else this.#tag = kindOfTag(this.#source.slice(this.#base + start, this.#base + end).toLowerCase());
    this.#href = undefined;
    this.#markers = undefined;
    this.#attribute = undefined;
  }

  onattribname(start: number, end: number): void {
    if (this.#tag !== "anchor" && this.#tag !== "link") return;
    this.#attribute = linkAttribute(this.#source, this.#base + start, this.#base + end);
    this.#nameStart = this.#base + start;
    this.#valueStart = -1;
  }

  onattribdata(start: number, end: number): void {
    if (this.#attribute === undefined) return;
    if (this.#valueStart === -1) this.#valueStart = this.#base + start;
    this.#valueEnd = this.#base + end;
  }

  onattribend(quote: QuoteType, end: number): void {
    const attribute = this.#attribute;
    if (attribute === undefined || this.#probing) return;
    this.#attribute = undefined;
    const hasValue = quote !== QuoteType.NoValue && this.#valueStart !== -1;
    const value = hasValue ? trimmed(this.#source, this.#valueStart, this.#valueEnd) : NO_VALUE;
    if (attribute === "href") {
      this.#href ??= value;
      return;
    }
    if (this.#markers === undefined) {
      this.#markers = new Map();
      this.#markerRanges = [];
    }
    this.#markerRanges.push({ start: this.#nameStart, end: this.#base + end });
    if (!this.#markers.has(attribute)) this.#markers.set(attribute, value);
  }

  onopentagend(index: number): void {
    if (this.#probing) return;
    const end = this.#base + index + 1;
    switch (this.#tag) {
      case "other":
        break;
      case "foreign":
        this.#wasForeign = true;
        break;
      case "anchor":
        this.#judgeVisibleText();
        this.#endLink();
        break;
      case "link":
        this.#endLink();
        break;
      case "body":
        if (!this.#inConditional) this.bodyStart ??= end;
        break;
      case "raw":
      case "script":
        this.#inRaw = true;
        this.#rawStart = end;
        this.#settle(this.#tagStart);
        return;
    }
    this.#settle(end);
  }

  onselfclosingtag(index: number): void {
    this.onopentagend(index);
  }

  onclosetag(start: number, end: number): void {
    if (this.#probing) return;
    if (this.#isLost(this.#base + start - 2, this.#base + end)) {
      this.#lose();
      return;
    }
    const wasRaw = this.#inRaw;
    this.#inRaw = false;
    if (this.#open !== undefined && isName(this.#source, this.#base + start, this.#base + end, "a"))
      this.#judgeVisibleText();
    if (this.#inConditional) return;
    if (isName(this.#source, start, end, "body")) this.#closingBody = start - 2;
    // Before the closing tag of raw text is still raw text.
    if (!wasRaw) this.#settle(start - 2);
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

  oncdata(start: number, index: number): void {
    if (this.#probing) return;
    // Outside of SVG and MathML it is a comment up to the first `>`, and the tokenizer doesn't know where it is.
    if (this.#source.indexOf(">", this.#base + start) < this.#base + index) this.#lose();
    else this.#settle(this.#base + index + 1);
  }

  ondeclaration(_start: number, index: number): void {
    if (!this.#probing) this.#settle(this.#base + index + 1);
  }

  // Never called: entities aren't decoded, processing instructions are comments in HTML, and the tokenizer isn't ended.
  onattribentity(): void {}
  ontextentity(): void {}
  onprocessinginstruction(): void {}
  onend(): void {}

  #lose(): void {
    this.#probing = true;
    this.#lost = true;
  }

  /**
   * Three constructs end elsewhere than the tokenizer believes: a script inside of a comment inside of a script (HTML,
   * "script data double escaped state"), markup in what is raw text in HTML but not in SVG, and a closing tag with
   * a `>` in a quoted attribute. Nobody means any of them in a mail; from there on nothing is touched.
   */
  #isLost(start: number, nameEnd: number): boolean {
    const source = this.#source;
    if (this.#inRaw && this.#tag === "script") {
      const script = source.slice(this.#rawStart, start);
      const comment = script.indexOf("<!--");
      if (comment !== -1 && script.toLowerCase().includes("<script", comment)) return true;
    }
    if (this.#inRaw && this.#wasForeign && source.slice(this.#rawStart, start).includes("<")) return true;
    if (source.charCodeAt(nameEnd) === GREATER_THAN) return false;
    return /["']/.test(source.slice(nameEnd, source.indexOf(">", nameEnd)));
  }

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
    const first = this.edits.length;
    if (this.#href !== undefined) this.#judgeLink(this.#href, this.#markers);
    if (this.#markers === undefined || this.#settings.keepMarkers) return;
    for (const range of this.#markerRanges) {
      // Behind another name, what follows would be its value.
      if (!BEFORE_EQUALS.test(this.#source.slice(range.end, range.end + MAX_SPACES)))
        this.edits.push(this.#removal(range));
    }
    // The edits of one tag come in the order of its attributes, whichever that is.
    const ofThisTag = this.edits.splice(first).sort((a, b) => a.start - b.start);
    const edit = ofThisTag.findIndex(({ insert }) => insert.kind === "link");
    if (edit !== -1 && this.#open?.link === this.links.length - 1) {
      this.#open = { ...this.#open, edit: first + edit };
    }
    this.edits.push(...ofThisTag);
  }

  #judgeLink(href: AttributeRange, markers: ReadonlyMap<Marker, AttributeRange> | undefined): void {
    const raw = this.#source.slice(href.start, href.end);
    const simple = isOrdinaryUrl(raw) ? withoutAmp(raw) : undefined;
    const isOrdinary = simple !== undefined;
    const url = simple ?? this.#url(raw);
    const candidate: LinkCandidate =
      markers === undefined
        ? { url, isOrdinary }
        : {
            url,
            isOrdinary,
            clicktrack: this.#value(markers.get("data-msys-clicktrack")),
            linkname: this.#value(markers.get("data-msys-linkname")),
            unsubscribe: this.#value(markers.get("data-msys-unsubscribe")),
            sublink: this.#value(markers.get("data-msys-sublink")),
          };
    const { report, insert } = this.#judge(candidate);
    this.links.push(report);
    if (this.links.length > this.#maxLinks) this.#lose();
    if (insert === undefined) return;
    this.edits.push({ start: href.start, end: href.end, insert });
    if (this.#settings.skipUrlText && this.#tag === "anchor") {
      this.#open = { link: this.links.length - 1, edit: this.edits.length - 1, text: "" };
    }
  }

  #value(range: AttributeRange | undefined): string | undefined {
    return range === undefined ? undefined : this.#text(this.#source.slice(range.start, range.end));
  }

  /** An attribute's value as HTML reads it. */
  #text(raw: string): string {
    const unicode = this.#decode(raw);
    const decoded = unicode.includes("&") ? decodeHTMLAttribute(unicode) : unicode;
    return decoded.includes("\0") ? decoded.replaceAll("\0", "\ufffd") : decoded;
  }

  /** The URL as a browser reads it (WHATWG URL, "basic URL parser", steps 1 to 3: stripped at both ends, tabs and line breaks taken out). */
  #url(raw: string): string {
    return this.#text(raw)
      .replace(ENDS_OF_URL, "")
      .replace(/[\t\n\r]/g, "");
  }

  /**
   * A marker goes with the white space before it, unless two attributes would then run together. No slash may come to stand
   * before the `>`: it would close an element of SVG or belong to an unquoted value. Right before a name it only separates.
   */
  #removal({ start, end }: AttributeRange): Edit {
    const source = this.#source;
    let from = start;
    if (isSpaceOrEnd(source.charCodeAt(end))) {
      while (source.charCodeAt(from - 1) === SLASH) from--;
      const spaceEnd = from;
      while (isSpace(source.charCodeAt(from - 1))) from--;
      if (from < spaceEnd && source.charCodeAt(from - 1) === SLASH) from++;
    }
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
    // A link around the comment goes on behind it.
    const around = this.#open;
    this.#open = undefined;
    this.#inConditional = true;
    this.#base = start + opening.length;
    createTokenizer(this).write(comment.slice(opening.length));
    this.#judgeVisibleText();
    this.#open = around;
    this.#inConditional = false;
    // Whatever was in it, the comment ends where it ends.
    this.#probing = false;
    this.#lost = false;
    this.#base = 0;
    this.#inRaw = false;
    this.#tag = "other";
    this.#attribute = undefined;
  }
}

/** An attribute's text without any reference but `&amp;`, the only one that most URLs have; `undefined` with another. */
function withoutAmp(raw: string): string | undefined {
  let text = "";
  let at = 0;
  for (let amp = raw.indexOf("&"); amp !== -1; amp = raw.indexOf("&", at)) {
    if (!raw.startsWith("amp;", amp + 1)) return undefined;
    text += raw.slice(at, amp + 1);
    at = amp + "&amp;".length;
  }
  return at === 0 ? raw : text + raw.slice(at);
}

const BEFORE_EQUALS = /^\s*=/;
const MAX_SPACES = 64;
const ENDS_OF_URL = /^[\0-\x20]+|[\0-\x20]+$/g;

type TagKind = "link" | "body" | "raw" | "script" | "foreign" | "other";

function kindOfTag(name: string): TagKind {
  if (name === "area" || VML_LINKS.has(name)) return "link";
  if (name === "svg" || name === "math") return "foreign";
  if (name === "body" || name === "script") return name;
  return RAW_TEXT.has(name) ? "raw" : "other";
}

function linkAttribute(source: string, start: number, end: number): "href" | Marker | undefined {
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

const GREATER_THAN = 0x3e;
const SLASH = 0x2f;

/** HTML's white space. */
function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b);
}

function isSpaceOrEnd(code: number): boolean {
  return isSpace(code) || code === GREATER_THAN;
}
