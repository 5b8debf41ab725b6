/** Threads that own a folder of files by day: one that writes and one that reads, so that neither waits for the other. */
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

import { ThreadOnDemand } from "../../threads/thread-on-demand.ts";
import { startThread } from "../../threads/worker-link.ts";
import type { EventDay } from "../event-day.ts";
import type { DayDatabase, RunSql } from "../read-after.ts";
import type { SqliteValue } from "./database.ts";
import type { DayFilesOptions } from "./day-files.ts";
import type { DayRequest, DayWorkerData } from "./day-worker.ts";

export interface DayThreads<Request> extends DayDatabase {
  readonly writer: ThreadOnDemand<Request | DayRequest>;
  dropBefore(day: EventDay): Promise<number>;
  close(): Promise<void>;
}

export interface DayThreadsOptions {
  /** The worker's file, without its ending. */
  readonly worker: "event-worker" | "message-worker";
  /** Must have its index, with its schema. */
  readonly folder: string;
  readonly writer: DayFilesOptions;
  readonly reader: DayFilesOptions;
  /** Called once, when a thread ends unasked. */
  readonly onFatal: (error: Error) => void;
}

/** Opens nothing yet: each thread starts when it is first asked for something. */
export function dayThreads<Request>(options: DayThreadsOptions): DayThreads<Request> {
  const thread = (files: DayFilesOptions): ThreadOnDemand<Request | DayRequest> => {
    const data: DayWorkerData = { folder: options.folder, options: files };
    return new ThreadOnDemand(() => startThread(import.meta.url, options.worker, data), options.onFatal);
  };
  const [writer, reader] = [thread(options.writer), thread(options.reader)];
  return {
    writer,
    ...readsOf(reader),
    async dropBefore(day) {
      const dropped = await writer.send<number>({ kind: "forget_before", day });
      // Before the files go: SQLite, closing one that is gone, would take away the log of another in its place.
      await reader.send<void>({ kind: "close_before", day });
      await writer.send<void>({ kind: "remove_forgotten_before", day });
      return dropped;
    },
    close: async () => {
      await Promise.all([writer.close(), reader.close()]);
    },
  };
}

/** Rows that go in one transaction: what waits for the file meanwhile waits for milliseconds. */
const ERASED_AT_ONCE = 1000;

/** Day after day, and piece by piece, so that appending gets its turns in between. */
export async function eraseOnDays(
  onDays: RunSql,
  table: string,
  erase: (part: { readonly day: EventDay; readonly atMost: number }) => Promise<number>,
): Promise<number> {
  const days = await onDays(sql<{ day: EventDay }>`select day from ${sql.table(table)} order by day`);
  let erased = 0;
  for (const { day } of days) {
    let piece: number;
    do {
      piece = await erase({ day, atMost: ERASED_AT_ONCE });
      erased += piece;
    } while (piece === ERASED_AT_ONCE);
  }
  return erased;
}

function readsOf<Request>(reader: ThreadOnDemand<Request | DayRequest>): DayDatabase {
  const compile = createCompiler();
  const query = async <Row>(
    day: EventDay | undefined,
    statement: RawBuilder<Row>,
  ): Promise<readonly Row[]> => {
    const { sql: text, parameters } = compile(statement);
    return reader.send<readonly Row[]>({
      kind: "query",
      day,
      sql: text,
      parameters: parameters as readonly SqliteValue[],
    });
  };
  return {
    onDays: (statement) => query(undefined, statement),
    onDay: (day): RunSql => {
      return (statement) => query(day, statement);
    },
  };
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
