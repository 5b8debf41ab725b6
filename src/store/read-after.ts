/** Reads what lies by day in the order of storing. */
import { type RawBuilder, sql } from "kysely";

import { boundsOf, type EventDay } from "./event-day.ts";

/** Runs statements on tables that it knows. */
export type RunSql = <Row>(statement: RawBuilder<Row>) => Promise<readonly Row[]>;

/** The names of the tables that say which days there are. */
export interface DayTables {
  /** A row for each day: `day`, `first_position`, `last_position`. */
  readonly days: string;
  /** One row: `last`, of all positions the last that is given out. */
  readonly positions: string;
}

export interface DayDatabase {
  /** Runs on the tables that list the days. */
  readonly onDays: RunSql;
  /** Runs on tables that have what is of this day, and perhaps what is of others. No rows when it is gone. */
  onDay(day: EventDay): RunSql;
}

/** A statement whose rows begin with their place in the order of storing. */
export interface OrderedSelect<Row> {
  readonly daysTable: string;
  /** Rows of this day whose place is in this range, the first ones first. */
  select(range: PlaceRange): RawBuilder<Row>;
  placeOf(row: Row): number;
}

export interface PlaceRange {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
  /** Of the day, in milliseconds. */
  readonly bounds: ReturnType<typeof boundsOf>;
}

interface ListedDay {
  readonly day: EventDay;
  readonly first_position: number;
  readonly last_position: number;
}

/**
 * Only up to the last positions that the list of days knows, all read at once: a batch that comes while its days are
 * read one by one is then seen on none of them, and not on some.
 */
export async function readAfter<Row>(
  database: DayDatabase,
  { daysTable, select, placeOf }: OrderedSelect<Row>,
  {
    position,
    limit,
    last: end = Number.MAX_SAFE_INTEGER,
  }: {
    readonly position: number;
    readonly limit: number;
    /** Nothing behind it is read. */
    readonly last?: number;
  },
): Promise<readonly Row[]> {
  const days = await database.onDays(sql<ListedDay>`
    select day, first_position, last_position from ${sql.table(daysTable)}
    where last_position > ${position} order by first_position`);
  let found: Row[] = [];
  for (const { day, first_position: first, last_position: last } of days) {
    if (first > end) break;
    const highest = found.at(-1);
    if (found.length >= limit && highest !== undefined && first > placeOf(highest)) break;
    const rows = await database.onDay(day)(
      select({ after: position, upTo: Math.min(last, end), limit, bounds: boundsOf(day) }),
    );
    found = [...found, ...rows].sort((one, other) => placeOf(one) - placeOf(other)).slice(0, limit);
  }
  return found;
}

/** The last position that was given out; 0 before the first. */
export async function lastPosition(database: DayDatabase, { positions }: DayTables): Promise<number> {
  const [row] = await database.onDays(sql<{ last: number }>`select last from ${sql.table(positions)}`);
  return row?.last ?? 0;
}
