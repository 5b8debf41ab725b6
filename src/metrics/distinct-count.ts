/** Counts messages, or links, that are seen as something: each once in a slot. One block of their numbers at a time. */
import { Distinct, MAX_THINGS } from "./distinct.ts";
import { KIND_COUNT } from "./event-kind.ts";
import type { EventMetric } from "./metric.ts";
import type { Selection } from "./selection.ts";

/** For each kind of event, what a number is seen as, as bits; and the metric that each bit is for, by its place. */
export interface Things {
  readonly ofKind: Uint16Array;
  readonly metrics: readonly number[];
}

/** Numbers from `low` on. Those outside are passed over. */
export interface Block {
  readonly low: number;
  readonly size: number;
}

export function thingsOf(metrics: readonly EventMetric[], distinct: "message" | "link"): Things {
  const found = metrics.flatMap((metric, index) => (metric.distinct === distinct ? [index] : []));
  if (found.length > MAX_THINGS) throw new RangeError("more unique metrics than there are");
  const ofKind = Uint16Array.from({ length: KIND_COUNT }, (_, kind) =>
    found.reduce((bits, index, bit) => bits | ((metrics[index]?.counts[kind] ?? 0) << bit), 0),
  );
  return { ofKind, metrics: found };
}

export interface DistinctCountOptions {
  readonly things: Things;
  readonly block: Block;
  readonly slots: number;
  readonly order: "ascending" | "any";
  readonly maxOthers: number;
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly slot: number;
  readonly kinds: Uint8Array;
  readonly numbers: Uint32Array;
}

export class DistinctCount {
  /** By slot and bit. */
  readonly counts: Float64Array;
  readonly #things: Things;
  readonly #block: Block;
  readonly #distinct: Distinct;
  /** In one run: how many numbers were new as these things, and which combinations of things there were. */
  readonly #ofRun: Uint32Array;
  readonly #inRun: number[] = [];

  constructor({ things, block, slots, order, maxOthers }: DistinctCountOptions) {
    this.#things = things;
    this.#block = block;
    this.#distinct = new Distinct(block.size, order, maxOthers);
    this.counts = new Float64Array(slots * things.metrics.length);
    this.#ofRun = new Uint32Array(2 ** things.metrics.length);
  }

  /** Then the counts are worth nothing. */
  get isFull(): boolean {
    return this.#distinct.isFull;
  }

  add(selection: Selection, kinds: Uint8Array, numbers: Uint32Array): void {
    const { runs } = selection;
    if (runs === undefined) {
      this.#addEach(selection, kinds, numbers);
      return;
    }
    for (let run = 0; run < runs.count; run += 1) {
      const slot = runs.slots[run] as number;
      this.#addPiece(selection, {
        from: runs.from[run] as number,
        to: runs.to[run] as number,
        slot,
        kinds,
        numbers,
      });
      if (slot !== runs.slots[run + 1] || run + 1 === runs.count) this.#countRun(slot);
    }
  }

  #addPiece({ rows, isWhole }: Selection, { from, to, slot, kinds, numbers }: Piece): void {
    const { ofKind } = this.#things;
    const { low, size } = this.#block;
    const distinct = this.#distinct;
    const ofRun = this.#ofRun;
    for (let index = from; index < to; index += 1) {
      const row = isWhole ? index : (rows[index] as number);
      const things = ofKind[kinds[row] as number] as number;
      const number = ((numbers[row] as number) - low) >>> 0;
      if (things === 0 || number >= size) continue;
      const fresh = distinct.see(number, slot, things);
      const before = ofRun[fresh] as number;
      if (before === 0) this.#inRun.push(fresh);
      ofRun[fresh] = before + 1;
    }
  }

  #countRun(slot: number): void {
    for (const things of this.#inRun) {
      this.#count(slot, things, this.#ofRun[things] as number);
      this.#ofRun[things] = 0;
    }
    this.#inRun.length = 0;
  }

  #addEach({ rows, slots, count }: Selection, kinds: Uint8Array, numbers: Uint32Array): void {
    const { ofKind } = this.#things;
    const { low, size } = this.#block;
    const distinct = this.#distinct;
    for (let index = 0; index < count; index += 1) {
      const row = rows[index] as number;
      const things = ofKind[kinds[row] as number] as number;
      const number = ((numbers[row] as number) - low) >>> 0;
      if (things === 0 || number >= size) continue;
      const slot = slots[index] as number;
      this.#count(slot, distinct.see(number, slot, things), 1);
    }
  }

  #count(slot: number, things: number, count: number): void {
    const { counts } = this;
    const first = slot * this.#things.metrics.length;
    for (let rest = things; rest !== 0; ) {
      const bit = 31 - Math.clz32(rest);
      counts[first + bit] = (counts[first + bit] as number) + count;
      rest ^= 1 << bit;
    }
  }
}
