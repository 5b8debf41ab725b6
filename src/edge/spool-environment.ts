/** The lmdb settings the spool depends on, in the one place where writers and readers open an environment. */
import { closeSync, openSync, readSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";

import { open, type RootDatabase } from "lmdb";

const DATA_FILE = "data.mdb";
const LOCK_FILE = "data.mdb-lock";
/** More than an empty environment and its lock take. */
const ROOM_FOR_NEW_FILES = 1024 * 1024;
// MDB_page and MDB_meta in lmdb's mdb.c: the header of page 0, then the magic number.
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;

/** Opens a slot's environment; one that is missing is created. Throws when the disk refuses or the file is damaged. */
export function openEnvironment(directory: string): RootDatabase<Buffer, Buffer> {
  const path = join(directory, DATA_FILE);
  checkBeforeOpening(directory, path);
  return open<Buffer, Buffer>({
    path,
    encoding: "binary",
    keyEncoding: "binary",
    // A commit's promise then resolves after its fsync. With overlapping syncs it resolves before, and
    // `flushed`, the promise for the rest, never settles once a commit has failed.
    overlappingSync: false,
    // Batching by event turn wraps our batches in one of lmdb's own, whose promise nobody can reach: each
    // failed commit (a full disk) would be an unhandled rejection and end the process.
    eventTurnBatching: false,
  });
}

/** Whether the slot has ever been written. */
export function hasEnvironment(directory: string): boolean {
  return fileSize(join(directory, DATA_FILE)) > 0;
}

// lmdb 3.5.6 ends the process (SIGSEGV, SIGBUS) when an environment can't be opened: a file that is not one,
// or a disk without room for a new one. So what it would stumble over is looked at first.
function checkBeforeOpening(directory: string, path: string): void {
  const size = fileSize(path);
  if (size > 0 && !startsLikeAnEnvironment(path)) throw new Error(`${path} is damaged`);
  if (size > 0 && fileSize(join(directory, LOCK_FILE)) > 0) return;
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize < ROOM_FOR_NEW_FILES) throw new Error(`no room for a spool in ${directory}`);
}

function startsLikeAnEnvironment(path: string): boolean {
  const start = Buffer.alloc(MAGIC_OFFSET + 4);
  const file = openSync(path, "r");
  try {
    return readSync(file, start) === start.length && start.readUInt32LE(MAGIC_OFFSET) === MAGIC;
  } finally {
    closeSync(file);
  }
}

function fileSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Keeps the detail of a failed commit from becoming an unhandled rejection, and gives its code. */
export async function commitErrorCode(error: unknown): Promise<string> {
  const detail: unknown =
    error instanceof Error && "commitError" in error ? await settled(error.commitError) : error;
  if (detail instanceof Error && "code" in detail) return String(detail.code);
  return "unknown";
}

async function settled(commitError: unknown): Promise<unknown> {
  try {
    return await commitError;
  } catch (detail) {
    return detail;
  }
}
