/**
 * The worker thread that owns one SQLite connection. `node:sqlite` is synchronous: here a commit that waits for
 * the disk, or for another process, holds up nobody but this database's own users.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

import { storableText } from "../storable-text.ts";

/** What a column or parameter may be on this side; booleans travel as they are and are bound as 0 and 1. */
export type SqliteValue = string | number | bigint | boolean | null | Uint8Array;

export type SqliteRequest =
  | {
      readonly id: number;
      readonly kind: "run";
      readonly sql: string;
      readonly parameters: readonly SqliteValue[];
    }
  /** The statement once per row, all in one transaction. */
  | {
      readonly id: number;
      readonly kind: "run_many";
      readonly sql: string;
      readonly rows: readonly (readonly SqliteValue[])[];
    }
  /** Closes the database and ends the thread. */
  | { readonly id: number; readonly kind: "close" };

export interface SqliteResult {
  readonly rows: readonly Record<string, unknown>[];
  /** Rows inserted, updated or deleted; 0 for a statement that returns rows. */
  readonly changes: number;
}

export type SqliteReply =
  | { readonly id: number; readonly result: SqliteResult }
  | {
      readonly id: number;
      readonly error: { readonly message: string; readonly errcode: number | undefined };
    };

export interface SqliteWorkerData {
  readonly file: string;
  readonly busyTimeoutMs: number;
  readonly walAutocheckpointPages: number;
  readonly cacheKib: number;
}

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}

// Kysely's statements are few, but lists in them make variants without end.
const MAX_PREPARED = 256;
const NO_ROWS: readonly Record<string, unknown>[] = [];

function serve(port: NonNullable<typeof parentPort>, data: SqliteWorkerData): void {
  const db = open(data);
  const prepared = new Map<string, Prepared>();
  port.on("message", (requests: readonly SqliteRequest[]) => {
    const replies = requests.map((request) => answer(db, prepared, request));
    port.postMessage(replies);
    if (!db.isOpen) port.close();
  });
  // The first message says that the database is open; a failure to open ends the thread with its error instead.
  port.postMessage([]);
}

function open(data: SqliteWorkerData): DatabaseSync {
  const db = new DatabaseSync(data.file, { timeout: data.busyTimeoutMs, enableForeignKeyConstraints: true });
  db.exec("pragma journal_mode = wal");
  // FULL: a commit is on the disk before it is answered, also through a power cut.
  db.exec("pragma synchronous = full");
  db.exec(`pragma wal_autocheckpoint = ${data.walAutocheckpointPages}`);
  // A negative size is in KiB (https://sqlite.org/pragma.html#pragma_cache_size).
  db.exec(`pragma cache_size = ${-data.cacheKib}`);
  return db;
}

function answer(db: DatabaseSync, prepared: Map<string, Prepared>, request: SqliteRequest): SqliteReply {
  try {
    return { id: request.id, result: perform(db, prepared, request) };
  } catch (error) {
    return { id: request.id, error: described(error) };
  }
}

function perform(db: DatabaseSync, prepared: Map<string, Prepared>, request: SqliteRequest): SqliteResult {
  switch (request.kind) {
    case "run":
      // After some failures, a full disk among them, SQLite has rolled back already and would call this an error.
      if (request.sql === "rollback" && !db.isTransaction) return { rows: NO_ROWS, changes: 0 };
      return run(prepare(db, prepared, request.sql), request.parameters);
    case "run_many":
      return runMany(db, prepare(db, prepared, request.sql), request.rows);
    case "close":
      prepared.clear();
      db.close();
      return { rows: NO_ROWS, changes: 0 };
  }
}

function run({ statement, returnsRows }: Prepared, parameters: readonly SqliteValue[]): SqliteResult {
  const bound = parameters.map(toBindable);
  if (returnsRows) return { rows: statement.all(...bound), changes: 0 };
  return { rows: NO_ROWS, changes: Number(statement.run(...bound).changes) };
}

function runMany(
  db: DatabaseSync,
  prepared: Prepared,
  rows: readonly (readonly SqliteValue[])[],
): SqliteResult {
  let changes = 0;
  db.exec("begin immediate");
  try {
    for (const row of rows) changes += run(prepared, row).changes;
    db.exec("commit");
  } catch (error) {
    if (db.isTransaction) db.exec("rollback");
    throw error;
  }
  return { rows: NO_ROWS, changes };
}

/** A cache in order of use: the least recently used statement makes room. */
function prepare(db: DatabaseSync, prepared: Map<string, Prepared>, sql: string): Prepared {
  const found = prepared.get(sql) ?? prepareAnew(db, sql);
  prepared.delete(sql);
  prepared.set(sql, found);
  if (prepared.size > MAX_PREPARED) {
    const [leastRecentlyUsed] = prepared.keys();
    if (leastRecentlyUsed !== undefined) prepared.delete(leastRecentlyUsed);
  }
  return found;
}

function prepareAnew(db: DatabaseSync, sql: string): Prepared {
  const statement = db.prepare(sql);
  return { statement, returnsRows: statement.columns().length > 0 };
}

function toBindable(value: SqliteValue): SQLInputValue {
  if (typeof value === "string") return storableText(value);
  return typeof value === "boolean" ? Number(value) : value;
}

function described(error: unknown): { message: string; errcode: number | undefined } {
  const message = error instanceof Error ? error.message : String(error);
  const errcode = error instanceof Error && "errcode" in error ? Number(error.errcode) : undefined;
  return { message, errcode };
}

if (parentPort !== null) serve(parentPort, workerData as SqliteWorkerData);
