/** Events in SQLite. */
import { sql } from "kysely";

import { EVENT_TABLES } from "../event-columns.ts";
import type { EventDatabase } from "../event-database.ts";
import { dayOf } from "../event-day.ts";
import { type DayThreads, dayThreads, eraseOnDays } from "./day-threads.ts";
import { planDay } from "./event-plan.ts";
import type { EventRequest } from "./event-worker.ts";

export interface SqliteEventDatabase extends EventDatabase {
  close(): Promise<void>;
}

/**
 * With SQLite's defaults a stream of events spends most of its time copying the log back into the database (4 MiB at
 * a time) and reading the pages of its indexes again. Late events are few: two days are busy at most, around midnight.
 */
const WRITER = { maxOpenDays: 4, walAutocheckpointPages: 16_384, cacheKib: 32_768 };
/** A month's days stay open: opening one takes longer than most searches in it. */
const READER = { maxOpenDays: 40, cacheKib: 2048 };

/** The folder must have its index, with its schema. `onFatal` is called once, when a thread ends unasked. */
export function openSqliteEvents(folder: string, onFatal: (error: Error) => void): SqliteEventDatabase {
  const threads = dayThreads<EventRequest>({
    worker: "event-worker",
    folder,
    writer: WRITER,
    reader: READER,
    onFatal,
  });
  return { ...createDatabase(threads), close: threads.close };
}

function createDatabase(threads: DayThreads<EventRequest>): EventDatabase {
  const { writer, onDays, onDay, searches, dropBefore } = threads;
  return {
    append: (batches) => writer.send<number>({ kind: "append", batches }),
    reclassify: (batches) => writer.send<number>({ kind: "reclassify", batches }),
    erase: (recipient, scope) =>
      eraseOnDays(onDays, EVENT_TABLES.days, (part) =>
        writer.send<number>({ kind: "erase", recipient, scope, ...part }),
      ),
    onDays,
    onDay,
    async scans(conditions, range) {
      const [first, last] = [dayOf(range.fromMs), dayOf(range.toMs - 1)];
      const days = await searches.onDays(sql<{ day: number }>`
        select day from event_days where day between ${first} and ${last} order by day desc`);
      return days.map(({ day }) => {
        const run = searches.onDay(day);
        return { run, plan: () => planDay(run, conditions, range) };
      });
    },
    dropBefore,
  };
}
