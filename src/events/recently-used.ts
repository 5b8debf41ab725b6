/** A map that holds a bounded number of values: the least recently used makes room. */
export class RecentlyUsed<Key, Value> {
  readonly #values = new Map<Key, Value>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: Key): Value | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    // A map is in the order of insertion: what is put in again is the last to go.
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#most) return;
    for (const leastRecentlyUsed of this.#values.keys()) {
      this.#values.delete(leastRecentlyUsed);
      return;
    }
  }

  clear(): void {
    this.#values.clear();
  }
}
