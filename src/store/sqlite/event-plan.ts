/**
 * How a day's file is looked through for events. SQLite keeps no statistics of files that are written all the time, and guesses:
 * so the index is named here. What decides is a look at how many entries each index has for the values, up to a few.
 */
import { type RawBuilder, sql } from "kysely";

import {
  type EventConditions,
  type MarkColumn,
  markIs,
  type TextCondition,
  type ValueColumn,
  type ValueCondition,
} from "../event-conditions.ts";
import { type EventSelection, within } from "../event-database.ts";
import type { TimeRange } from "../event-day.ts";
import { distinctTexts, MAX_TEXTS, resolveTexts } from "../event-texts.ts";
import type { RunSql } from "../read-after.ts";
import { IN_EACH_SEGMENT } from "./event-day-schema.ts";

/** Of all columns but the id, which is unique. */
const INDEXES: Readonly<Record<Exclude<ValueColumn, "event_id"> | MarkColumn, string>> = {
  message_id: "events_by_message",
  rcpt_to: "events_by_recipient",
  transmission_id: "events_by_transmission",
  campaign_id: "events_by_campaign",
  template_id: "events_by_template",
  recipient_domain: "events_by_domain",
  subaccount_id: "events_by_subaccount",
  sending_domain: "events_by_sending_domain",
  tracking_domain: "events_by_tracking_domain",
  subject: "events_by_subject",
  friendly_from: "events_by_sender",
  ip_pool: "events_by_pool",
  type: "events_by_type",
  is_bot: "events_by_bot",
  is_prefetched: "events_by_prefetched",
  is_proxy: "events_by_proxy",
};
/** Their indexes begin anew in each segment, and have no order of time. */
const SEGMENTED: ReadonlySet<string> = new Set(["message_id", "rcpt_to", "transmission_id"]);
const BY_TIME = sql.raw("events indexed by events_by_time");
/** To read and sort so many takes as long as looking through a busy day in the order of time until a page is full of them. */
const MANY = 16_384;

/** A condition, and the column by whose index it can be fulfilled. */
interface Candidate {
  readonly column: ValueColumn | MarkColumn;
  readonly condition: RawBuilder<unknown>;
  /** Whether its index has the events in the order of time: those of several values would have to be sorted. */
  readonly isOrdered: boolean;
}

export async function planDay(
  run: RunSql,
  conditions: EventConditions,
  range: TimeRange,
): Promise<EventSelection> {
  const from = (column: keyof typeof INDEXES) => sql.raw(`events indexed by ${INDEXES[column]}`);
  const { values, marks, texts } = await resolveTexts(conditions, (condition) =>
    matchingTexts(run, condition, from(condition.column)),
  );
  const time = within(range.fromMs, range.toMs);
  const rest = [...values.map(hasValue), ...marks.map(markIs), ...texts.map(({ matches }) => matches)];
  const candidates = [
    ...values.map((value) => ({
      column: value.column,
      condition: hasValue(value),
      isOrdered: value.values.length === 1,
    })),
    ...marks
      .filter(({ isSet }) => isSet)
      .map((mark) => ({ column: mark.column, condition: markIs(mark), isOrdered: true })),
  ];
  const driver = await chooseDriver(run, candidates, time);
  if (driver === undefined) return { from: BY_TIME, where: [...time, ...rest] };
  if (driver.column === "event_id") {
    // The unary plus keeps SQLite from going by time instead.
    const unindexed = [sql`+timestamp_ms >= ${range.fromMs}`, sql`+timestamp_ms < ${range.toMs}`];
    return { from: sql.raw("events"), where: [...rest, ...unindexed] };
  }
  const segments = SEGMENTED.has(driver.column) ? [sql.raw(IN_EACH_SEGMENT)] : [];
  return { from: from(driver.column), where: [...segments, ...time, ...rest] };
}

/** `undefined`: there are too many texts to say. */
async function matchingTexts(
  run: RunSql,
  { column, matches }: TextCondition,
  from: RawBuilder<unknown>,
): Promise<readonly string[] | undefined> {
  const rows = await run(sql<{ text: string; is_match: unknown }>`
    select ${sql.ref(column)} as text, ${matches} as is_match
    from (${distinctTexts({ column, from, where: [] })} limit ${MAX_TEXTS + 1}) as texts`);
  if (rows.length > MAX_TEXTS) return undefined;
  return rows.filter((row) => Boolean(row.is_match)).map(({ text }) => text);
}

/** `undefined`: the order of time. */
async function chooseDriver(
  run: RunSql,
  candidates: readonly Candidate[],
  time: readonly RawBuilder<unknown>[],
): Promise<Candidate | undefined> {
  const [first, second] = candidates;
  if (first === undefined) return undefined;
  if (first.column === "event_id" || SEGMENTED.has(first.column)) return first;
  if (second === undefined && first.isOrdered) return first;
  const counts = await run(
    sql<{ n: number }>`${sql.join(
      candidates.map((candidate) => countOf(candidate, time)),
      sql` union all `,
    )}`,
  );
  const entries = candidates.map((candidate, index) => ({ candidate, count: counts[index]?.n ?? 0 }));
  const fewest = entries.reduce((one, other) => (other.count < one.count ? other : one));
  if (fewest.count < MANY) return fewest.candidate;
  return candidates.find(({ isOrdered }) => isOrdered);
}

function countOf(
  { column, condition }: Candidate,
  time: readonly RawBuilder<unknown>[],
): RawBuilder<unknown> {
  const index = column === "event_id" ? "" : ` indexed by ${INDEXES[column]}`;
  return sql`
    select count(*) as n from (
      select 1 from events${sql.raw(index)}
      where ${condition} and ${sql.join(time, sql` and `)} limit ${MANY})`;
}

/** One value is an equation, by which an index is in the order of its next column. Of more, one parameter: any number is the same statement. */
function hasValue({ column, values }: ValueCondition): RawBuilder<unknown> {
  const [value] = values;
  if (values.length === 1) return sql`${sql.ref(column)} = ${value}`;
  // Not JSON.stringify, which refuses a bigint. SQLite reads JSON's integers with all their 64 bits.
  const list = typeof value === "string" ? JSON.stringify(values) : `[${values.join(",")}]`;
  return sql`${sql.ref(column)} in (select value from json_each(${list}))`;
}
