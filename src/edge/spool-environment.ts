/** The lmdb settings the spool depends on, in the one place where writers and readers open an environment. */
import { closeSync, openSync, readSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";

import { open, type RootDatabase } from "lmdb";

export const DATA_FILE = "data.mdb";
const LOCK_FILE = "data.mdb-lock";
/** More than an empty environment and its lock take. */
const ROOM_FOR_NEW_FILES = 1024 * 1024;
// MDB_page, MDB_meta and MDB_db in mdb.c of lmdb 3.5.6 (64 bits, little-endian). Pages 0 and 1 are meta pages, written
// in turn; the one with the higher transaction counts. After a page's header of 24 bytes: magic number and version
// (4 + 4), address and map size (8 + 8), two trees (48 each; the first begins with the page size, 4), the last page
// in use (8), the transaction (8).
const MAGIC_OFFSET = 24;
const PAGE_SIZE_OFFSET = 48;
const LAST_PAGE_OFFSET = 144;
const TRANSACTION_OFFSET = 152;
const META_BYTES = 160;
const MAGIC = 0xbeefc0de;

/** The files are no environment, or only a part of one. What to do about them: `setAside` in `spool-slot.ts`. */
export class DamagedSpool extends Error {
  override readonly name = "DamagedSpool";
}

/** Opens a slot's environment; one that is missing is created. Throws when the disk refuses, {@link DamagedSpool} when the file is damaged. */
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

/** Which file it is that the slot has now: its inode. */
export function dataFile(directory: string): bigint | undefined {
  return statSync(join(directory, DATA_FILE), { bigint: true, throwIfNoEntry: false })?.ino;
}

// lmdb 3.5.6 ends the process (SIGSEGV, SIGBUS) when an environment can't be opened: a file that is not one, one that
// was cut off, or a disk without room for a new one. So what it would stumble over is looked at first.
function checkBeforeOpening(directory: string, path: string): void {
  const size = fileSize(path);
  if (size > 0) checkFile(path, size);
  if (size > 0 && fileSize(join(directory, LOCK_FILE)) > 0) return;
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize < ROOM_FOR_NEW_FILES) throw new Error(`no room for a spool in ${directory}`);
}

/**
 * lmdb itself leaves a file shorter than its last page only when the pages at the end were never written, and the
 * spool's headroom (`spool-headroom.ts`) lies behind them then.
 */
function checkFile(path: string, size: number): void {
  const file = openSync(path, "r");
  try {
    const first = readMeta(file, 0);
    if (first === undefined) throw new DamagedSpool(`${path} is damaged: it is not a spool's data file`);
    const second = readMeta(file, first.pageSize);
    const newest = second !== undefined && second.transaction > first.transaction ? second : first;
    const expected = (newest.lastPage + 1) * newest.pageSize;
    if (second === undefined || size < expected) {
      throw new DamagedSpool(`${path} is damaged: it ends after ${size} of ${expected} bytes`);
    }
  } finally {
    closeSync(file);
  }
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

function readMeta(file: number, position: number): Meta | undefined {
  const bytes = Buffer.alloc(META_BYTES);
  if (readSync(file, bytes, 0, META_BYTES, position) < META_BYTES) return undefined;
  if (bytes.readUInt32LE(MAGIC_OFFSET) !== MAGIC) return undefined;
  return {
    pageSize: bytes.readUInt32LE(PAGE_SIZE_OFFSET),
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_OFFSET)),
    transaction: bytes.readBigUInt64LE(TRANSACTION_OFFSET),
  };
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
