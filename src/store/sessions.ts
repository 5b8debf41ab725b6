/** Who is signed in to the console. Only a hash of a session's id is kept. */
import { type ApiKey, toApiKey } from "./api-keys.ts";
import type { StateDatabase, StateTransaction } from "./state-database.ts";

export interface NewSession {
  /** Of the session's id, as the caller makes it; unique. */
  readonly idHash: string;
  readonly keyId: string;
  /** From then on it has ended, however much it is used. */
  readonly expiresAtMs: number;
}

export interface FoundSession {
  readonly key: ApiKey;
  readonly expiresAtMs: number;
}

export interface Sessions {
  /** Ends the key's oldest sessions beyond {@link SESSIONS_PER_KEY}, and forgets all that have expired. `false`: the key is gone. */
  create(session: NewSession, nowMs: number): Promise<boolean>;
  /**
   * The session and its key as it is now; `undefined` when it has ended, or was not used for `idleMs`. Counts as a use,
   * which is written down once a minute.
   */
  use(
    idHash: string,
    times: { readonly nowMs: number; readonly idleMs: number },
  ): Promise<FoundSession | undefined>;
  /** `false`: there is no such session. */
  remove(idHash: string): Promise<boolean>;
}

export const SESSIONS_PER_KEY = 100;
const WRITTEN_EVERY_MS = 60_000;

export function createSessions({ db, write }: StateDatabase): Sessions {
  return {
    create: (session, nowMs) => write((transaction) => create(transaction, session, nowMs)),

    async use(idHash, { nowMs, idleMs }) {
      const row = await db
        .selectFrom("sessions")
        .innerJoin("api_keys", "api_keys.id", "sessions.key_id")
        .selectAll("api_keys")
        .select(["expires_at_ms", "last_used_at_ms"])
        .where("id_hash", "=", idHash)
        .where("expires_at_ms", ">", nowMs)
        .where("last_used_at_ms", ">", nowMs - idleMs)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      if (nowMs - row.last_used_at_ms >= WRITTEN_EVERY_MS) {
        await db
          .updateTable("sessions")
          .set({ last_used_at_ms: nowMs })
          .where("id_hash", "=", idHash)
          .execute();
      }
      return { key: toApiKey(row), expiresAtMs: row.expires_at_ms };
    },

    async remove(idHash) {
      const { numDeletedRows } = await db
        .deleteFrom("sessions")
        .where("id_hash", "=", idHash)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },
  };
}

async function create(
  transaction: StateTransaction,
  { idHash, keyId, expiresAtMs }: NewSession,
  nowMs: number,
): Promise<boolean> {
  const key = await transaction
    .selectFrom("api_keys")
    .select("id")
    .where("id", "=", keyId)
    .executeTakeFirst();
  if (key === undefined) return false;
  await transaction.deleteFrom("sessions").where("expires_at_ms", "<=", nowMs).execute();
  const times = { created_at_ms: nowMs, last_used_at_ms: nowMs, expires_at_ms: expiresAtMs };
  await transaction
    .insertInto("sessions")
    .values({ id_hash: idHash, key_id: keyId, ...times })
    .execute();
  await transaction
    .deleteFrom("sessions")
    .where("id_hash", "in", (query) =>
      query
        .selectFrom("sessions")
        .select("id_hash")
        .where("key_id", "=", keyId)
        .where("id_hash", "!=", idHash)
        .orderBy("last_used_at_ms", "desc")
        .orderBy("id_hash")
        .offset(SESSIONS_PER_KEY - 1)
        .limit(1000),
    )
    .execute();
  return true;
}
