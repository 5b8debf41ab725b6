/**
 * A worker's spools: more than one, so that the next group of events is on its way to the disk while the one before waits for
 * its fsync. With a single one, the time of an fsync would bound what a worker can answer (measured: docs/edge-performance.md).
 */
import { READINESS, type RecordOutcome } from "./spool.ts";
import { type KeptSpoolStats, SpoolKeeper, type SpoolKeeperOptions } from "./spool-keeper.ts";
import type { ObservedEvent } from "./spool-record.ts";

export interface SpoolsOptions extends SpoolKeeperOptions {
  /** How many, at least 1. They share `maxBytes`. */
  readonly count: number;
}

export interface SpoolsStats extends Omit<KeptSpoolStats, "slot"> {
  /** Those that are open. */
  readonly slots: readonly number[];
}

export class Spools {
  readonly #keepers: readonly [SpoolKeeper, ...SpoolKeeper[]];

  constructor({ count, maxBytes, ...options }: SpoolsOptions) {
    const idClock = { lastMs: 0, lastSlot: 0 };
    const open = (): SpoolKeeper => {
      const keeper: SpoolKeeper = new SpoolKeeper({
        ...options,
        idClock,
        maxBytes: Math.floor(maxBytes / count),
        isOtherCommitting: () =>
          this.#keepers.some((other) => other !== keeper && other.readiness === READINESS.committing),
        onCommitEnd: (startedMs) => {
          for (const other of this.#keepers) if (other !== keeper) other.otherCommitEnded(startedMs);
        },
      });
      return keeper;
    };
    this.#keepers = [open(), ...Array.from({ length: count - 1 }, open)];
  }

  /** Resolves when the event is durable, or lost. Events of one group share a promise. Never rejects. */
  record(event: ObservedEvent): Promise<RecordOutcome> {
    return this.#next().record(event);
  }

  stats(): SpoolsStats {
    const all = this.#keepers.map((keeper) => keeper.stats());
    const sum = (count: (stats: KeptSpoolStats) => number): number =>
      all.reduce((total, stats) => total + count(stats), 0);
    const bounds = all.find(({ slot }) => slot !== undefined)?.commitLatencyBoundsMs ?? [];
    return {
      slots: all.flatMap(({ slot }) => slot ?? []),
      storedEvents: sum(({ storedEvents }) => storedEvents),
      lostEvents: sum(({ lostEvents }) => lostEvents),
      pendingEvents: sum(({ pendingEvents }) => pendingEvents),
      usedShare: Math.max(...all.map(({ usedShare }) => usedShare)),
      commits: sum(({ commits }) => commits),
      failedCommits: sum(({ failedCommits }) => failedCommits),
      failure: all.find(({ failure }) => failure !== undefined)?.failure,
      damagedSlots: sum(({ damagedSlots }) => damagedSlots),
      commitLatencyBoundsMs: bounds,
      commitLatencyCounts: Array.from({ length: bounds.length === 0 ? 0 : bounds.length + 1 }, (_, bucket) =>
        sum(({ commitLatencyCounts }) => commitLatencyCounts[bucket] ?? 0),
      ),
      commitLatencySumMs: sum(({ commitLatencySumMs }) => commitLatencySumMs),
    };
  }

  /** As {@link SpoolKeeper.close}, all at once. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#keepers.map((keeper) => keeper.close(deadlineMs)));
  }

  #next(): SpoolKeeper {
    let [next] = this.#keepers;
    for (const keeper of this.#keepers) if (keeper !== next && isSooner(keeper, next)) next = keeper;
    return next;
  }
}

/** By its next commit. Of two that commit, the one that began before; of two that don't get on, the one for which less waits. */
function isSooner(one: SpoolKeeper, other: SpoolKeeper): boolean {
  const [readiness, of] = [one.readiness, other.readiness];
  if (readiness !== of) return readiness > of;
  if (readiness <= READINESS.failing) return one.pendingBytes < other.pendingBytes;
  return one.lastCommitMs < other.lastCommitMs;
}
