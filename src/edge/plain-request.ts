/**
 * The requests that nearly every client sends: GET or HEAD, HTTP/1.1, no body, nothing to negotiate. What isn't one of them to the
 * letter is left to Node's HTTP server, so there is nothing here that a client could have understood otherwise than Node.
 */

/** The header fields the edge reads, of which a plain request has each once at most. Latin-1, without the space around them. */
export interface PlainHeaders {
  host: string | undefined;
  connection: string | undefined;
  "user-agent": string | undefined;
  "accept-language": string | undefined;
  forwarded: string | undefined;
  "x-forwarded-for": string | undefined;
  "x-forwarded-host": string | undefined;
  "sec-purpose": string | undefined;
  purpose: string | undefined;
  "x-purpose": string | undefined;
  "x-moz": string | undefined;
}

export interface PlainRequest {
  readonly method: "GET" | "HEAD";
  /** In origin form. */
  readonly target: string;
  readonly headers: Readonly<PlainHeaders>;
  /** The client wants the connection to end with the reply. */
  readonly isLast: boolean;
}

// RFC 9112 sections 2 to 5, in its narrowest reading: the target's characters are RFC 3986's, the names are tokens, the lines end
// with CR LF, and nothing is folded. No character can be read in two ways, so the time is linear.
const PLAIN =
  /^(?:GET|HEAD) \/[\w\-.~!$&'()*+,;=:@/?%]* HTTP\/1\.1\r\n(?:[\w!#$%&'*+.^`|~-]+:[\t -~\x80-\xff]*\r\n)+\r\n$/;
const VERSION = " HTTP/1.1";
/** Fields that say how a message goes on, or ask for more than a reply. */
const NOT_PLAIN: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "proxy-connection",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** `undefined` unless the bytes are a plain request from the first to the last. Never throws. */
export function readPlainRequest(bytes: Buffer, maxHeaders: number): PlainRequest | undefined {
  const text = bytes.toString("latin1");
  if (!PLAIN.test(text)) return undefined;
  const firstEnd = text.indexOf("\r\n");
  const headers = readHeaders(text, firstEnd + 2, maxHeaders);
  if (headers === undefined || headers.host === undefined) return undefined;
  const connection = headers.connection?.toLowerCase();
  if (connection !== undefined && connection !== "close" && connection !== "keep-alive") return undefined;
  const method = text.startsWith("GET") ? "GET" : "HEAD";
  const target = text.slice(method.length + 1, firstEnd - VERSION.length);
  return { method, target, headers, isLast: connection === "close" };
}

/** From the start of the first one. */
function readHeaders(text: string, start: number, maxHeaders: number): PlainHeaders | undefined {
  const headers = noHeaders();
  let count = 0;
  for (let at = start; at < text.length - 2; ) {
    const colon = text.indexOf(":", at);
    const end = text.indexOf("\r\n", colon);
    const name = text.slice(at, colon).toLowerCase();
    count += 1;
    if (count > maxHeaders || NOT_PLAIN.has(name)) return undefined;
    if (isRead(headers, name)) {
      if (headers[name] !== undefined) return undefined;
      headers[name] = withoutSpace(text, colon + 1, end);
    }
    at = end + 2;
  }
  return headers;
}

function isRead(headers: PlainHeaders, name: string): name is keyof PlainHeaders {
  return Object.hasOwn(headers, name);
}

/** Spaces and tabs around it (RFC 9110 section 5.5). `trim()` would take a no-break space, too. */
function withoutSpace(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function noHeaders(): PlainHeaders {
  return {
    host: undefined,
    connection: undefined,
    "user-agent": undefined,
    "accept-language": undefined,
    forwarded: undefined,
    "x-forwarded-for": undefined,
    "x-forwarded-host": undefined,
    "sec-purpose": undefined,
    purpose: undefined,
    "x-purpose": undefined,
    "x-moz": undefined,
  };
}
