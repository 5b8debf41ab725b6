/**
 * Host names as customers type them, and as Waypost stores them: lower-case A-labels without a trailing dot.
 *
 * The specification has five texts for a bad name, so the checks run in its order before the strict
 * IDNA conversion (UTS 46) has the last word. Never `domainToASCII`: it repairs names instead of refusing them.
 */
import { getSubdomain } from "tldts";
import { toASCII } from "tr46";

import { AppError } from "./errors.ts";

/** A valid host name of at least two labels: lower case, A-labels, no trailing dot. */
export type Hostname = string & { readonly __brand: "Hostname" };

const MIN_LENGTH = 4;
const FULL_STOPS = /[\u3002\uff0e\uff61]/g;
const ASCII_OUTSIDE_NAMES = /[\0-,/:-@[-`{-\x7f]/;
// Any other script may appear in an international name; white space and unprintable characters may not.
const SPACE_OR_UNPRINTABLE = /[\s\p{Z}\p{Cc}\p{Co}\p{Cn}\p{Cs}]/u;

/** Parses what a caller sent as a host name. Throws `invalid_format` with the specification's text, which repeats the caller's spelling. */
export function parseHostname(text: string): Hostname {
  const name = withoutTrailingDot(text.replace(FULL_STOPS, "."));
  if (ASCII_OUTSIDE_NAMES.test(name) || SPACE_OR_UNPRINTABLE.test(name)) {
    throw invalid(`Error domain name contains invalid characters or spaces for domain: '${text}'`);
  }
  if (name.length < MIN_LENGTH) throw invalid(`Error domain name length too short for domain: '${text}'`);
  if (!name.includes(".")) throw invalid(`Error domain name contains no '.'(s) for domain: '${text}'`);
  const ascii = toStrictAscii(name);
  if (ascii === undefined) throw invalid(`Error validating domain name syntax for domain: '${text}'`);
  return ascii;
}

/**
 * A host name found in a path or a list: the stored spelling when it is a valid name, else the text in
 * lower case, which then is the name of nothing.
 */
export function canonicalHostname(text: string): string {
  const name = withoutTrailingDot(text.replace(FULL_STOPS, "."));
  return toStrictAscii(name) ?? name.toLowerCase();
}

/** True for `localhost` and every name under it, which are loopback by definition (RFC 6761 section 6.3). */
export function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/**
 * The name as it is written inside its zone, as far as the public suffix list knows where that begins: `click` for
 * `click.acme.com`, `@` for `acme.com` itself. Many DNS providers want it so.
 */
export function nameInZone(domain: string): string {
  return getSubdomain(domain, { allowPrivateDomains: true }) || "@";
}

/** The part of an address behind its last `@`, lower case; `undefined` when there is none. */
export function domainOfAddress(address: string): string | undefined {
  const at = address.lastIndexOf("@");
  return at === -1 || at === address.length - 1 ? undefined : address.slice(at + 1).toLowerCase();
}

function toStrictAscii(name: string): Hostname | undefined {
  const ascii = toASCII(name, {
    checkBidi: true,
    checkHyphens: true,
    checkJoiners: true,
    useSTD3ASCIIRules: true,
    verifyDNSLength: true,
  });
  if (ascii === null || !ascii.includes(".")) return undefined;
  // A last label that is a number is how parsers recognise an IPv4 address (WHATWG URL, "ends in a number").
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/.test(ascii)) return undefined;
  return ascii as Hostname;
}

function withoutTrailingDot(text: string): string {
  return text.endsWith(".") ? text.slice(0, -1) : text;
}

function invalid(message: string): AppError {
  return new AppError("invalid_format", message);
}
