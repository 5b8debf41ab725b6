/**
 * How a day's file is looked through for events. SQLite keeps no statistics of files that are written all the time, and guesses:
 * so the index is named here. What decides is a look at how many entries each index has for the values, up to a few.
 */
import { type RawBuilder, sql } from "kysely";

import type { EventConditions, IndexedColumn, ValueCondition } from "../event-conditions.ts";
import { type EventSelection, within } from "../event-database.ts";
import type { TimeRange } from "../event-day.ts";
import type { RunSql } from "../read-after.ts";
import { IN_EACH_SEGMENT } from "./event-day-schema.ts";

type IndexedCondition = EventConditions["indexed"][number];

interface Index {
  readonly name: string;
  /** Whether it begins anew in each segment; then it has no order of time. */
  readonly isSegmented: boolean;
}

/** Of all columns but the id, which is unique. */
const INDEXES: Readonly<Record<Exclude<IndexedColumn, "event_id">, Index>> = {
  message_id: { name: "events_by_message", isSegmented: true },
  rcpt_to: { name: "events_by_recipient", isSegmented: true },
  transmission_id: { name: "events_by_transmission", isSegmented: true },
  campaign_id: { name: "events_by_campaign", isSegmented: false },
  recipient_domain: { name: "events_by_domain", isSegmented: false },
  subaccount_id: { name: "events_by_subaccount", isSegmented: false },
  type: { name: "events_by_type", isSegmented: false },
};
const BY_TIME = sql.raw("events indexed by events_by_time");
/** What takes longer than looking through as many events in the order of time until a page is full. */
const MANY = 1000;

export async function planDay(
  run: RunSql,
  conditions: EventConditions,
  range: TimeRange,
): Promise<EventSelection> {
  const time = within(range.fromMs, range.toMs);
  const rest = [...[...conditions.indexed, ...conditions.others].map(hasValue), ...conditions.rest];
  const driver = await chooseDriver(run, conditions.indexed, time);
  if (driver === undefined) return { from: BY_TIME, where: [...time, ...rest] };
  if (driver.column === "event_id") {
    // The unary plus keeps SQLite from going by time instead.
    const unindexed = [sql`+timestamp_ms >= ${range.fromMs}`, sql`+timestamp_ms < ${range.toMs}`];
    return { from: sql.raw("events"), where: [...rest, ...unindexed] };
  }
  const { name, isSegmented } = INDEXES[driver.column];
  const segments = isSegmented ? [sql.raw(IN_EACH_SEGMENT)] : [];
  return { from: sql.raw(`events indexed by ${name}`), where: [...segments, ...time, ...rest] };
}

/** `undefined`: the order of time. */
async function chooseDriver(
  run: RunSql,
  indexed: readonly IndexedCondition[],
  time: readonly RawBuilder<unknown>[],
): Promise<IndexedCondition | undefined> {
  const [first, second] = indexed;
  if (first === undefined) return undefined;
  if (first.column === "event_id" || INDEXES[first.column].isSegmented) return first;
  if (second === undefined && first.values.length === 1) return first;
  const counts = await run(
    sql<{ n: number }>`${sql.join(
      indexed.map((condition) => countOf(condition, time)),
      sql` union all `,
    )}`,
  );
  const entries = indexed.map((condition, index) => ({ condition, count: counts[index]?.n ?? 0 }));
  const fewest = entries.reduce((one, other) => (other.count < one.count ? other : one));
  if (fewest.count < MANY) return fewest.condition;
  // One value comes in the order of time, several would have to be sorted.
  return indexed.find(({ values }) => values.length === 1);
}

function countOf(
  { column, values }: IndexedCondition,
  time: readonly RawBuilder<unknown>[],
): RawBuilder<unknown> {
  const index = column === "event_id" ? "" : ` indexed by ${INDEXES[column].name}`;
  return sql`
    select count(*) as n from (
      select 1 from events${sql.raw(index)}
      where ${hasValue({ column, values })} and ${sql.join(time, sql` and `)} limit ${MANY})`;
}

/** One value is an equation, by which an index is in the order of its next column. Of more, one parameter: any number is the same statement. */
function hasValue({ column, values }: ValueCondition): RawBuilder<unknown> {
  const [value] = values;
  if (values.length === 1) return sql`${sql.ref(column)} = ${value}`;
  // Not JSON.stringify, which refuses a bigint. SQLite reads JSON's integers with all their 64 bits.
  const list = typeof value === "string" ? JSON.stringify(values) : `[${values.join(",")}]`;
  return sql`${sql.ref(column)} in (select value from json_each(${list}))`;
}
