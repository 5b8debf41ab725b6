/** What the event store needs of a database: the rest is the same SQL on both. */
import { type RawBuilder, sql } from "kysely";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { Reclassification } from "../events/event-store.ts";
import type { EventRow } from "./event-columns.ts";
import type { EventConditions } from "./event-conditions.ts";
import type { EventDay, TimeRange } from "./event-day.ts";
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

/** One place to look for events. */
export interface EventScan {
  readonly run: RunSql;
  /** Decides how the place is looked through, when it is its turn. */
  plan(): Promise<EventSelection>;
}

export interface EventSelection {
  /** The table `events`, and what stands behind its name. */
  readonly from: RawBuilder<unknown>;
  /** The range of time is among them. */
  readonly where: readonly RawBuilder<unknown>[];
}

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
  erase(recipient: string, scope: SubaccountId | "all"): Promise<number>;
  /**
   * Where the events of a range of time are that fulfil conditions: places that are looked into one after the other, the newer
   * ones first, no event in two.
   */
  scans(conditions: EventConditions, range: TimeRange): Promise<readonly EventScan[]>;
  /** Drops the days before this one, and returns how many there were. */
  dropBefore(day: EventDay): Promise<number>;
}

/** `undefined`: without end on that side. */
export function within(fromMs: number | undefined, toMs: number | undefined): RawBuilder<unknown>[] {
  return [
    ...(fromMs === undefined ? [] : [sql`timestamp_ms >= ${fromMs}`]),
    ...(toMs === undefined ? [] : [sql`timestamp_ms < ${toMs}`]),
  ];
}
