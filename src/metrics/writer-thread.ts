/** A thread that writes the index. The one writer of its folder: it holds a lock for as long as it lives. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";

import { type FileLock, lockFile } from "../edge/file-lock.ts";
import { serveRequests } from "../threads/worker-link.ts";
import type { FollowedBatch } from "./followed.ts";
import type { IndexState } from "./index-database.ts";
import { IndexWriter } from "./index-writer.ts";

const LOCK_FILE = "writer.lock";

export interface WriterThreadData {
  readonly folder: string;
}

/** How the index was found. */
export interface OpenedIndex {
  readonly state: IndexState;
  /** Why it was thrown away, and is empty now. */
  readonly discarded: string | undefined;
}

export type WriterRequest =
  /** Answered with {@link OpenedIndex}. */
  | { readonly kind: "open" }
  /** Throws the index away. */
  | { readonly kind: "discard" }
  /** Counts, and is on the disk, after an append that commits. */
  | { readonly kind: "append"; readonly batch: FollowedBatch; readonly commits: boolean }
  /** Answered with the number of days. */
  | { readonly kind: "drop_before"; readonly timestampMs: number };

class WriterThread {
  readonly #folder: string;
  readonly #lock: FileLock;
  #writer: IndexWriter;
  #discarded: string | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = lockFile(join(folder, LOCK_FILE));
    if (lock === undefined) throw new Error("another process writes the metrics index");
    this.#lock = lock;
    this.#writer = this.#openOrDiscard();
  }

  perform(request: WriterRequest): unknown {
    switch (request.kind) {
      case "open":
        return { state: this.#writer.state, discarded: this.#discarded } satisfies OpenedIndex;
      case "discard":
        this.#writer.close();
        this.#discard();
        this.#writer = new IndexWriter(this.#folder);
        return undefined;
      case "append":
        this.#writer.append(request.batch);
        if (request.commits) this.#writer.commit();
        return undefined;
      case "drop_before":
        return this.#writer.dropBefore(request.timestampMs);
    }
  }

  close(): void {
    this.#writer.close();
    this.#lock.release();
  }

  /** Whatever is wrong with it: the index is made of nothing but what the event store has. */
  #openOrDiscard(): IndexWriter {
    try {
      return new IndexWriter(this.#folder);
    } catch (error) {
      this.#discarded = error instanceof Error ? error.message : String(error);
      this.#discard();
      return new IndexWriter(this.#folder);
    }
  }

  #discard(): void {
    for (const name of readdirSync(this.#folder)) {
      if (!name.startsWith(LOCK_FILE)) rmSync(join(this.#folder, name), { recursive: true });
    }
  }
}

if (parentPort !== null) {
  const thread = new WriterThread((workerData as WriterThreadData).folder);
  serveRequests<WriterRequest, unknown>(parentPort, {
    perform: (request) => thread.perform(request),
    close: () => thread.close(),
  });
}
