/** The text of a header field as a person reads it: encoded words decoded (RFC 2047), raw UTF-8 read (RFC 6532). */

/** Beyond it a field is cut: who writes more has no reader. */
const MAX_READ = 10_000;
const ENCODED_WORD = /=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bq])\?([^?]*)\?=/gi;
const NON_ASCII = /[^\0-\x7f]/;

interface Word {
  readonly charset: string;
  readonly bytes: Buffer;
  /** As it stands in the field. */
  readonly source: string;
}

/** `value` has a character for each byte, as `messageHeaderField` gives it. What cannot be decoded stays as it is. Never throws. */
export function decodeHeaderText(value: string): string {
  const parts: string[] = [];
  let words: Word[] = [];
  let end = 0;
  const field = value.slice(0, MAX_READ);
  for (const match of field.matchAll(ENCODED_WORD)) {
    const between = field.slice(end, match.index);
    // White space between two encoded words is none of the text (RFC 2047 section 6.2).
    if (words.length === 0 || between.trim() !== "") {
      parts.push(decodeWords(words), decodeBytes(between));
      words = [];
    }
    words.push(readWord(match));
    end = match.index + match[0].length;
  }
  parts.push(decodeWords(words), decodeBytes(field.slice(end)));
  return parts
    .join("")
    .replace(/\p{Cc}+/gu, " ")
    .trim();
}

function readWord([source, charset = "", encoding = "", text = ""]: RegExpExecArray): Word {
  const isBase64 = encoding.toLowerCase() === "b";
  const bytes = isBase64 ? Buffer.from(text, "base64") : Buffer.from(fromQuoted(text), "latin1");
  return { charset: charset.toLowerCase(), bytes, source };
}

function fromQuoted(text: string): string {
  return text
    .replaceAll("_", " ")
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Neighbours of one charset together: many programs cut a character in two. */
function decodeWords(words: readonly Word[]): string {
  let text = "";
  for (let at = 0; at < words.length; ) {
    const { charset } = words[at] as Word;
    let next = at + 1;
    while (words[next]?.charset === charset) next += 1;
    const run = words.slice(at, next);
    text +=
      decode(Buffer.concat(run.map(({ bytes }) => bytes)), charset) ??
      run.map(({ source }) => source).join("");
    at = next;
  }
  return text;
}

function decode(bytes: Buffer, charset: string): string | undefined {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return undefined;
  }
}

function decodeBytes(latin1: string): string {
  if (!NON_ASCII.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, "latin1");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
