/** A function whose last results are remembered, in bounded memory. */
import { RecentlyUsed } from "./recently-used.ts";

/** `compute` with up to `most` results remembered. `undefined` is no result. */
export function remembered<Key, Value extends NonNullable<unknown> | null>(
  most: number,
  compute: (key: Key) => Value,
): (key: Key) => Value {
  const results = new RecentlyUsed<Key, Value>(most);
  return (key) => {
    const known = results.get(key);
    if (known !== undefined) return known;
    const value = compute(key);
    results.set(key, value);
    return value;
  };
}
