/**
 * Keeps written space in a spool's data file ahead of what lmdb uses. A commit into it is a flush of data; one that makes
 * the file longer is a commit of the file system's journal too, and waits for everybody else who writes there.
 *
 * The space is appended (O_APPEND), so it can never overwrite what lmdb puts there: it lies behind the file's
 * end of that moment, whatever the writer and ingest do meanwhile. lmdb writes over it as over any page.
 */
import { type FileHandle, open, statfs } from "node:fs/promises";
import { join } from "node:path";

import type { RootDatabase } from "lmdb";

import { DATA_FILE } from "./spool-environment.ts";

/** About 20,000 clicks. */
const HEADROOM_BYTES = 8 * 1024 * 1024;
const ZEROS_BYTES = 256 * 1024;
/** The last room on a disk is for events. */
const LEAVE_FREE_BYTES = 16 * HEADROOM_BYTES;

export class SpoolHeadroom {
  readonly #environment: RootDatabase<Buffer, Buffer>;
  readonly #path: string;
  #fileBytes = 0;
  #growing: Promise<void> | undefined;

  constructor(environment: RootDatabase<Buffer, Buffer>, directory: string) {
    this.#environment = environment;
    this.#path = join(directory, DATA_FILE);
  }

  /** Starts to make space when less than half is left. A disk that refuses is not this one's to report: the next commit fails too. */
  keep(): void {
    const { lastPageNumber, pageSize } = this.#environment.getStats() as FileStats;
    const usedBytes = (lastPageNumber + 1) * pageSize;
    if (this.#growing !== undefined || this.#fileBytes - usedBytes >= HEADROOM_BYTES / 2) return;
    this.#growing = this.#grow(usedBytes + HEADROOM_BYTES)
      .catch(() => undefined)
      .finally(() => {
        this.#growing = undefined;
      });
  }

  /** Resolves when nothing is being written any more. */
  async close(): Promise<void> {
    await this.#growing;
  }

  async #grow(toBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#path);
    if (bavail * bsize < LEAVE_FREE_BYTES) return;
    const file = await open(this.#path, "a");
    try {
      await this.#append(file, toBytes);
      // Here and not with the next commit, which would have to wait for it.
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #append(file: FileHandle, toBytes: number): Promise<void> {
    const zeros = Buffer.alloc(ZEROS_BYTES);
    this.#fileBytes = (await file.stat()).size;
    while (this.#fileBytes < toBytes) {
      await file.write(zeros);
      this.#fileBytes += zeros.length;
    }
  }
}

interface FileStats {
  readonly lastPageNumber: number;
  readonly pageSize: number;
}
