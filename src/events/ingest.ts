/**
 * Moves events from the spool to the event store: a batch is stored and only then removed from the spool. A crash
 * between the two stores the batch again, which the store ignores by event id: exactly once.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

import type { EngagementEvent } from "../domain/event.ts";
import type { EventStore, Reclassification } from "./event-store.ts";
import { bareRecord, type RecordedEvent } from "./recorded-event.ts";

/** The reading side of a spool. */
export interface SpoolReader {
  /**
   * The oldest events first, at most `limit` at a time, until nothing more is there. Each batch is read when it is asked
   * for, and none again that was there before, removed or not.
   */
  batches(limit: number): Iterable<readonly EngagementEvent[]>;
  /** Resolves once they are gone for good. */
  remove(events: readonly EngagementEvent[]): Promise<void>;
}

export interface IngestLog {
  warn(fields: object, message: string): void;
}

/** Events on their way into the store. */
export interface EnrichedBatch {
  readonly events: readonly RecordedEvent[];
  /** What the batch shows about events that are stored already, or that are in it: applied once it is stored. */
  readonly corrections: readonly Reclassification[];
  /**
   * What is left to do once the batch is stored. `isRepeated`: some of it was in the store already, from before a failure or a
   * crash. When it rejects, the batch is stored again.
   */
  readonly onStored?: (stored: { readonly isRepeated: boolean }) => Promise<void>;
}

/** Adds what is known beyond what the edge saw. Keeps ids and times as they are: by them the store knows an event that comes again. */
export type EnrichmentStep = (batch: EnrichedBatch) => Promise<EnrichedBatch> | EnrichedBatch;

export interface IngestOptions {
  readonly spool: SpoolReader;
  readonly events: Pick<EventStore, "append" | "reclassify">;
  /** What is done to a batch before it is stored, in this order. Rejecting holds up the batch, as a failing store does. */
  readonly steps?: readonly EnrichmentStep[];
  /** Called after a failure, when nothing is under way: what went through the steps since then may not be stored. */
  readonly onFailure?: () => void;
  readonly log: IngestLog;
  readonly batchSize?: number;
  /** How long an empty spool is left alone. */
  readonly idleMs?: number;
}

export interface Ingest {
  /** Ends after the batches under way. What is still in the spool stays there for the next start. */
  stop(): Promise<void>;
}

/** Fewer would wait for the disk more often; more would gain little, and hold the API up longer. */
const BATCH_SIZE = 2000;
/** What is read and decoded at a stretch: about two milliseconds, then the API has its turn. */
const READ_SIZE = 250;
const IDLE_MS = 100;
/** After a failure: the store may be restarting, and the spool has room for hours. */
const RETRY_DELAYS_MS = [250, 1000, 5000, 15_000] as const;

interface Stored {
  readonly batch: readonly EngagementEvent[];
  readonly done: Promise<unknown>;
}

export function startIngest(options: IngestOptions): Ingest {
  const stopping = new AbortController();
  const done = run(options, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

async function run(options: IngestOptions, stopping: AbortSignal): Promise<void> {
  let failures = 0;
  while (!stopping.aborted) {
    try {
      await moveAll(options, stopping);
      failures = 0;
      await pause(options.idleMs ?? IDLE_MS, stopping);
    } catch (error) {
      const retryInMs = RETRY_DELAYS_MS[Math.min(failures, RETRY_DELAYS_MS.length - 1)] ?? IDLE_MS;
      failures += 1;
      options.onFailure?.();
      options.log.warn(
        { err: error, failures, retryInMs },
        "events could not be stored, they wait in the spool",
      );
      await pause(retryInMs, stopping);
    }
  }
}

/** Until the spool is empty. While one batch is being stored, the one before it is removed and the one behind it is read. */
async function moveAll(
  { spool, events, steps = [], batchSize = BATCH_SIZE }: IngestOptions,
  stopping: AbortSignal,
): Promise<void> {
  const reads = spool.batches(READ_SIZE)[Symbol.iterator]();
  let storing: Stored = { batch: [], done: Promise.resolve() };
  let removing: Promise<unknown> = Promise.resolve();
  try {
    do {
      const batch = stopping.aborted ? [] : await collect(reads, batchSize);
      const enriched = await enrich(batch, steps);
      await storing.done;
      await removing;
      removing = handled(spool.remove(storing.batch));
      await nextTurn();
      storing = { batch, done: handled(store(enriched, events)) };
    } while (storing.batch.length > 0);
  } finally {
    // After a failure the other half may still be under way; the next try must not meet it.
    await Promise.allSettled([storing.done, removing]);
  }
  await removing;
}

async function enrich(
  batch: readonly EngagementEvent[],
  steps: readonly EnrichmentStep[],
): Promise<EnrichedBatch> {
  let enriched: EnrichedBatch = { events: batch.map(bareRecord), corrections: [] };
  for (const step of steps) enriched = await step(enriched);
  return enriched;
}

/** All of it, or the batch stays in the spool and is stored and corrected again. */
async function store(batch: EnrichedBatch, events: IngestOptions["events"]): Promise<void> {
  const added = await events.append(batch.events);
  await events.reclassify(batch.corrections);
  await batch.onStored?.({ isRepeated: added < batch.events.length });
}

/** Some reads, with a turn of the event loop for everybody else after each. */
async function collect(
  reads: Iterator<readonly EngagementEvent[]>,
  size: number,
): Promise<readonly EngagementEvent[]> {
  const batch: EngagementEvent[] = [];
  while (batch.length < size) {
    const read = reads.next();
    if (read.done === true) break;
    batch.push(...read.value);
    await nextTurn();
  }
  return batch;
}

/** Its rejection is looked at later: until then it is nobody's unhandled one. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  // Rejects only when stopped, which the loop's condition sees.
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
}
