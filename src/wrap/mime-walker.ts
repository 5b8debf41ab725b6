/**
 * Walks a raw message in one pass, in chunks of any size, and cuts it into what is sent as it came and the text
 * parts that may be wrapped. Only headers and text parts are held in memory; attachments flow through.
 *
 * Nothing is parsed that needn't be: what isn't clearly a text part to be read is sent as it came.
 */

import { type PartHeader, readPartHeader, withoutFields } from "./mime-header.ts";
import { compileMimePart, isSupportedEncoding, type MimePart } from "./mime-part.ts";
import type { Settings } from "./options.ts";
import type { LinkReport, Part, SkippedPart, SkipReason } from "./report.ts";

/** A piece of the message: bytes as they came, or a part to render. */
export type Segment = Buffer | MimePart;

export interface WalkerOptions {
  readonly settings: Settings;
  /** Fields of the message's own header that are left out, in lower case. */
  readonly dropFields: readonly string[];
}

/** More is no header that a person or a program wrote in good faith. */
const MAX_HEADER_BYTES = 1024 * 1024;
/** Mail programs cut HTML long before (Gmail at 102 KB), and the memory of one message stays bounded. */
const MAX_PART_BYTES = 4 * 1024 * 1024;
/** RFC 2046 allows boundaries of 70 characters; behind one there may be white space. */
const MAX_BOUNDARY_LINE_BYTES = 1024;
/** In all parts together. More is an attack, not a letter: a wrapped link costs memory, and a message's share of it is bounded. */
const MAX_LINKS = 20_000;
const LINE_FEED = 0x0a;
const DASH = 0x2d;
const LINE_WITH_DASH = Buffer.from("\n-");
const NO_BYTES = Buffer.alloc(0);

const PARTS: Readonly<Record<string, Part>> = {
  "text/html": "html",
  "text/plain": "text",
  "text/x-amp-html": "amp_html",
};

interface Multipart {
  readonly boundary: string;
  /** Of parts without a Content-Type: RFC 2046 section 5.1.5. */
  readonly defaultType: string;
}

export class MessageWalker {
  readonly links: LinkReport[] = [];
  readonly skipped: SkippedPart[] = [];
  hasPixel = false;

  readonly #options: WalkerOptions;
  #segments: Segment[] = [];
  #state: "header" | "text" | "through" = "header";
  #isTop = true;
  /** Parts that already have a pixel: a message gets one of each, however many parts it has. */
  readonly #withPixel = new Set<Part>();

  readonly #open: Multipart[] = [];
  /** How deep each open boundary is. */
  readonly #depths = new Map<string, number>();

  /** The beginning of a line that isn't complete, or isn't yet known not to be a boundary. */
  #line = new Held();
  #atLineStart = true;
  #header = new Held();
  #body = new Held();
  #text: { readonly part: Part; readonly header: Buffer; readonly parsed: PartHeader } | undefined;

  constructor(options: WalkerOptions) {
    this.#options = options;
  }

  /** The segments that are complete after another chunk. The chunk must not be changed afterwards. */
  write(chunk: Buffer): Segment[] {
    for (let at = 0; at < chunk.length; ) {
      at = this.#state === "header" ? this.#readHeader(chunk, at) : this.#readBody(chunk, at);
    }
    return this.#take();
  }

  /** The last segments. */
  end(): Segment[] {
    const rest = this.#line.take();
    if (this.#state === "header" && this.#isTop) {
      this.#header.push(rest);
      this.#send(withoutFields(this.#header.take(), this.#options.dropFields));
      return this.#take();
    }
    if (this.#state === "header") this.#send(this.#header.take());
    if (!this.#closesAtEnd(rest)) this.#content(rest);
    this.#finishText(NO_BYTES);
    return this.#take();
  }

  #take(): Segment[] {
    const segments = this.#segments;
    this.#segments = [];
    return segments;
  }

  #send(segment: Segment): void {
    if (!Buffer.isBuffer(segment) || segment.length > 0) this.#segments.push(segment);
  }

  #readHeader(chunk: Buffer, at: number): number {
    const lineFeed = chunk.indexOf(LINE_FEED, at);
    const end = lineFeed === -1 ? chunk.length : lineFeed + 1;
    this.#line.push(chunk.subarray(at, end));
    if (this.#header.size + this.#line.size > MAX_HEADER_BYTES) {
      this.#skip(this.#isTop ? "message/rfc822" : "unknown", "malformed");
      this.#send(this.#header.take());
      this.#send(this.#line.take());
      this.#passThrough(lineFeed !== -1);
      return end;
    }
    if (lineFeed !== -1) this.#endHeaderLine(this.#line.take());
    return end;
  }

  #endHeaderLine(line: Buffer): void {
    const level = this.#boundaryLevel(line);
    if (level !== undefined) {
      this.#send(this.#header.take());
      this.#crossBoundary(line, level);
      return;
    }
    this.#header.push(line);
    if (line.length === 1 || (line.length === 2 && line[0] === 0x0d)) this.#endHeader(this.#header.take());
  }

  #endHeader(header: Buffer): void {
    const isTop = this.#isTop;
    this.#isTop = false;
    const parsed = readPartHeader(header, this.#open.at(-1)?.defaultType ?? "text/plain");
    const { dropFields, settings } = this.#options;
    const kept = isTop && dropFields.length > 0 ? withoutFields(header, dropFields) : header;
    this.#passThrough(true);
    if (isTop && parsed.signsBody && !settings.allowSignedBody) {
      this.#skip("message/rfc822", "dkim_signed");
      this.#send(kept);
      return;
    }
    const part = PARTS[parsed.type ?? ""];
    const reason = reasonAgainst(parsed, part, settings);
    if (reason !== undefined) this.#skip(parsed.type ?? "unknown", reason);
    else if (parsed.type?.startsWith("multipart/")) this.#openMultipart(parsed);
    else if (part !== undefined) this.#state = "text";
    if (this.#state === "text" && part !== undefined) this.#text = { part, header: kept, parsed };
    else this.#send(kept);
    this.#textIsTop = isTop;
  }

  #textIsTop = false;

  #openMultipart({ type, params }: PartHeader): void {
    const boundary = params.get("boundary")?.trimEnd() ?? "";
    // Without a boundary, or with an outer part's, nobody can tell where the parts are.
    if (boundary === "" || this.#depths.has(boundary)) {
      this.#skip(type ?? "multipart/mixed", "malformed");
      return;
    }
    this.#depths.set(boundary, this.#open.length);
    this.#open.push({ boundary, defaultType: type === "multipart/digest" ? "message/rfc822" : "text/plain" });
  }

  #readBody(chunk: Buffer, at: number): number {
    if (this.#open.length > 0 && this.#atLineStart && (this.#line.size > 0 || chunk[at] === DASH)) {
      return this.#readPossibleBoundary(chunk, at);
    }
    const lineFeed = this.#open.length === 0 ? -1 : chunk.indexOf(LINE_WITH_DASH, at);
    const end = lineFeed === -1 ? chunk.length : lineFeed + 1;
    this.#content(chunk.subarray(at, end));
    this.#atLineStart = chunk[end - 1] === LINE_FEED;
    return end;
  }

  #readPossibleBoundary(chunk: Buffer, at: number): number {
    const lineFeed = chunk.indexOf(LINE_FEED, at);
    const end = lineFeed === -1 ? chunk.length : lineFeed + 1;
    this.#line.push(chunk.subarray(at, end));
    if (lineFeed === -1) {
      if (this.#line.size > MAX_BOUNDARY_LINE_BYTES) {
        this.#content(this.#line.take());
        this.#atLineStart = false;
      }
      return end;
    }
    const line = this.#line.take();
    const level = this.#boundaryLevel(line);
    if (level === undefined) this.#content(line);
    else this.#crossBoundary(line, level);
    return end;
  }

  /** How deep the multipart is that this line is a boundary of; `undefined` for any other line. */
  #boundaryLevel(line: Buffer): number | undefined {
    if (line[0] !== DASH || line[1] !== DASH || line.length > MAX_BOUNDARY_LINE_BYTES) return undefined;
    const name = boundaryName(line);
    return this.#depths.get(name) ?? (name.endsWith("--") ? this.#depths.get(name.slice(0, -2)) : undefined);
  }

  #crossBoundary(line: Buffer, level: number): void {
    this.#finishText(line);
    const isClosing = !this.#depths.has(boundaryName(line));
    const keep = isClosing ? level : level + 1;
    for (const { boundary } of this.#open.splice(keep)) this.#depths.delete(boundary);
    if (isClosing) this.#passThrough(true);
    else this.#state = "header";
  }

  /** A last line without a line break may still be the closing boundary. */
  #closesAtEnd(line: Buffer): boolean {
    const level = line.length === 0 ? undefined : this.#boundaryLevel(line);
    if (level === undefined) return false;
    this.#finishText(line);
    return true;
  }

  #passThrough(atLineStart: boolean): void {
    this.#state = "through";
    this.#atLineStart = atLineStart;
  }

  #content(bytes: Buffer): void {
    if (this.#text === undefined) {
      this.#send(bytes);
      return;
    }
    this.#body.push(bytes);
    if (this.#body.size <= MAX_PART_BYTES) return;
    this.#skip(this.#text.parsed.type ?? "text/plain", "too_large");
    this.#send(this.#text.header);
    this.#send(this.#body.take());
    this.#text = undefined;
    this.#state = "through";
  }

  /** Ends the text part, if one is being read. The line break before a boundary belongs to the boundary. */
  #finishText(boundaryLine: Buffer): void {
    const text = this.#text;
    this.#text = undefined;
    const held = this.#body.take();
    if (text !== undefined) {
      const lineBreak = boundaryLine.length === 0 ? 0 : lineBreakLength(held);
      const body = held.subarray(0, held.length - lineBreak);
      this.#compile({ ...text, body, isTop: this.#textIsTop });
      this.#send(held.subarray(held.length - lineBreak));
    }
    this.#send(boundaryLine);
  }

  #compile(raw: Parameters<typeof compileMimePart>[0]): void {
    const { settings } = this.#options;
    const needsNoPixel = this.#withPixel.has(raw.part);
    const compiled = compileMimePart(raw, {
      settings: needsNoPixel
        ? { ...settings, openTracking: false, initialOpen: false, honeypot: false }
        : settings,
      maxLinks: MAX_LINKS - this.links.length,
    });
    if (typeof compiled === "string") {
      this.#skip(raw.parsed.type ?? "text/plain", compiled);
      this.#send(raw.header);
      this.#send(raw.body);
      return;
    }
    this.#withPixel.add(raw.part);
    for (const link of compiled.links) this.links.push(link);
    this.hasPixel ||= compiled.hasPixel;
    this.#send(compiled);
  }

  #skip(contentType: string, reason: SkipReason): void {
    this.skipped.push({ contentType, reason });
  }
}

/** Bytes that came in pieces, joined once when they are complete. */
class Held {
  size = 0;
  #pieces: Buffer[] = [];

  push(piece: Buffer): void {
    this.size += piece.length;
    this.#pieces.push(piece);
  }

  take(): Buffer {
    const pieces = this.#pieces;
    if (pieces.length === 0) return NO_BYTES;
    this.#pieces = [];
    this.size = 0;
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }
}

function boundaryName(line: Buffer): string {
  return line.toString("latin1", 2).trimEnd();
}

function lineBreakLength(bytes: Buffer): 0 | 1 | 2 {
  if (bytes.at(-1) !== LINE_FEED) return 0;
  return bytes.at(-2) === 0x0d ? 2 : 1;
}

const ENCRYPTED = new Set([
  "multipart/encrypted",
  "application/pkcs7-mime",
  "application/x-pkcs7-mime",
  "application/pgp-encrypted",
]);

/** Why a part, or all that is in it, is sent as it came. Parts that are no text need no reason. */
function reasonAgainst(
  header: PartHeader,
  part: Part | undefined,
  settings: Settings,
): SkipReason | undefined {
  const { type } = header;
  if (type === undefined) return "malformed";
  if (type === "multipart/signed") return "signed";
  if (ENCRYPTED.has(type)) return "encrypted";
  if (type === "message/rfc822" || type === "message/global") return "embedded_message";
  if (type.startsWith("multipart/")) {
    if (header.isAttachment) return "attachment";
    // RFC 2045 section 6.4: an encoded multipart isn't one.
    return /^(7bit|8bit|binary)$/.test(header.encoding) ? undefined : "malformed";
  }
  if (part === undefined) return undefined;
  if (header.isAttachment) return "attachment";
  if (!isSupportedEncoding(header.encoding)) return "unsupported_encoding";
  if (part === "amp_html" && !settings.origin.startsWith("https:")) return "amp_needs_https";
  return undefined;
}
