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

export interface EventStore {
  /** Stores a batch in one transaction; events whose id is stored already are skipped. Returns how many were new. */
  append(events: readonly EngagementEvent[]): Promise<number>;
  /** The newest first: by time, then by id. */
  search(query: EventQuery): Promise<readonly EngagementEvent[]>;
  /** Counts what `search` would find without `after` and `limit`, at most up to `atMost`. */
  count(query: Omit<EventQuery, "after" | "limit">, atMost: number): Promise<number>;
}
