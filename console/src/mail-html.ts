/**
 * The HTML of a raw message, to look at it: the first text/html part, decoded. Only for showing; what is sent is never
 * made from this. Forgiving, since whatever is pasted here shall show something. Pure.
 */
interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const MAX_DEPTH = 8;

/** `undefined` when there is none. The message is text of whatever bytes there were. */
export function htmlOfMessage(message: string): string | undefined {
  return findHtml(split(message.replaceAll("\r\n", "\n")), 0);
}

function findHtml(part: Part, depth: number): string | undefined {
  const type = part.headers.get("content-type") ?? "text/plain";
  if (/^text\/html\b/i.test(type)) return decode(part, type);
  const boundary = /^multipart\//i.test(type) ? parameter(type, "boundary") : undefined;
  if (boundary === undefined || depth >= MAX_DEPTH) return undefined;
  for (const inner of part.body
    .split(`\n--${boundary}`)
    .slice(part.body.startsWith(`--${boundary}`) ? 0 : 1)) {
    const found = findHtml(split(inner.replace(/^(--\S*)?[ \t]*\n/, "")), depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function split(text: string): Part {
  const end = text.indexOf("\n\n");
  const head = end === -1 ? text : text.slice(0, end);
  const lines = head.replace(/\n[ \t]+/g, " ").split("\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { headers: new Map(headers.reverse()), body: end === -1 ? "" : text.slice(end + 2) };
}

function decode({ headers, body }: Part, type: string): string {
  const encoding = headers.get("content-transfer-encoding")?.toLowerCase();
  const charset = parameter(type, "charset") ?? "utf-8";
  if (encoding === "base64") return text(bytesOfBase64(body), charset);
  if (encoding === "quoted-printable") return text(bytesOfQuotedPrintable(body), charset);
  // What was pasted is text already.
  return body;
}

function bytesOfBase64(body: string): Uint8Array {
  try {
    return Uint8Array.from(atob(body.replace(/[^A-Za-z0-9+/=]/g, "")), (char) => char.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

function bytesOfQuotedPrintable(body: string): Uint8Array {
  const joined = body.replace(/[ \t]+$/gm, "").replace(/=\n/g, "");
  const bytes = new TextEncoder().encode(joined.replace(/=([0-9A-Fa-f]{2})/g, "\u0000$1"));
  const decoded: number[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte !== 0) decoded.push(byte);
    else {
      decoded.push(Number.parseInt(String.fromCharCode(bytes[at + 1] ?? 48, bytes[at + 2] ?? 48), 16));
      at += 2;
    }
  }
  return Uint8Array.from(decoded);
}

function text(bytes: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

function parameter(type: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, "i").exec(type);
  return found?.[1] ?? found?.[2];
}
