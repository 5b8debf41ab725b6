/**
 * Event ids: 63 bits that grow with time, unique over all edges and for ever.
 *
 *   41 bits milliseconds since 2025 (until 2094) · 10 bits writer slot · 12 bits sequence
 *
 * A slot has one writer at a time (`spool-slot.ts`), and a writer starts after the slot's highest id
 * (`spool.ts` remembers it), so neither a restart nor a clock that steps back repeats or reorders ids.
 */

const EPOCH_MS = Date.UTC(2025, 0, 1);
const SEQUENCE_BITS = 12n;
const SLOT_BITS = 10n;
const MAX_SEQUENCE = 2 ** Number(SEQUENCE_BITS) - 1;
/** A clock beyond the end of these ids is wrong, and stands still here: a store has no place for more than 63 bits. With a year to borrow from. */
const LAST_MS = EPOCH_MS + 2 ** 41 - 366 * 86_400_000;

/** How many writers there can be at once, over all machines of an installation. */
export const SLOT_COUNT = 2 ** Number(SLOT_BITS);

/** Of the slots of one worker: what it saw later has the higher id, whichever slot it went into. */
export interface IdClock {
  lastMs: number;
  lastSlot: number;
}

/** Gives out the ids of one slot, each higher than the one before, than `after`, and than all that came by the same clock. */
export function createEventIds(
  slot: number,
  after?: bigint,
  clock: IdClock = { lastMs: 0, lastSlot: slot },
): (nowMs: number) => bigint {
  // A clock before 2025 is wrong anyway: without a last id, counting starts at the epoch.
  let lastMs = after === undefined ? EPOCH_MS - 1 : timeOfEventId(after);
  let sequence = after === undefined ? MAX_SEQUENCE : sequenceOf(after);
  let base = idBase(lastMs, slot);

  return (observedMs) => {
    // In one millisecond the higher slot has the higher ids.
    const clockMs = Math.min(observedMs, LAST_MS);
    const nowMs = Math.max(clockMs, clock.lastSlot > slot ? clock.lastMs + 1 : clock.lastMs);
    if (nowMs > lastMs) {
      lastMs = nowMs;
      sequence = -1;
      base = idBase(lastMs, slot);
    } else if (sequence === MAX_SEQUENCE) {
      // The clock stands or went back: borrow from the next millisecond rather than wait for it.
      lastMs += 1;
      sequence = -1;
      base = idBase(lastMs, slot);
    }
    sequence += 1;
    clock.lastMs = lastMs;
    clock.lastSlot = slot;
    return base + BigInt(sequence);
  };
}

/** When the event was observed, in milliseconds since 1970. */
export function timeOfEventId(id: bigint): number {
  return Number(id >> (SLOT_BITS + SEQUENCE_BITS)) + EPOCH_MS;
}

/** The slot that gave out the id: it tells in whose spool the event lies. */
export function slotOfEventId(id: bigint): number {
  return Number((id >> SEQUENCE_BITS) & (2n ** SLOT_BITS - 1n));
}

function idBase(ms: number, slot: number): bigint {
  return ((BigInt(ms - EPOCH_MS) << SLOT_BITS) | BigInt(slot)) << SEQUENCE_BITS;
}

function sequenceOf(id: bigint): number {
  return Number(id & BigInt(MAX_SEQUENCE));
}
