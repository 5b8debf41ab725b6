/**
 * Events as they are stored, for any number of listeners: the store is asked once for all of them. A listener that comes
 * back from a position first reads what it missed by itself, and then listens with the others.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { type EventFilter, matchesFilter } from "./event-filter.ts";
import type { EventStore, StoredEvent } from "./event-store.ts";

export interface LiveTailOptions {
  readonly events: Pick<EventStore, "readAfter" | "lastPosition">;
  readonly log: { warn(fields: object, message: string): void };
  readonly pollMs?: number;
  /** How many events may wait for a listener that reads too slowly, before it is let go. */
  readonly maxWaiting?: number;
}

/** What happens on a tail. */
export interface TailStep {
  /** Nothing up to it is still to come. */
  readonly position: number;
  /** None: nothing has happened for a while. */
  readonly events: readonly StoredEvent[];
}

export interface ListenOptions {
  readonly filter: EventFilter;
  /** Events after this position; `undefined`: those from now on. */
  readonly after: number | undefined;
  /** After how long without an event a step without one comes. */
  readonly heartbeatMs: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

const POLL_MS = 500;
/** Between pages of a backlog: the store is there for others too. */
const BREATH_MS = 50;
const PAGE_SIZE = 1000;
const MAX_WAITING = 10_000;
const NEVER = new AbortController().signal;

class Listener {
  readonly filter: EventFilter;
  position: number;
  isTooSlow = false;
  readonly #maxWaiting: number;
  #waiting: StoredEvent[] = [];
  #wake = (): void => undefined;

  constructor(filter: EventFilter, position: number, maxWaiting: number) {
    this.filter = filter;
    this.position = position;
    this.#maxWaiting = maxWaiting;
  }

  take(page: readonly StoredEvent[]): void {
    if (this.isTooSlow) return;
    const wanted = page.filter(
      ({ position, event }) => position > this.position && matchesFilter(this.filter, event),
    );
    this.position = Math.max(this.position, page.at(-1)?.position ?? 0);
    this.#waiting.push(...wanted);
    if (this.#waiting.length > this.#maxWaiting) {
      // Its reader may not ask again for as long as it is there. When it comes back, it reads from where it got to.
      this.isTooSlow = true;
      this.#waiting = [];
    }
    if (wanted.length > 0) this.wake();
  }

  wake(): void {
    this.#wake();
  }

  /** What waits, or after `ms` nothing. */
  async next(ms: number): Promise<TailStep> {
    if (this.#waiting.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, ms);
      await promise;
      clearTimeout(timer);
    }
    const events = this.#waiting;
    this.#waiting = [];
    return { position: this.position, events };
  }
}

export class LiveTail {
  readonly #options: LiveTailOptions;
  readonly #listeners = new Set<Listener>();
  readonly #stopping = new AbortController();
  #position = 0;
  #polling: Promise<void> | undefined;

  constructor(options: LiveTailOptions) {
    this.#options = options;
  }

  /**
   * Begins with a step without events. Ends when the tail stops, or when its reader is too slow. Rejects when the store
   * fails while it is read what was missed.
   */
  async *listen({
    filter,
    after,
    heartbeatMs,
    signal = NEVER,
  }: ListenOptions): AsyncGenerator<TailStep, void> {
    const { events, maxWaiting = MAX_WAITING } = this.#options;
    // A position from beyond the end is another store's: it would let all others wait there for the events up to it.
    const end = await events.lastPosition();
    const listener = new Listener(filter, Math.min(after ?? end, end), maxWaiting);
    yield { position: listener.position, events: [] };
    const ends = AbortSignal.any([signal, this.#stopping.signal]);
    yield* this.#catchUp(listener, ends);
    if (ends.aborted) return;
    this.#listeners.add(listener);
    this.#startPolling(listener.position);
    const wake = (): void => listener.wake();
    ends.addEventListener("abort", wake);
    try {
      while (!ends.aborted && !listener.isTooSlow) yield await listener.next(heartbeatMs);
    } finally {
      ends.removeEventListener("abort", wake);
      this.#listeners.delete(listener);
    }
  }

  /** Ends all listeners. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#polling;
  }

  /** Until the listener has read as far as those that listen already. */
  async *#catchUp(listener: Listener, ends: AbortSignal): AsyncGenerator<TailStep, void> {
    while (!ends.aborted) {
      const reached = this.#position;
      const page = await this.#options.events.readAfter(listener.position, PAGE_SIZE);
      const last = page.at(-1);
      if (last === undefined) {
        // What was between them has been erased.
        listener.position = Math.max(listener.position, reached);
        if (this.#polling === undefined || listener.position >= this.#position) return;
        continue;
      }
      const found = page.filter(({ event }) => matchesFilter(listener.filter, event));
      listener.position = last.position;
      yield { position: last.position, events: found };
    }
  }

  #startPolling(position: number): void {
    if (this.#polling !== undefined) return;
    this.#position = position;
    this.#polling = this.#poll().finally(() => {
      this.#polling = undefined;
    });
  }

  /** While anybody listens. */
  async #poll(): Promise<void> {
    const { events, log, pollMs = POLL_MS } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted && this.#listeners.size > 0) {
      try {
        const page = await events.readAfter(this.#position, PAGE_SIZE);
        for (const listener of this.#listeners) listener.take(page);
        this.#position = page.at(-1)?.position ?? this.#position;
        await pause(page.length === PAGE_SIZE ? BREATH_MS : pollMs, signal);
      } catch (error) {
        log.warn({ err: error }, "the live tail cannot read events, it tries again");
        await pause(2 * pollMs, signal);
      }
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects only when stopped, which the loop's condition sees.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
