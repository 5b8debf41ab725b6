/**
 * One reader for all webhooks that follow the same events. What was read lately is kept, so that fifty webhooks at the
 * end of the stream cost the store one read, and each event is made into JSON once. Who has fallen far behind reads
 * for itself, and shares with those beside it.
 */
import { type EventSource, type EventsAt, FRESH_FOR_MS } from "./event-source.ts";

export interface EventWindowOptions {
  readonly source: Pick<EventSource, "readAfter">;
  /** How often the end of the stream is looked at while somebody waits there. */
  readonly pollMs: number;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
  readonly onError: (error: unknown) => void;
}

/** The events behind `after`, up to and with `last`: all there are. */
interface Page extends EventsAt {
  readonly after: number;
  readonly last: number;
  readonly keptForMs: number;
}

const PAGE_SIZE = 500;
/** With some kilobytes an event, several dozen megabytes at the very most. */
const PAGES_KEPT = 32;
/** Events can be erased: what was read before that must not be sent long after it. */
const KEPT_FOR_MS = 30_000;

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
}

export class EventWindow {
  readonly #options: EventWindowOptions;
  /** The last used at the end. */
  #pages: readonly Page[] = [];
  readonly #reading = new Map<number, Promise<EventsAt>>();
  readonly #waiters = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EventWindowOptions) {
    this.#options = options;
  }

  /** The next events behind a position, some hundred at most; none when it is the end for now. Rejects as the store does. */
  async after(position: number): Promise<EventsAt> {
    const nowMs = this.#options.clock();
    const page = this.#pages.find(
      ({ after, last, readAtMs, keptForMs }) =>
        after <= position && position < last && nowMs - readAtMs <= keptForMs,
    );
    if (page !== undefined) {
      this.#pages = [...this.#pages.filter((other) => other !== page), page];
      if (page.after === position) return page;
      return { ...page, events: page.events.filter((event) => event.position > position) };
    }
    // Many ask at once for what comes behind the same event.
    const reading = this.#reading.get(position) ?? this.#read(position);
    this.#reading.set(position, reading);
    return reading;
  }

  /** Resolves once there are events behind a position, or the signal aborts. */
  async waitFor(position: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const waiter = { position, resolve: end };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", end);
      this.#schedule();
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const { resolve } of [...this.#waiters]) resolve();
  }

  async #read(position: number): Promise<EventsAt> {
    try {
      const readAtMs = this.#options.clock();
      const events = await this.#options.source.readAfter(position, PAGE_SIZE);
      const last = events.at(-1)?.position;
      if (last !== undefined) {
        // Whoever goes by the type of an event has to know the type of now.
        const isOpen = events.some(({ mayBecome }) => mayBecome !== undefined);
        const keptForMs = isOpen ? FRESH_FOR_MS : KEPT_FOR_MS;
        const others = this.#pages.filter(({ after }) => after !== position);
        this.#pages = [...others, { after: position, last, events, readAtMs, keptForMs }].slice(-PAGES_KEPT);
      }
      return { events, readAtMs };
    } finally {
      this.#reading.delete(position);
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#waiters.size === 0) return;
    this.#timer = setTimeout(() => void this.#poll(), this.#options.pollMs);
  }

  async #poll(): Promise<void> {
    const from = Math.min(...[...this.#waiters].map(({ position }) => position));
    try {
      if (Number.isFinite(from)) this.#wake(await this.after(from));
    } catch (error) {
      this.#options.onError(error);
    }
    this.#timer = undefined;
    this.#schedule();
  }

  #wake({ events }: EventsAt): void {
    const last = events.at(-1)?.position ?? 0;
    for (const { position, resolve } of [...this.#waiters]) if (position < last) resolve();
  }
}
