/** The name a request was sent to, from whatever a client wrote into `Host`. */

// A name has at most 253 characters (RFC 1035); the rest is room for a trailing dot and a port.
const MAX_LENGTH = 260;
const NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const IPV6_LITERAL = /^\[[0-9a-f:.]+\]$/;
const PORT = /:\d*$/;

/**
 * Lower case, without port and trailing dot; `""` for a header that is missing or names nothing, which is
 * then a host nobody owns. Names on the wire are A-labels already. Never throws.
 */
export function canonicalHost(header: string | undefined): string {
  if (header === undefined || header.length > MAX_LENGTH) return "";
  // What nearly every client sends.
  if (NAME.test(header)) return header;
  const name = header.trim().toLowerCase().replace(PORT, "");
  if (IPV6_LITERAL.test(name)) return name;
  const host = name.endsWith(".") ? name.slice(0, -1) : name;
  return NAME.test(host) ? host : "";
}
