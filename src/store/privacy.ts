/** What decides how much is kept of recipients: how strict subaccounts are, and who was erased. */
import type { SubaccountId } from "../domain/subaccount.ts";
import type { PrivacyStore } from "../events/privacy-rules.ts";
import type { StateDatabase } from "./state-database.ts";

export interface Privacy extends PrivacyStore {
  /** Notes hashes of a person's addresses, those that are not there yet. */
  addErased(hashes: readonly string[], scope: SubaccountId | "all", nowMs: number): Promise<void>;
}

export function createPrivacy({ db, write }: StateDatabase): Privacy {
  return {
    async modes() {
      const rows = await db
        .selectFrom("subaccounts")
        .select(["id", "privacy"])
        .where("privacy", "!=", "full")
        .execute();
      return new Map(rows.map(({ id, privacy }) => [id, privacy]));
    },

    async erasedAfter(sequence) {
      const rows = await db
        .selectFrom("erased_recipients")
        .select(["sequence", "hash", "subaccount_id"])
        .where("sequence", ">", sequence)
        .orderBy("sequence")
        .execute();
      return rows.map(({ subaccount_id, ...row }) => ({ ...row, scope: subaccount_id ?? "all" }));
    },

    addErased: (hashes, scope, nowMs) =>
      write(async (transaction) => {
        const subaccountId = scope === "all" ? null : scope;
        const known = await transaction
          .selectFrom("erased_recipients")
          .select("hash")
          .where("hash", "in", hashes)
          .where("subaccount_id", subaccountId === null ? "is" : "=", subaccountId)
          .execute();
        const { last } = await transaction
          .selectFrom("erased_recipients")
          .select(({ fn }) => fn.max("sequence").as("last"))
          .executeTakeFirstOrThrow();
        const added = hashes.filter((hash) => !known.some((row) => row.hash === hash));
        for (const [index, hash] of added.entries()) {
          const sequence = Number(last ?? 0) + 1 + index;
          const row = { sequence, hash, subaccount_id: subaccountId, erased_at_ms: nowMs };
          await transaction.insertInto("erased_recipients").values(row).execute();
        }
      }),
  };
}
