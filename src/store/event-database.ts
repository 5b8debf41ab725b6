/** What the event store needs of a database: the rest is the same SQL on both. */
import type { RawBuilder } from "kysely";

import type { Reclassification } from "../events/event-store.ts";
import type { EventRow } from "./event-columns.ts";
import type { EventDay } from "./event-day.ts";
import type { DayDatabase, RunSql } from "./read-after.ts";

export interface DayBatch {
  readonly day: EventDay;
  readonly rows: readonly EventRow[];
}

/** An event's new type and the columns from `is_prefetched` on. */
export interface ReclassifiedRow extends Pick<Reclassification, "eventId" | "timestampMs" | "type"> {
  readonly flags: EventRow;
}

export interface DayChanges {
  readonly day: EventDay;
  readonly rows: readonly ReclassifiedRow[];
}

export const EVENT_TABLES = { days: "event_days", positions: "event_positions" } as const;

export interface EventDatabase extends DayDatabase {
  /**
   * Inserts the rows, but those whose id is there already, and gives each new one the next position. Positions appear
   * in their order: once one can be read, no lower one appears any more. Resolves to how many were new.
   * Days come in order; when it rejects, some of the first may be stored.
   */
  append(batches: readonly DayBatch[]): Promise<number>;
  /** Changes rows, and notes in `event_changes`, under the next positions, which. Resolves to how many there were. */
  reclassify(batches: readonly DayChanges[]): Promise<number>;
  /** Deletes the rows of a recipient, and notes it as `reclassify` does. Resolves to how many there were. */
  erase(recipient: string): Promise<number>;
  /** For tables `events` that together have the events of these days, both included: the newer days first, none in two. */
  onDaysBetween(first: EventDay, last: EventDay): Promise<readonly RunSql[]>;
  /** Drops the days before this one, and returns how many there were. */
  dropBefore(day: EventDay): Promise<number>;
  /** The predicate that a column is among these: one parameter, so that any number of values is the same statement. */
  amongIntegers(values: readonly (number | bigint)[]): RawBuilder<unknown>;
  amongTexts(values: readonly string[]): RawBuilder<unknown>;
  /** The whole condition, for a column whose values come in no order at all: it may take more than that predicate to use its index. */
  hasRandomText(column: "message_id" | "rcpt_to", values: readonly string[]): RawBuilder<unknown>;
}
