/**
 * A folder of SQLite files by day: `index.db` lists the days, and each day is a file of its own, `2026-11-22.db`. Small
 * files keep the indexes' random keys in memory, and a day past its retention is a file to unlink.
 *
 * In WAL mode every file commits by itself, also if they were attached to one connection. So a batch over several days
 * is several commits, and one in the index that says which positions are given out: it holds the index's write lock
 * from the first to the last, so that one batch at a time is stored, of whatever process. A crash in between leaves
 * rows in a day that the index doesn't know of. They are as good as any other: the next batch for that day gives
 * them new positions, and storing them again is ignored, as their ids are there.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { SubaccountId } from "../../domain/subaccount.ts";
import type { Column } from "../event-columns.ts";
import { dayOfName, type EventDay, nameOfDay } from "../event-day.ts";
import type { DayTables } from "../read-after.ts";
import {
  createOwnFile,
  openDatabase,
  type SqliteDatabase,
  type SqliteDatabaseOptions,
  type SqliteValue,
} from "./database.ts";

export interface DayFilesOptions extends SqliteDatabaseOptions {
  /** How many days are open at once. */
  readonly maxOpenDays: number;
}

/** What lies in the files. */
export interface DayLayout {
  /** The index's tables. */
  readonly tables: DayTables;
  /** A day's schema: statements that each file runs once, in this order, when it is opened the next time. */
  readonly schema: readonly string[];
  /** The columns of a day's tables that hold positions. */
  readonly positionColumns: readonly (readonly [table: string, column: string])[];
}

export interface DayWork {
  readonly day: EventDay;
}

/** What is to be erased of a day: one tenant's rows of a recipient, at most so many. */
export interface PersonOnDay extends DayWork {
  readonly recipient: string;
  readonly scope: SubaccountId | "all";
  readonly atMost: number;
}

/** With {@link personParameters}. */
export const OF_PERSON = "rcpt_to = ? and subaccount_id = coalesce(?, subaccount_id)";

export function personParameters({ recipient, scope }: Omit<PersonOnDay, "day" | "atMost">): SqliteValue[] {
  return [recipient, scope === "all" ? null : scope];
}

/** Gives positions out, one after the other. */
export class Positions {
  last: number;

  constructor(last: number) {
    this.last = last;
  }

  skip(count: number): void {
    this.last += count;
  }
}

/** `insert into … values (…)`, for a row that begins with its position. */
export function insertInto(table: string, columns: readonly Pick<Column, "name">[]): string {
  const names = ["position", ...columns.map(({ name }) => name)];
  return `insert into ${table} (${names.join(", ")}) values (${names.map(() => "?").join(", ")})`;
}

/** The index's file must be there, with its schema. */
export class DayFiles {
  readonly #folder: string;
  readonly #layout: DayLayout;
  readonly #options: DayFilesOptions;
  readonly #index: SqliteDatabase;
  /** In order of use. */
  readonly #open = new Map<EventDay, SqliteDatabase>();

  constructor(folder: string, layout: DayLayout, options: DayFilesOptions) {
    this.#folder = folder;
    this.#layout = layout;
    this.#options = options;
    this.#index = openDatabase(indexFile(folder), options);
  }

  /**
   * Writes to the days in the order given, each in a transaction of its own. `write` gets the day's file, and takes
   * the next position for each thing that it stores. When it throws, some days may be written.
   */
  write<Work extends DayWork>(
    works: readonly Work[],
    write: (file: SqliteDatabase, work: Work, positions: Positions) => void,
  ): void {
    const { days, positions: counter } = this.#layout.tables;
    this.#index.transaction(() => {
      const before = this.#number(`select last as n from ${counter}`);
      const positions = new Positions(before);
      for (const work of works) {
        const first = positions.last + 1;
        this.#writeDay(work.day, positions, (file) => write(file, work, positions));
        if (positions.last >= first) {
          this.#index.run(
            `insert into ${days} values (?, ?, ?) on conflict (day) do update set last_position = excluded.last_position`,
            [work.day, first, positions.last],
          );
        }
      }
      if (positions.last > before) this.#index.run(`update ${counter} set last = ?`, [positions.last]);
    });
  }

  /** Runs `erase`, which returns how many rows it deleted, on a day of the index. Nor are they left in the day's log. */
  protected eraseOnDay(day: EventDay, erase: (file: SqliteDatabase, positions: Positions) => number): number {
    let erased = 0;
    this.write([{ day }], (file, _work, positions) => {
      erased = erase(file, positions);
    });
    // As far as nobody reads it right now; then the next one does it, or the log's own end.
    if (erased > 0) this.query(day, "pragma wal_checkpoint(truncate)", []);
    return erased;
  }

  /** The days that the index has. */
  days(): readonly EventDay[] {
    return this.#index
      .run(`select day from ${this.#layout.tables.days} order by day`)
      .rows.map((row) => Number(row["day"]));
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
      () => this.#index.run(`delete from ${this.#layout.tables.days} where day < ?`, [day]).changes,
    );
  }

  /** Removes the files of days before this one that the index does not have: also those an earlier try left behind. */
  removeForgottenBefore(day: EventDay): void {
    this.#index.transaction(() => {
      const kept = new Set(this.days());
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

  #writeDay(day: EventDay, positions: Positions, write: (file: SqliteDatabase) => void): void {
    const file = this.#day(day) ?? this.#createDay(day);
    const known = this.#number(
      `select coalesce(max(last_position), 0) as n from ${this.#layout.tables.days} where day = ?`,
      day,
    );
    file.transaction(() => {
      positions.skip(renumber(file, this.#layout.positionColumns, { known, before: positions.last }));
      write(file);
    });
  }

  #number(sql: string, ...parameters: SqliteValue[]): number {
    return Number(this.#index.run(sql, parameters).rows[0]?.["n"] ?? 0);
  }

  #createDay(day: EventDay): SqliteDatabase {
    const file = dayFile(this.#folder, day);
    createOwnFile(file);
    return this.#keep(day, openDay(file, this.#layout, this.#options));
  }

  /** `undefined` when it has no file. */
  #day(day: EventDay): SqliteDatabase | undefined {
    const open = this.#open.get(day);
    if (open !== undefined) return this.#keep(day, open);
    const file = dayFile(this.#folder, day);
    return existsSync(file) ? this.#keep(day, openDay(file, this.#layout, this.#options)) : undefined;
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

function openDay(file: string, { schema }: DayLayout, options: SqliteDatabaseOptions): SqliteDatabase {
  const database = openDatabase(file, options);
  try {
    bringUpToDate(database, schema);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function bringUpToDate(database: SqliteDatabase, schema: readonly string[]): void {
  if (versionOf(database, schema) === schema.length) return;
  database.transaction(() => {
    for (const statement of schema.slice(versionOf(database, schema))) database.run(statement);
    // Not a parameter: a pragma takes none.
    database.run(`pragma user_version = ${schema.length}`);
  });
}

function versionOf(database: SqliteDatabase, schema: readonly string[]): number {
  const version = Number(database.run("pragma user_version").rows[0]?.["user_version"]);
  if (version > schema.length) throw new Error("this day was stored by a newer version of Waypost");
  return version;
}

/** Moves what a crash left beyond the day's known positions behind `before`. Returns how many positions it takes. */
function renumber(
  file: SqliteDatabase,
  columns: DayLayout["positionColumns"],
  { known, before }: { readonly known: number; readonly before: number },
): number {
  const bounds = columns.map(([table, column]) => {
    const text = `select min(${column}) as low, max(${column}) as high from ${table} where ${column} > ?`;
    return file.run(text, [known]).rows[0] as { low: number | null; high: number | null };
  });
  const low = Math.min(...bounds.map((found) => found.low ?? Infinity));
  const high = Math.max(...bounds.map((found) => found.high ?? -Infinity));
  if (low > high) return 0;
  for (const [table, column] of columns) {
    // By way of negative ones: a position must not meet one that is still to move.
    file.run(`update ${table} set ${column} = -${column} where ${column} > ?`, [known]);
    file.run(`update ${table} set ${column} = ? - ${column} where ${column} < 0`, [before + 1 - low]);
  }
  return high - low + 1;
}
