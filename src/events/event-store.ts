/** What ingest, the events API and those who follow the events need of a store. */
import type { EventType } from "../domain/event.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { EventFilter } from "./event-filter.ts";
import type { Classification, RecordedEvent } from "./recorded-event.ts";

export interface EventPosition {
  readonly timestampMs: number;
  readonly eventId: bigint;
}

export interface EventQuery extends EventFilter {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** Only events before this one, in the order of the result. */
  readonly after?: EventPosition;
  readonly limit: number;
}

/** An event with its place in the order of storing. */
export interface StoredEvent {
  readonly position: number;
  readonly event: RecordedEvent;
}

/** What was found out about an event after it was stored. */
export interface Reclassification {
  readonly eventId: bigint;
  readonly timestampMs: number;
  readonly type: EventType;
  readonly classification: Classification;
}

/** An event that is not any more what it was when it was stored. */
export interface EventChange {
  /** Its place in the order of changes, which shares its numbers with the positions of events. */
  readonly change: number;
  readonly position: number;
  readonly eventId: bigint;
  readonly timestampMs: number;
  /** As it is now; `undefined`: erased. */
  readonly event: RecordedEvent | undefined;
}

export interface EventStore {
  /**
   * Stores a batch; events whose id is stored already are skipped. Returns how many were new. A batch over several
   * days may be stored in part when it rejects: appending it again stores the rest.
   */
  append(events: readonly RecordedEvent[]): Promise<number>;
  /** The newest first: by time, then by id. Once the signal is aborted, what was found by then. */
  search(query: EventQuery, gone?: AbortSignal): Promise<readonly RecordedEvent[]>;
  /** Counts what `search` would find without `after` and `limit`, at most up to `atMost`. */
  count(query: Omit<EventQuery, "after" | "limit">, atMost: number, gone?: AbortSignal): Promise<number>;
  /**
   * The events after a position (0: from the first), in the order in which they were stored. Who goes on from the last
   * position of each page meets every event once, however late or early the event's own time is.
   */
  readAfter(position: number, limit: number): Promise<readonly StoredEvent[]>;
  /** The events at these positions, some hundred at most, as they are now, in order; without those that are gone. */
  readAt(positions: readonly number[]): Promise<readonly StoredEvent[]>;
  /** Of all positions that were given out, the last: who reads after it meets what is stored from now on. */
  lastPosition(): Promise<number>;
  /** Changes events where they are, and notes each as a change; unknown ones are passed over. Returns how many were known. */
  reclassify(changes: readonly Reclassification[]): Promise<number>;
  /**
   * Deletes a tenant's events of a lower-case address for good, piece by piece, and notes each as a change. Returns how many there
   * were; when it rejects, some may be gone.
   */
  erase(recipient: string, scope: SubaccountId | "all"): Promise<number>;
  /** The changes after one (0: from the first), in their order. Of an event that changed twice both show its present state. */
  changesAfter(change: number, limit: number): Promise<readonly EventChange[]>;
  /** Drops the UTC days before the one this time is in, for good. Returns how many days that were. */
  dropBefore(timestampMs: number): Promise<number>;
}
