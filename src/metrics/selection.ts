/** The rows of a day that a question is about, and what each of them counts for. */
import type { DayOfRows, Dimension } from "./columns.ts";

/** What counts are told apart by. A slot is a place in the counts. */
export type Slots =
  /** Each slot lasts from one of these minutes since 1970 to the next. */
  | { readonly kind: "time"; readonly bounds: readonly number[] }
  /** Each slot is for one of so many numbers of a dictionary, from `first`. */
  | {
      readonly kind: "dimension";
      readonly dimension: Dimension;
      readonly first: number;
      readonly size: number;
      readonly fromMinute: number;
      readonly toMinute: number;
    };

export interface Filter {
  readonly dimension: Dimension;
  /** By number of the dictionary: 1 for what is asked for. */
  readonly wanted: Uint8Array;
}

export interface Question {
  readonly slots: Slots;
  /** All must agree. */
  readonly filters: readonly Filter[];
}

export const DAY_MINUTES = 1440;

/** Whether anything of a day is asked for. */
export function isOfDay(slots: Slots, day: number): boolean {
  const { from, to } = minutesOf(slots);
  return day * DAY_MINUTES < to && (day + 1) * DAY_MINUTES > from;
}

export function slotCount(slots: Slots): number {
  return slots.kind === "time" ? slots.bounds.length - 1 : slots.size;
}

/** The minutes since 1970 that a question is about. */
function minutesOf(slots: Slots): { from: number; to: number } {
  if (slots.kind === "dimension") return { from: slots.fromMinute, to: slots.toMinute };
  return { from: slots.bounds[0] ?? 0, to: slots.bounds.at(-1) ?? 0 };
}

/** Pieces of the selected rows, one after the other in the selection and all of one slot. */
export class Runs {
  count = 0;
  slots = new Uint32Array(0);
  /** Places in the selection: the first, and the first after them. */
  from = new Uint32Array(0);
  to = new Uint32Array(0);

  /** Makes room for as many runs. What was there is lost. */
  clear(most: number): void {
    this.count = 0;
    if (this.slots.length >= most) return;
    this.slots = new Uint32Array(most);
    this.from = new Uint32Array(most);
    this.to = new Uint32Array(most);
  }

  add(slot: number, from: number, to: number): void {
    this.slots[this.count] = slot;
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.count += 1;
  }
}

/** Room for the rows of one day, used again for the next. */
export class Selection {
  /** How many rows are selected. */
  count = 0;
  /** Whether all rows are, in their order: then {@link rows} says nothing. */
  isWhole = true;
  /** Their places in the columns. */
  rows = new Uint32Array(0);
  /** With slots of a dimension: the slot of each row. */
  slots = new Uint32Array(0);
  /** With slots of time: the rows of each slot, in ascending order of slots; else `undefined`. */
  runs: Runs | undefined;
  #runs = new Runs();
  #sorted = new Runs();

  /** Selects anew. */
  select(day: DayOfRows, { slots, filters }: Question): void {
    this.isWhole = true;
    this.count = day.rows;
    if (this.rows.length < day.rows) {
      this.rows = new Uint32Array(day.rows);
      this.slots = new Uint32Array(day.rows);
    }
    for (const { dimension, wanted } of filters) this.#keepWanted(day.dimension(dimension), wanted);
    const slotOfMinute = slotsOfDay(day.day, slots);
    const only = onlyValue(slotOfMinute);
    if (only !== undefined && only < 0) this.count = 0;
    if (slots.kind === "dimension") {
      this.runs = undefined;
      if (only === undefined) this.#keepMinutes(day.minutes(), slotOfMinute);
      this.#keepNumbers(day.dimension(slots.dimension), slots.first, slots.size);
    } else if (only === undefined) {
      this.runs = this.#sortRuns(this.#findRuns(day.minutes(), slotOfMinute));
    } else {
      this.#runs.clear(1);
      if (this.count > 0) this.#runs.add(only, 0, this.count);
      this.runs = this.#runs;
    }
  }

  #keepWanted(numbers: Uint32Array, wanted: Uint8Array): void {
    const { rows, isWhole, count } = this;
    let kept = 0;
    for (let index = 0; index < count; index += 1) {
      const row = isWhole ? index : (rows[index] as number);
      // Numbers beyond the end are younger than the question.
      if (wanted[numbers[row] as number] === 1) rows[kept++] = row;
    }
    this.isWhole = false;
    this.count = kept;
  }

  #keepMinutes(minutes: Uint16Array, slotOfMinute: Int32Array): void {
    const { rows, isWhole, count } = this;
    let kept = 0;
    for (let index = 0; index < count; index += 1) {
      const row = isWhole ? index : (rows[index] as number);
      if ((slotOfMinute[minutes[row] as number] as number) >= 0) rows[kept++] = row;
    }
    this.isWhole = false;
    this.count = kept;
  }

  #keepNumbers(numbers: Uint32Array, first: number, size: number): void {
    const { rows, slots, isWhole, count } = this;
    let kept = 0;
    for (let index = 0; index < count; index += 1) {
      const row = isWhole ? index : (rows[index] as number);
      const slot = (numbers[row] as number) - first;
      if (slot < 0 || slot >= size) continue;
      rows[kept] = row;
      slots[kept++] = slot;
    }
    this.isWhole = false;
    this.count = kept;
  }

  /** Events come nearly in the order of time, so that their runs are few and long. */
  #findRuns(minutes: Uint16Array, slotOfMinute: Int32Array): Runs {
    const { rows, isWhole, count } = this;
    const runs = this.#runs;
    runs.clear(count);
    let slot = -1;
    let from = 0;
    for (let index = 0; index < count; index += 1) {
      const next = slotOfMinute[minutes[isWhole ? index : (rows[index] as number)] as number] as number;
      if (next === slot) continue;
      if (slot >= 0) runs.add(slot, from, index);
      slot = next;
      from = index;
    }
    if (slot >= 0) runs.add(slot, from, count);
    return runs;
  }

  /** A counting sort: also when no two rows that follow one another are of one slot, it takes no longer than reading them. */
  #sortRuns(runs: Runs): Runs {
    const slots = runs.slots.subarray(0, runs.count);
    if (slots.every((slot, index) => index === 0 || slot >= (slots[index - 1] ?? 0))) return runs;
    const low = slots.reduce((lowest, slot) => Math.min(lowest, slot));
    // A slot is a minute at least.
    const places = new Uint32Array(DAY_MINUTES + 1);
    for (const slot of slots) places[slot - low + 1] = (places[slot - low + 1] ?? 0) + 1;
    for (let slot = 1; slot <= DAY_MINUTES; slot += 1)
      places[slot] = (places[slot] ?? 0) + (places[slot - 1] ?? 0);
    const sorted = this.#sorted;
    sorted.clear(runs.count);
    sorted.count = runs.count;
    for (const [index, slot] of slots.entries()) {
      const place = places[slot - low] ?? 0;
      places[slot - low] = place + 1;
      sorted.slots[place] = slot;
      sorted.from[place] = runs.from[index] ?? 0;
      sorted.to[place] = runs.to[index] ?? 0;
    }
    return sorted;
  }
}

/** The slot of each minute of a day, -1 for those that are not asked for. For a dimension all that are asked for have 0. */
function slotsOfDay(day: number, slots: Slots): Int32Array {
  const found = new Int32Array(DAY_MINUTES).fill(-1);
  const start = day * DAY_MINUTES;
  const { from, to } = minutesOf(slots);
  const bounds = slots.kind === "time" ? slots.bounds : [from, to];
  let slot = lastAtOrBefore(bounds, start);
  for (; slot < bounds.length - 1 && (bounds[slot] ?? to) < start + DAY_MINUTES; slot += 1) {
    const first = Math.max((bounds[slot] ?? from) - start, 0);
    const end = Math.min((bounds[slot + 1] ?? to) - start, DAY_MINUTES);
    found.fill(slot, first, end);
  }
  return found;
}

/** The place of the last one that is not greater; 0 when all are. */
function lastAtOrBefore(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** `undefined` when there are several. */
function onlyValue(values: Int32Array): number | undefined {
  const [first] = values;
  return values.every((value) => value === first) ? first : undefined;
}
