/** What ingest and the events API need of a store. */
import type { EngagementEvent, EventType } from "../domain/event.ts";
import type { SubaccountId } from "../domain/subaccount.ts";

export interface EventPosition {
  readonly timestampMs: number;
  readonly eventId: bigint;
}

export interface EventQuery {
  readonly subaccounts: "all" | readonly SubaccountId[];
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly types?: readonly EventType[];
  readonly eventIds?: readonly bigint[];
  readonly messageIds?: readonly string[];
  /** Lower-case addresses. */
  readonly recipients?: readonly string[];
  readonly recipientDomains?: readonly string[];
  /** Only events before this one, in the order of the result. */
  readonly after?: EventPosition;
  readonly limit: number;
}

/** An event with its place in the order of storing. */
export interface StoredEvent {
  readonly position: number;
  readonly event: EngagementEvent;
}

export interface EventStore {
  /**
   * Stores a batch; events whose id is stored already are skipped. Returns how many were new. A batch over several
   * days may be stored in part when it rejects: appending it again stores the rest.
   */
  append(events: readonly EngagementEvent[]): Promise<number>;
  /** The newest first: by time, then by id. */
  search(query: EventQuery): Promise<readonly EngagementEvent[]>;
  /** Counts what `search` would find without `after` and `limit`, at most up to `atMost`. */
  count(query: Omit<EventQuery, "after" | "limit">, atMost: number): Promise<number>;
  /**
   * The events after a position (0: from the first), in the order in which they were stored. Who goes on from the last
   * position of each page meets every event once, however late or early the event's own time is.
   */
  readAfter(position: number, limit: number): Promise<readonly StoredEvent[]>;
  /** Drops the UTC days before the one this time is in, for good. Returns how many days that were. */
  dropBefore(timestampMs: number): Promise<number>;
}
