/** The header of a message or of one of its parts (RFC 5322, RFC 2045, RFC 2183), read without changing a byte of it. */

export interface PartHeader {
  /** `text/html`, lower case; `undefined` when there is a Content-Type that can't be read, or more than one. */
  readonly type: string | undefined;
  readonly params: ReadonlyMap<string, string>;
  /** Content-Transfer-Encoding, lower case; `7bit` when absent. */
  readonly encoding: string;
  readonly isAttachment: boolean;
  /** A DKIM signature that covers any of the body. */
  readonly signsBody: boolean;
}

/** Reads what matters of a header block. `defaultType` is for a part without a Content-Type. Never throws. */
export function readPartHeader(header: Buffer, defaultType: string): PartHeader {
  const fields = readFields(header);
  const types = valuesOf(fields, "content-type");
  const { value, params } = types.length === 0 ? withParams(defaultType) : withParams(types[0] ?? "");
  const encodings = valuesOf(fields, "content-transfer-encoding");
  const disposition = withParams(valuesOf(fields, "content-disposition")[0] ?? "");
  const names = [...params.keys(), ...disposition.params.keys()];
  return {
    type: types.length > 1 || !/^[^\s/;]+\/[^\s/;]+$/.test(value) ? undefined : value,
    params,
    encoding: encodings.length > 1 ? "ambiguous" : withParams(encodings[0] ?? "7bit").value,
    // A named text is a file, whatever its disposition: mail programs show it as one. `name*0` is RFC 2231's.
    isAttachment: disposition.value === "attachment" || names.some((name) => /^(file)?name(\*|$)/.test(name)),
    signsBody: valuesOf(fields, "dkim-signature").some(
      (signature) => !/;\s*l\s*=\s*0+\s*(;|$)/.test(signature),
    ),
  };
}

/** A field's value, unfolded, from a message or its header; `undefined` when there is none. The first of several. */
export function messageHeaderField(message: Buffer, name: string): string | undefined {
  return valuesOf(readFields(message), name.toLowerCase())[0];
}

/** The header without the fields of these names (lower case), all else byte for byte. */
export function withoutFields(header: Buffer, names: readonly string[]): Buffer {
  const kept = readFields(header, { folded: true }).filter(({ name }) => !names.includes(name));
  return Buffer.concat([...kept.map(({ start, end }) => header.subarray(start, end)), blankLine(header)]);
}

/**
 * The header with another Content-Transfer-Encoding. A top header without MIME-Version gets one: without it
 * the encoding would mean nothing.
 */
export function withTransferEncoding(header: Buffer, encoding: string, isTop: boolean): Buffer {
  const fields = readFields(header, { folded: true });
  const lineBreak = header.includes("\r\n") ? "\r\n" : "\n";
  const field = Buffer.from(`Content-Transfer-Encoding: ${encoding}${lineBreak}`);
  const old = fields.find(({ name }) => name === "content-transfer-encoding");
  const version = isTop && !fields.some(({ name }) => name === "mime-version");
  const added = [
    ...(version ? [Buffer.from(`MIME-Version: 1.0${lineBreak}`)] : []),
    ...(old === undefined ? [field] : []),
  ];
  const kept = fields.map((each) => (each === old ? field : header.subarray(each.start, each.end)));
  return Buffer.concat([...kept, ...added, blankLine(header)]);
}

interface Field {
  readonly name: string;
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** The fields up to the blank line. `folded` leaves the values as they stand, which is quicker. */
function readFields(header: Buffer, options?: { readonly folded: boolean }): Field[] {
  const fields: Field[] = [];
  let at = 0;
  while (at < header.length) {
    const end = endOfField(header, at);
    const text = header.toString("latin1", at, end);
    if (text === "\r\n" || text === "\n") break;
    const colon = text.indexOf(":");
    const name = colon === -1 ? "" : text.slice(0, colon).trim().toLowerCase();
    const value = options?.folded
      ? ""
      : text
          .slice(colon + 1)
          .replace(/\r?\n/g, "")
          .trim();
    fields.push({ name, value, start: at, end });
    at = end;
  }
  return fields;
}

/** A field goes on while the next line begins with a space or a tab. */
function endOfField(header: Buffer, start: number): number {
  for (let at = start; ; ) {
    const lineFeed = header.indexOf(0x0a, at);
    if (lineFeed === -1) return header.length;
    const next = header[lineFeed + 1];
    if (next !== 0x20 && next !== 0x09) return lineFeed + 1;
    at = lineFeed + 1;
  }
}

/** What the header ends with when it is complete: a message may be nothing but fields. */
function blankLine(header: Buffer): Buffer {
  const blank = /(?:^|\n)(\r?\n)$/.exec(header.toString("latin1", Math.max(0, header.length - 3)))?.[1] ?? "";
  return header.subarray(header.length - blank.length);
}

function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter((field) => field.name === name).map(({ value }) => value);
}

const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;

/** `text/html; charset="utf-8" (comment)`: the value in lower case, and the first of each parameter. */
function withParams(text: string): { value: string; params: Map<string, string> } {
  const bare = withoutComments(text);
  const semicolon = bare.indexOf(";");
  const params = new Map<string, string>();
  if (semicolon !== -1) {
    for (const [, name = "", quoted, plain = ""] of bare.slice(semicolon).matchAll(PARAMETER)) {
      const key = name.toLowerCase();
      if (!params.has(key)) params.set(key, quoted?.replace(/\\(.)/g, "$1") ?? plain);
    }
  }
  return { value: (semicolon === -1 ? bare : bare.slice(0, semicolon)).trim().toLowerCase(), params };
}

/** RFC 5322 section 3.2.2: comments nest, and a parenthesis in a quoted string is none. One that isn't closed goes to the end. */
function withoutComments(text: string): string {
  if (!text.includes("(")) return text;
  let out = "";
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\\" && (isQuoted || depth > 0)) {
      if (depth === 0) out += text.slice(at, at + 2);
      at++;
    } else if (char === "(" && !isQuoted) {
      depth++;
    } else if (char === ")" && depth > 0) {
      depth--;
      if (depth === 0) out += " ";
    } else if (depth === 0) {
      if (char === '"') isQuoted = !isQuoted;
      out += char;
    }
  }
  return out;
}
