/** Threads that own a folder of files by day: one that writes, one that reads, and where people search one for that, so that none waits for another. */
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
  /** For what may take long: nothing else waits for it. */
  readonly searches: DayDatabase;
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
  /** Called when a thread ends unasked or cannot open its files, once for each. */
  readonly onFatal: (error: Error) => void;
}

/** Opens nothing yet: each thread starts when it is first asked for something. */
export function dayThreads<Request>(options: DayThreadsOptions): DayThreads<Request> {
  const thread = (files: DayFilesOptions): ThreadOnDemand<Request | DayRequest> => {
    const data: DayWorkerData = { folder: options.folder, options: files };
    return new ThreadOnDemand(() => startThread(import.meta.url, options.worker, data), options.onFatal);
  };
  const writer = thread(options.writer);
  const readers = [thread(options.reader), thread(options.reader)] as const;
  const [reader, searcher] = readers;
  return {
    writer,
    ...readsOf(reader),
    searches: readsOf(searcher),
    async dropBefore(day) {
      const dropped = await writer.send<number>({ kind: "forget_before", day });
      // Before the files go: SQLite, closing one that is gone, would take away the log of another in its place.
      await Promise.all(readers.map((thread) => thread.sendIfStarted({ kind: "close_before", day })));
      await writer.send<void>({ kind: "remove_forgotten_before", day });
      return dropped;
    },
    close: async () => {
      await Promise.all([writer, ...readers].map((thread) => thread.close()));
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
