/**
 * Keeps a worker's snapshot that of the file. Workers look at the file themselves, so that a control process
 * that is dead, or starting, or a generation older, has no part in it.
 */
import { fileIdentity } from "./file-identity.ts";
import type { EdgeSnapshot } from "./snapshot.ts";
import { readSnapshot, type SnapshotMemory, type SnapshotProblem } from "./snapshot-file.ts";

export interface SnapshotFollowerOptions {
  readonly path: string;
  readonly masterSecret: string;
  readonly pollMs?: number;
  readonly onLoaded: (snapshot: EdgeSnapshot) => void;
  /** Called for a file that gives none, again while it cannot be read; the snapshot stays what it was. */
  readonly onProblem: (problem: SnapshotProblem) => void;
}

export interface SnapshotFollower {
  /** The last good one; `undefined` until there has been one. */
  current(): EdgeSnapshot | undefined;
  stop(): void;
}

/** A change is live on every worker within a second: this, and the time it takes to load. */
const POLL_MS = 200;

/** Resolves after the first look at the file, whatever it gave. */
export async function followSnapshot(options: SnapshotFollowerOptions): Promise<SnapshotFollower> {
  let current: EdgeSnapshot | undefined;
  let memory: SnapshotMemory | undefined;
  /** Of the snapshot before: a request looks at the current one only, and in one go. */
  let spare: SnapshotMemory | undefined;
  let seen: string | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async (): Promise<void> => {
    const identity = await fileIdentity(options.path);
    if (identity === seen) return;
    seen = identity;
    const read = await readSnapshot(options.path, options.masterSecret, spare);
    if (stopped) return;
    // Out of file descriptors, say: the file may be fine.
    if (!read.ok && read.problem === "unreadable") seen = undefined;
    if (!read.ok) return options.onProblem(read.problem);
    current = read.snapshot;
    spare = memory;
    memory = read.memory;
    options.onLoaded(current);
  };
  const poll = async (): Promise<void> => {
    await look();
    if (!stopped) timer = setTimeout(poll, options.pollMs ?? POLL_MS);
  };

  await poll();
  return {
    current: () => current,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
