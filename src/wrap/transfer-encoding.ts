/**
 * Putting changed bytes into an encoded body (RFC 2045 section 6) so that only what must change does:
 * quoted-printable keeps every line without a change, base64 every line before the first one.
 */

/** What replaces a range of the decoded body. In order, without overlap. */
export interface Change {
  readonly start: number;
  readonly end: number;
  /** One character for each byte: a hundred thousand strings are cheaper than as many buffers. */
  readonly text: string;
}

/** A body that can be read and spliced. */
export interface BodyCodec {
  readonly bytes: Buffer;
  /** The encoded body with the changes made. */
  splice(changes: readonly Change[]): Buffer;
}

const EQUALS = 0x3d;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** RFC 2045: 76 characters at most, of which a soft line break's `=` is one. */
const MAX_QP_COLUMN = 75;
const DEFAULT_BASE64_LINE = 76;

/** The bytes with the changes made. */
export function spliceBytes(bytes: Buffer, changes: readonly Change[]): Buffer {
  let length = bytes.length;
  for (const { start, end, text } of changes) length += text.length - (end - start);
  const out = Buffer.allocUnsafe(length);
  let from = 0;
  let to = 0;
  for (const { start, end, text } of changes) {
    to += bytes.copy(out, to, from, start);
    to += out.write(text, to, "latin1");
    from = end;
  }
  bytes.copy(out, to, from);
  return out;
}

/** Encodes text whose line breaks stay the line breaks they are; `lineBreak` is for new ones. */
export function encodeQuotedPrintable(bytes: Buffer, lineBreak: string): Buffer {
  const pieces = bytes.toString("latin1").split(/(\r?\n)/);
  let out = "";
  for (let i = 0; i < pieces.length; i += 2) {
    const writer = new QuotedPrintableWriter(lineBreak);
    writer.put(pieces[i] ?? "");
    out += writer.end(pieces[i + 1] ?? "");
  }
  return Buffer.from(out, "latin1");
}

/** A quoted-printable body. Never throws: what isn't valid is taken literally, as readers do. */
export class QuotedPrintableBody implements BodyCodec {
  readonly bytes: Buffer;
  readonly #raw: Buffer;
  readonly #lineBreak: string;
  /** Where each line of the raw body begins, and where its first byte is in the decoded one. */
  readonly #rawStarts: number[] = [];
  readonly #starts: number[] = [];

  constructor(raw: Buffer, lineBreak: string) {
    this.#raw = raw;
    this.#lineBreak = lineBreak;
    const bytes = Buffer.allocUnsafe(raw.length);
    let length = 0;
    for (let at = 0; ; ) {
      this.#rawStarts.push(at);
      this.#starts.push(length);
      const line = readLine(raw, at);
      for (let i = at; i < line.contentEnd; i += tokenLength(raw, i, line.contentEnd)) {
        bytes[length++] = tokenByte(raw, i, line.contentEnd);
      }
      if (!line.isSoft) length += raw.copy(bytes, length, line.breakStart, line.end);
      if (line.breakStart === line.end) break;
      at = line.end;
    }
    this.bytes = bytes.subarray(0, length);
  }

  splice(changes: readonly Change[]): Buffer {
    let out = "";
    let rawAt = 0;
    for (let next = 0; next < changes.length; ) {
      const line = this.#lineOf((changes[next] as Change).start);
      const changed = this.#rewrite(line, changes, next);
      out += this.#raw.toString("latin1", rawAt, this.#rawStarts[line]) + changed.text;
      rawAt = changed.rawEnd;
      // A change that begins between a CR and its LF finds no place: it isn't made.
      next = Math.max(changed.next, next + 1);
    }
    return Buffer.from(out + this.#raw.toString("latin1", rawAt), "latin1");
  }

  /** Writes a line, and the following ones that a change reaches into, with the changes that begin in it. */
  #rewrite(line: number, changes: readonly Change[], first: number) {
    const writer = new QuotedPrintableWriter(this.#lineBreak);
    const raw = this.#raw;
    let next = first;
    let at = this.#starts[line] as number;
    let skipTo = at;
    let current = readLine(raw, this.#rawStarts[line] as number);
    let i = this.#rawStarts[line] as number;
    for (;;) {
      for (
        let change = changes[next];
        change !== undefined && change.start === at && at >= skipTo;
        change = changes[next]
      ) {
        writer.put(change.text);
        skipTo = change.end;
        next++;
        if (change.end === change.start) continue;
        break;
      }
      if (i < current.contentEnd) {
        const length = tokenLength(raw, i, current.contentEnd);
        if (at >= skipTo) writer.keep(raw.toString("latin1", i, i + length));
        i += length;
        at++;
        continue;
      }
      const hardBreak = current.isSoft ? 0 : current.end - current.breakStart;
      // The line break goes too when a change reaches over it.
      if (at >= skipTo || current.breakStart === current.end) break;
      at += hardBreak;
      i = current.end;
      current = readLine(raw, i);
    }
    const ending = raw.toString("latin1", current.contentEnd, current.end);
    return { text: writer.end(ending), rawEnd: current.end, next };
  }

  /** The last line that begins at or before a decoded offset. */
  #lineOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

interface RawLine {
  /** Where the characters end; then come white space that doesn't count and a soft break's `=`. */
  readonly contentEnd: number;
  readonly isSoft: boolean;
  /** The line break, empty on the last line. */
  readonly breakStart: number;
  readonly end: number;
}

function readLine(raw: Buffer, start: number): RawLine {
  const lineFeed = raw.indexOf(LINE_FEED, start);
  const end = lineFeed === -1 ? raw.length : lineFeed + 1;
  let breakStart = lineFeed === -1 ? raw.length : lineFeed;
  if (lineFeed > start && raw[lineFeed - 1] === CARRIAGE_RETURN) breakStart--;
  let contentEnd = breakStart;
  while (contentEnd > start && isBlank(raw[contentEnd - 1] as number)) contentEnd--;
  const isSoft = contentEnd > start && raw[contentEnd - 1] === EQUALS;
  return { contentEnd: isSoft ? contentEnd - 1 : contentEnd, isSoft, breakStart, end };
}

function isLineBreak(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function tokenLength(raw: Buffer, at: number, end: number): 1 | 3 {
  return raw[at] === EQUALS && at + 2 < end && hexDigit(raw[at + 1]) !== -1 && hexDigit(raw[at + 2]) !== -1
    ? 3
    : 1;
}

function tokenByte(raw: Buffer, at: number, end: number): number {
  if (tokenLength(raw, at, end) === 1) return raw[at] as number;
  return hexDigit(raw[at + 1]) * 16 + hexDigit(raw[at + 2]);
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

class QuotedPrintableWriter {
  readonly #lineBreak: string;
  #out = "";
  #column = 0;

  constructor(lineBreak: string) {
    this.#lineBreak = lineBreak;
  }

  /** One encoded character, in the spelling it has. */
  keep(token: string): void {
    if (this.#column + token.length > MAX_QP_COLUMN) {
      this.#out += `=${this.#lineBreak}`;
      this.#column = 0;
    }
    this.#out += token;
    this.#column += token.length;
  }

  put(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const byte = text.charCodeAt(i);
      if (byte === LINE_FEED || (byte === CARRIAGE_RETURN && text.charCodeAt(i + 1) === LINE_FEED)) {
        if (byte === CARRIAGE_RETURN) i++;
        this.#protectBlank();
        this.#out += this.#lineBreak;
        this.#column = 0;
      } else {
        this.keep(this.#isLiteral(byte) ? String.fromCharCode(byte) : encoded(byte));
      }
    }
  }

  /** `lineEnding` may begin with white space, which isn't text and is left out where the line would get too long by it. */
  end(lineEnding: string): string {
    if (!lineEnding.startsWith("=")) this.#protectBlank();
    const ending = lineEnding.replace(/[\r\n]+$/, "");
    const fits = this.#column + ending.length <= MAX_QP_COLUMN + 1;
    return this.#out + (fits ? lineEnding : lineEnding.replace(/[ \t]+/g, ""));
  }

  #isLiteral(byte: number): boolean {
    if (byte === EQUALS || (byte < 0x20 && byte !== 0x09) || byte > 0x7e) return false;
    // A line must not look like a boundary, nor like the end of the message to a sloppy relay.
    const startsLine = this.#column === 0 || this.#column === MAX_QP_COLUMN;
    return !(startsLine && (byte === 0x2d || byte === 0x2e));
  }

  /** White space at the end of a line is lost on the way (RFC 2045 section 6.7, rule 3). */
  #protectBlank(): void {
    const last = this.#out.charCodeAt(this.#out.length - 1);
    if (!isBlank(last)) return;
    this.#out = this.#out.slice(0, -1);
    this.#column--;
    this.keep(encoded(last));
  }
}

function encoded(byte: number): string {
  return `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** A base64 body; `undefined` when it isn't plain base64, so that what a reader makes of it can't be told. */
export function openBase64(raw: Buffer, lineBreak: string): BodyCodec | undefined {
  const text = raw.toString("latin1").replace(/[\r\n\t ]+/g, "");
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64").replace(/=+$/, "") !== text.replace(/=+$/, "")) return undefined;
  return { bytes, splice: (changes) => spliceBase64(raw, bytes, changes, lineBreak) };
}

function spliceBase64(raw: Buffer, bytes: Buffer, changes: readonly Change[], lineBreak: string): Buffer {
  const first = changes[0];
  if (first === undefined) return raw;
  const kept = linesBefore(raw, first.start);
  const spliced = spliceBytes(bytes, changes);
  const text = spliced.toString("base64", kept.decoded);
  const lineLength = base64LineLength(raw);
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += lineLength) lines.push(text.slice(at, at + lineLength));
  const ending = raw.length === 0 ? Buffer.from(lineBreak) : raw.subarray(endOfText(raw));
  return Buffer.concat([raw.subarray(0, kept.raw), Buffer.from(lines.join(lineBreak)), ending]);
}

/** Behind it are only line breaks and blanks, which stay as they are. */
function endOfText(raw: Buffer): number {
  let end = raw.length;
  while (end > 0 && (isBlank(raw[end - 1] as number) || isLineBreak(raw[end - 1] as number))) end--;
  return end;
}

/** The whole lines of whole groups that end before a decoded offset: they stay as they are. */
function linesBefore(raw: Buffer, offset: number): { readonly raw: number; readonly decoded: number } {
  let at = 0;
  let decoded = 0;
  for (;;) {
    const lineFeed = raw.indexOf(LINE_FEED, at);
    if (lineFeed === -1) return { raw: at, decoded };
    const characters = raw.toString("latin1", at, lineFeed).trim();
    const bytes = (characters.length / 4) * 3;
    if (
      !Number.isInteger(bytes) ||
      characters.includes("=") ||
      /\s/.test(characters) ||
      decoded + bytes > offset
    ) {
      return { raw: at, decoded };
    }
    decoded += bytes;
    at = lineFeed + 1;
  }
}

/** The length of the first line when there are several, within what RFC 5322 allows. */
function base64LineLength(raw: Buffer): number {
  const [line, second] = raw.toString("latin1", 0, 4096).trimStart().split("\n");
  if (line === undefined || second === undefined) return DEFAULT_BASE64_LINE;
  const { length } = line.trim();
  return length >= 4 && length <= 998 ? length : DEFAULT_BASE64_LINE;
}
