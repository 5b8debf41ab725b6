/** Headers that a webhook's owner adds to every batch: SparkPost's limits, and none that would change what the request is. */
import { AppError } from "../domain/errors.ts";

const MAX_HEADERS = 5;
const MAX_BYTES = 3000;
/** RFC 9110 section 5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII, spaces and tabs (section 5.5): a line break would begin another header. */
const VALUE = /^[\t -~]*$/;

/** Of one connection (section 7.6.1), of the message itself, or ours. */
const RESERVED = new Set([
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "webhook-id",
  "webhook-signature",
  "webhook-timestamp",
]);
const RESERVED_PREFIXES = ["x-messagesystems-", "x-waypost-"];

/**
 * The headers as they are sent, values as text. Throws `invalid_format` for one that may not be.
 * `hasAuth`: the webhook's `auth_type` writes `Authorization` itself.
 */
export function parseCustomHeaders(
  headers: Readonly<Record<string, string | number>>,
  hasAuth: boolean,
): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  if (entries.length > MAX_HEADERS) throw invalid(`may have at most ${MAX_HEADERS} headers`);
  const names = entries.map(([name]) => name.toLowerCase());
  if (new Set(names).size < names.length) throw invalid("names a header twice");
  for (const [name, value] of entries) checkHeader(name, value, hasAuth);
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MAX_BYTES) throw invalid(`may have at most ${MAX_BYTES} bytes in all`);
  return Object.fromEntries(entries);
}

function checkHeader(name: string, value: string, hasAuth: boolean): void {
  if (!NAME.test(name)) throw invalid("has a name that is no header name");
  const lower = name.toLowerCase();
  const isOurs = RESERVED.has(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
  if (isOurs || (hasAuth && lower === "authorization")) throw invalid(`must not set '${name}'`);
  if (!VALUE.test(value)) throw invalid(`has a value for '${name}' with characters that headers cannot have`);
}

function invalid(problem: string): AppError {
  return new AppError("invalid_format", `field 'custom_headers' ${problem}`);
}
