/** Tables that are partitioned by UTC day: `events_2026_11_22` and the like. */
import { type Kysely, sql, type Transaction } from "kysely";
import { DatabaseError } from "pg";

import { boundsOf, dayAfter, dayOfName, type EventDay, nameOfDay } from "../event-day.ts";

/** Tables that are made and dropped together. */
export interface PartitionedTables {
  readonly tables: readonly [string, ...string[]];
  /** What the column that they are partitioned by counts. */
  readonly unit: "milliseconds" | "seconds";
  /** The table that lists the days. */
  readonly daysTable: string;
}

/** `check_violation` (PostgreSQL manual, appendix A): what a row without a partition is refused with. */
const CHECK_VIOLATION = "23514";

/** Runs `insert` with the partitions of these days there. The day after each is made too, so that it is there before its first row. */
export function createPartitionKeeper(
  db: Kysely<unknown>,
  partitioned: PartitionedTables,
): <T>(days: readonly EventDay[], insert: () => Promise<T>) => Promise<T> {
  const prepared = new Set<EventDay>();
  const prepare = async (days: readonly EventDay[]): Promise<void> => {
    for (const day of days.filter((wanted) => !prepared.has(wanted))) {
      await createPartitions(db, partitioned, [day, dayAfter(day)]);
      prepared.add(day);
    }
  };
  return async (days, insert) => {
    await prepare(days);
    try {
      return await insert();
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== CHECK_VIOLATION) throw error;
      // Dropped since by another process.
      prepared.clear();
      await prepare(days);
      return insert();
    }
  };
}

/** `like` and `attach`, as `partition of` would wait for every reader of the table, and they for it. */
async function createPartitions(
  db: Kysely<unknown>,
  { tables, unit }: PartitionedTables,
  days: readonly EventDay[],
): Promise<void> {
  if ((await missingPartitions(db, tables[0], days)).length === 0) return;
  await db.transaction().execute(async (transaction) => {
    // What attaching takes, taken before looking: of several processes one creates, the others find it done. The partitions are
    // left alone: each that is being vacuumed would keep ingest waiting.
    await sql`lock table only ${sql.table(tables[0])} in share update exclusive mode`.execute(transaction);
    for (const day of await missingPartitions(transaction, tables[0], days)) {
      const { fromMs, toMs } = boundsOf(day);
      const from =
        fromMs === undefined ? sql`minvalue` : sql.lit(unit === "seconds" ? fromMs / 1000 : fromMs);
      const to = toMs === undefined ? sql`maxvalue` : sql.lit(unit === "seconds" ? toMs / 1000 : toMs);
      for (const parent of tables) {
        const table = sql.table(partitionName(parent, day));
        await sql`create table ${table} (like ${sql.table(parent)} including all)`.execute(transaction);
        await sql`alter table ${sql.table(parent)} attach partition ${table} for values from (${from}) to (${to})`.execute(
          transaction,
        );
      }
    }
  });
}

async function missingPartitions(
  db: Kysely<unknown>,
  table: string,
  days: readonly EventDay[],
): Promise<readonly EventDay[]> {
  const existing = new Set((await listPartitions(db, table)).map(({ day }) => day));
  return [...new Set(days)].filter((day) => !existing.has(day));
}

async function listPartitions(
  db: Kysely<unknown>,
  table: string,
): Promise<readonly { name: string; day: EventDay }[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = ${table}::regclass`.execute(db);
  return rows.flatMap(({ name }) => {
    const day = dayOfName(name.slice(table.length + 1).replaceAll("_", "-"));
    return day === undefined ? [] : [{ name, day }];
  });
}

function partitionName(table: string, day: EventDay): string {
  return `${table}_${nameOfDay(day).replaceAll("-", "_")}`;
}

/** For a moment nobody else may use the tables; when that moment doesn't come soon, dropping fails and is tried another time. */
export async function dropPartitions(
  db: Kysely<unknown>,
  { tables, daysTable }: PartitionedTables,
  before: EventDay,
): Promise<number> {
  return db.transaction().execute(async (transaction: Transaction<unknown>) => {
    await sql`set local lock_timeout = '5s'`.execute(transaction);
    for (const table of tables) {
      await sql`lock table ${sql.table(table)} in access exclusive mode`.execute(transaction);
      const old = (await listPartitions(transaction, table)).filter(({ day }) => day < before);
      for (const { name } of old) await sql`drop table ${sql.table(name)}`.execute(transaction);
    }
    const { numAffectedRows } = await sql`
      delete from ${sql.table(daysTable)} where day < ${before}`.execute(transaction);
    return Number(numAffectedRows ?? 0n);
  });
}
