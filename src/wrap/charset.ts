/**
 * A part's bytes as a string to scan, whose offsets are byte offsets.
 *
 * Nearly every charset of mail writes ASCII as ASCII, and no byte of `<`, `>`, `"`, `&` or white space ever
 * inside a longer character. There the bytes are scanned as Latin-1 and only what was found is decoded, so nothing is ever encoded back.
 */

export interface TextView {
  /** What is scanned: one character for every `width` bytes. */
  readonly text: string;
  readonly width: 1 | 2;
  /** The Unicode text of a slice of `text`. */
  readonly decode: (slice: string) => string;
  /** How many characters of `text` the beginning of a decoded slice took; `undefined` when it can't be told. */
  readonly unitsOf: (decoded: string) => number | undefined;
  /** The bytes of ASCII text that is put in, one character for each. */
  readonly encode: (text: string) => string;
}

/** The view of a part in a charset; `undefined` for one that can't be scanned safely. Never throws. */
export function viewText(bytes: Buffer, charset: string | undefined): TextView | undefined {
  const encoding = encodingOf(bytes, charset);
  if (encoding === undefined || encoding === "x-user-defined") return undefined;
  if (encoding === "utf-16le" || encoding === "utf-16be") {
    const isOpen = charset?.trim().toLowerCase() === "utf-16";
    // Without a single character of Latin-1 it is no mail with links, but mislabelled.
    return bytes.includes(0) ? viewUtf16(bytes, isOpen ? byteOrderOf(bytes) : encoding) : undefined;
  }
  // Readers differ in whether the mark or the label wins, so nothing that is put in would suit all of them.
  if (UTF_16_MARKS.has(bytes.toString("hex", 0, 2))) return undefined;
  if (encoding === "iso-2022-jp") return viewIso2022(bytes);
  const unitsOf =
    encoding === "utf-8"
      ? (decoded: string) => Buffer.byteLength(decoded)
      : (decoded: string) =>
          SINGLE_BYTE.test(encoding) || !NON_ASCII.test(decoded) ? decoded.length : undefined;
  return {
    text: bytes.toString("latin1"),
    width: 1,
    decode: (slice) => decodeLatin1(slice, encoding),
    unitsOf,
    encode: (text) => text,
  };
}

const UTF_16_MARKS = new Set(["feff", "fffe"]);
const SINGLE_BYTE = /^(?:iso-8859|windows-|koi8|macintosh|x-mac|ibm866)/;
const NON_ASCII = /[^\0-\x7f]/;
/** The encodings of most mail, so that their name needn't be looked up. */
const COMMON: Readonly<Record<string, string>> = {
  "utf-8": "utf-8",
  "iso-8859-1": "windows-1252",
  "windows-1252": "windows-1252",
};

/** The WHATWG encoding of a charset. No charset, and ASCII with more in it, are what such mail mostly is: UTF-8, else Windows-1252. */
function encodingOf(bytes: Buffer, charset: string | undefined): string | undefined {
  const label = charset?.trim().toLowerCase() ?? "us-ascii";
  if (label === "us-ascii" || label === "ascii" || label === "")
    return isUtf8(bytes) ? "utf-8" : "windows-1252";
  const common = COMMON[label];
  if (common !== undefined) return common;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function decodeLatin1(slice: string, encoding: string): string {
  return NON_ASCII.test(slice) ? new TextDecoder(encoding).decode(Buffer.from(slice, "latin1")) : slice;
}

/**
 * `utf-16` without a mark is big-endian to RFC 2781 (section 4.3) and little-endian to browsers (WHATWG Encoding): programs
 * write both. In mail with links most characters are ASCII, so the bytes themselves tell which it is.
 */
function byteOrderOf(bytes: Buffer): "utf-16le" | "utf-16be" {
  let [first, second] = [0, 0];
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    if (bytes[at] === 0) first += 1;
    if (bytes[at + 1] === 0) second += 1;
  }
  return first > second ? "utf-16be" : "utf-16le";
}

function viewUtf16(bytes: Buffer, declared: "utf-16le" | "utf-16be"): TextView {
  // A byte order mark wins over the label (WHATWG Encoding, "BOM sniff").
  const bigEndian =
    bytes[0] === 0xfe && bytes[1] === 0xff ? true : declared === "utf-16be" && bytes[0] !== 0xff;
  const even = bytes.subarray(0, bytes.length & ~1);
  const littleEndian = bigEndian ? Buffer.from(even).swap16() : even;
  return {
    text: littleEndian.toString("utf16le"),
    width: 2,
    decode: (slice) => slice,
    unitsOf: (decoded) => decoded.length,
    encode: (text) => text.replace(/[\s\S]/g, bigEndian ? "\0$&" : "$&\0"),
  };
}

const ESCAPE = 0x1b;

/**
 * ISO-2022-JP writes Japanese with ASCII's bytes between escape sequences, so a `<` may be half a character.
 * There the eighth bit is set for the scanner, which then takes it for no markup.
 */
function viewIso2022(bytes: Buffer): TextView {
  const masked = Buffer.from(bytes);
  let inAscii = true;
  for (let i = 0; i < masked.length; i++) {
    const byte = masked[i] as number;
    if (byte === ESCAPE) {
      // ESC ( B and ESC ( J are ASCII and nearly ASCII; anything else is not.
      inAscii = masked[i + 1] === 0x28 && (masked[i + 2] === 0x42 || masked[i + 2] === 0x4a);
      i += 2;
    } else if (byte === 0x0a || byte === 0x0d) {
      // A line begins in ASCII (RFC 1468).
      inAscii = true;
    } else if (!inAscii) {
      masked[i] = byte | 0x80;
    }
  }
  return {
    text: masked.toString("latin1"),
    width: 1,
    decode: (slice) => (slice.includes("\x1b") || NON_ASCII.test(slice) ? decodeIso2022(slice) : slice),
    unitsOf: (decoded) => (NON_ASCII.test(decoded) ? undefined : decoded.length),
    encode: (text) => text,
  };
}

function decodeIso2022(slice: string): string {
  const bytes = Buffer.from(slice, "latin1").map((byte) => byte & 0x7f);
  return new TextDecoder("iso-2022-jp").decode(bytes);
}
