/** What the edge workers of this machine last said of themselves: for /readyz and /metrics. */
import type { EdgeStatsMessage } from "../edge/worker-messages.ts";

interface Report {
  readonly message: EdgeStatsMessage;
  readonly atMs: number;
}

/** A worker that was silent for so long is gone, or hung and about to be replaced. */
const STALE_MS = 15_000;

/** Times are of a clock that never steps: `performance.now()`. */
export class EdgeStatsBook {
  readonly #reports = new Map<number, Report>();

  report(message: EdgeStatsMessage, nowMs: number): void {
    this.#reports.set(message.pid, { message, atMs: nowMs });
  }

  /** The workers that live. */
  current(nowMs: number): readonly EdgeStatsMessage[] {
    for (const [pid, { atMs }] of this.#reports) if (nowMs - atMs > STALE_MS) this.#reports.delete(pid);
    return [...this.#reports.values()].map(({ message }) => message);
  }
}
