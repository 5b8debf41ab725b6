/**
 * A map that holds a bounded number of values: at least the half that was used last, never more than all.
 *
 * In two generations, not by taking out the oldest for every new one: a `Map` keeps the places of what was taken out, and
 * finds its oldest value by passing all of them (measured: docs/performance.md).
 */
export class RecentlyUsed<Key, Value> {
  readonly #half: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  /** `most` is at least 2. */
  constructor(most: number) {
    this.#half = Math.floor(most / 2);
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size === this.#half && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
