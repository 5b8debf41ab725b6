/**
 * The writing side of the spool: engagement events, durable on local disk until ingest has stored them.
 *
 * Commits are grouped: while one is under way, what comes in collects for the next, and goes on to for as long as
 * more comes in with every turn of the event loop, within limits. A commit that fails (full
 * disk) is tried again until it succeeds; what waits for it is bounded, what doesn't fit is counted as
 * lost. Nothing here throws into the reply, and nothing makes a recipient wait: that is the handler's deadline.
 */
import type { RootDatabase } from "lmdb";

import { createEventIds, type IdClock } from "./event-id.ts";
import { commitErrorCode, openEnvironment } from "./spool-environment.ts";
import { SpoolHeadroom } from "./spool-headroom.ts";
import { decodeId, encodeEvent, encodeId, HIGHEST_ID_KEY, type ObservedEvent } from "./spool-record.ts";

export interface SpoolOptions {
  /** The folder of a claimed slot. */
  readonly directory: string;
  readonly slot: number;
  /** Events that would make the spool larger are lost, and counted. */
  readonly maxBytes: number;
  /** What may wait in memory for a disk that is slow or full. */
  readonly maxPendingBytes?: number;
  readonly retryMs?: number;
  /** Of the spools beside this one. */
  readonly idClock?: IdClock;
  /** Whether a spool beside this one has a commit under way: a small group then waits for {@link Spool.otherCommitEnded}. */
  readonly isOtherCommitting?: () => boolean;
  /** Called when a commit has ended, well or not, with when it began on the monotonic clock. */
  readonly onCommitEnd?: (startedMs: number) => void;
}

/** `stored`: on disk, after fsync. `lost`: there was no room for it. */
export type RecordOutcome = "stored" | "lost";

/**
 * How near the next commit is. `collecting`: a group is being put together. `idle`: an event would begin one. `committing`: it
 * would be in the next one. `failing`: nobody knows when there is one. `full`: an event would be lost. Higher is nearer.
 */
export const READINESS = { full: 0, failing: 1, committing: 2, idle: 3, collecting: 4 } as const;
export type Readiness = (typeof READINESS)[keyof typeof READINESS];

export interface SpoolStats {
  readonly storedEvents: number;
  readonly lostEvents: number;
  readonly pendingEvents: number;
  /** Of the room that it may take: 0 to 1. */
  readonly usedShare: number;
  readonly commits: number;
  readonly failedCommits: number;
  /** The code of the last failure, until a commit succeeds again. */
  readonly failure: string | undefined;
  readonly commitLatencyBoundsMs: readonly number[];
  /** Commits by duration: one count per bound, and one for those beyond the last. */
  readonly commitLatencyCounts: readonly number[];
  readonly commitLatencySumMs: number;
}

const COMMIT_LATENCY_BOUNDS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 1000] as const;

const MAX_PENDING_BYTES = 16 * 1024 * 1024;
const RETRY_MS = 250;
/** A disk that takes longer for a commit may not answer at all. */
const STUCK_AFTER_MS = 25;
/** More than a row takes: its link, user agent and recipient are bounded. */
const ROOM_FOR_AN_EVENT = 16 * 1024;
/** Larger groups gain nothing more, hold the write lock that ingest needs for longer, and fit less well on a disk that is nearly full. */
const MAX_BYTES_PER_COMMIT = 64 * 1024;
const SIZE_CHECK_INTERVAL_MS = 100;
/**
 * A commit costs the processor as much for one event as for twenty, and so does whoever waits for the next one. Under load
 * a group therefore waits until it has so many events; larger ones leave the disk idle (measured: docs/edge-performance.md).
 */
const WORTH_A_COMMIT = 24;
/** Counted from the start of the commit before, so that few clients at a time never wait for company. For a commit beside it a group waits as long. */
const MAX_COLLECTING_MS = 4;

interface Group {
  readonly entries: { readonly key: Buffer; readonly row: Buffer }[];
  bytes: number;
  readonly outcome: Promise<RecordOutcome>;
  readonly resolve: (outcome: RecordOutcome) => void;
}

/** Opens the spool of a claimed slot. Throws when the disk refuses; after that no method throws or rejects. */
export function openSpool(options: SpoolOptions): Spool {
  return new Spool(options, openEnvironment(options.directory));
}

export class Spool {
  readonly #environment: RootDatabase<Buffer, Buffer>;
  readonly #headroom: SpoolHeadroom;
  readonly #nextId: (nowMs: number) => bigint;
  readonly #maxBytes: number;
  readonly #maxPendingBytes: number;
  readonly #retryMs: number;
  readonly #isOtherCommitting: () => boolean;
  readonly #onCommitEnd: (startedMs: number) => void;
  readonly #sizeCheck: NodeJS.Timeout;
  readonly #latencyCounts: number[] = [...COMMIT_LATENCY_BOUNDS_MS.map(() => 0), 0];
  #latencySumMs = 0;
  #groups: Group[] = [];
  #pendingEvents = 0;
  #pendingBytes = 0;
  #committing = false;
  #retry: NodeJS.Timeout | undefined;
  #failure: string | undefined;
  #stored = 0;
  #lost = 0;
  #commits = 0;
  #failedCommits = 0;
  #lastStartMs = 0;
  #closed = false;
  #full = false;
  #isCollecting = false;
  /** When the last commit began, here or in a spool beside this one. */
  #collectingSinceMs = 0;
  #patience: NodeJS.Timeout | undefined;

  constructor(options: SpoolOptions, environment: RootDatabase<Buffer, Buffer>) {
    this.#environment = environment;
    this.#headroom = new SpoolHeadroom(environment, options.directory);
    this.#headroom.keep();
    this.#maxBytes = options.maxBytes;
    this.#maxPendingBytes = options.maxPendingBytes ?? MAX_PENDING_BYTES;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    this.#isOtherCommitting = options.isOtherCommitting ?? (() => false);
    this.#onCommitEnd = options.onCommitEnd ?? (() => undefined);
    const highest = environment.get(HIGHEST_ID_KEY);
    this.#nextId = createEventIds(
      options.slot,
      highest === undefined ? undefined : decodeId(highest),
      options.idClock,
    );
    this.#checkSize();
    this.#sizeCheck = setInterval(() => this.#checkSize(), SIZE_CHECK_INTERVAL_MS).unref();
  }

  /** Resolves when the event is durable, or lost. Events of one group share a promise. */
  record(event: ObservedEvent): Promise<RecordOutcome> {
    const row = encodeEvent(event);
    if (!this.#hasRoom(row.length)) {
      this.#lost += 1;
      return Promise.resolve("lost");
    }
    const group = this.#openGroup();
    group.entries.push({ key: encodeId(this.#nextId(event.timestampMs)), row });
    group.bytes += row.length;
    // One that waits for another spool's commit goes as soon as it is worth a commit of its own.
    if (group.entries.length === WORTH_A_COMMIT) this.#collect();
    this.#pendingEvents += 1;
    this.#pendingBytes += row.length;
    return group.outcome;
  }

  get readiness(): Readiness {
    if (!this.#hasRoom(ROOM_FOR_AN_EVENT)) return READINESS.full;
    if (this.#retry !== undefined) return READINESS.failing;
    if (this.#committing) return this.#isStuck() ? READINESS.failing : READINESS.committing;
    return this.#groups.length === 0 ? READINESS.idle : READINESS.collecting;
  }

  /** What waits in memory. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** When the last commit began, on the monotonic clock. */
  get lastCommitMs(): number {
    return this.#lastStartMs;
  }

  stats(): SpoolStats {
    return {
      storedEvents: this.#stored,
      lostEvents: this.#lost,
      pendingEvents: this.#pendingEvents,
      usedShare: this.#closed ? 0 : Math.min(1, usedBytes(this.#environment) / this.#maxBytes),
      commits: this.#commits,
      failedCommits: this.#failedCommits,
      failure: this.#failure,
      commitLatencyBoundsMs: COMMIT_LATENCY_BOUNDS_MS,
      commitLatencyCounts: [...this.#latencyCounts],
      commitLatencySumMs: this.#latencySumMs,
    };
  }

  /**
   * Takes no more events and gives what is pending until then to become durable. What doesn't is lost and counted. False when a
   * commit still hangs at the deadline: the files are then in use for as long as the process lives.
   */
  async close(deadlineMs: number): Promise<boolean> {
    const endMs = performance.now() + deadlineMs;
    this.#closed = true;
    clearInterval(this.#sizeCheck);
    const last = this.#groups.at(-1);
    if (last !== undefined) await within(deadlineMs, last.outcome);
    clearTimeout(this.#retry);
    clearTimeout(this.#patience);
    this.#giveUp();
    return within(Math.max(0, endMs - performance.now()), this.#closeFiles());
  }

  async #closeFiles(): Promise<void> {
    await this.#headroom.close();
    await this.#environment.close();
  }

  #openGroup(): Group {
    const last = this.#groups.at(-1);
    const isCommitting = this.#committing && this.#groups.length === 1;
    if (last !== undefined && !isCommitting && last.bytes < MAX_BYTES_PER_COMMIT) return last;
    const { promise, resolve } = Promise.withResolvers<RecordOutcome>();
    const group: Group = { entries: [], bytes: 0, outcome: promise, resolve };
    this.#groups.push(group);
    // In the check phase: every request that this turn of the event loop has read is in the group by then.
    this.#collect();
    return group;
  }

  /** A spool beside this one has ended a commit that began at that time. */
  otherCommitEnded(startedMs: number): void {
    this.#collectingSinceMs = startedMs;
    this.#collect();
  }

  #collect(): void {
    if (this.#isCollecting || this.#committing || this.#retry !== undefined) return;
    this.#commitOnceCollected();
  }

  /** Starts the next commit now when it is worth one, else when a turn of the event loop has brought nothing more. */
  #commitOnceCollected(sizeBefore?: number): void {
    this.#isCollecting = false;
    const size = this.#groups[0]?.entries.length;
    if (size === undefined || this.#committing || this.#retry !== undefined) return;
    if (size >= WORTH_A_COMMIT || this.#groups.length > 1) this.#commitNext();
    else if (this.#isOtherCommitting()) this.#waitForOther();
    else if (size > 0 && (size === sizeBefore || this.#isLate())) this.#commitNext();
    else {
      this.#isCollecting = true;
      setImmediate(() => this.#commitOnceCollected(size));
    }
  }

  #isStuck(): boolean {
    return performance.now() - this.#lastStartMs > STUCK_AFTER_MS;
  }

  #isLate(): boolean {
    return performance.now() - this.#collectingSinceMs > MAX_COLLECTING_MS;
  }

  /** Its end, and the event that makes the group worth a commit, come first as a rule. A disk may hang. */
  #waitForOther(): void {
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      if (this.#retry === undefined) this.#commitNext();
    }, MAX_COLLECTING_MS);
  }

  #commitNext(): void {
    const group = this.#groups[0];
    if (group === undefined || this.#committing) return;
    this.#committing = true;
    if (!this.#headroom.isEnoughFor(group.bytes)) {
      this.#headroom.keep();
      this.#commitFailed("ENOSPC");
      return;
    }
    const startedMs = performance.now();
    this.#lastStartMs = startedMs;
    this.#collectingSinceMs = startedMs;
    this.#write(group).then(
      () => this.#committed(group, performance.now() - startedMs),
      async (error: unknown) => this.#commitFailed(await commitErrorCode(error)),
    );
  }

  async #write(group: Group): Promise<void> {
    const environment = this.#environment;
    const highest = group.entries.at(-1)?.key;
    if (highest === undefined) return;
    if (this.#failure !== undefined) await this.#touch();
    const events = environment.batch(() => {
      // What settles, with the fsync, is the batch's promise; those of its parts say nothing more.
      for (const { key, row } of group.entries) void environment.put(key, row);
    });
    // Behind the batch, not in it: lmdb starts a transaction at once when more is put behind a large batch, and leaves
    // it to the next turn of the event loop otherwise. The disk would be idle until this turn's requests are answered.
    await Promise.all([events, environment.put(HIGHEST_ID_KEY, highest)]);
  }

  /**
   * What the last transaction freed, lmdb gives out from the next but one on. On a full disk that is what ingest has just emptied, and
   * groups that only fit in there would fail again and again: none of them is a next one. This one takes a few pages.
   */
  async #touch(): Promise<void> {
    const highest = this.#environment.get(HIGHEST_ID_KEY);
    if (highest !== undefined) await this.#environment.put(HIGHEST_ID_KEY, highest);
  }

  #committed(group: Group, durationMs: number): void {
    this.#committing = false;
    // Given up on by close() meanwhile: counted already.
    if (this.#groups[0] !== group) return;
    this.#failure = undefined;
    this.#commits += 1;
    this.#stored += group.entries.length;
    this.#observe(durationMs);
    this.#remove(group);
    // First, so that the next commit is under way while these are answered.
    this.#collect();
    this.#onCommitEnd(this.#lastStartMs);
    group.resolve("stored");
  }

  #commitFailed(code: string): void {
    this.#failedCommits += 1;
    this.#failure = code;
    this.#committing = false;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#commitNext();
    }, this.#retryMs);
    // The other one may fail at once, and tell this one: from here on it waits.
    this.#onCommitEnd(this.#lastStartMs);
  }

  #remove(group: Group): void {
    this.#groups.shift();
    this.#pendingEvents -= group.entries.length;
    this.#pendingBytes -= group.bytes;
  }

  #giveUp(): void {
    for (const group of [...this.#groups]) {
      this.#lost += group.entries.length;
      this.#remove(group);
      group.resolve("lost");
    }
  }

  #hasRoom(bytes: number): boolean {
    return !this.#closed && this.#pendingBytes + bytes <= this.#maxPendingBytes && !this.#full;
  }

  #checkSize(): void {
    this.#full = usedBytes(this.#environment) >= this.#maxBytes;
    this.#headroom.keep();
  }

  #observe(durationMs: number): void {
    const bound = COMMIT_LATENCY_BOUNDS_MS.findIndex((limit) => durationMs <= limit);
    const bucket = bound === -1 ? COMMIT_LATENCY_BOUNDS_MS.length : bound;
    this.#latencyCounts[bucket] = (this.#latencyCounts[bucket] ?? 0) + 1;
    this.#latencySumMs += durationMs;
  }
}

interface PageCounts {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/** Pages that hold something: the file itself never shrinks, but the pages of removed events are used again. */
function usedBytes(environment: RootDatabase<Buffer, Buffer>): number {
  const pages = environment.getStats() as PageCounts;
  return (pages.treeBranchPageCount + pages.treeLeafPageCount + pages.overflowPages) * pages.pageSize;
}

/** Whether the work ended in time. */
async function within(deadlineMs: number, work: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, deadlineMs, false);
  const isInTime = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return isInTime;
}
