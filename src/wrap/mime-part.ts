/** One text part of a raw message: its bytes decoded, scanned once, and put back per recipient. */
import { viewText } from "./charset.ts";
import { scanHtml } from "./html.ts";
import { type PartHeader, withTransferEncoding } from "./mime-header.ts";
import type { Settings } from "./options.ts";
import type { LinkReport, Part, SkipReason } from "./report.ts";
import { type Edit, hasPixelAmong, type Inserter } from "./splice.ts";
import { scanText } from "./text.ts";
import {
  type BodyCodec,
  type Change,
  encodeQuotedPrintable,
  openBase64,
  QuotedPrintableBody,
  spliceBytes,
} from "./transfer-encoding.ts";

/** The part's header and body as they came. `body` ends where the line break before the boundary begins. */
export interface RawPart {
  readonly part: Part;
  readonly header: Buffer;
  readonly parsed: PartHeader;
  readonly body: Buffer;
  /** The header is the message's own. */
  readonly isTop: boolean;
}

/** A part with something to wrap. */
export interface MimePart {
  readonly links: readonly LinkReport[];
  readonly hasPixel: boolean;
  /** Header and body for one recipient, in pieces. Never throws. */
  render(insert: Inserter): Buffer[];
}

/** RFC 5322 section 2.1.1: relays cut or refuse longer lines. */
const MAX_LINE_BYTES = 998;
const ENCODINGS = new Set(["7bit", "8bit", "binary", "quoted-printable", "base64"]);
/** OpenPGP without MIME (RFC 9580 section 6.2). */
const ARMOR: readonly (readonly [string, SkipReason])[] = [
  ["-----BEGIN PGP SIGNED MESSAGE-----", "signed"],
  ["-----BEGIN PGP MESSAGE-----", "encrypted"],
];

export function isSupportedEncoding(encoding: string): boolean {
  return ENCODINGS.has(encoding);
}

/** The part ready to render, or why it goes out as it came: `too_large` with more than `maxLinks` links. Never throws. */
export function compileMimePart(
  raw: RawPart,
  { settings, maxLinks }: { readonly settings: Settings; readonly maxLinks: number },
): MimePart | SkipReason {
  const { part, parsed, body } = raw;
  const lineBreak = (body.includes("\n") ? body : raw.header).includes("\r\n") ? "\r\n" : "\n";
  const codec = openBody(body, parsed.encoding, lineBreak);
  if (codec === undefined) return "malformed";
  const view = viewText(codec.bytes, parsed.params.get("charset"));
  if (view === undefined) return "unsupported_charset";
  const armor = part === "text" ? ARMOR.find(([line]) => view.text.includes(line)) : undefined;
  if (armor !== undefined) return armor[1];

  const { edits, links } =
    part === "text"
      ? scanText(view.text, { ...view, deletesSpace: deletesSpace(parsed), maxLinks }, settings)
      : scanHtml(view.text, { part, decode: view.decode, maxLinks, lineBreak }, settings);
  if (links.length > maxLinks) return "too_large";
  const limitsLines = (parsed.encoding === "7bit" || parsed.encoding === "8bit") && view.width === 1;
  const longestLine = limitsLines
    ? Math.max(MAX_LINE_BYTES, longestLineOf(codec.bytes))
    : Number.POSITIVE_INFINITY;
  return {
    links,
    hasPixel: hasPixelAmong(edits),
    render(insert) {
      const changes = changesFor(edits, insert, view);
      if (changes.length === 0) return [raw.header, body];
      const changed = codec.splice(changes);
      if (!limitsLines || longestLineOf(changed) <= longestLine) return [raw.header, changed];
      const header = withTransferEncoding(raw.header, "quoted-printable", raw.isTop);
      return [header, encodeQuotedPrintable(changed, lineBreak)];
    },
  };
}

function openBody(body: Buffer, encoding: string, lineBreak: string): BodyCodec | undefined {
  switch (encoding) {
    case "quoted-printable":
      return new QuotedPrintableBody(body, lineBreak);
    case "base64":
      return openBase64(body, lineBreak);
    default:
      return { bytes: body, splice: (changes) => spliceBytes(body, changes) };
  }
}

function changesFor(
  edits: readonly Edit[],
  insert: Inserter,
  { width, encode }: { readonly width: number; readonly encode: (text: string) => string },
): Change[] {
  return edits.flatMap((edit) => {
    const text = insert(edit.insert);
    return text === undefined
      ? []
      : [{ start: edit.start * width, end: edit.end * width, text: encode(text) }];
  });
}

function deletesSpace({ params }: PartHeader): boolean {
  return params.get("format")?.toLowerCase() === "flowed" && params.get("delsp")?.toLowerCase() === "yes";
}

/** Without its line break. */
function longestLineOf(bytes: Buffer): number {
  let longest = 0;
  for (let at = 0; at < bytes.length; ) {
    const lineFeed = bytes.indexOf(0x0a, at);
    const end = lineFeed === -1 ? bytes.length : lineFeed;
    const content = bytes[end - 1] === 0x0d ? end - 1 : end;
    longest = Math.max(longest, content - at);
    at = end + 1;
  }
  return longest;
}
