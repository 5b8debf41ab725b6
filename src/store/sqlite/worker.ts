/**
 * The worker thread that owns one SQLite connection. `node:sqlite` is synchronous: here a commit that waits for
 * the disk, or for another process, holds up nobody but this database's own users.
 */
import { parentPort, workerData } from "node:worker_threads";

import { serveRequests } from "../../threads/worker-link.ts";
import { openDatabase, type SqliteResult, type SqliteValue } from "./database.ts";

export interface SqliteRequest {
  readonly sql: string;
  readonly parameters: readonly SqliteValue[];
}

export interface SqliteWorkerData {
  readonly file: string;
  readonly busyTimeoutMs: number | undefined;
}

if (parentPort !== null) {
  const { file, busyTimeoutMs } = workerData as SqliteWorkerData;
  const database = openDatabase(file, busyTimeoutMs === undefined ? {} : { busyTimeoutMs });
  serveRequests<SqliteRequest, SqliteResult>(parentPort, {
    perform: ({ sql, parameters }) => database.run(sql, parameters),
    close: () => database.close(),
  });
}
