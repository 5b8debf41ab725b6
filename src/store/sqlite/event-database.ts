/** Events in SQLite: one thread that writes and one that reads, so that neither waits for the other. */
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  type RawBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from "kysely";

import type { EventDatabase, RunSql } from "../event-database.ts";
import { startWorker } from "./connection.ts";
import type { SqliteValue } from "./database.ts";
import { IN_EACH_SEGMENT } from "./event-day-schema.ts";
import type { EventRequest, EventWorkerData } from "./event-worker.ts";
import { WorkerLink } from "./worker-link.ts";

export interface SqliteEventDatabase extends EventDatabase {
  close(): Promise<void>;
}

/**
 * With SQLite's defaults a stream of events spends most of its time copying the log back into the database (4 MiB at
 * a time) and reading the pages of its indexes again. Late events are few: two days are busy at most, around midnight.
 */
const WRITER = { maxOpenDays: 4, walAutocheckpointPages: 16_384, cacheKib: 32_768 };
const READER = { maxOpenDays: 16, cacheKib: 4096 };

/** The folder must have its index, with its schema. `onFatal` is called once, when a thread ends unasked. */
export async function openSqliteEvents(
  folder: string,
  onFatal: (error: Error) => void,
): Promise<SqliteEventDatabase> {
  const open = (options: EventWorkerData["options"]) =>
    new WorkerLink<EventRequest>(startWorker("event-worker", { folder, options }), onFatal);
  const writer = open(WRITER);
  const reader = open(READER);
  const close = async (): Promise<void> => {
    await Promise.all([writer.close(), reader.close()]);
  };
  const opened = await Promise.allSettled([writer.opened, reader.opened]);
  const failed = opened.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return { ...createDatabase(writer, reader), close };
}

function createDatabase(writer: WorkerLink<EventRequest>, reader: WorkerLink<EventRequest>): EventDatabase {
  const compile = createCompiler();
  const query = async <Row>(day: number | undefined, statement: RawBuilder<Row>): Promise<readonly Row[]> => {
    const { sql: text, parameters } = compile(statement);
    return reader.send<readonly Row[]>({
      kind: "query",
      day,
      sql: text,
      parameters: parameters as readonly SqliteValue[],
    });
  };
  const onDays: RunSql = (statement) => query(undefined, statement);
  const onDay = (day: number): RunSql => {
    return (statement) => query(day, statement);
  };
  return {
    append: (batches) => writer.send<number>({ kind: "append", batches }),
    onDays,
    onDay,
    async onDaysBetween(first, last) {
      const days = await onDays(sql<{ day: number }>`
        select day from event_days where day between ${first} and ${last} order by day desc`);
      return days.map(({ day }) => onDay(day));
    },
    async dropBefore(day) {
      const dropped = await writer.send<number>({ kind: "forget_before", day });
      // Before the files go: SQLite, closing one that is gone, would take away the log of another in its place.
      await reader.send<void>({ kind: "close_before", day });
      await writer.send<void>({ kind: "remove_forgotten_before", day });
      return dropped;
    },
    // Not JSON.stringify, which refuses a bigint. SQLite reads JSON's integers with all their 64 bits.
    amongIntegers: (values) => sql`in (select value from json_each(${`[${values.join(",")}]`}))`,
    amongTexts,
    hasRandomText: (column, values) =>
      sql`${sql.raw(IN_EACH_SEGMENT)} and ${sql.ref(column)} ${amongTexts(values)}`,
  };
}

function amongTexts(values: readonly string[]): RawBuilder<unknown> {
  return sql`in (select value from json_each(${JSON.stringify(values)}))`;
}

/** Kysely that only writes the SQL: the same statement goes to many files. */
function createCompiler(): (statement: RawBuilder<unknown>) => CompiledQuery {
  const kysely = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  return (statement) => statement.compile(kysely);
}
