/**
 * Things in the order in which they came, of which any may leave at any time.
 *
 * A `Set` would do the same, and costs a connection 10 µs (measured: docs/edge-performance.md). Where members come and go it moves to
 * a new table again and again; each old table names the next one, and all of them what they held. Once one of them has
 * outlived two collections, V8 takes every later one for alive, with all connections that were ever in it, until it collects
 * everything. So what leaves this list is named by nothing in it, and names nothing.
 */

/** Where a thing is in the list. */
export interface Place<T> {
  /** Gone once it has left. */
  thing: T | undefined;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
}

export class OldestFirst<T> {
  #oldest: Place<T> | undefined;
  #newest: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(thing: T): Place<T> {
    const place: Place<T> = { thing, before: this.#newest, after: undefined };
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.after = place;
    this.#newest = place;
    this.#size += 1;
    return place;
  }

  /** Does nothing when it has left already. */
  remove(place: Place<T>): void {
    if (place.thing === undefined) return;
    const { before, after } = place;
    if (before === undefined) this.#oldest = after;
    else before.after = after;
    if (after === undefined) this.#newest = before;
    else after.before = before;
    place.thing = undefined;
    place.before = undefined;
    place.after = undefined;
    this.#size -= 1;
  }

  /** The one at hand may leave meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    let place = this.#oldest;
    while (place !== undefined) {
      const { thing, after } = place;
      if (thing !== undefined) yield thing;
      place = after;
    }
  }
}
