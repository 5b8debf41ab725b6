/** What the event store needs of a database: the rest is the same SQL on both. */
import type { RawBuilder } from "kysely";

import type { EventRow } from "./event-columns.ts";
import type { EventDay } from "./event-day.ts";

export interface DayBatch {
  readonly day: EventDay;
  readonly rows: readonly EventRow[];
}

/** Runs statements on tables that it knows. */
export type RunSql = <Row>(statement: RawBuilder<Row>) => Promise<readonly Row[]>;

export interface EventDatabase {
  /**
   * Inserts the rows, but those whose id is there already, and gives each new one the next position. Positions appear
   * in their order: once one can be read, no lower one appears any more. Resolves to how many were new.
   * Days come in order; when it rejects, some of the first may be stored.
   */
  append(batches: readonly DayBatch[]): Promise<number>;
  /** Runs on the table `event_days`. */
  readonly onDays: RunSql;
  /** Runs on a table `events` that has the events of this day, and perhaps those of others. No rows when it is gone. */
  onDay(day: EventDay): RunSql;
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
