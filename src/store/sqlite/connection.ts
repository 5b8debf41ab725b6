/** One SQLite database in a worker thread of its own, reached by messages. */
import { closeSync, openSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import type { SqliteReply, SqliteRequest, SqliteResult, SqliteValue, SqliteWorkerData } from "./worker.ts";

export interface SqliteOptions {
  /** How long a statement waits for another process's transaction before it fails with "database is locked". */
  readonly busyTimeoutMs?: number;
  /** The write-ahead log's size, in pages of 4 KiB, at which it is copied back into the database. */
  readonly walAutocheckpointPages?: number;
  /** How much of the database is kept in memory. */
  readonly cacheKib?: number;
}

/** A statement that SQLite refused, with its extended result code (https://sqlite.org/rescode.html). */
export class SqliteError extends Error {
  override readonly name = "SqliteError";
  readonly errcode: number | undefined;

  constructor(message: string, errcode: number | undefined) {
    super(message);
    this.errcode = errcode;
  }
}

/** Statements run in the order of the calls. After `close`, and after the thread's death, every call rejects. */
export interface SqliteConnection {
  run(sql: string, parameters?: readonly SqliteValue[]): Promise<SqliteResult>;
  /** Runs the statement once per row, all in one transaction of its own. Never call it inside another. */
  runMany(sql: string, rows: readonly (readonly SqliteValue[])[]): Promise<SqliteResult>;
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (result: SqliteResult) => void;
  readonly reject: (error: Error) => void;
}

const BUSY_TIMEOUT_MS = 5000;
// SQLite's own defaults.
const WAL_AUTOCHECKPOINT_PAGES = 1000;
const CACHE_KIB = 2000;

/** Opens the file, and creates it readable to its owner alone. Rejects when it cannot be opened or is not a database. */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<SqliteConnection> {
  // SQLite gives the -wal and -shm files the permissions of the database.
  closeSync(openSync(file, "a", 0o600));
  const workerData: SqliteWorkerData = {
    file,
    busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
    walAutocheckpointPages: options.walAutocheckpointPages ?? WAL_AUTOCHECKPOINT_PAGES,
    cacheKib: options.cacheKib ?? CACHE_KIB,
  };
  // Beside this file, as .ts in development and as .js in the package: tsc rewrites imports, not URLs.
  const workerFile = new URL(`./worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
  return connectToWorker(new Worker(workerFile, { workerData, execArgv: [] }));
}

/** For a thread that speaks as worker.ts does. Rejects when it ends before it has said anything. */
export async function connectToWorker(worker: Worker): Promise<SqliteConnection> {
  const connection = new WorkerConnection(worker);
  await connection.opened;
  return connection;
}

class WorkerConnection implements SqliteConnection {
  /** Settles when the database is open, or cannot be. */
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #outbox: SqliteRequest[] = [];
  #nextId = 0;
  #failure: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opened = promise;
    worker.on("message", (replies: readonly SqliteReply[]) => {
      resolve();
      for (const reply of replies) this.#settle(reply);
    });
    const fail = (error: Error): void => {
      reject(error);
      this.#fail(error);
    };
    worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on("messageerror", fail);
    worker.on("exit", () => fail(new Error("the SQLite worker thread has ended")));
  }

  run(sql: string, parameters: readonly SqliteValue[] = []): Promise<SqliteResult> {
    return this.#send({ id: this.#nextId++, kind: "run", sql, parameters });
  }

  runMany(sql: string, rows: readonly (readonly SqliteValue[])[]): Promise<SqliteResult> {
    return this.#send({ id: this.#nextId++, kind: "run_many", sql, rows });
  }

  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    const closed = this.#send({ id: this.#nextId++, kind: "close" });
    this.#failure = new Error("the database is closed");
    await closed;
    await this.#worker.terminate();
  }

  #send(request: SqliteRequest): Promise<SqliteResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // One message for all that is asked in one turn: a message costs more than most statements.
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    this.#outbox.push(request);
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
    });
  }

  #flush(): void {
    const requests = this.#outbox;
    this.#outbox = [];
    try {
      this.#worker.postMessage(requests);
    } catch (error) {
      // A parameter that no message can carry. All of this turn's calls fail: the others were not sent either.
      for (const { id } of requests)
        this.#settle({ id, error: { message: String(error), errcode: undefined } });
    }
  }

  #settle(reply: SqliteReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("result" in reply) waiting?.resolve(reply.result);
    else waiting?.reject(new SqliteError(reply.error.message, reply.error.errcode));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
