/**
 * The machines that share a store, each with writer slots of its own: the slot in an event's id is what keeps two edges
 * from making the same one.
 */
import { AppError } from "../domain/errors.ts";
import type { StateDatabase, StateTransaction } from "./state-database.ts";

export interface WriterSlots {
  readonly first: number;
  readonly count: number;
}

export interface Machines {
  /** The machine's slots, the same at every call. Throws `unavailable` when all are given out. */
  claimSlots(machineId: string, nowMs: number): Promise<WriterSlots>;
}

/** An event id has ten bits for the slot: 16 machines with 64 writers each, twice what they need in a restart. */
const SLOTS_PER_MACHINE = 64;
const MAX_MACHINES = 16;
/** A machine that has claimed nothing for so long is not coming back with events of its own: one that runs does so every day. */
const FORGOTTEN_AFTER_MS = 30 * 86_400_000;

export function createMachines({ write }: StateDatabase): Machines {
  return {
    claimSlots: (machineId, nowMs) =>
      write(async (transaction) => {
        const found = await transaction
          .selectFrom("machines")
          .select("first_slot")
          .where("id", "=", machineId)
          .executeTakeFirst();
        const first = found?.first_slot ?? (await freeSlots(transaction, nowMs));
        await transaction.deleteFrom("machines").where("first_slot", "=", first).execute();
        await transaction
          .insertInto("machines")
          .values({ id: machineId, first_slot: first, started_at_ms: nowMs })
          .execute();
        return { first, count: SLOTS_PER_MACHINE };
      }),
  };
}

async function freeSlots(transaction: StateTransaction, nowMs: number): Promise<number> {
  const rows = await transaction
    .selectFrom("machines")
    .select(["first_slot", "started_at_ms"])
    .orderBy("started_at_ms")
    .execute();
  const taken = new Set(rows.map(({ first_slot }) => first_slot));
  const ranges = Array.from({ length: MAX_MACHINES }, (_, machine) => machine * SLOTS_PER_MACHINE);
  const free = ranges.find((first) => !taken.has(first));
  if (free !== undefined) return free;
  const [oldest] = rows;
  if (oldest !== undefined && oldest.started_at_ms < nowMs - FORGOTTEN_AFTER_MS) return oldest.first_slot;
  throw new AppError("unavailable", `At most ${MAX_MACHINES} machines can share a database`);
}
