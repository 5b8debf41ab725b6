/** A SQLite database in the thread that calls it: durable by default, its statements prepared once. */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

import { storableText } from "../storable-text.ts";

/** What a column or parameter may be; booleans are bound as 0 and 1. */
export type SqliteValue = string | number | bigint | boolean | null | Uint8Array;

export interface SqliteResult {
  readonly rows: readonly Record<string, unknown>[];
  /** Rows inserted, updated or deleted; 0 for a statement that returns rows. */
  readonly changes: number;
}

export interface SqliteDatabaseOptions {
  /** How long a statement waits for another connection's transaction before it fails with "database is locked". */
  readonly busyTimeoutMs?: number;
  /** The write-ahead log's size, in pages of 4 KiB, at which it is copied back into the database. */
  readonly walAutocheckpointPages?: number;
  /** How much of the database is kept in memory. */
  readonly cacheKib?: number;
}

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}

const BUSY_TIMEOUT_MS = 5000;
// SQLite's own defaults.
const WAL_AUTOCHECKPOINT_PAGES = 1000;
const CACHE_KIB = 2000;
// Kysely's statements are few, but lists in them make variants without end.
const MAX_PREPARED = 256;
const NO_ROWS: readonly Record<string, unknown>[] = [];

/** Creates the file, unless it is there, readable to its owner alone. SQLite gives its -wal and -shm the same permissions. */
export function createOwnFile(file: string): void {
  closeSync(openSync(file, "a", 0o600));
}

/** Throws when there is no such file, or it is not a database. Never creates one: between looking and opening it may be gone. */
export function openDatabase(file: string, options: SqliteDatabaseOptions = {}): SqliteDatabase {
  // https://sqlite.org/uri.html: the plain name would create the file.
  const uri = pathToFileURL(file);
  uri.searchParams.set("mode", "rw");
  const db = new DatabaseSync(uri, {
    timeout: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
    enableForeignKeyConstraints: true,
  });
  db.exec("pragma journal_mode = wal");
  // FULL: a commit is on the disk before it is answered, also through a power cut.
  db.exec("pragma synchronous = full");
  // What is deleted, or moved to another page, is overwritten with zeros where it was: an erased person is not left in a gap of a page.
  // Costs appending nothing that could be measured.
  db.exec("pragma secure_delete = on");
  db.exec(`pragma wal_autocheckpoint = ${options.walAutocheckpointPages ?? WAL_AUTOCHECKPOINT_PAGES}`);
  // A negative size is in KiB (https://sqlite.org/pragma.html#pragma_cache_size).
  db.exec(`pragma cache_size = ${-(options.cacheKib ?? CACHE_KIB)}`);
  return new SqliteDatabase(db);
}

export class SqliteDatabase {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  run(sql: string, parameters: readonly SqliteValue[] = []): SqliteResult {
    // After some failures, a full disk among them, SQLite has rolled back already and would call this an error.
    if (sql === "rollback" && !this.#db.isTransaction) return { rows: NO_ROWS, changes: 0 };
    const { statement, returnsRows } = this.#prepare(sql);
    const bound = parameters.map(toBindable);
    if (returnsRows) return { rows: statement.all(...bound), changes: 0 };
    return { rows: NO_ROWS, changes: Number(statement.run(...bound).changes) };
  }

  /**
   * Runs `work` in a transaction that has the write lock from its start, and takes back what it did when it throws.
   * Nothing is written to disk when `work` changes nothing.
   */
  transaction<T>(work: () => T): T {
    this.run("begin immediate");
    try {
      const result = work();
      this.run("commit");
      return result;
    } catch (error) {
      this.run("rollback");
      throw error;
    }
  }

  close(): void {
    this.#prepared.clear();
    this.#db.close();
  }

  /** A cache in order of use: the least recently used statement makes room. */
  #prepare(sql: string): Prepared {
    const found = this.#prepared.get(sql) ?? this.#prepareAnew(sql);
    this.#prepared.delete(sql);
    this.#prepared.set(sql, found);
    if (this.#prepared.size > MAX_PREPARED) {
      const [leastRecentlyUsed] = this.#prepared.keys();
      if (leastRecentlyUsed !== undefined) this.#prepared.delete(leastRecentlyUsed);
    }
    return found;
  }

  #prepareAnew(sql: string): Prepared {
    const statement = this.#db.prepare(sql);
    return { statement, returnsRows: statement.columns().length > 0 };
  }
}

function toBindable(value: SqliteValue): SQLInputValue {
  if (typeof value === "string") return storableText(value);
  return typeof value === "boolean" ? Number(value) : value;
}
