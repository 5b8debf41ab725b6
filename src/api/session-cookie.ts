/**
 * The console's session in a cookie. It holds a random id and nothing else: never the key. Over TLS its name begins with
 * `__Host-`, so that no other host of the same site can plant one of its own.
 */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

const NAME = "waypost_session";
const SECURE_NAME = `__Host-${NAME}`;
const ID_BYTES = 32;
const ID_SHAPE = /^[A-Za-z0-9_-]{43}$/;

/** Every request of the console that changes something has it. A form on another site cannot send it. */
const CONSOLE_HEADER = "x-waypost-console";

export function newSessionId(): string {
  return randomBytes(ID_BYTES).toString("base64url");
}

/** What is stored instead of the id. A plain hash is enough: nobody guesses 256 random bits. */
export function hashSessionId(id: string): string {
  return createHash("sha256").update(id).digest("hex");
}

export function sessionCookie(id: string, { isSecure }: { readonly isSecure: boolean }): string {
  return isSecure
    ? `${SECURE_NAME}=${id}; Path=/; HttpOnly; SameSite=Strict; Secure`
    : `${NAME}=${id}; Path=/; HttpOnly; SameSite=Strict`;
}

/** Without a date the browser forgets it when it closes; this one makes it forget at once. */
export function endedSessionCookie(context: { readonly isSecure: boolean }): string {
  return `${sessionCookie("", context)}; Max-Age=0`;
}

/**
 * The session id that a request brings. None when the request does not come from our own pages: a cookie is sent along
 * by itself, and SameSite still lets other hosts of the same site make the browser do so.
 */
export function sessionIdOf(
  headers: IncomingHttpHeaders,
  request: { readonly isSecure: boolean; readonly changes: boolean },
): string | undefined {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && (site !== "none" || request.changes)) return undefined;
  if (request.changes && !isFromConsole(headers)) return undefined;
  const name = request.isSecure ? SECURE_NAME : NAME;
  const id = cookieValue(headers.cookie, name);
  return id !== undefined && ID_SHAPE.test(id) ? id : undefined;
}

export function isFromConsole(headers: IncomingHttpHeaders): boolean {
  return headers[CONSOLE_HEADER] !== undefined;
}

/** Over plain HTTP browsers don't say so themselves; then what they want of an address that is opened or followed tells. */
export function isFromBrowser(headers: IncomingHttpHeaders): boolean {
  return (
    headers["sec-fetch-mode"] !== undefined ||
    isFromConsole(headers) ||
    /text\/(?:html|event-stream)/.test(headers.accept ?? "")
  );
}

function cookieValue(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? "").split(";").map((pair) => pair.trim());
  const pair = pairs.find((candidate) => candidate.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}
