/**
 * Host names and what is known of them, as they lie in a snapshot file: a hash table of positions in its bytes.
 * A `Map` of 100,000 strings would be as fast, but a worker that loads a snapshot for every change would
 * hold several of them as garbage; this is 6 MB, which two snapshots take turns in (`snapshot-file.ts`).
 */
import { randomInt } from "node:crypto";

import type { HostEntry, HostLookup } from "./snapshot.ts";

/** FNV-1a's step with Knuth's multiplier, whose high bits depend on every bit before: they are the place. */
const MULTIPLIER = 0x9e3779b1;
/** Two 32-bit numbers and a byte for each place. */
const BYTES_PER_PLACE = 9;

export class HostTable implements HostLookup {
  readonly #bytes: Buffer;
  /** For each place: where a name ends in the bytes, 0 for a free place. */
  readonly #ends: Uint32Array;
  readonly #entryNumbers: Uint32Array;
  readonly #lengths: Uint8Array;
  readonly #entries: HostEntry[] = [];
  readonly #mask: number;
  readonly #shift: number;
  /** Another one for each table: whoever chooses names that would all have one place, doesn't know for which seed. */
  readonly #seed = randomInt(2 ** 32);
  #size = 0;

  /** Names are positions in `bytes`, ASCII, at most 255 characters. `memory` is {@link tableBytes} of the number of names, or more. */
  constructor(bytes: Buffer, capacity: number, memory: ArrayBuffer) {
    const bits = placeBits(capacity);
    const places = 2 ** bits;
    this.#bytes = bytes;
    this.#mask = places - 1;
    this.#shift = 32 - bits;
    this.#ends = new Uint32Array(memory, 0, places).fill(0);
    this.#entryNumbers = new Uint32Array(memory, 4 * places, places);
    this.#lengths = new Uint8Array(memory, 8 * places, places);
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
    let hash = this.#seed;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (this.#bytes[at] ?? 0), MULTIPLIER);
    let place = hash >>> this.#shift;
    for (; this.#ends[place] !== 0; place = (place + 1) & this.#mask) {
      if (this.#isAt(place, this.#bytes.toString("latin1", start, end))) return;
    }
    this.#ends[place] = end;
    this.#lengths[place] = end - start;
    this.#entryNumbers[place] = entryNumber;
    this.#size += 1;
  }

  get(host: string): HostEntry | undefined {
    let hash = this.#seed;
    for (let at = 0; at < host.length; at += 1) hash = Math.imul(hash ^ host.charCodeAt(at), MULTIPLIER);
    let place = hash >>> this.#shift;
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

/** The memory that a table of so many names needs. */
export function tableBytes(capacity: number): number {
  return 2 ** placeBits(capacity) * BYTES_PER_PLACE;
}

/** At most half of the places are taken. */
function placeBits(capacity: number): number {
  return Math.ceil(Math.log2(2 * capacity + 2));
}
