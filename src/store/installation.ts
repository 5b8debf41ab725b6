/** What there is one of: the key ring, sealed with the master secret. */
import { bumpStateVersion, type StateDatabase } from "./state-database.ts";

export interface InstallationSecrets {
  readonly sealedKeyRing: string;
}

export interface InstallationRecord extends InstallationSecrets {
  readonly createdAtMs: number;
}

export interface Installation {
  /** Of processes that start at once on an empty store, one calls `make`; all get the same record. */
  readOrCreate(make: () => InstallationSecrets, nowMs: number): Promise<InstallationRecord>;
  /** `undefined` before the first start. */
  read(): Promise<InstallationRecord | undefined>;
  /** Only if the ring is still `formerly`, so that two rotations at once cannot lose a key. `false`: it is another. */
  replaceKeyRing(formerly: string, sealedKeyRing: string): Promise<boolean>;
}

export function createInstallation({ db, write }: StateDatabase): Installation {
  const read = async (from: Pick<typeof db, "selectFrom">): Promise<InstallationRecord | undefined> => {
    const row = await from.selectFrom("installation").selectAll().executeTakeFirst();
    return (
      row && {
        createdAtMs: row.created_at_ms,
        sealedKeyRing: row.sealed_key_ring,
      }
    );
  };
  return {
    async readOrCreate(make, nowMs) {
      const found = await read(db);
      if (found !== undefined) return found;
      return write(async (transaction) => {
        const raced = await read(transaction);
        if (raced !== undefined) return raced;
        const created = { createdAtMs: nowMs, ...make() };
        const { sealedKeyRing: sealed_key_ring } = created;
        await transaction
          .insertInto("installation")
          .values({ id: 1, created_at_ms: nowMs, sealed_key_ring, first_key_created: false })
          .execute();
        await bumpStateVersion(transaction);
        return created;
      });
    },

    read: () => read(db),

    replaceKeyRing: (formerly, sealedKeyRing) =>
      write(async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable("installation")
          .set({ sealed_key_ring: sealedKeyRing })
          .where("sealed_key_ring", "=", formerly)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        await bumpStateVersion(transaction);
        return true;
      }),
  };
}
