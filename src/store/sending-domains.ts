/** Sending domains, as far as they choose a tracking domain. */
import type { Selectable } from "kysely";

import type { Hostname } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { StateDatabase, StateTables, StateTransaction } from "./state-database.ts";

export interface SendingDomain {
  readonly domain: Hostname;
  readonly subaccountId: SubaccountId;
  readonly trackingDomain: Hostname | undefined;
}

export interface SendingDomainPut {
  readonly domain: string;
  readonly subaccountId: SubaccountId;
  /** Absent: the association stays as it is. Null: it ends. */
  readonly trackingDomain?: string | null;
}

export interface SendingDomains {
  /**
   * Creates it or changes its association. A tracking domain that the tenant has not, or not any more, leaves it with
   * none, as deleting it a moment later would have. `taken`: the sending domain is another tenant's.
   */
  put(sendingDomain: SendingDomainPut): Promise<"stored" | "taken">;
  find(domain: string, scope: SubaccountId | "all"): Promise<SendingDomain | undefined>;
  /** In the byte order of the names. */
  list(scope: SubaccountId | "all"): Promise<readonly SendingDomain[]>;
}

export function createSendingDomains({ db, write }: StateDatabase): SendingDomains {
  return {
    put: (sendingDomain) => write((transaction) => put(transaction, sendingDomain)),

    async find(domain, scope) {
      let query = db
        .selectFrom("sending_domains")
        .selectAll()
        .where("domain", "=", domain as Hostname);
      if (scope !== "all") query = query.where("subaccount_id", "=", scope);
      const row = await query.executeTakeFirst();
      return row && toSendingDomain(row);
    },

    async list(scope) {
      let query = db.selectFrom("sending_domains").selectAll().orderBy("domain");
      if (scope !== "all") query = query.where("subaccount_id", "=", scope);
      return (await query.execute()).map(toSendingDomain);
    },
  };
}

async function put(
  transaction: StateTransaction,
  sendingDomain: SendingDomainPut,
): Promise<"stored" | "taken"> {
  const { subaccountId, trackingDomain } = sendingDomain;
  // Callers parse names before they store them; what is only looked for need not be one.
  const domain = sendingDomain.domain as Hostname;
  const found = await transaction
    .selectFrom("sending_domains")
    .select("subaccount_id")
    .where("domain", "=", domain)
    .executeTakeFirst();
  if (found !== undefined && found.subaccount_id !== subaccountId) return "taken";

  const association = trackingDomain ? await findLive(transaction, trackingDomain, subaccountId) : undefined;
  if (found === undefined) {
    const created = { domain, subaccount_id: subaccountId, tracking_domain: association ?? null };
    await transaction.insertInto("sending_domains").values(created).execute();
  } else if (trackingDomain !== undefined) {
    await transaction
      .updateTable("sending_domains")
      .set({ tracking_domain: association ?? null })
      .where("domain", "=", domain)
      .execute();
  }
  return "stored";
}

async function findLive(
  transaction: StateTransaction,
  domain: string,
  owner: SubaccountId,
): Promise<Hostname | undefined> {
  const found = await transaction
    .selectFrom("tracking_domains")
    .select("domain")
    .where("domain", "=", domain as Hostname)
    .where("subaccount_id", "=", owner)
    .where("deleted_at_ms", "is", null)
    .executeTakeFirst();
  return found?.domain;
}

function toSendingDomain(row: Selectable<StateTables["sending_domains"]>): SendingDomain {
  return {
    domain: row.domain,
    subaccountId: row.subaccount_id,
    trackingDomain: row.tracking_domain ?? undefined,
  };
}
