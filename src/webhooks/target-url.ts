/** Which URLs may be posted to. Addresses are checked again at every connection (`egress.ts`): this is for early words. */
import { isIP } from "node:net";

import { AppError } from "../domain/errors.ts";
import { isLocalhost } from "../domain/hostname.ts";

export interface TargetPolicy {
  /** Whether an address may be connected to. */
  readonly mayReach: (address: string) => boolean;
  /** Any port, and names under localhost. */
  readonly allowPrivate: boolean;
}

const MAX_LENGTH = 2048;

/** The URL as it is stored. Throws `invalid_format` for one that nothing will ever be posted to. */
export function parseTarget(text: string, field: string, { mayReach, allowPrivate }: TargetPolicy): string {
  const problem = (what: string) => new AppError("invalid_format", `field '${field}' ${what}`);
  if (text.length > MAX_LENGTH) throw problem(`may have at most ${MAX_LENGTH} characters`);
  // The parser would leave them out, and the URL would not be the one that was written.
  const url = /[\s\p{Cc}]/u.test(text) || !URL.canParse(text) ? undefined : new URL(text);
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw problem("must be an http or https URL");
  if (url.username !== "" || url.password !== "")
    throw problem("must not hold credentials: use auth_type and auth_credentials");
  if (!allowPrivate && !isStandardPort(url))
    throw problem("must use the standard port: 80 for http, 443 for https");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isInside = isIP(host) !== 0 ? !mayReach(host) : isLocalhost(host) && !allowPrivate;
  if (isInside) throw problem("must not be an address of a private network");
  url.hash = "";
  return url.href;
}

/** Whether two URLs, as they are stored, have the same scheme, host and port. */
export function isSameOrigin(one: string, other: string): boolean {
  return new URL(one).origin === new URL(other).origin;
}

/** The URL leaves out its scheme's own port; 80 is http's alone, 443 https's. */
function isStandardPort(url: URL): boolean {
  return url.port === "";
}
