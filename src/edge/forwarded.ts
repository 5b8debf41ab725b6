/**
 * Who asked, and for which host, behind the proxies that an operator trusts. From anybody else the
 * forwarding headers are what a stranger wrote, and are not read.
 */
import type { IncomingHttpHeaders } from "node:http";
import { type BlockList, isIP } from "node:net";

import { containsAddress } from "../domain/address-list.ts";
import { canonicalHost } from "./host-header.ts";

export interface ClientFacts {
  /** Canonical; `""` when the request names no host. */
  readonly host: string;
  readonly ipAddress: string | undefined;
}

/** What {@link clientFacts} reads of a request. */
export interface ForwardedRequest {
  readonly headers: IncomingHttpHeaders;
  /** The host of an absolute-form request target, which stands in for `Host` (RFC 9112 section 3.2.2). */
  readonly targetHost: string | undefined;
  readonly peerAddress: string | undefined;
}

/** `trustedProxies` is `undefined` when there are none. Never throws. */
export function clientFacts(request: ForwardedRequest, trustedProxies: BlockList | undefined): ClientFacts {
  const peer = request.peerAddress === undefined ? undefined : withoutMapping(request.peerAddress);
  const host = canonicalHost(request.targetHost ?? request.headers.host);
  if (trustedProxies === undefined || peer === undefined || !containsAddress(trustedProxies, peer)) {
    return { host, ipAddress: peer };
  }
  const forwarding = forwardingOf(request.headers);
  return {
    host: canonicalHost(forwarding.host) || host,
    ipAddress: farthestTrusted(forwarding.hops, peer, trustedProxies),
  };
}

interface Forwarding {
  /** The client's address first, as far as it can be believed. */
  readonly hops: readonly string[];
  /** As the proxy that faces the client wrote it: those behind it see a name of our own. */
  readonly host: string | undefined;
}

/** Nearly every proxy writes the X- headers, and hands on a `Forwarded` that it doesn't know: beside them it is the client's own. */
function forwardingOf(headers: IncomingHttpHeaders): Forwarding {
  const hops = commaList(headers["x-forwarded-for"]);
  const [host] = commaList(headers["x-forwarded-host"]);
  if (hops.length > 0 || host !== undefined) return { hops, host };
  const elements = forwardedElements(headers.forwarded);
  return { hops: elements.map((element) => element.for), host: elements[0]?.host };
}

/** From the nearest hop outwards: the first address that isn't a trusted proxy's is the client's. */
function farthestTrusted(hops: readonly string[], peer: string, trustedProxies: BlockList): string {
  let address = peer;
  for (const hop of hops.toReversed()) {
    if (!containsAddress(trustedProxies, address)) break;
    const next = plainAddress(withoutPort(hop));
    // "unknown" or an obfuscated name (RFC 7239 section 6): nothing beyond it can be trusted either.
    if (next === undefined) break;
    address = next;
  }
  return address;
}

interface ForwardedElement {
  readonly for: string;
  readonly host: string;
}

/** RFC 7239 section 4, as far as proxies use it: quoted values without escapes. */
function forwardedElements(header: string | undefined): readonly ForwardedElement[] {
  return commaList(header).map((element) => {
    const pairs = new Map(
      element.split(";").map((pair): [string, string] => {
        const [name = "", value = ""] = pair.split("=", 2);
        return [name.trim().toLowerCase(), value.trim().replace(/^"|"$/g, "")];
      }),
    );
    return { for: pairs.get("for") ?? "", host: pairs.get("host") ?? "" };
  });
}

function commaList(header: string | string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  const text = Array.isArray(header) ? header.join(",") : header;
  return text.split(",").map((item) => item.trim());
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` carry a port, `2001:db8::1` doesn't. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(hop);
  if (bracketed !== null) return bracketed[1] ?? "";
  return /^[^:]*:\d+$/.test(hop) ? hop.slice(0, hop.indexOf(":")) : hop;
}

function plainAddress(text: string): string | undefined {
  const address = withoutMapping(text);
  return isIP(address) === 0 ? undefined : address;
}

/** Without the IPv6 mapping (RFC 4291 section 2.5.5.2) that a dual-stack socket gives IPv4 peers. */
function withoutMapping(address: string): string {
  const isMapped = address.startsWith("::") && /^::ffff:[\d.]+$/i.test(address);
  return isMapped ? address.slice("::ffff:".length) : address;
}
