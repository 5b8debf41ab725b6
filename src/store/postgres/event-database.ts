/** Events in PostgreSQL: a table with a partition per day. */
import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely";

import { EVENT_COLUMNS, EVENT_TABLES } from "../event-columns.ts";
import { type EventConditions, markIs, type ValueCondition } from "../event-conditions.ts";
import {
  type DayBatch,
  type DayChanges,
  type EventDatabase,
  type EventSelection,
  within,
} from "../event-database.ts";
import { boundsOf, dayOf, type EventDay, LAST_DAY, type TimeRange } from "../event-day.ts";
import { resolveTexts } from "../event-texts.ts";
import type { RunSql } from "../read-after.ts";
import { arraysOf, namesOf } from "./batch-insert.ts";
import { TextsOfDays } from "./day-texts.ts";
import { type ErasedPiece, eraseInPieces, ofPerson } from "./erase-pieces.ts";
import { createPartitionKeeper, dropPartitions, type PartitionedTables } from "./partitions.ts";

const NAMES = namesOf(EVENT_COLUMNS);
const PARTITIONED: PartitionedTables = {
  tables: ["events"],
  unit: "milliseconds",
  daysTable: EVENT_TABLES.days,
};
const DAY_OF_CHANGE = sql`least(greatest(changed_timestamp_ms / 86400000, 0), ${sql.lit(LAST_DAY)})`;

/** `searching`: other connections, for what may take long. */
export function postgresEvents(db: Kysely<unknown>, searching: Kysely<unknown>): EventDatabase {
  const run: RunSql = async (statement) => (await statement.execute(db)).rows;
  const search: RunSql = async (statement) => (await statement.execute(searching)).rows;
  const texts = new TextsOfDays(search);
  const withPartitions = createPartitionKeeper(db, PARTITIONED);
  return {
    append: (batches) =>
      withPartitions(
        batches.map(({ day }) => day),
        () => insert(db, batches),
      ),
    reclassify: (batches) => reclassify(db, batches),
    erase: (recipient, scope) => eraseInPieces((atMost) => erase(db, { recipient, scope, atMost })),
    onDays: run,
    onDay: () => run,
    scans: async (conditions, range) => {
      const days = await daysOf(search, range);
      return newestFirst(days, range).map((part) => ({
        run: search,
        plan: () => planRange(texts, conditions, part),
      }));
    },
    dropBefore: async (day) => {
      const dropped = await dropPartitions(db, PARTITIONED, day);
      await sql`delete from event_changes where ${DAY_OF_CHANGE} < ${day}`.execute(db);
      return dropped;
    },
  };
}

/** Queries for parts that found too little are few, and together no longer than the next. */
const LONGER_BY = 4;

/**
 * The range in parts, the first a day, each of the others longer than all before. A page is full after the first as a rule; to plan the
 * query of a month takes longer than it runs, as every index of every partition is considered.
 */
function newestFirst(days: readonly EventDay[], { fromMs, toMs }: TimeRange): readonly TimeRange[] {
  const parts: TimeRange[] = [];
  let endMs = toMs;
  let size = 1;
  for (let taken = size; taken < days.length; taken += size) {
    const startMs = boundsOf(days[taken - 1] ?? LAST_DAY).fromMs ?? fromMs;
    if (startMs > fromMs) parts.push({ fromMs: startMs, toMs: endMs });
    endMs = Math.max(startMs, fromMs);
    size *= LONGER_BY;
  }
  return [...parts, { fromMs, toMs: endMs }];
}

/** Those that there are, the newest first. */
async function daysOf(run: RunSql, { fromMs, toMs }: TimeRange): Promise<readonly EventDay[]> {
  const rows = await run(sql<{ day: EventDay }>`
    select day from ${sql.table(EVENT_TABLES.days)}
    where day >= ${dayOf(fromMs)} and day <= ${dayOf(toMs - 1)} order by day desc`);
  return rows.map(({ day }) => day);
}

async function planRange(
  textsOfDays: TextsOfDays,
  conditions: EventConditions,
  { fromMs, toMs }: TimeRange,
): Promise<EventSelection> {
  const days = { first: dayOf(fromMs), last: dayOf(toMs - 1) };
  const { values, texts, marks } = await resolveTexts(conditions, (condition) =>
    textsOfDays.matching(condition, days),
  );
  return {
    from: sql`events`,
    where: [
      ...within(fromMs, toMs),
      ...values.map(hasValue),
      ...marks.map(markIs),
      ...texts.map(({ matches }) => matches),
    ],
  };
}

/** One value is an equation, by which an index is in the order of its next column. */
function hasValue({ column, values }: ValueCondition): RawBuilder<unknown> {
  const [value] = values;
  if (values.length === 1) return sql`${sql.ref(column)} = ${value}`;
  const type = column === "event_id" || column === "subaccount_id" ? sql`bigint[]` : sql`text[]`;
  return sql`${sql.ref(column)} = any(${values}::${type})`;
}

/**
 * The one row of event_positions stays locked until the batch is committed and can be seen: so positions are given out
 * in the order in which they appear, which those of a sequence would not be.
 */
async function insert(db: Kysely<unknown>, batches: readonly DayBatch[]): Promise<number> {
  const rows = batches.flatMap((batch) => batch.rows);
  const days = batches.map(({ day }) => day);
  const sizes = batches.map((batch) => batch.rows.length);
  const { numAffectedRows } = await sql`
    with given as (
      update event_positions set last = last + ${rows.length} returning last - ${rows.length} as before
    ), touched as (
      insert into event_days (day, first_position, last_position)
      select day, before + 1 + sum(size) over (order by day) - size, before + sum(size) over (order by day)
      from given, unnest(${days}::bigint[], ${sizes}::bigint[]) as batch (day, size)
      on conflict (day) do update set last_position = excluded.last_position
    )
    insert into events (position, ${NAMES})
    select before + number, ${NAMES}
    from given, unnest(${arraysOf(EVENT_COLUMNS, rows)}) with ordinality as event (${NAMES}, number)
    on conflict (event_id, timestamp_ms) do nothing`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

async function reclassify(db: Kysely<unknown>, batches: readonly DayChanges[]): Promise<number> {
  const rows = batches.flatMap((batch) => batch.rows);
  const columns = arraysOf(
    EVENT_COLUMNS.filter(({ name }) => CHANGED.has(name)),
    rows.map(({ eventId, timestampMs, type, flags }) => [eventId, timestampMs, type, ...flags]),
  );
  return changing(db, async (transaction, before) => {
    const { numAffectedRows } = await sql`
      with changed as (
        update events
        set type = given.type, is_prefetched = given.is_prefetched, is_proxy = given.is_proxy,
          is_bot = given.is_bot, bot_reasons = given.bot_reasons
        from unnest(${columns}) as given (event_id, timestamp_ms, type, is_prefetched, is_proxy, is_bot, bot_reasons)
        where events.event_id = given.event_id and events.timestamp_ms = given.timestamp_ms
        returning events.position, events.event_id, events.timestamp_ms
      )
      insert into event_changes (change, changed_position, changed_event_id, changed_timestamp_ms)
      select ${before} + row_number() over (order by position), position, event_id, timestamp_ms
      from changed`.execute(transaction);
    return Number(numAffectedRows ?? 0n);
  });
}

const CHANGED: ReadonlySet<string> = new Set([
  "event_id",
  "timestamp_ms",
  "type",
  "is_prefetched",
  "is_proxy",
  "is_bot",
  "bot_reasons",
]);

async function erase(db: Kysely<unknown>, { recipient, scope, atMost }: ErasedPiece): Promise<number> {
  return changing(db, async (transaction, before) => {
    const { numAffectedRows } = await sql`
      with person as (
        select timestamp_ms, event_id from events where ${ofPerson(recipient, scope)} limit ${atMost}
      ), erased as (
        delete from events where (timestamp_ms, event_id) in (select timestamp_ms, event_id from person)
        returning position, event_id, timestamp_ms
      )
      insert into event_changes (change, changed_position, changed_event_id, changed_timestamp_ms)
      select ${before} + row_number() over (order by position), position, event_id, timestamp_ms
      from erased`.execute(transaction);
    return Number(numAffectedRows ?? 0n);
  });
}

/** Takes the lock on the positions first, as appending does: who took it last would wait for the other for ever. */
async function changing(
  db: Kysely<unknown>,
  change: (transaction: Transaction<unknown>, before: number) => Promise<number>,
): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    const { rows } = await sql<{ last: number }>`select last from event_positions for update`.execute(
      transaction,
    );
    const before = rows[0]?.last ?? 0;
    const count = await change(transaction, before);
    if (count === 0) return 0;
    await sql`update event_positions set last = ${before + count}`.execute(transaction);
    await sql`
      update event_days set last_position = ${before + count}
      where day in (select ${DAY_OF_CHANGE} from event_changes where change > ${before})`.execute(
      transaction,
    );
    return count;
  });
}
