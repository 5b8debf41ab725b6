/**
 * Counts events by reading all rows of the days asked for: a few bytes each, a few nanoseconds each.
 *
 * Unique counts are exact for every range, filter and group, as nothing is counted beforehand: each message has a number
 * (`numbering.ts`), and a question remembers for each number what it has seen it as (`distinct.ts`). Neither counts
 * kept by the day, which can't be added up when a message is clicked on two days, nor a note on each event that it is
 * its message's first could do that: an event that comes late, is erased, or turns out to be a bot's would change which
 * is the first, and so does every filter.
 *
 * Memory has a limit that the number of events doesn't move: numbers are taken in blocks, and for each block all rows
 * are read again.
 */
import type { DayOfEvents, NumberRange } from "./columns.ts";
import { type Block, DistinctCount, type Things, thingsOf } from "./distinct-count.ts";
import { KIND_COUNT } from "./event-kind.ts";
import type { EventMetric } from "./metric.ts";
import { isOfDay, type Question, Selection, slotCount } from "./selection.ts";

/** What is remembered at a time. */
export interface Limits {
  /** How many numbers: 4 bytes each. */
  readonly blockSize: number;
  /** How many further slots of theirs: up to 40 bytes each. At least as many as there are slots. */
  readonly others: number;
}

const LIMITS: Limits = { blockSize: 2 ** 23, others: 2 ** 21 };

interface Plan {
  readonly question: Question;
  readonly metrics: readonly EventMetric[];
  readonly messages: Things;
  readonly links: Things;
  readonly limits: Limits;
}

/** What is counted in one go through the rows. */
interface Pass {
  readonly messages: Block;
  readonly links: Block;
  /** The first one also counts what counts every time. */
  readonly isFirst: boolean;
}

const NONE: Block = { low: 0, size: 0 };

/** A row of counts for each slot: one for each metric, in their order. */
export function countEvents(
  days: readonly DayOfEvents[],
  question: Question,
  metrics: readonly EventMetric[],
  limits = LIMITS,
): Float64Array {
  const messages = thingsOf(metrics, "message");
  const links = thingsOf(metrics, "link");
  const plan: Plan = { question, metrics, messages, links, limits };
  const asked = days.filter(({ day }) => isOfDay(question.slots, day));
  const counts = new Float64Array(slotCount(question.slots) * metrics.length);
  const passes = planPasses(asked, plan);
  for (let pass = passes.shift(); pass !== undefined; pass = passes.shift()) {
    const counter = new Counter(plan, pass);
    for (const day of asked) counter.countDay(day);
    if (counter.isFull) passes.unshift(...halves(pass));
    else counter.addTo(counts);
  }
  return counts;
}

function planPasses(days: readonly DayOfEvents[], { messages, links, limits }: Plan): Pass[] {
  const ofMessages = blocksOf(
    messages,
    days.map((day) => day.messageRange),
    limits.blockSize,
  );
  const ofLinks = blocksOf(
    links,
    days.map((day) => day.linkRange),
    limits.blockSize,
  );
  return Array.from({ length: Math.max(ofMessages.length, ofLinks.length, 1) }, (_, index) => ({
    messages: ofMessages[index] ?? NONE,
    links: ofLinks[index] ?? NONE,
    isFirst: index === 0,
  }));
}

function blocksOf(things: Things, ranges: readonly (NumberRange | undefined)[], blockSize: number): Block[] {
  const known = ranges.filter((range) => range !== undefined);
  if (things.metrics.length === 0 || known.length === 0) return [];
  const low = known.reduce((lowest, range) => Math.min(lowest, range.low), Number.POSITIVE_INFINITY);
  const high = known.reduce((highest, range) => Math.max(highest, range.high), 0);
  const blocks: Block[] = [];
  for (let first = low; first <= high; first += blockSize) {
    blocks.push({ low: first, size: Math.min(blockSize, high - first + 1) });
  }
  return blocks;
}

function halves({ messages, links, isFirst }: Pass): Pass[] {
  const [lowerMessages, upperMessages] = halve(messages);
  const [lowerLinks, upperLinks] = halve(links);
  return [
    { messages: lowerMessages, links: lowerLinks, isFirst },
    { messages: upperMessages, links: upperLinks, isFirst: false },
  ];
}

function halve({ low, size }: Block): [Block, Block] {
  const half = Math.ceil(size / 2);
  return [
    { low, size: half },
    { low: low + half, size: size - half },
  ];
}

/** One pass. */
class Counter {
  readonly #plan: Plan;
  readonly #pass: Pass;
  readonly #selection = new Selection();
  readonly #messages: DistinctCount;
  readonly #links: DistinctCount;
  /** By slot and kind. */
  readonly #events: Uint32Array;

  constructor(plan: Plan, pass: Pass) {
    this.#plan = plan;
    this.#pass = pass;
    const slots = slotCount(plan.question.slots);
    const order = plan.question.slots.kind === "time" ? "ascending" : "any";
    const options = { slots, order, maxOthers: plan.limits.others } as const;
    this.#messages = new DistinctCount({ ...options, things: plan.messages, block: pass.messages });
    this.#links = new DistinctCount({ ...options, things: plan.links, block: pass.links });
    this.#events = new Uint32Array(slots * KIND_COUNT);
  }

  get isFull(): boolean {
    return this.#messages.isFull || this.#links.isFull;
  }

  countDay(day: DayOfEvents): void {
    const { isFirst, messages, links } = this.#pass;
    const hasMessages = overlaps(day.messageRange, messages);
    const hasLinks = overlaps(day.linkRange, links);
    if (this.isFull || !(isFirst || hasMessages || hasLinks)) return;
    this.#selection.select(day, this.#plan.question);
    const kinds = day.kinds();
    if (isFirst) countKinds(this.#selection, kinds, this.#events);
    if (hasMessages) this.#messages.add(this.#selection, kinds, day.messages());
    if (hasLinks) this.#links.add(this.#selection, kinds, day.links());
  }

  /** Adds to counts by slot and metric. */
  addTo(counts: Float64Array): void {
    const { metrics, messages, links } = this.#plan;
    const width = metrics.length;
    const totals = [...metrics.entries()].filter(([, { distinct }]) => distinct === "nothing");
    for (const [place, events] of this.#events.entries()) {
      if (events === 0) continue;
      const first = Math.floor(place / KIND_COUNT) * width;
      for (const [index, metric] of totals) {
        if (metric.counts[place % KIND_COUNT] === 1)
          counts[first + index] = (counts[first + index] ?? 0) + events;
      }
    }
    addDistinct(this.#messages.counts, messages, { counts, width });
    addDistinct(this.#links.counts, links, { counts, width });
  }
}

function overlaps(range: NumberRange | undefined, { low, size }: Block): boolean {
  return range !== undefined && range.low < low + size && range.high >= low;
}

function countKinds(
  { rows, isWhole, slots, runs, count }: Selection,
  kinds: Uint8Array,
  events: Uint32Array,
): void {
  if (runs === undefined) {
    for (let index = 0; index < count; index += 1) {
      const place = (slots[index] as number) * KIND_COUNT + (kinds[rows[index] as number] as number);
      events[place] = (events[place] as number) + 1;
    }
    return;
  }
  for (let run = 0; run < runs.count; run += 1) {
    const first = (runs.slots[run] as number) * KIND_COUNT;
    const to = runs.to[run] as number;
    for (let index = runs.from[run] as number; index < to; index += 1) {
      const place = first + (kinds[isWhole ? index : (rows[index] as number)] as number);
      events[place] = (events[place] as number) + 1;
    }
  }
}

function addDistinct(
  distinct: Float64Array,
  { metrics }: Things,
  into: { readonly counts: Float64Array; readonly width: number },
): void {
  for (const [bit, metric] of metrics.entries()) {
    for (let from = bit, to = metric; from < distinct.length; from += metrics.length, to += into.width) {
      into.counts[to] = (into.counts[to] ?? 0) + (distinct[from] ?? 0);
    }
  }
}
