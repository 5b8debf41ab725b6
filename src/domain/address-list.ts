/** IP addresses and CIDRs (RFC 4632, RFC 4291 section 2.3), as settings and API keys list them. */
import { BlockList, isIP } from "node:net";

/** True for `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`; nothing else. */
export function isAddressOrCidr(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const bits = isIP(address) === 6 ? 128 : 32;
  const prefixFits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return isIP(address) !== 0 && prefixFits && rest.length === 0;
}

/** The entries, each of which {@link isAddressOrCidr}, in the form that node:net checks against. */
export function addressList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    if (prefix === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
}

/** Whether the list holds the address; IPv4 written as IPv6 (`::ffff:192.0.2.1`) counts as IPv4. */
export function containsAddress(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, familyOf(address));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}
