/**
 * Which addresses Waypost may connect to on a customer's word. Names and webhook URLs come from tenants, so without
 * this a tenant could make the server talk to its own network, to itself or to a cloud's metadata service.
 */
import { isIP } from "node:net";

import ipaddr from "ipaddr.js";

import { isLocalhost } from "../domain/hostname.ts";

/**
 * Whether `address`, which `host` resolved to (or which is `host` itself), may be connected to. Private addresses are for installations
 * that allow them; loopback is always open to names under localhost, which are loopback by definition (RFC 6761 section 6.3).
 */
export function mayReach(host: string, address: string, allowPrivate: boolean): boolean {
  if (isIP(address) === 0) return false;
  if (allowPrivate || isPublicUnicast(address)) return true;
  return isLocalhost(host) && embeddedAddress(address).range() === "loopback";
}

/** True for an address that is routed on the Internet, also when it is an IPv4 address in an IPv6 coat. */
export function isPublicUnicast(address: string): boolean {
  if (isIP(address) === 0) return false;
  const inner = embeddedAddress(address);
  if (inner.range() !== "unicast" || inner.toString() === AZURE_HOST) return false;
  return inner.kind() === "ipv4" || inner.match(GLOBAL_UNICAST);
}

/** Azure's virtual machines reach their host's agent there, which gives out keys and certificates; no other cloud uses a public address. */
const AZURE_HOST = "168.63.129.16";
// What IANA has assigned of IPv6; a list of what is special will never be complete (RFC 4291 section 2.4).
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [new ipaddr.IPv6([0x2000, 0, 0, 0, 0, 0, 0, 0]), 3];
// A translator or relay at these prefixes hands the connection on to the IPv4 address inside.
const NAT64: [ipaddr.IPv6, number] = [new ipaddr.IPv6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]), 96]; // RFC 6052
const SIX_TO_FOUR: [ipaddr.IPv6, number] = [new ipaddr.IPv6([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16]; // RFC 3056

function embeddedAddress(address: string): ipaddr.IPv4 | ipaddr.IPv6 {
  const parsed = ipaddr.process(address); // unwraps ::ffff:0:0/96
  if (parsed instanceof ipaddr.IPv4) return parsed;
  const bytes = parsed.toByteArray();
  if (parsed.match(NAT64)) return new ipaddr.IPv4(bytes.slice(12, 16));
  if (parsed.match(SIX_TO_FOUR)) return new ipaddr.IPv4(bytes.slice(2, 6));
  return parsed;
}
