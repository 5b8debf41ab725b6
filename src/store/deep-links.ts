/** The files by which tracking domains open apps: see domain/well-known.ts. */
import type { Hostname } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { WELL_KNOWN_FILES, type WellKnownFile, type WellKnownFiles } from "../domain/well-known.ts";
import { bumpStateVersion, NEXT_STATE_VERSION, type StateDatabase } from "./state-database.ts";

/** `null` removes a file, an absent one stays as it is. */
export type DeepLinkChange = { readonly [Name in WellKnownFile]?: string | null };

export interface DeepLinks {
  /** None for a domain that has none, or does not exist. */
  find(domain: string): Promise<WellKnownFiles>;
  /** One transaction. `false`: the owner has no such live domain. */
  update(domain: string, owner: SubaccountId, change: DeepLinkChange): Promise<boolean>;
}

export function createDeepLinks({ db, write }: StateDatabase): DeepLinks {
  return {
    async find(domain) {
      const row = await db
        .selectFrom("tracking_domains")
        .select("deep_link_files")
        .where("domain", "=", domain as Hostname)
        .where("deleted_at_ms", "is", null)
        .executeTakeFirst();
      return parseFiles(row?.deep_link_files ?? null) ?? {};
    },

    update: (domain, owner, change) =>
      write(async (transaction) => {
        const row = await transaction
          .selectFrom("tracking_domains")
          .select("deep_link_files")
          .where("domain", "=", domain as Hostname)
          .where("subaccount_id", "=", owner)
          .where("deleted_at_ms", "is", null)
          .executeTakeFirst();
        if (row === undefined) return false;
        const merged: DeepLinkChange = { ...parseFiles(row.deep_link_files), ...change };
        const kept = WELL_KNOWN_FILES.filter((name) => typeof merged[name] === "string");
        const files = Object.fromEntries(kept.map((name) => [name, merged[name]]));
        await transaction
          .updateTable("tracking_domains")
          .set({
            deep_link_files: kept.length === 0 ? null : JSON.stringify(files),
            changed_in_version: NEXT_STATE_VERSION,
          })
          .where("domain", "=", domain as Hostname)
          .execute();
        await bumpStateVersion(transaction);
        return true;
      }),
  };
}

/** From the column, which only `update` writes. */
export function parseFiles(column: string | null): WellKnownFiles | undefined {
  return column === null ? undefined : (JSON.parse(column) as WellKnownFiles);
}
