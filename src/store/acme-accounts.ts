/** The installation's account at each CA it has used: one key for all machines, sealed. */
import type { Selectable } from "kysely";

import { type AcmeAccountsTable, bumpStateVersion, type StateDatabase } from "./state-database.ts";

export interface AcmeAccountKey {
  readonly sealedKey: string;
  readonly thumbprint: string;
}

export interface AcmeAccount extends AcmeAccountKey {
  /** When edges were told of it. */
  readonly usedSinceMs: number;
}

export interface AcmeAccounts {
  /**
   * The key for a CA. Of machines that ask at once for a new one, one calls `make`; all get the same. The edge answers
   * challenges for the CA that was asked for last.
   */
  use(directory: string, make: () => AcmeAccountKey, nowMs: number): Promise<AcmeAccount>;
  /** Of the account in use. */
  thumbprint(): Promise<string | undefined>;
  /** Leaves a CA alone until then; an earlier time than what is known changes nothing. */
  pause(directory: string, untilMs: number): Promise<void>;
  /** 0 when it was never paused. */
  pausedUntil(directory: string): Promise<number>;
}

export function createAcmeAccounts({ db, write }: StateDatabase): AcmeAccounts {
  const inUse = (from: Pick<typeof db, "selectFrom">) =>
    from.selectFrom("acme_accounts").selectAll().orderBy("used_since_ms", "desc").limit(1);
  return {
    use: (directory, make, nowMs) =>
      write(async (transaction) => {
        const current = await inUse(transaction).executeTakeFirst();
        if (current?.directory === directory) return toAccount(current);
        const values = { used_since_ms: Math.max(nowMs, (current?.used_since_ms ?? 0) + 1) };
        const { sealedKey, thumbprint } = make();
        await transaction
          .insertInto("acme_accounts")
          .values({ directory, sealed_key: sealedKey, thumbprint, paused_until_ms: 0, ...values })
          .onConflict((conflict) => conflict.column("directory").doUpdateSet(values))
          .execute();
        await bumpStateVersion(transaction);
        return toAccount(await inUse(transaction).executeTakeFirstOrThrow());
      }),

    thumbprint: async () => (await inUse(db).executeTakeFirst())?.thumbprint,

    async pause(directory, untilMs) {
      await db
        .updateTable("acme_accounts")
        .set({ paused_until_ms: untilMs })
        .where("directory", "=", directory)
        .where("paused_until_ms", "<", untilMs)
        .execute();
    },

    async pausedUntil(directory) {
      const row = await db
        .selectFrom("acme_accounts")
        .select("paused_until_ms")
        .where("directory", "=", directory)
        .executeTakeFirst();
      return row?.paused_until_ms ?? 0;
    },
  };
}

function toAccount(row: Selectable<AcmeAccountsTable>): AcmeAccount {
  return { sealedKey: row.sealed_key, thumbprint: row.thumbprint, usedSinceMs: row.used_since_ms };
}
