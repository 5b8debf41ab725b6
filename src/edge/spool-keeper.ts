/**
 * A worker's spool, kept as well as the disk allows: a worker that can't open one (disk full, files damaged,
 * slots taken) redirects all the same, counts what it loses and tries again.
 */

import {
  openSpool,
  READINESS,
  type Readiness,
  type RecordOutcome,
  type Spool,
  type SpoolOptions,
  type SpoolStats,
} from "./spool.ts";
import { DamagedSpool } from "./spool-environment.ts";
import type { ObservedEvent } from "./spool-record.ts";
import { type ClaimedSlot, claimSlot, type SetAside, type SlotRange, setAside } from "./spool-slot.ts";

export interface SpoolKeeperOptions
  extends Pick<SpoolOptions, "maxPendingBytes" | "idClock" | "isOtherCommitting" | "onCommitEnd"> {
  readonly directory: string;
  readonly slots: SlotRange;
  readonly maxBytes: number;
  readonly reopenMs?: number;
  /** Called for every attempt that failed. */
  readonly onUnavailable: (error: unknown) => void;
  /** Called for a slot whose files are damaged; the error names the folder in which they are now, if they could be moved. */
  readonly onDamaged: (slot: number, error: unknown) => void;
}

export interface KeptSpoolStats extends SpoolStats {
  /** `undefined` while there is no spool. */
  readonly slot: number | undefined;
  /** Slots that were found damaged and have been moved aside since the start. */
  readonly damagedSlots: number;
}

interface OpenSpool {
  readonly spool: Spool;
  readonly slot: ClaimedSlot;
}

const REOPEN_MS = 5000;
/** A full disk fails every slot alike. */
const MAX_FAILURES = 3;

export class SpoolKeeper {
  readonly #options: SpoolKeeperOptions;
  #open: OpenSpool | undefined;
  #lostWithoutSpool = 0;
  #damagedSlots = 0;
  #retry: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SpoolKeeperOptions) {
    this.#options = options;
    this.#tryToOpen();
  }

  /** Resolves when the event is durable, or lost. Never rejects. */
  record(event: ObservedEvent): Promise<RecordOutcome> {
    if (this.#open !== undefined) return this.#open.spool.record(event);
    this.#lostWithoutSpool += 1;
    return Promise.resolve("lost");
  }

  /** As {@link Spool.otherCommitEnded}. */
  otherCommitEnded(startedMs: number): void {
    this.#open?.spool.otherCommitEnded(startedMs);
  }

  /** `full` also while there is no spool. */
  get readiness(): Readiness {
    return this.#open?.spool.readiness ?? READINESS.full;
  }

  get pendingBytes(): number {
    return this.#open?.spool.pendingBytes ?? 0;
  }

  /** As {@link Spool.lastCommitMs}. Where there is no spool, it comes after all others. */
  get lastCommitMs(): number {
    return this.#open?.spool.lastCommitMs ?? Number.POSITIVE_INFINITY;
  }

  stats(): KeptSpoolStats {
    const stats = this.#open?.spool.stats() ?? NO_SPOOL;
    return {
      ...stats,
      slot: this.#open?.slot.slot,
      lostEvents: stats.lostEvents + this.#lostWithoutSpool,
      damagedSlots: this.#damagedSlots,
    };
  }

  /** Gives pending events until the deadline to become durable, then leaves the slot to the next writer. */
  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    clearTimeout(this.#retry);
    if (this.#open === undefined) return;
    // A commit that hangs still writes there: the slot is the next writer's once this process has ended.
    if (await this.#open.spool.close(deadlineMs)) this.#open.slot.release();
  }

  readonly #onDamaged = (slot: number, { isMoved, error }: SetAside): void => {
    if (isMoved) this.#damagedSlots += 1;
    this.#options.onDamaged(slot, error);
  };

  #tryToOpen(): void {
    try {
      this.#open = openFirst({ ...this.#options, onDamaged: this.#onDamaged });
    } catch (error) {
      this.#options.onUnavailable(error);
      this.#retry = setTimeout(() => this.#tryToOpen(), this.#options.reopenMs ?? REOPEN_MS);
    }
  }
}

const NO_SPOOL: SpoolStats = {
  storedEvents: 0,
  lostEvents: 0,
  pendingEvents: 0,
  usedShare: 0,
  commits: 0,
  failedCommits: 0,
  failure: "no spool",
  commitLatencyBoundsMs: [],
  commitLatencyCounts: [],
  commitLatencySumMs: 0,
};

type Opening = Omit<SpoolKeeperOptions, "onDamaged"> & {
  readonly onDamaged: (slot: number, aside: SetAside) => void;
};

/** The first free slot that opens. One whose files are damaged is left for good by this writer; its neighbour does as well. */
function openFirst({ directory, slots, maxBytes, onDamaged, ...options }: Opening): OpenSpool {
  let failure: unknown = new Error(`all ${slots.count} spool slots from ${slots.first} on are in use`);
  let failures = 0;
  for (let number = slots.first; number < slots.first + slots.count && failures < MAX_FAILURES; number += 1) {
    const slot = claimSlot(directory, number);
    if (slot === undefined) continue;
    try {
      return { spool: openSpool({ ...options, ...slot, maxBytes }), slot };
    } catch (error) {
      if (error instanceof DamagedSpool) onDamaged(number, setAside(slot, error));
      else failures += 1;
      slot.release();
      failure = error;
    }
  }
  throw failure;
}
