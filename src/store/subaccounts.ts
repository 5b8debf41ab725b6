/** The installation's tenants. They are never deleted: links in sent mail carry their numbers. */
import type { PrivacyMode } from "../domain/privacy.ts";
import type { Subaccount, SubaccountChange, SubaccountId } from "../domain/subaccount.ts";
import type { StateDatabase } from "./state-database.ts";

export interface Subaccounts {
  /** Gives it the next number, from 1. */
  create(name: string, nowMs: number, privacy?: PrivacyMode): Promise<Subaccount>;
  find(id: SubaccountId): Promise<Subaccount | undefined>;
  /** By number. */
  list(): Promise<readonly Subaccount[]>;
  /** `false`: there is no such subaccount. */
  update(id: SubaccountId, change: SubaccountChange): Promise<boolean>;
}

const COLUMNS = ["id", "name", "status", "privacy"] as const;

export function createSubaccounts({ db, write }: StateDatabase): Subaccounts {
  return {
    create: (name, nowMs, privacy = "full") =>
      write(async (transaction) => {
        const { last } = await transaction
          .selectFrom("subaccounts")
          .select(({ fn }) => fn.max("id").as("last"))
          .executeTakeFirstOrThrow();
        const created: Subaccount = { id: Number(last ?? 0) + 1, name, status: "active", privacy };
        await transaction
          .insertInto("subaccounts")
          .values({ ...created, created_at_ms: nowMs })
          .execute();
        return created;
      }),

    find: (id) => db.selectFrom("subaccounts").select(COLUMNS).where("id", "=", id).executeTakeFirst(),

    list: () => db.selectFrom("subaccounts").select(COLUMNS).orderBy("id").execute(),

    update: (id, change) =>
      write(async (transaction) => {
        const found = await transaction
          .selectFrom("subaccounts")
          .select(COLUMNS)
          .where("id", "=", id)
          .executeTakeFirst();
        if (found === undefined) return false;
        await transaction
          .updateTable("subaccounts")
          .set({
            name: change.name ?? found.name,
            status: change.status ?? found.status,
            privacy: change.privacy ?? found.privacy,
          })
          .where("id", "=", id)
          .execute();
        return true;
      }),
  };
}
