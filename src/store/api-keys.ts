/** API keys, of which only a hash is kept. */
import { randomUUID } from "node:crypto";

import { type Selectable, sql } from "kysely";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { StateDatabase, StateTables } from "./state-database.ts";

export interface NewApiKey {
  /** Of the key, as the caller makes it; unique. */
  readonly hash: string;
  readonly label: string;
  /** The key's first characters, by which people tell keys apart. */
  readonly shortKey: string;
  readonly grants: readonly string[];
  /** `undefined`: a key of the account itself. */
  readonly subaccountId: SubaccountId | undefined;
  /** Addresses and CIDRs it may be used from; none: anywhere. */
  readonly validIps: readonly string[];
}

export interface ApiKey extends NewApiKey {
  /** A UUID. */
  readonly id: string;
  readonly createdAtMs: number;
}

export interface ApiKeys {
  /** Throws a unique violation when the hash is stored already. */
  create(key: NewApiKey, nowMs: number): Promise<ApiKey>;
  /**
   * As `create`, once in the life of an installation, whose record must be there; else `undefined`. A first key that
   * was revoked does not come back. Of two processes that start at once, one gets it.
   */
  createFirst(key: NewApiKey, nowMs: number): Promise<ApiKey | undefined>;
  findByHash(hash: string): Promise<ApiKey | undefined>;
  find(id: string): Promise<ApiKey | undefined>;
  /** All of them, the oldest first. */
  list(): Promise<readonly ApiKey[]>;
  /** `false`: there is no such key. */
  remove(id: string): Promise<boolean>;
  count(): Promise<number>;
}

export function createApiKeys({ db, write }: StateDatabase): ApiKeys {
  const count = async (from: Pick<typeof db, "selectFrom">): Promise<number> => {
    const { keys } = await from
      .selectFrom("api_keys")
      .select(({ fn }) => fn.countAll().as("keys"))
      .executeTakeFirstOrThrow();
    return Number(keys);
  };
  const insert = async (
    into: Pick<typeof db, "insertInto">,
    key: NewApiKey,
    nowMs: number,
  ): Promise<ApiKey> => {
    const created = { ...key, id: randomUUID(), createdAtMs: nowMs };
    await into.insertInto("api_keys").values(toRow(created)).execute();
    return created;
  };
  return {
    create: (key, nowMs) => insert(db, key, nowMs),

    createFirst: (key, nowMs) =>
      write(async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable("installation")
          .set({ first_key_created: true })
          .where(sql<boolean>`not first_key_created`)
          .executeTakeFirst();
        return numUpdatedRows === 0n ? undefined : insert(transaction, key, nowMs);
      }),

    async findByHash(hash) {
      const row = await db.selectFrom("api_keys").selectAll().where("hash", "=", hash).executeTakeFirst();
      return row && toApiKey(row);
    },

    async find(id) {
      const row = await db.selectFrom("api_keys").selectAll().where("id", "=", id).executeTakeFirst();
      return row && toApiKey(row);
    },

    async list() {
      const rows = await db
        .selectFrom("api_keys")
        .selectAll()
        .orderBy("created_at_ms")
        .orderBy("id")
        .execute();
      return rows.map(toApiKey);
    },

    async remove(id) {
      const { numDeletedRows } = await db.deleteFrom("api_keys").where("id", "=", id).executeTakeFirst();
      return numDeletedRows > 0n;
    },

    count: () => count(db),
  };
}

function toRow(key: ApiKey): Selectable<StateTables["api_keys"]> {
  return {
    id: key.id,
    hash: key.hash,
    label: key.label,
    short_key: key.shortKey,
    grants: JSON.stringify(key.grants),
    valid_ips: JSON.stringify(key.validIps),
    subaccount_id: key.subaccountId ?? null,
    created_at_ms: key.createdAtMs,
  };
}

export function toApiKey(row: Selectable<StateTables["api_keys"]>): ApiKey {
  return {
    id: row.id,
    hash: row.hash,
    label: row.label,
    shortKey: row.short_key,
    // Both written by `toRow`.
    grants: JSON.parse(row.grants) as readonly string[],
    validIps: JSON.parse(row.valid_ips) as readonly string[],
    subaccountId: row.subaccount_id ?? undefined,
    createdAtMs: row.created_at_ms,
  };
}
