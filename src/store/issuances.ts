/**
 * What is remembered of each name's certificate between attempts to get one, and who is at it: of all machines, the one that
 * has the lease. Every write but a wish is made by the holder alone, and comes to nothing once the lease is another's.
 */
import { sql } from "kysely";

import type { CheckedCertificate } from "../domain/certificate.ts";
import type { Hostname } from "../domain/hostname.ts";
import {
  type Issuance,
  type IssuanceProblem,
  type NameToCertify,
  nextLookAt,
  type RenewalPlan,
} from "../domain/issuance.ts";
import { type AcmeOrders, createAcmeOrders, endOrder, type OrderOutcome } from "./acme-orders.ts";
import { toCertificateDates } from "./certificate-row.ts";
import {
  bumpStateVersion,
  NEXT_STATE_VERSION,
  type StateDatabase,
  type StateTransaction,
} from "./state-database.ts";
import { createWrongTimes, type WrongTimes } from "./wrong-times.ts";

/** `owner` names a machine, a dot, and what tells its processes apart. */
export interface Lease {
  readonly owner: string;
  readonly untilMs: number;
}

/** How an attempt that got no certificate leaves its name. */
export interface Settlement {
  readonly nextAttemptAtMs: number | undefined;
  readonly failures: number;
  readonly problem: IssuanceProblem | undefined;
  readonly isRefused: boolean;
  readonly plan: RenewalPlan | undefined;
  /** Of the order in flight. Without it an order that is there is kept, to be gone on with. */
  readonly orderOutcome?: OrderOutcome;
}

export interface IssuedCertificate extends Omit<CheckedCertificate, "keyPem"> {
  readonly domain: Hostname;
  readonly sealedKey: string;
  readonly directory: string;
  readonly plan: RenewalPlan;
}

export interface Issuances extends AcmeOrders, WrongTimes {
  /**
   * Makes an attempt due now. A name that waits after a failure, or that the CA refused, is left alone unless a person
   * asks for it. Nothing happens for a name that is not there.
   */
  want(domain: Hostname, wish: { readonly asked: boolean; readonly nowMs: number }): Promise<void>;
  /** The certificate of the name is renewed at the next occasion, whatever its age. `false`: it has none of ours. */
  renew(domain: Hostname, nowMs: number): Promise<boolean>;
  /** Up to `limit` names whose attempt has come and that nobody is at, the longest due first. */
  claimDue(nowMs: number, limit: number, lease: Lease): Promise<readonly NameToCertify[]>;
  /** `undefined`: there is no such name. */
  claim(domain: Hostname, nowMs: number, lease: Lease): Promise<NameToCertify | "busy" | undefined>;
  /** Deleted names too; `undefined`: there was never such a one. */
  find(domain: Hostname): Promise<(NameToCertify & { readonly isBusyUntilMs: number }) | undefined>;
  /** Ends the lease. `false`: it was another's already. */
  settle(domain: Hostname, owner: string, settlement: Settlement): Promise<boolean>;
  /**
   * Stores the certificate, ends order and lease, and has a live domain checked at once. `superseded`: its owner has brought
   * one meanwhile, which stays. `lost`: the lease was another's, or the name has another owner now.
   */
  complete(
    issued: IssuedCertificate,
    owner: string,
    nowMs: number,
  ): Promise<"stored" | "superseded" | "lost">;
  /** Of a machine whose processes have all ended. */
  endLeases(machine: string): Promise<void>;
}

export function createIssuances(state: StateDatabase): Issuances {
  const { db, write } = state;
  return {
    ...createAcmeOrders(state),
    ...createWrongTimes(state),

    want: (domain, wish) => want(db, domain, wish),

    async renew(domain, nowMs) {
      const { numUpdatedRows } = await db
        .updateTable("issuances")
        .set({ renew_at_ms: nowMs, next_attempt_at_ms: nowMs, is_refused: false })
        .where("domain", "=", domain)
        .where("domain", "in", (query) =>
          query.selectFrom("certificates").select("domain").where("source", "=", "acme"),
        )
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async claimDue(nowMs, limit, lease) {
      // Asked every few seconds, with nothing due most of the time: not worth a writer's turn.
      if ((await due(db, nowMs, 1)).length === 0) return [];
      return write(async (transaction) => {
        const domains = await due(transaction, nowMs, limit);
        if (domains.length === 0) return [];
        await takeLease(transaction, domains, lease);
        const rows = await named(transaction).where("tracking_domains.domain", "in", domains).execute();
        return rows.map(toName);
      });
    },

    claim: (domain, nowMs, lease) =>
      write(async (transaction) => {
        await insertIfMissing(transaction, domain);
        const row = await named(transaction).where("tracking_domains.domain", "=", domain).executeTakeFirst();
        if (row === undefined) return undefined;
        if (busyUntil(row) > nowMs) return "busy";
        await takeLease(transaction, [domain], lease);
        return toName(row);
      }),

    async find(domain) {
      const row = await named(db).where("tracking_domains.domain", "=", domain).executeTakeFirst();
      return row && { ...toName(row), isBusyUntilMs: busyUntil(row) };
    },

    settle: (domain, owner, settlement) =>
      write(async (transaction) => {
        const { orderOutcome, ...outcome } = settlement;
        if (orderOutcome !== undefined) await endOrder(transaction, domain, owner, orderOutcome);
        const { numUpdatedRows } = await transaction
          .updateTable("issuances")
          .set({ ...toColumns(outcome), ...NO_LEASE, ...(orderOutcome === undefined ? {} : NO_ORDER) })
          .where("domain", "=", domain)
          .where("lease_owner", "=", owner)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      }),

    complete: (issued, owner, nowMs) =>
      write((transaction) => complete(transaction, issued, { owner, nowMs })),

    async endLeases(machine) {
      await db.updateTable("issuances").set(NO_LEASE).where("lease_owner", "like", `${machine}.%`).execute();
    },
  };
}

const NO_LEASE = { lease_owner: null, lease_until_ms: 0 } as const;
const NO_ORDER = { order_id: null, order_url: null, order_sealed_key: null } as const;

type Reader = Pick<StateDatabase["db"], "selectFrom">;

async function want(
  db: StateDatabase["db"],
  domain: Hostname,
  { asked, nowMs }: { readonly asked: boolean; readonly nowMs: number },
): Promise<void> {
  await insertIfMissing(db, domain);
  let due = db
    .updateTable("issuances")
    .set({ next_attempt_at_ms: nowMs, is_refused: false })
    .where("domain", "=", domain);
  if (!asked) due = due.where("next_attempt_at_ms", "is", null).where("is_refused", "=", false);
  await due.execute();
}

async function insertIfMissing(
  db: Pick<StateDatabase["db"], "insertInto" | "selectFrom">,
  domain: Hostname,
): Promise<void> {
  await db
    .insertInto("issuances")
    .columns(["domain", "is_refused"])
    .expression((query) =>
      query
        .selectFrom("tracking_domains")
        .select(["domain", sql<boolean>`${false}`.as("is_refused")])
        .where("domain", "=", domain),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function due(db: Reader, nowMs: number, limit: number): Promise<Hostname[]> {
  const rows = await db
    .selectFrom("issuances")
    .select("domain")
    .where("next_attempt_at_ms", "<=", nowMs)
    .where("lease_until_ms", "<=", nowMs)
    .orderBy("next_attempt_at_ms")
    .orderBy("domain")
    .limit(limit)
    .execute();
  return rows.map(({ domain }) => domain);
}

async function takeLease(
  transaction: StateTransaction,
  domains: readonly Hostname[],
  { owner, untilMs }: Lease,
): Promise<void> {
  await transaction
    .updateTable("issuances")
    .set({ lease_owner: owner, lease_until_ms: untilMs })
    .where("domain", "in", domains)
    .execute();
}

async function complete(
  transaction: StateTransaction,
  { domain, sealedKey, directory, plan, ...certificate }: IssuedCertificate,
  { owner, nowMs }: { readonly owner: string; readonly nowMs: number },
): Promise<"stored" | "superseded" | "lost"> {
  await endOrder(transaction, domain, owner, "issued");
  const nextAttemptAtMs = nextLookAt(plan);
  const outcome = { nextAttemptAtMs, failures: 0, problem: undefined, isRefused: false, plan };
  const { numUpdatedRows } = await transaction
    .updateTable("issuances")
    .set({ ...toColumns(outcome), ...NO_LEASE, ...NO_ORDER, directory })
    .where("domain", "=", domain)
    .where("lease_owner", "=", owner)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return "lost";
  const values = {
    source: "acme",
    chain_pem: certificate.chainPem,
    sealed_key: sealedKey,
    tag: certificate.tag,
    issuer: certificate.issuer,
    issued_at_ms: certificate.issuedAtMs,
    expires_at_ms: certificate.expiresAtMs,
  } as const;
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto("certificates")
    .values({ domain, ...values })
    .onConflict((conflict) =>
      conflict.column("domain").doUpdateSet(values).where("certificates.source", "=", "acme"),
    )
    .executeTakeFirst();
  if (!numInsertedOrUpdatedRows) return "superseded";
  await transaction
    .updateTable("tracking_domains")
    .set({
      changed_in_version: NEXT_STATE_VERSION,
      next_check_at_ms: sql<
        number | null
      >`case when deleted_at_ms is null then ${nowMs} else next_check_at_ms end`,
    })
    .where("domain", "=", domain)
    .execute();
  await bumpStateVersion(transaction);
  return "stored";
}

/** Whatever decides about a name's certificate, in one read. */
function named(db: Reader) {
  return db
    .selectFrom("tracking_domains")
    .leftJoin("issuances", "issuances.domain", "tracking_domains.domain")
    .leftJoin("certificates", "certificates.domain", "tracking_domains.domain")
    .select((query) =>
      query
        .selectFrom("acme_orders")
        .select("acme_orders.directory")
        .whereRef("acme_orders.id", "=", "issuances.order_id")
        .as("order_directory"),
    )
    .select([
      "tracking_domains.domain",
      "subaccount_id",
      "created_at_ms",
      "deleted_at_ms",
      "compliance_status",
      "secure",
      "source",
      "issued_at_ms",
      "expires_at_ms",
      "chain_pem",
      "next_attempt_at_ms",
      "failures",
      "problem_code",
      "problem_text",
      "problem_at_ms",
      "is_refused",
      "lease_owner",
      "lease_until_ms",
      "order_url",
      "order_sealed_key",
      "directory",
      "renew_at_ms",
      "window_start_ms",
      "window_end_ms",
      "ask_again_at_ms",
    ]);
}

type NamedRow = Awaited<ReturnType<ReturnType<typeof named>["execute"]>>[number];

function busyUntil(row: NamedRow): number {
  return row.lease_owner === null ? 0 : (row.lease_until_ms ?? 0);
}

function toName(row: NamedRow): NameToCertify {
  const dates = toCertificateDates(row);
  return {
    domain: row.domain,
    owner: row.subaccount_id ?? undefined,
    createdAtMs: row.created_at_ms,
    isDeleted: row.deleted_at_ms !== null,
    isBlocked: row.compliance_status === "blocked",
    secure: Boolean(row.secure),
    certificate: dates && {
      ...dates,
      chainPem: row.chain_pem ?? "",
      directory: dates.source === "acme" ? (row.directory ?? undefined) : undefined,
    },
    issuance: toIssuance(row),
  };
}

function toIssuance(row: NamedRow): Issuance {
  return {
    nextAttemptAtMs: row.next_attempt_at_ms ?? undefined,
    failures: row.failures ?? 0,
    problem: toProblem(row),
    isRefused: Boolean(row.is_refused),
    order:
      row.order_sealed_key === null
        ? undefined
        : {
            directory: row.order_directory ?? undefined,
            url: row.order_url ?? undefined,
            sealedKey: row.order_sealed_key,
          },
    plan: toPlan(row),
  };
}

function toProblem(row: {
  readonly problem_code: IssuanceProblem["code"] | null;
  readonly problem_text: string | null;
  readonly problem_at_ms: number | null;
}): IssuanceProblem | undefined {
  return row.problem_code === null
    ? undefined
    : { code: row.problem_code, text: row.problem_text ?? "", atMs: row.problem_at_ms ?? 0 };
}

function toPlan(row: NamedRow): RenewalPlan | undefined {
  if (row.renew_at_ms === null) return undefined;
  const { window_start_ms: startMs, window_end_ms: endMs } = row;
  return {
    renewAtMs: row.renew_at_ms,
    window: startMs === null || endMs === null ? undefined : { startMs, endMs },
    askAgainAtMs: row.ask_again_at_ms ?? undefined,
  };
}

function toColumns({
  nextAttemptAtMs,
  failures,
  problem,
  isRefused,
  plan,
}: Omit<Settlement, "orderOutcome">) {
  return {
    next_attempt_at_ms: nextAttemptAtMs ?? null,
    failures,
    problem_code: problem?.code ?? null,
    problem_text: problem?.text ?? null,
    problem_at_ms: problem?.atMs ?? null,
    is_refused: isRefused,
    renew_at_ms: plan?.renewAtMs ?? null,
    window_start_ms: plan?.window?.startMs ?? null,
    window_end_ms: plan?.window?.endMs ?? null,
    ask_again_at_ms: plan?.askAgainAtMs ?? null,
  };
}
