/** The trail of changes. Entries are added and pruned, never changed. */
import { type Selectable, sql } from "kysely";

import type { AuditEntry, AuditKind } from "../domain/audit.ts";
import type { AuditEntriesTable, StateDatabase } from "./state-database.ts";

export interface AuditQuery {
  readonly kinds?: readonly AuditKind[];
  readonly keyIds?: readonly string[];
  /** Part of the path, or of what was given: something new has its name in there. */
  readonly part?: string;
  /** Inclusive. */
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  /** Only entries before this one. */
  readonly before?: number;
  readonly limit: number;
}

/** An entry with its place in the order of recording. */
export interface RecordedAuditEntry extends AuditEntry {
  readonly sequence: number;
}

export interface AuditTrail {
  /** Keeps the newest {@link FAILURES_KEPT} failed sign-ins: whoever guesses cannot fill the store with guesses. */
  record(entry: AuditEntry): Promise<void>;
  /** The newest first. */
  search(query: AuditQuery): Promise<readonly RecordedAuditEntry[]>;
  /** Drops entries from before a time, and the oldest beyond a number. Returns how many those were. */
  prune(limits: { readonly beforeMs: number; readonly keep: number }): Promise<number>;
}

/** The column wants a text. */
const NO_ADDRESS = "";
/** More of them tell nothing new. */
export const FAILURES_KEPT = 1000;

export function createAuditTrail({ db }: StateDatabase): AuditTrail {
  return {
    async record(entry) {
      await db.insertInto("audit_entries").values(toRow(entry)).execute();
      if (entry.kind !== "sign_in_failed") return;
      await db
        .deleteFrom("audit_entries")
        .where("kind", "=", "sign_in_failed")
        .where("sequence", "<=", (query) =>
          query
            .selectFrom("audit_entries")
            .select("sequence")
            .where("kind", "=", "sign_in_failed")
            .orderBy("sequence", "desc")
            .offset(FAILURES_KEPT)
            .limit(1),
        )
        .execute();
    },

    async search({ kinds, keyIds, part, fromMs, toMs, before, limit }) {
      let query = db.selectFrom("audit_entries").selectAll().orderBy("sequence", "desc").limit(limit);
      if (kinds !== undefined) query = query.where("kind", "in", kinds);
      if (keyIds !== undefined) query = query.where("key_id", "in", keyIds);
      if (part !== undefined)
        query = query.where((is) =>
          is.or([is("path", "like", likePart(part)), is("fields", "like", likePart(part))]),
        );
      if (fromMs !== undefined) query = query.where("at_ms", ">=", fromMs);
      if (toMs !== undefined) query = query.where("at_ms", "<", toMs);
      if (before !== undefined) query = query.where("sequence", "<", before);
      return (await query.execute()).map(toEntry);
    },

    async prune({ beforeMs, keep }) {
      const old = await db.deleteFrom("audit_entries").where("at_ms", "<", beforeMs).executeTakeFirst();
      const beyond = await db
        .deleteFrom("audit_entries")
        .where("sequence", "<=", (query) =>
          query
            .selectFrom("audit_entries")
            .select("sequence")
            .orderBy("sequence", "desc")
            .offset(keep)
            .limit(1),
        )
        .executeTakeFirst();
      return Number(old.numDeletedRows + beyond.numDeletedRows);
    },
  };
}

/** The backslash escapes on both databases only when it is said. */
function likePart(part: string): ReturnType<typeof sql<string>> {
  return sql<string>`${`%${part.replace(/[\\%_]/g, "\\$&")}%`} escape '\\'`;
}

function toRow(entry: AuditEntry): Omit<Selectable<AuditEntriesTable>, "sequence"> {
  return {
    at_ms: entry.atMs,
    kind: entry.kind,
    key_id: entry.keyId ?? null,
    key_label: entry.keyLabel ?? null,
    via: entry.via,
    subaccount_id: entry.subaccountId ?? null,
    address: entry.address ?? NO_ADDRESS,
    action: entry.action,
    method: entry.method,
    path: entry.path,
    fields: JSON.stringify(entry.fields),
  };
}

function toEntry(row: Selectable<AuditEntriesTable>): RecordedAuditEntry {
  return {
    sequence: row.sequence,
    atMs: row.at_ms,
    kind: row.kind,
    keyId: row.key_id ?? undefined,
    keyLabel: row.key_label ?? undefined,
    via: row.via,
    subaccountId: row.subaccount_id ?? undefined,
    address: row.address === NO_ADDRESS ? undefined : row.address,
    action: row.action,
    method: row.method,
    path: row.path,
    // Written by `toRow`.
    fields: JSON.parse(row.fields) as Record<string, unknown>,
  };
}
