/**
 * Times that a clock far ahead has left behind, once it is right again. Names would wait for that day, and limits count what was
 * ordered on it, for years.
 */
import { sql } from "kysely";

import type { StateDatabase } from "./state-database.ts";

/** How far ahead of now, at most, each of them is when it is written. */
export interface LongestAhead {
  readonly pauseMs: number;
  readonly leaseMs: number;
  /** But for a renewal, which its plan puts before the certificate's end. */
  readonly attemptMs: number;
}

export interface WrongTimes {
  /**
   * Mends times that no clock in step with this one can have written: pauses and leases end, attempts and renewals are due now,
   * and orders count as placed now. To be called before what is due is claimed, and no more often than every name may be tried:
   * while clocks disagree by more than a week, names that one machine has put off become due with each call of another. The CA
   * is then asked too early; how often is the caller's interval.
   */
  mendTimes(nowMs: number, longest: LongestAhead): Promise<void>;
}

/** Of machines that are kept in step, each is within a second of the others. */
const TOLERANCE_MS = 5 * 60_000;

export function createWrongTimes(state: StateDatabase): WrongTimes {
  return {
    async mendTimes(nowMs, { pauseMs, leaseMs, attemptMs }) {
      const present = await presentTime(state, nowMs);
      const latest = present + TOLERANCE_MS;
      await endPauses(state, latest + pauseMs);
      await endLeases(state, latest + leaseMs);
      await takeOrdersAsPlaced(state, present, latest);
      await bringRenewalsForward(state, present, latest);
      await bringAttemptsForward(state, present, latest + attemptMs);
    },
  };
}

/** The later of two clocks: a machine whose own is behind takes no time of the others for wrong, unless the database's is behind too. */
async function presentTime({ db, clock }: StateDatabase, nowMs: number): Promise<number> {
  const { database_ms } = await db.selectNoFrom(clock.as("database_ms")).executeTakeFirstOrThrow();
  return Math.max(nowMs, database_ms);
}

async function endPauses({ db }: StateDatabase, latestMs: number): Promise<void> {
  await db
    .updateTable("acme_accounts")
    .set({ paused_until_ms: 0 })
    .where("paused_until_ms", ">", latestMs)
    .execute();
}

async function endLeases({ db }: StateDatabase, latestMs: number): Promise<void> {
  await db
    .updateTable("issuances")
    .set({ lease_owner: null, lease_until_ms: 0 })
    .where("lease_until_ms", ">", latestMs)
    .execute();
}

/** The CA counts them too, from a day that nobody knows any more. */
async function takeOrdersAsPlaced({ db }: StateDatabase, nowMs: number, latestMs: number): Promise<void> {
  await db
    .updateTable("acme_orders")
    .set({ placed_at_ms: nowMs })
    .where("placed_at_ms", ">", latestMs)
    .execute();
}

/** Somebody asked for them under the wrong clock: no plan is later than its certificate's end. */
async function bringRenewalsForward({ db }: StateDatabase, nowMs: number, latestMs: number): Promise<void> {
  await db
    .updateTable("issuances")
    .set({ renew_at_ms: nowMs })
    .where("renew_at_ms", ">", latestMs)
    .where("renew_at_ms", ">", (query) =>
      query
        .selectFrom("certificates")
        .select("expires_at_ms")
        .whereRef("certificates.domain", "=", "issuances.domain"),
    )
    .execute();
}

async function bringAttemptsForward({ db }: StateDatabase, nowMs: number, latestMs: number): Promise<void> {
  await db
    .updateTable("issuances")
    .set({
      next_attempt_at_ms: nowMs,
      // Else the look would find nothing to do, and wait for the same day.
      ask_again_at_ms: sql<
        number | null
      >`case when ask_again_at_ms > ${nowMs} then ${nowMs} else ask_again_at_ms end`,
    })
    .where("next_attempt_at_ms", ">", latestMs)
    .where((is) =>
      is.or([is("renew_at_ms", "is", null), is("renew_at_ms", "!=", is.ref("next_attempt_at_ms"))]),
    )
    .execute();
}
