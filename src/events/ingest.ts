/**
 * Moves events from the spool to the event store: a batch is stored in one transaction and only then removed from the
 * spool. A crash between the two stores the batch again, which the store ignores by event id: exactly once.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { EngagementEvent } from "../domain/event.ts";
import type { EventStore } from "./event-store.ts";

/** The reading side of a spool. */
export interface SpoolReader {
  /** The oldest events first. */
  readBatch(limit: number): readonly EngagementEvent[];
  /** Resolves once they are gone for good. */
  remove(events: readonly EngagementEvent[]): Promise<void>;
}

export interface IngestLog {
  warn(fields: object, message: string): void;
}

export interface IngestOptions {
  readonly spool: SpoolReader;
  readonly events: EventStore;
  readonly log: IngestLog;
  readonly batchSize?: number;
  /** How long an empty spool is left alone. */
  readonly idleMs?: number;
}

export interface Ingest {
  /** Ends after the batch under way. What is still in the spool stays there for the next start. */
  stop(): Promise<void>;
}

const BATCH_SIZE = 2000;
const IDLE_MS = 100;
/** After a failure: the store may be restarting, and the spool has room for hours. */
const RETRY_DELAYS_MS = [250, 1000, 5000, 15_000] as const;

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
      const moved = await moveBatch(options);
      failures = 0;
      if (moved === 0) await pause(options.idleMs ?? IDLE_MS, stopping);
    } catch (error) {
      const retryInMs = RETRY_DELAYS_MS[Math.min(failures, RETRY_DELAYS_MS.length - 1)] ?? IDLE_MS;
      failures += 1;
      options.log.warn(
        { err: error, failures, retryInMs },
        "events could not be stored, they wait in the spool",
      );
      await pause(retryInMs, stopping);
    }
  }
}

async function moveBatch({ spool, events, batchSize = BATCH_SIZE }: IngestOptions): Promise<number> {
  const batch = spool.readBatch(batchSize);
  if (batch.length === 0) return 0;
  await events.append(batch);
  await spool.remove(batch);
  return batch.length;
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  // Rejects only when stopped, which the loop's condition sees.
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
}
