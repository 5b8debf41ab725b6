/**
 * A bounded memory of results. Two generations instead of a list by last use: a hit costs one look-up and moves
 * nothing, and what was used since the younger generation began is still kept when the older one goes.
 */

/** `compute` with up to `capacity` results remembered. `undefined` is no result. */
export function remembered<Key, Value extends NonNullable<unknown> | null>(
  capacity: number,
  compute: (key: Key) => Value,
): (key: Key) => Value {
  let younger = new Map<Key, Value>();
  let older = new Map<Key, Value>();
  return (key) => {
    const known = younger.get(key);
    if (known !== undefined) return known;
    const value = older.get(key) ?? compute(key);
    if (younger.size >= capacity / 2) {
      older = younger;
      younger = new Map();
    }
    younger.set(key, value);
    return value;
  };
}
