/**
 * Remembers, for each number of a range (of messages, or of links), in which slots it was seen and as what, so that it
 * counts once in each.
 *
 * A number's last slot and what it was seen as there lie in one word of an array: as many words as numbers, whatever the
 * question. When slots come in ascending order, as those of time do, no more is needed: a slot that is left doesn't come
 * back. In any other order a number's first slot has the word, and every further slot (a message clicked on two links)
 * lies in a hash table, which is small as nearly all numbers have one slot only. It has a limit: who reaches it divides
 * the numbers, and counts each half by itself.
 */

/** A slot has the upper half of a word, the lower has a bit for each thing that a number can be seen as. */
const SLOT_SHIFT = 16;
export const MAX_SLOTS = 2 ** 16 - 1;
export const MAX_THINGS = 16;

export class Distinct {
  readonly #words: Int32Array;
  readonly #others: PairTable | undefined;

  /** For numbers from 0 to less than `size`. `maxOthers`: how many further slots all of them may have together. */
  constructor(size: number, order: "ascending" | "any", maxOthers: number) {
    this.#words = new Int32Array(size);
    this.#others = order === "any" ? new PairTable(maxOthers) : undefined;
  }

  /** Whether it could not remember everything: what it said is then worth nothing. */
  get isFull(): boolean {
    return this.#others?.isFull ?? false;
  }

  /**
   * Sees a number in a slot as these things, and returns those of them that it was not seen as there before. Arithmetic
   * instead of branches: whether a message was seen before is as good as random, and a processor guesses wrong half the time.
   */
  see(number: number, slot: number, things: number): number {
    const tag = (slot + 1) << SLOT_SHIFT;
    const word = this.#words[number] as number;
    const difference = (word ^ tag) >>> SLOT_SHIFT;
    // All ones when the word has this slot, else zero.
    const isSame = (difference - 1) >> 31;
    if (this.#others !== undefined && ((word | -word) & ~isSame) < 0)
      return this.#others.see(number, slot, things);
    const before = word & isSame;
    this.#words[number] = before | tag | things;
    return things & ~before;
  }
}

const FIRST_CAPACITY = 2 ** 10;
const EMPTY = -1;

/** What a number was seen as in a slot, by both: open addressing, at most half full. */
class PairTable {
  isFull = false;
  #keys = new Float64Array(FIRST_CAPACITY).fill(EMPTY);
  #things = new Uint16Array(FIRST_CAPACITY);
  #count = 0;
  readonly #maxCount: number;

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  see(number: number, slot: number, things: number): number {
    const key = number * 2 ** SLOT_SHIFT + slot;
    const place = this.#placeOf(key);
    if (this.#keys[place] === EMPTY) {
      if (this.#count === this.#maxCount) this.isFull = true;
      if (this.isFull) return 0;
      this.#keys[place] = key;
      this.#things[place] = things;
      this.#count += 1;
      if (this.#count * 2 > this.#keys.length) this.#grow();
      return things;
    }
    const before = this.#things[place] as number;
    this.#things[place] = before | things;
    return things & ~before;
  }

  #placeOf(key: number): number {
    const mask = this.#keys.length - 1;
    const low = key | 0;
    const mixed = Math.imul(low ^ (low >>> 15) ^ Math.floor(key / 2 ** 32), 0x9e3779b1);
    let place = (mixed ^ (mixed >>> 15)) & mask;
    while (this.#keys[place] !== key && this.#keys[place] !== EMPTY) place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const [keys, things] = [this.#keys, this.#things];
    this.#keys = new Float64Array(keys.length * 2).fill(EMPTY);
    this.#things = new Uint16Array(keys.length * 2);
    for (const [index, key] of keys.entries()) {
      if (key === EMPTY) continue;
      const place = this.#placeOf(key);
      this.#keys[place] = key;
      this.#things[place] = things[index] as number;
    }
  }
}
