/**
 * Events in SQLite files: `index.db` lists the days, and each day is a file of its own, `2026-11-22.db`. Small files keep
 * the indexes' random keys in memory, and a day past its retention is a file to unlink.
 *
 * In WAL mode every file commits by itself, also if they were attached to one connection. So a batch over several days
 * is several commits, and one in the index that says which positions are given out: it holds the index's write lock
 * from the first to the last, so that one batch at a time is stored, of whatever process. A crash in between leaves
 * events in a day that the index doesn't know of. They are as good as any other: the next batch for that day gives
 * them new positions, and appending them again is ignored, as their ids are there.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { EVENT_COLUMNS, type EventRow } from "../event-columns.ts";
import type { DayBatch } from "../event-database.ts";
import { dayOfName, type EventDay, nameOfDay } from "../event-day.ts";
import {
  createOwnFile,
  openDatabase,
  type SqliteDatabase,
  type SqliteDatabaseOptions,
  type SqliteValue,
} from "./database.ts";
import { EVENT_DAY_SCHEMA } from "./event-day-schema.ts";

export interface EventFilesOptions extends SqliteDatabaseOptions {
  /** How many days are open at once. */
  readonly maxOpenDays: number;
}

const NAMES = ["position", ...EVENT_COLUMNS.map(({ name }) => name)];
// An id that is there is skipped; a position that is there would be a mistake, and is refused.
const INSERT = `insert into events (${NAMES.join(", ")}) values (${NAMES.map(() => "?").join(", ")}) on conflict (event_id) do nothing`;

/** The index's file must be there, with its schema. */
export class EventFiles {
  readonly #folder: string;
  readonly #options: EventFilesOptions;
  readonly #index: SqliteDatabase;
  /** In order of use. */
  readonly #open = new Map<EventDay, SqliteDatabase>();

  constructor(folder: string, options: EventFilesOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#index = openDatabase(indexFile(folder), options);
  }

  /** Stores the days in the order given, and returns how many events were new. When it throws, some days may be stored. */
  append(batches: readonly DayBatch[]): number {
    return this.#index.transaction(() => {
      const before = this.#number("select last as n from event_positions");
      let last = before;
      let added = 0;
      for (const { day, rows } of batches) {
        const first = last + 1;
        const appended = this.#appendDay(day, rows, last);
        last = appended.last;
        added += appended.added;
        if (last >= first) {
          this.#index.run(
            "insert into event_days values (?, ?, ?) on conflict (day) do update set last_position = excluded.last_position",
            [day, first, last],
          );
        }
      }
      if (last > before) this.#index.run("update event_positions set last = ?", [last]);
      return added;
    });
  }

  /** Rows of a day's file. None when it has no file. */
  query(day: EventDay, sql: string, parameters: readonly SqliteValue[]): readonly Record<string, unknown>[] {
    return this.#day(day)?.run(sql, parameters).rows ?? [];
  }

  queryIndex(sql: string, parameters: readonly SqliteValue[]): readonly Record<string, unknown>[] {
    return this.#index.run(sql, parameters).rows;
  }

  /** Closes the files of the days before this one. */
  closeBefore(day: EventDay): void {
    for (const open of [...this.#open.keys()].filter((other) => other < day)) this.#closeDay(open);
  }

  /** Takes the days before this one out of the index: from then on nobody opens their files. Returns how many. */
  forgetBefore(day: EventDay): number {
    this.closeBefore(day);
    return this.#index.transaction(
      () => this.#index.run("delete from event_days where day < ?", [day]).changes,
    );
  }

  /** Removes the files of days before this one that the index does not have: also those an earlier try left behind. */
  removeForgottenBefore(day: EventDay): void {
    this.#index.transaction(() => {
      const kept = new Set(this.#index.run("select day from event_days").rows.map((row) => row["day"]));
      for (const name of readdirSync(this.#folder)) {
        const found = dayOfName(name.replace(/\.db(-wal|-shm)?$/, ""));
        if (found !== undefined && found < day && !kept.has(found)) rmSync(join(this.#folder, name));
      }
    });
  }

  close(): void {
    for (const day of [...this.#open.keys()]) this.#closeDay(day);
    this.#index.close();
  }

  #appendDay(day: EventDay, rows: readonly EventRow[], before: number): { last: number; added: number } {
    const file = this.#day(day) ?? this.#createDay(day);
    const known = this.#number(
      "select coalesce(max(last_position), 0) as n from event_days where day = ?",
      day,
    );
    return file.transaction(() => {
      let last = before + renumber(file, known, before);
      let added = 0;
      for (const row of rows) {
        const { changes } = file.run(INSERT, [last + 1, ...row]);
        last += changes;
        added += changes;
      }
      return { last, added };
    });
  }

  #number(sql: string, ...parameters: SqliteValue[]): number {
    return Number(this.#index.run(sql, parameters).rows[0]?.["n"] ?? 0);
  }

  #createDay(day: EventDay): SqliteDatabase {
    const file = dayFile(this.#folder, day);
    createOwnFile(file);
    return this.#keep(day, openDay(file, this.#options));
  }

  /** `undefined` when it has no file. */
  #day(day: EventDay): SqliteDatabase | undefined {
    const open = this.#open.get(day);
    if (open !== undefined) return this.#keep(day, open);
    const file = dayFile(this.#folder, day);
    return existsSync(file) ? this.#keep(day, openDay(file, this.#options)) : undefined;
  }

  /** The least recently used day makes room. */
  #keep(day: EventDay, file: SqliteDatabase): SqliteDatabase {
    this.#open.delete(day);
    this.#open.set(day, file);
    const [leastRecentlyUsed] = this.#open.keys();
    if (this.#open.size > this.#options.maxOpenDays && leastRecentlyUsed !== undefined)
      this.#closeDay(leastRecentlyUsed);
    return file;
  }

  #closeDay(day: EventDay): void {
    this.#open.get(day)?.close();
    this.#open.delete(day);
  }
}

/** The file that lists the days. */
export function indexFile(folder: string): string {
  return join(folder, "index.db");
}

function dayFile(folder: string, day: EventDay): string {
  return join(folder, `${nameOfDay(day)}.db`);
}

function openDay(file: string, options: SqliteDatabaseOptions): SqliteDatabase {
  const database = openDatabase(file, options);
  try {
    bringUpToDate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function bringUpToDate(database: SqliteDatabase): void {
  if (versionOf(database) === EVENT_DAY_SCHEMA.length) return;
  database.transaction(() => {
    for (const statement of EVENT_DAY_SCHEMA.slice(versionOf(database))) database.run(statement);
    // Not a parameter: a pragma takes none.
    database.run(`pragma user_version = ${EVENT_DAY_SCHEMA.length}`);
  });
}

function versionOf(database: SqliteDatabase): number {
  const version = Number(database.run("pragma user_version").rows[0]?.["user_version"]);
  if (version > EVENT_DAY_SCHEMA.length)
    throw new Error("this day of events was stored by a newer version of Waypost");
  return version;
}

/** Moves the events that a crash left beyond the day's known positions behind `before`. Returns how many positions they take. */
function renumber(file: SqliteDatabase, known: number, before: number): number {
  const stray = file.run(
    "select min(position) as low, max(position) as high from events where position > ?",
    [known],
  ).rows[0];
  if (typeof stray?.["low"] !== "number" || typeof stray["high"] !== "number") return 0;
  const { low, high } = stray as { low: number; high: number };
  // By way of negative ones: a position must not meet one that is still to move.
  file.run("update events set position = -position where position > ?", [known]);
  file.run("update events set position = ? - position where position < 0", [before + 1 - low]);
  return high - low + 1;
}
