/** Events in PostgreSQL: a table with a partition per day. A batch is one statement with an array per column. */
import { type Kysely, sql, type Transaction } from "kysely";
import { DatabaseError } from "pg";

import { EVENT_COLUMNS } from "../event-columns.ts";
import type { DayBatch, EventDatabase, RunSql } from "../event-database.ts";
import { boundsOf, dayAfter, dayOfName, type EventDay, nameOfDay } from "../event-day.ts";

const NAMES = sql.join(EVENT_COLUMNS.map(({ name }) => sql.ref(name)));
/** `check_violation` (PostgreSQL manual, appendix A): what a row without a partition is refused with. */
const CHECK_VIOLATION = "23514";
const PARTITION_PREFIX = "events_";

export function postgresEvents(db: Kysely<unknown>): EventDatabase {
  const run: RunSql = async (statement) => (await statement.execute(db)).rows;
  const prepared = new Set<EventDay>();
  /** The day after each is made too, so that it is there before its first event. */
  const prepare = async (batches: readonly DayBatch[]): Promise<void> => {
    for (const { day } of batches.filter((batch) => !prepared.has(batch.day))) {
      await createPartitions(db, [day, dayAfter(day)]);
      prepared.add(day);
    }
  };
  return {
    async append(batches) {
      await prepare(batches);
      try {
        return await insert(db, batches);
      } catch (error) {
        if (!(error instanceof DatabaseError) || error.code !== CHECK_VIOLATION) throw error;
        // Dropped since by another process.
        prepared.clear();
        await prepare(batches);
        return insert(db, batches);
      }
    },
    onDays: run,
    onDay: () => run,
    onDaysBetween: async () => [run],
    dropBefore: (day) => dropPartitions(db, day),
    amongIntegers: (values) => sql`= any(${values}::bigint[])`,
    amongTexts: (values) => sql`= any(${values}::text[])`,
    hasRandomText: (column, values) => sql`${sql.ref(column)} = any(${values}::text[])`,
  };
}

/**
 * The one row of event_positions stays locked until the batch is committed and can be seen: so positions are given out
 * in the order in which they appear, which those of a sequence would not be.
 */
async function insert(db: Kysely<unknown>, batches: readonly DayBatch[]): Promise<number> {
  const rows = batches.flatMap((batch) => batch.rows);
  const columns = EVENT_COLUMNS.map(({ isInteger }, index) => {
    const values = rows.map((row) => row[index]);
    return isInteger ? sql`${values}::bigint[]` : sql`${values}::text[]`;
  });
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
    from given, unnest(${sql.join(columns)}) with ordinality as event (${NAMES}, number)
    on conflict (event_id, timestamp_ms) do nothing`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** `like` and `attach`, as `partition of` would wait for every reader of the events, and they for it. */
async function createPartitions(db: Kysely<unknown>, days: readonly EventDay[]): Promise<void> {
  const missing = await missingPartitions(db, days);
  if (missing.length === 0) return;
  await db.transaction().execute(async (transaction) => {
    // What attaching takes, taken before looking: of several processes one creates, the others find it done.
    await sql`lock table events in share update exclusive mode`.execute(transaction);
    for (const day of await missingPartitions(transaction, days)) {
      const table = sql.table(partitionName(day));
      const { fromMs, toMs } = boundsOf(day);
      const from = fromMs === undefined ? sql`minvalue` : sql.lit(fromMs);
      const to = toMs === undefined ? sql`maxvalue` : sql.lit(toMs);
      await sql`create table ${table} (like events including all)`.execute(transaction);
      await sql`alter table events attach partition ${table} for values from (${from}) to (${to})`.execute(
        transaction,
      );
    }
  });
}

async function missingPartitions(
  db: Kysely<unknown>,
  days: readonly EventDay[],
): Promise<readonly EventDay[]> {
  const existing = new Set((await listPartitions(db)).map(({ day }) => day));
  return [...new Set(days)].filter((day) => !existing.has(day));
}

async function listPartitions(db: Kysely<unknown>): Promise<readonly { name: string; day: EventDay }[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'events'::regclass`.execute(db);
  return rows.flatMap(({ name }) => {
    const day = dayOfName(name.slice(PARTITION_PREFIX.length).replaceAll("_", "-"));
    return day === undefined ? [] : [{ name, day }];
  });
}

function partitionName(day: EventDay): string {
  return `${PARTITION_PREFIX}${nameOfDay(day).replaceAll("-", "_")}`;
}

/** For a moment nobody else may use the events; when that moment doesn't come soon, dropping fails and is tried another time. */
async function dropPartitions(db: Kysely<unknown>, before: EventDay): Promise<number> {
  return db.transaction().execute(async (transaction: Transaction<unknown>) => {
    await sql`set local lock_timeout = '5s'`.execute(transaction);
    await sql`lock table events in access exclusive mode`.execute(transaction);
    const old = (await listPartitions(transaction)).filter(({ day }) => day < before);
    for (const { name } of old) await sql`drop table ${sql.table(name)}`.execute(transaction);
    const { numAffectedRows } = await sql`delete from event_days where day < ${before}`.execute(transaction);
    return Number(numAffectedRows ?? 0n);
  });
}
