/**
 * An exclusive lock that lives exactly as long as its process: the kernel drops it on `kill -9`, so nobody
 * ever has to remove a stale pid file.
 *
 * Node has no flock; SQLite's exclusive transaction is a POSIX record lock on the file (held between
 * processes, containers that share the volume included, on Linux, macOS and Windows alike).
 */
import { DatabaseSync } from "node:sqlite";

const SQLITE_BUSY = 5;

export interface FileLock {
  release(): void;
}

/** Takes the lock, or returns `undefined` when another holder has it. The folder must exist. */
export function lockFile(path: string): FileLock | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec("BEGIN EXCLUSIVE");
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}
