/**
 * Host names and what is known of them, as they lie in a snapshot file: a hash table of positions in its bytes.
 * A `Map` of 100,000 strings would be as fast, but a worker that loads a snapshot for every change would
 * hold several of them as garbage; this is 6 MB, and almost nothing for the collector.
 */
import type { HostEntry, HostLookup } from "./snapshot.ts";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class HostTable implements HostLookup {
  readonly #bytes: Buffer;
  /** For each place: where a name ends in the bytes, 0 for a free place. */
  readonly #ends: Uint32Array;
  readonly #lengths: Uint8Array;
  readonly #entryNumbers: Uint32Array;
  readonly #entries: HostEntry[] = [];
  readonly #mask: number;
  #size = 0;

  /** Names are positions in `bytes`, ASCII, at most 255 characters. `capacity` is how many there will be at most. */
  constructor(bytes: Buffer, capacity: number) {
    const places = 2 ** Math.ceil(Math.log2(2 * capacity + 2));
    this.#bytes = bytes;
    this.#mask = places - 1;
    this.#ends = new Uint32Array(places);
    this.#lengths = new Uint8Array(places);
    this.#entryNumbers = new Uint32Array(places);
  }

  get size(): number {
    return this.#size;
  }

  /** Gives an entry a number to add hosts with. */
  addEntry(entry: HostEntry): number {
    return this.#entries.push(entry) - 1;
  }

  /** Adds the name that stands at `start` to `end`; one that is there already stays as it is. Not beyond the capacity. */
  add(start: number, end: number, entryNumber: number): void {
    let hash = FNV_OFFSET;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (this.#bytes[at] ?? 0), FNV_PRIME);
    let place = hash & this.#mask;
    for (; this.#ends[place] !== 0; place = (place + 1) & this.#mask) {
      if (this.#isAt(place, this.#bytes.toString("latin1", start, end))) return;
    }
    this.#ends[place] = end;
    this.#lengths[place] = end - start;
    this.#entryNumbers[place] = entryNumber;
    this.#size += 1;
  }

  get(host: string): HostEntry | undefined {
    let hash = FNV_OFFSET;
    for (let at = 0; at < host.length; at += 1) hash = Math.imul(hash ^ host.charCodeAt(at), FNV_PRIME);
    let place = hash & this.#mask;
    for (; this.#ends[place] !== 0; place = (place + 1) & this.#mask) {
      if (this.#isAt(place, host)) return this.#entries[this.#entryNumbers[place] ?? 0];
    }
    return undefined;
  }

  #isAt(place: number, host: string): boolean {
    const length = this.#lengths[place] ?? 0;
    if (length !== host.length) return false;
    const start = (this.#ends[place] ?? 0) - length;
    for (let at = 0; at < length; at += 1) {
      if (this.#bytes[start + at] !== host.charCodeAt(at)) return false;
    }
    return true;
  }
}
