/**
 * Keeps written space in a spool's data file behind the last page that lmdb uses, for two reasons.
 *
 * A commit into it is a flush of data; one that makes the file longer is a commit of the file system's journal too,
 * and waits for everybody else who writes there. And what ingest does to empty a spool takes new pages first: on
 * a disk without any room nothing could ever be removed. So the writer leaves the last of it to ingest.
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
/** On a disk that is nearly full, whose last room is for events. */
const SMALL_HEADROOM_BYTES = 1024 * 1024;
const NEARLY_FULL_BYTES = 16 * HEADROOM_BYTES;
/** What ingest is left. A removal takes a page for each level of the tree, and some for the list of free pages. */
const RESERVE_BYTES = 256 * 1024;
const ZEROS_BYTES = 256 * 1024;

export class SpoolHeadroom {
  readonly #environment: RootDatabase<Buffer, Buffer>;
  readonly #path: string;
  #fileBytes = 0;
  #growing: Promise<void> | undefined;
  /** Nothing could be appended the last time. */
  #isRefused = false;

  constructor(environment: RootDatabase<Buffer, Buffer>, directory: string) {
    this.#environment = environment;
    this.#path = join(directory, DATA_FILE);
  }

  /** Starts to make space when little is left. Never throws, and nobody waits for it. */
  keep(): void {
    if (this.#growing !== undefined) return;
    const { lastPageNumber, pageSize } = this.#stats();
    const endOfPages = (lastPageNumber + 1) * pageSize;
    const enough = (this.#isRefused ? SMALL_HEADROOM_BYTES : HEADROOM_BYTES) / 2;
    if (this.#fileBytes - endOfPages >= enough) return;
    this.#growing = this.#grow(endOfPages).finally(() => {
      this.#growing = undefined;
    });
  }

  /** False when a commit of so many bytes would take what ingest needs, and the disk has no more. */
  isEnoughFor(bytes: number): boolean {
    if (!this.#isRefused) return true;
    const stats = this.#stats();
    const free = this.#fileBytes - usedPages(stats) * stats.pageSize;
    // Events in the middle of the tree leave its pages half full.
    return free >= RESERVE_BYTES + 2 * bytes;
  }

  /** Resolves when nothing is being written any more. */
  async close(): Promise<void> {
    await this.#growing;
  }

  async #grow(endOfPages: number): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.#path);
      const isNearlyFull = bavail * bsize < NEARLY_FULL_BYTES;
      const file = await open(this.#path, "a");
      try {
        await this.#append(file, endOfPages + (isNearlyFull ? SMALL_HEADROOM_BYTES : HEADROOM_BYTES));
        // Here and not with the next commit, which would have to wait for it.
        await file.datasync();
      } finally {
        await file.close();
      }
      this.#isRefused = false;
    } catch {
      // No room: the spool says so once there is not enough for a commit.
      this.#isRefused = true;
    }
  }

  async #append(file: FileHandle, toBytes: number): Promise<void> {
    const zeros = Buffer.alloc(ZEROS_BYTES);
    this.#fileBytes = (await file.stat()).size;
    while (this.#fileBytes < toBytes) this.#fileBytes += (await file.write(zeros)).bytesWritten;
  }

  #stats(): FileStats {
    return this.#environment.getStats() as FileStats;
  }
}

interface TreeStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface FileStats extends TreeStats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly free: TreeStats;
}

const META_PAGES = 2;

/** The others are free, or behind the last one. */
function usedPages({ free, ...main }: FileStats): number {
  return [main, free].reduce(
    (sum, tree) => sum + tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages,
    META_PAGES,
  );
}
