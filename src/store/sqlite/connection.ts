/** One SQLite database in a worker thread of its own, reached by messages. */
import type { Worker } from "node:worker_threads";

import { startThread, WorkerLink } from "../../threads/worker-link.ts";
import { createOwnFile, openDatabase, type SqliteResult, type SqliteValue } from "./database.ts";
import type { SqliteRequest, SqliteWorkerData } from "./worker.ts";

export interface SqliteOptions {
  /** How long a statement waits for another process's transaction before it fails with "database is locked". */
  readonly busyTimeoutMs?: number;
  /** Called once, when the thread ends without being asked to: no statement will ever succeed again. */
  readonly onFatal?: (error: Error) => void;
}

/** Statements run in the order of the calls. After `close`, and after the thread's death, every call rejects. */
export interface SqliteConnection {
  run(sql: string, parameters?: readonly SqliteValue[]): Promise<SqliteResult>;
  close(): Promise<void>;
}

/** Opens the file, and creates it readable to its owner alone. Rejects when it cannot be opened or is not a database. */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<SqliteConnection> {
  createOwnFile(file);
  const workerData: SqliteWorkerData = { file, busyTimeoutMs: options.busyTimeoutMs };
  return connectToWorker(startThread(import.meta.url, "worker", workerData), options.onFatal);
}

/** The same without a thread: for what is short, and while nobody else waits for this one. */
export function openSqliteHere(file: string): SqliteConnection {
  createOwnFile(file);
  const database = openDatabase(file);
  return {
    run: async (sql, parameters) => database.run(sql, parameters),
    close: async () => database.close(),
  };
}

/** For a thread that speaks as worker.ts does. Rejects when it ends before it has said anything. */
export async function connectToWorker(
  worker: Worker,
  onFatal: (error: Error) => void = () => {},
): Promise<SqliteConnection> {
  const link = new WorkerLink<SqliteRequest>(worker, onFatal);
  await link.opened;
  return {
    run: (sql, parameters = []) => link.send<SqliteResult>({ sql, parameters }),
    close: () => link.close(),
  };
}
