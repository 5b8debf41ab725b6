/** Makes batches of a lane: the events behind its position that its webhook wants, until a batch is full. */
import type { EventSource, EventsAt, SourceEvent } from "./event-source.ts";
import { createFilter, type Interest } from "./webhook.ts";

export interface BatchLimits {
  readonly events: number;
  /** Of its body; a single event may be larger. */
  readonly chars: number;
  /** Positions it may span, so that trying it again does not mean reading a day. */
  readonly span: number;
}

/** SparkPost sends up to 350 or more. */
const BATCH_LIMITS: BatchLimits = { events: 350, chars: 1024 * 1024, span: 50_000 };

export interface CollectorOptions {
  /** The next events behind a position; none at the end of the stream. */
  readonly read: (position: number) => Promise<EventsAt>;
  /** Whether the event at this position is what it will remain: it is not passed before. */
  readonly isSettled: (position: number) => Promise<boolean>;
  readonly interest: Interest;
  readonly position: number;
  /** Nothing behind it belongs to the lane. */
  readonly end?: number | undefined;
  readonly limits?: BatchLimits;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
}

/** As old as the oldest of what was read. */
export interface Collected extends EventsAt {
  /** The batch is everything behind the lane's position up to here. */
  readonly last: number;
}

export class BatchCollector {
  readonly #options: CollectorOptions;
  readonly #limits: BatchLimits;
  readonly #isWanted: (event: SourceEvent) => boolean;
  #position: number;
  #scanned: number;
  #events: SourceEvent[] = [];
  #readAtMs = Number.POSITIVE_INFINITY;
  #chars = 0;
  /** The next event does not fit in. */
  #isClosed = false;
  #isAtEnd = false;
  #heldAt: number | undefined;
  #firstAtMs: number | undefined;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#limits = options.limits ?? BATCH_LIMITS;
    this.#isWanted = createFilter(options.interest);
    this.#position = options.position;
    this.#scanned = options.position;
  }

  /** The batch is what lies behind it. */
  get position(): number {
    return this.#position;
  }

  /** Up to here everything has been looked at. */
  get scanned(): number {
    return this.#scanned;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  get isFull(): boolean {
    const isComplete = this.#isClosed || this.#events.length >= this.#limits.events;
    return isComplete || (!this.isEmpty && this.#isFar);
  }

  /** Much has been looked at, and nothing of it was wanted. */
  get isInVain(): boolean {
    return this.isEmpty && this.#isFar;
  }

  get #isFar(): boolean {
    return this.#scanned - this.#position >= this.#limits.span;
  }

  /** There will be nothing more: the lane's end, or the stream's for now. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** The next event may still become another one: it is looked at again after a while. */
  get isHeld(): boolean {
    return this.#heldAt !== undefined;
  }

  /** How long its first event has been waiting. */
  get waitedMs(): number {
    return this.#firstAtMs === undefined ? 0 : this.#options.clock() - this.#firstAtMs;
  }

  /** Reads on until the batch is full, or there is nothing more for now, or nothing in a long stretch. */
  async collect(): Promise<void> {
    this.#isAtEnd = false;
    if (this.#heldAt !== undefined && !(await this.#options.isSettled(this.#heldAt))) return;
    this.#heldAt = undefined;
    while (!this.isFull && !this.isHeld && !this.#isAtEnd && !this.#isFar) {
      const page = await this.#options.read(this.#scanned);
      if (page.events.length === 0) this.#isAtEnd = true;
      await this.#lookThrough(page);
    }
  }

  async #lookThrough({ events, readAtMs }: EventsAt): Promise<void> {
    for (const event of events) {
      if (this.#isOpen(event) && !(await this.#options.isSettled(event.position))) {
        this.#heldAt = event.position;
        return;
      }
      if (!this.#look(event, readAtMs)) return;
    }
  }

  /** Whether it may become something else, and is wanted as one or the other. */
  #isOpen(event: SourceEvent): boolean {
    const { end = Number.POSITIVE_INFINITY } = this.#options;
    const { mayBecome } = event;
    if (mayBecome === undefined || event.position > end) return false;
    return this.#isWanted(event) || this.#isWanted({ ...event, type: mayBecome });
  }

  /** The batch so far; the next one begins behind it. */
  take(): Collected {
    const collected = { last: this.#scanned, events: this.#events, readAtMs: this.#readAtMs };
    this.#events = [];
    this.#readAtMs = Number.POSITIVE_INFINITY;
    this.#chars = 0;
    this.#isClosed = false;
    this.#firstAtMs = undefined;
    this.#position = this.#scanned;
    return collected;
  }

  /** `false`: this event is not looked at now. */
  #look(event: SourceEvent, readAtMs: number): boolean {
    const { end = Number.POSITIVE_INFINITY } = this.#options;
    if (event.position > end) this.#isAtEnd = true;
    if (this.#isAtEnd || this.isFull) return false;
    if (!this.#isWanted(event)) {
      this.#scanned = event.position;
      return true;
    }
    const json = event.json();
    this.#isClosed = !this.isEmpty && this.#chars + json.length > this.#limits.chars;
    if (this.#isClosed) return false;
    this.#scanned = event.position;
    this.#firstAtMs ??= this.#options.clock();
    this.#events.push(event);
    this.#readAtMs = Math.min(this.#readAtMs, readAtMs);
    this.#chars += json.length;
    return true;
  }
}

const PAGE_SIZE = 1000;

/** The events of a batch that was made before, in the form that they have now. */
export async function collectAgain(
  source: Pick<EventSource, "readAfter">,
  range: { readonly position: number; readonly last: number; readonly interest: Interest },
): Promise<readonly SourceEvent[]> {
  const isWanted = createFilter(range.interest);
  const found: SourceEvent[] = [];
  let position = range.position;
  while (position < range.last) {
    const page = await source.readAfter(position, Math.min(PAGE_SIZE, range.last - position));
    const inside = page.filter((event) => event.position <= range.last);
    found.push(...inside.filter(isWanted));
    position = inside.length < page.length ? range.last : (page.at(-1)?.position ?? range.last);
  }
  return found;
}

/** A batch's body. */
export function bodyOf(events: readonly SourceEvent[]): Buffer {
  return Buffer.from(`[${events.map((event) => event.json()).join(",")}]`);
}
