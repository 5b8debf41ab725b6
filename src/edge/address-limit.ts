/** Too many requests from one address in a short time are refused, as SparkPost does. Off unless set. */
import { isIPv6, SocketAddress } from "node:net";

const WINDOW_MS = 10_000;
/** Bounds the memory of a flood from many addresses. Those that don't fit are let through until the window ends. */
const MAX_ADDRESSES = 100_000;
/** Of 16 bits, in an IPv6 address. */
const GROUPS = 8;

/** Counts per IPv4 address and per /64 of IPv6 in windows of ten seconds; true while an address is within `maxPerWindow`. */
export function createAddressLimit(maxPerWindow: number): (address: string, nowMs: number) => boolean {
  let counts = new Map<string, number>();
  let windowStart = 0;
  return (address, nowMs) => {
    if (Math.abs(nowMs - windowStart) >= WINDOW_MS) {
      counts = new Map();
      windowStart = nowMs;
    }
    const client = clientOf(address);
    const count = (counts.get(client) ?? 0) + 1;
    if (count === 1 && counts.size >= MAX_ADDRESSES) return true;
    counts.set(client, count);
    return count <= maxPerWindow;
  };
}

/** Of IPv6 the first 64 bits: the rest of an address is its host's to choose (RFC 4291 section 2.5.4). */
function clientOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [withoutZone] = address.split("%");
  const canonical = new SocketAddress({ address: withoutZone, family: "ipv6" }).address;
  const [head = [], tail = []] = canonical.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array.from({ length: GROUPS - head.length - tail.length }, () => "0");
  // Behind it are clients of IPv4 (RFC 6052), who have one prefix together.
  if (canonical.startsWith("64:ff9b::")) return canonical;
  return [...head, ...zeros, ...tail].slice(0, GROUPS / 2).join(":");
}
