/** Too many requests from one address in a short time are refused, as SparkPost does. Off unless set. */

const WINDOW_MS = 10_000;
/** Bounds the memory of a flood from many addresses. Those that don't fit are let through until the window ends. */
const MAX_ADDRESSES = 100_000;

/** Counts per address in windows of ten seconds; true while an address is within `maxPerWindow`. */
export function createAddressLimit(maxPerWindow: number): (address: string, nowMs: number) => boolean {
  let counts = new Map<string, number>();
  let windowStart = 0;
  return (address, nowMs) => {
    if (Math.abs(nowMs - windowStart) >= WINDOW_MS) {
      counts = new Map();
      windowStart = nowMs;
    }
    const count = (counts.get(address) ?? 0) + 1;
    if (count === 1 && counts.size >= MAX_ADDRESSES) return true;
    counts.set(address, count);
    return count <= maxPerWindow;
  };
}
