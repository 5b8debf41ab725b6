/** From a wrapped link's target, which is stored as the sender wrote it, to a `Location` header. */

const WEB_URL = /^https?:\/\/[^/?#]/i;
// What a browser drops from a link before it follows it (WHATWG URL, basic URL parser steps 1 and 3).
const TABS_AND_NEWLINES = /[\t\n\r]+/g;
const SPACE = 0x20;
const NOT_FOR_A_HEADER = /[^!-~]+/g;

/**
 * The target as it is, except for what a header field cannot carry (RFC 9110 section 5.5): spaces, control and
 * non-ASCII characters are percent-encoded as a browser does. `undefined` when it isn't a web address.
 */
export function locationOf(target: string): string | undefined {
  const location = isPlain(target) ? target : encoded(target);
  return WEB_URL.test(location) ? location : undefined;
}

function isPlain(target: string): boolean {
  return target.search(NOT_FOR_A_HEADER) === -1;
}

function encoded(target: string): string {
  const link = withoutSurroundingSpace(target).replace(TABS_AND_NEWLINES, "");
  return link.replace(NOT_FOR_A_HEADER, (characters) => encodeURIComponent(characters.toWellFormed()));
}

/** Spaces and control characters at either end. By hand: a regular expression takes quadratic time on a target full of spaces. */
function withoutSurroundingSpace(target: string): string {
  let start = 0;
  let end = target.length;
  while (start < end && target.charCodeAt(start) <= SPACE) start += 1;
  while (end > start && target.charCodeAt(end - 1) <= SPACE) end -= 1;
  return target.slice(start, end);
}
