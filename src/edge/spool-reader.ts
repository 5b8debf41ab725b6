/**
 * The reading side of the spool, for ingest: it runs in another process than the writers, over every slot
 * that was ever written on this machine, whether its writer lives or not.
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";

import type { RootDatabase } from "lmdb";

import type { EngagementEvent } from "../domain/event.ts";
import { slotOfEventId, timeOfEventId } from "./event-id.ts";
import {
  commitErrorCode,
  DamagedSpool,
  dataFile,
  hasEnvironment,
  openEnvironment,
} from "./spool-environment.ts";
import { decodeEvent, decodeId, encodeId, HIGHEST_ID_KEY } from "./spool-record.ts";
import { claimSlot, listSlots, setAside, slotDirectory } from "./spool-slot.ts";

const RETRY_DAMAGED_MS = 60_000;

/** Reads and empties the spools under a folder. One reader at a time: ingest. */
export class SpoolReader {
  readonly #directory: string;
  readonly #onDamaged: (slot: number, error: unknown) => void;
  /** When to try again. A file may also just have looked damaged, while its writer was making it. */
  readonly #damaged = new Map<number, number>();
  #damagedSlots = 0;
  readonly #environments = new Map<number, RootDatabase<Buffer, Buffer>>();
  /** Which file each of them is. */
  readonly #files = new Map<number, bigint | undefined>();

  /**
   * `onDamaged` is called, once a minute, for a slot whose files cannot be opened; the others are read all the same. The error says
   * where damaged ones were moved to: they are kept, and read no more.
   */
  constructor(spoolDirectory: string, onDamaged: (slot: number, error: unknown) => void) {
    this.#directory = spoolDirectory;
    this.#onDamaged = onDamaged;
  }

  /**
   * The oldest events first, at most `limit`; they stay until they are removed. A row that this version doesn't
   * understand is passed over and stays: after a rollback it waits for the newer version.
   */
  readBatch(limit: number): readonly EngagementEvent[] {
    const [batch = []] = this.batches(limit);
    return batch;
  }

  /** As {@link readBatch}, and then those behind them, removed or not, until nothing more is there. Each is read when it is asked for. */
  *batches(limit: number): Generator<readonly EngagementEvent[], void> {
    const behind = new Map<number, bigint>();
    for (;;) {
      const slots = [...this.#slots()].map(([slot, environment]) => readSlot(environment, behind.get(slot)));
      const batch = [...firstOf(oldestFirst(slots), limit)];
      if (batch.length === 0) return;
      for (const { eventId } of batch) behind.set(slotOfEventId(eventId), eventId);
      yield batch;
    }
  }

  /** Resolves once the events are gone for good; rejects when a disk refuses, and some may then still be there. */
  async remove(events: readonly Pick<EngagementEvent, "eventId">[]): Promise<void> {
    const bySlot = Map.groupBy(events, (event) => slotOfEventId(event.eventId));
    for (const [slot, own] of bySlot) {
      const environment = this.#slots().get(slot);
      if (environment !== undefined) await removeEvents(environment, own);
    }
  }

  /** How many events wait, those included that this version doesn't understand. */
  depth(): number {
    return [...this.#slots().values()].reduce((sum, environment) => sum + countEvents(environment), 0);
  }

  /** When the oldest waiting event was observed, in milliseconds since 1970: its own time, since ids run ahead of a clock that went back. */
  oldestMs(): number | undefined {
    const times = [...this.#slots().values()].flatMap((environment) =>
      [...environment.getRange({ limit: 1, end: HIGHEST_ID_KEY })].map(
        ({ key, value }) => decodeEvent(key, value)?.timestampMs ?? timeOfEventId(decodeId(key)),
      ),
    );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Slots that were found damaged and have been moved aside since the start. */
  get damagedSlots(): number {
    return this.#damagedSlots;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#environments.values()].map((environment) => environment.close()));
    this.#environments.clear();
  }

  /** Writers may come at any time and bring a slot that wasn't there before. */
  #slots(): ReadonlyMap<number, RootDatabase<Buffer, Buffer>> {
    for (const slot of existsSync(this.#directory) ? listSlots(this.#directory) : []) {
      const directory = slotDirectory(this.#directory, slot);
      this.#leaveIfReplaced(slot, directory);
      const isDue = performance.now() >= (this.#damaged.get(slot) ?? 0);
      if (isDue && !this.#environments.has(slot) && hasEnvironment(directory))
        this.#openSlot(slot, directory);
    }
    // lmdb keeps a read transaction per turn of the event loop; other processes' commits show after it.
    for (const environment of this.#environments.values()) environment.resetReadTxn();
    return this.#environments;
  }

  /** A writer that found the file damaged has moved it aside, and the slot's next one has made another. */
  #leaveIfReplaced(slot: number, directory: string): void {
    const current = dataFile(directory);
    if (!this.#environments.has(slot) || current === undefined || current === this.#files.get(slot)) return;
    void this.#environments.get(slot)?.close();
    this.#environments.delete(slot);
  }

  #openSlot(slot: number, directory: string): void {
    try {
      this.#environments.set(slot, openEnvironment(directory));
      this.#files.set(slot, dataFile(directory));
    } catch (error) {
      this.#damaged.set(slot, performance.now() + RETRY_DAMAGED_MS);
      const isDamaged = error instanceof DamagedSpool;
      this.#onDamaged(slot, isDamaged ? this.#setAsideUnlessWritten(directory, slot, error) : error);
    }
  }

  /** A slot with a writer is the writer's to judge: it may just be making the file. */
  #setAsideUnlessWritten(directory: string, slot: number, damage: DamagedSpool): Error {
    const claimed = claimSlot(dirname(directory), slot);
    if (claimed === undefined) return damage;
    const { isMoved, error } = setAside(claimed, damage);
    claimed.release();
    if (isMoved) this.#damagedSlots += 1;
    return error;
  }
}

function* readSlot(
  environment: RootDatabase<Buffer, Buffer>,
  behind: bigint | undefined,
): Generator<EngagementEvent> {
  const start = behind === undefined ? {} : { start: encodeId(behind), exclusiveStart: true };
  for (const { key, value } of environment.getRange({ ...start, end: HIGHEST_ID_KEY })) {
    const event = decodeEvent(key, value);
    if (event !== undefined) yield event;
  }
}

/** Merges what is in order already, and decodes nothing that is not asked for. */
function* oldestFirst(slots: readonly Generator<EngagementEvent>[]): Generator<EngagementEvent> {
  try {
    const heads = slots.map((slot) => slot.next().value as EngagementEvent | undefined);
    for (;;) {
      const oldest = indexOfOldest(heads);
      const head = heads[oldest];
      if (head === undefined) return;
      yield head;
      heads[oldest] = slots[oldest]?.next().value as EngagementEvent | undefined;
    }
  } finally {
    // Closes lmdb's cursors.
    for (const slot of slots) slot.return(undefined);
  }
}

function indexOfOldest(heads: readonly (EngagementEvent | undefined)[]): number {
  let oldest = -1;
  for (const [index, head] of heads.entries()) {
    const best = heads[oldest];
    if (head !== undefined && (best === undefined || head.eventId < best.eventId)) oldest = index;
  }
  return oldest;
}

function* firstOf<T>(values: Iterable<T>, limit: number): Generator<T> {
  let count = 0;
  for (const value of values) {
    yield value;
    count += 1;
    if (count === limit) return;
  }
}

async function removeEvents(
  environment: RootDatabase<Buffer, Buffer>,
  events: readonly Pick<EngagementEvent, "eventId">[],
): Promise<void> {
  try {
    await environment.batch(() => {
      for (const { eventId } of events) void environment.remove(encodeId(eventId));
    });
  } catch (error) {
    throw new Error(`events could not be removed from the spool: code ${await commitErrorCode(error)}`, {
      cause: error,
    });
  }
}

function countEvents(environment: RootDatabase<Buffer, Buffer>): number {
  const { entryCount } = environment.getStats() as { readonly entryCount: number };
  return environment.doesExist(HIGHEST_ID_KEY) ? entryCount - 1 : entryCount;
}
