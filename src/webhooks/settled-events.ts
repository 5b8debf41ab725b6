/**
 * Tells which events have been stored for some time, by where the stream ended when this process looked at it before.
 * Neither the events' own times nor those of other machines' clocks play a part. After a start it takes that time
 * until anything is known.
 */
import type { EventSource } from "./event-source.ts";

export interface SettledEventsOptions {
  readonly source: Pick<EventSource, "last">;
  readonly settleMs: number;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
}

/** How often the end of the stream is looked at while somebody asks for what is behind it. */
const LOOK_MS = 1000;

interface Look {
  readonly last: number;
  readonly atMs: number;
}

export class SettledEvents {
  readonly #options: SettledEventsOptions;
  /** The latest at the end. */
  #looks: readonly Look[] = [];
  #settled = -1;
  #looking: Promise<void> | undefined;

  constructor(options: SettledEventsOptions) {
    this.#options = options;
  }

  /** Whether everything up to this position was stored so long ago. Rejects as the store does. */
  async has(position: number): Promise<boolean> {
    this.#settle();
    if (position <= this.#settled) return true;
    if (this.#isDue()) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
      this.#settle();
    }
    return position <= this.#settled;
  }

  #isDue(): boolean {
    const { settleMs, clock } = this.#options;
    const { atMs = Number.NEGATIVE_INFINITY } = this.#looks.at(-1) ?? {};
    return clock() - atMs >= Math.min(LOOK_MS, settleMs);
  }

  async #look(): Promise<void> {
    const last = await this.#options.source.last();
    this.#looks = [...this.#looks, { last, atMs: this.#options.clock() }];
  }

  #settle(): void {
    const { settleMs, clock } = this.#options;
    const settledAtMs = clock() - settleMs;
    this.#settled = this.#looks.findLast(({ atMs }) => atMs <= settledAtMs)?.last ?? this.#settled;
    this.#looks = this.#looks.filter(({ atMs }) => atMs > settledAtMs);
  }
}
