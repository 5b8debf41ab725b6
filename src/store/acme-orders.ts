/** The orders placed at CAs, by all machines: who may place the next one is decided with all of them in view. */
import { randomUUID } from "node:crypto";

import type { Hostname } from "../domain/hostname.ts";
import type { OrderHistory } from "../domain/issuance.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { StateDatabase, StateTransaction } from "./state-database.ts";

/** `invalid`: the CA could not validate the name, or would not take it. `failed`: it passes by itself. */
export type OrderOutcome = "issued" | "invalid" | "failed";

export interface NewOrder {
  readonly id: string;
  readonly directory: string;
  readonly domain: Hostname;
  readonly registrableDomain: string;
  readonly subaccountId: SubaccountId;
  readonly isRenewal: boolean;
  readonly sealedKey: string;
}

export interface AcmeOrders {
  /**
   * Writes the order down before it is placed, unless `judge` finds a reason against it in what was ordered before: that
   * reason is returned then. `lost`: the lease is another's.
   */
  startOrder<Reason extends object>(
    order: NewOrder,
    owner: string,
    nowMs: number,
    judge: (history: OrderHistory) => Reason | undefined,
  ): Promise<"started" | "lost" | Reason>;
  /**
   * Where the CA has the order. One that takes the place of another, which the CA no longer had, counts as a new one.
   * `false`: the lease is another's.
   */
  noteOrder(
    domain: Hostname,
    owner: string,
    order: { readonly url: string; readonly nowMs: number },
  ): Promise<boolean>;
  /** When orders were placed in the last hour. */
  ordersSince(directory: string, sinceMs: number): Promise<readonly number[]>;
}

const HOUR = 3_600_000;
const WEEK = 7 * 24 * HOUR;
/** Nothing is counted for longer than a week. */
const KEPT_MS = WEEK + 24 * HOUR;

export function createAcmeOrders({ db, write }: StateDatabase): AcmeOrders {
  return {
    startOrder: (order, owner, nowMs, judge) =>
      write(async (transaction) => {
        const { domain, sealedKey, isRenewal, ...row } = order;
        const { id: order_id, directory, subaccountId: subaccount_id } = row;
        await transaction
          .deleteFrom("acme_orders")
          .where("placed_at_ms", "<", nowMs - KEPT_MS)
          .execute();
        const reason = judge(await history(transaction, order, nowMs));
        if (reason !== undefined) return reason;
        // One that was written down and never placed, because its process died.
        await endOrder(transaction, domain, owner, "failed");
        const { numUpdatedRows } = await transaction
          .updateTable("issuances")
          .set({ order_id, order_url: null, order_sealed_key: sealedKey })
          .where("domain", "=", domain)
          .where("lease_owner", "=", owner)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return "lost";
        await transaction
          .insertInto("acme_orders")
          .values({
            id: order_id,
            directory,
            domain,
            registrable_domain: row.registrableDomain,
            subaccount_id,
            is_renewal: isRenewal,
            placed_at_ms: nowMs,
            outcome: null,
          })
          .execute();
        return "started";
      }),

    noteOrder: (domain, owner, order) =>
      write((transaction) => noteOrder(transaction, { domain, owner, ...order })),

    ordersSince: (directory, sinceMs) => placedSince(db, directory, sinceMs),
  };
}

async function noteOrder(
  transaction: StateTransaction,
  { domain, owner, url, nowMs }: { domain: Hostname; owner: string; url: string; nowMs: number },
): Promise<boolean> {
  const held = () =>
    transaction
      .selectFrom("issuances")
      .innerJoin("acme_orders", "acme_orders.id", "issuances.order_id")
      .selectAll("acme_orders")
      .select("order_url")
      .where("issuances.domain", "=", domain)
      .where("lease_owner", "=", owner);
  const former = await held().executeTakeFirst();
  if (former === undefined) return false;
  const { order_url, ...placed } = former;
  let order_id = placed.id;
  if (order_url !== null && order_url !== url) {
    await endOrder(transaction, domain, owner, "failed");
    order_id = randomUUID();
    await transaction
      .insertInto("acme_orders")
      .values({ ...placed, is_renewal: Boolean(placed.is_renewal), id: order_id, placed_at_ms: nowMs })
      .execute();
  }
  await transaction
    .updateTable("issuances")
    .set({ order_id, order_url: url })
    .where("domain", "=", domain)
    .execute();
  return true;
}

/** Notes how the name's order ended, if it has one and the lease is the caller's. */
export async function endOrder(
  transaction: StateTransaction,
  domain: Hostname,
  owner: string,
  outcome: OrderOutcome,
): Promise<void> {
  await transaction
    .updateTable("acme_orders")
    .set({ outcome })
    .where("id", "in", (query) =>
      query
        .selectFrom("issuances")
        .select("order_id")
        .where("domain", "=", domain)
        .where("lease_owner", "=", owner)
        .where("order_id", "is not", null)
        .$castTo<{ order_id: string }>(),
    )
    .execute();
}

async function history(
  transaction: StateTransaction,
  { directory, domain, registrableDomain, subaccountId }: NewOrder,
  nowMs: number,
): Promise<OrderHistory> {
  const lastWeek = () =>
    transaction
      .selectFrom("acme_orders")
      .select("placed_at_ms")
      .where("directory", "=", directory)
      .where("placed_at_ms", ">", nowMs - WEEK);
  const lastHour = () => lastWeek().where("placed_at_ms", ">", nowMs - HOUR);
  const counted = () =>
    // An order under way may yet be a certificate.
    lastWeek().where((is) => is.or([is("outcome", "=", "issued"), is("outcome", "is", null)]));
  return {
    ordersMs: await placedSince(transaction, directory, nowMs - HOUR),
    firstOfRegistrableMs: await times(
      counted().where("registrable_domain", "=", registrableDomain).where("is_renewal", "=", false),
    ),
    ofNameMs: await times(counted().where("domain", "=", domain)),
    invalidOfNameMs: await times(lastHour().where("domain", "=", domain).where("outcome", "=", "invalid")),
    invalidOfOwnerMs: await times(
      lastHour().where("subaccount_id", "=", subaccountId).where("outcome", "=", "invalid"),
    ),
  };
}

function placedSince(
  db: Pick<StateDatabase["db"], "selectFrom">,
  directory: string,
  sinceMs: number,
): Promise<readonly number[]> {
  return times(
    db
      .selectFrom("acme_orders")
      .select("placed_at_ms")
      .where("directory", "=", directory)
      .where("placed_at_ms", ">", sinceMs),
  );
}

async function times(query: {
  execute(): Promise<readonly { readonly placed_at_ms: number }[]>;
}): Promise<readonly number[]> {
  return (await query.execute()).map(({ placed_at_ms }) => placed_at_ms);
}
