/** What the verifier remembers of each domain, in the domain's own row, and the checks it has made. */
import type { Selectable } from "kysely";

import type { Hostname } from "../domain/hostname.ts";
import type { Evidence } from "../verification/evidence.ts";
import type {
  DomainCheck,
  DomainToCheck,
  VerificationState,
  VerificationStore,
} from "../verification/verification-state.ts";
import {
  bumpStateVersion,
  NEXT_STATE_VERSION,
  type StateDatabase,
  type StateTables,
  type StateTransaction,
  type TrackingDomainsTable,
} from "./state-database.ts";

const CHECKS_KEPT = 50;

const STATE_COLUMNS = [
  "domain",
  "secure",
  "cname_status",
  "compliance_status",
  "https_works",
  "blocked_by_operator",
  "consecutive_failures",
  "first_failure_at_ms",
  "waiting_since_ms",
  "last_checked_at_ms",
  "next_check_at_ms",
] as const;

type StateRow = Pick<Selectable<TrackingDomainsTable>, (typeof STATE_COLUMNS)[number]>;

export function createVerificationStore({ db, write }: StateDatabase): VerificationStore {
  return {
    async findForCheck(domain) {
      const row = await findLive(db, domain);
      return row && toDomainToCheck(row);
    },

    recordCheck: (domain, check, next) =>
      write(async (transaction) => {
        const row = await findLive(transaction, domain);
        if (row === undefined) return undefined;
        const current = toState(row);
        const changed = { ...next(current), blockedByOperator: current.blockedByOperator };
        const isForEdges = changed.complianceStatus !== current.complianceStatus;
        await saveState(transaction, domain, changed, isForEdges);
        await addCheck(transaction, domain, check);
        if (isForEdges) await bumpStateVersion(transaction);
        return changed;
      }),

    async claimDue(nowMs, limit, leaseMs) {
      // Asked every few seconds, with nothing due most of the time: not worth a writer's turn.
      if ((await due(db, nowMs, 1)).length === 0) return [];
      return write(async (transaction) => {
        const rows = await due(transaction, nowMs, limit);
        if (rows.length === 0) return [];
        const nextCheckAtMs = nowMs + leaseMs;
        await transaction
          .updateTable("tracking_domains")
          .set({ next_check_at_ms: nextCheckAtMs })
          .where(
            "domain",
            "in",
            rows.map(({ domain }) => domain),
          )
          .execute();
        return rows.map((row) => toDomainToCheck({ ...row, next_check_at_ms: nextCheckAtMs }));
      });
    },

    async listChecks(domain, limit) {
      const rows = await db
        .selectFrom("domain_checks")
        .selectAll()
        .where("domain", "=", domain)
        .orderBy("sequence", "desc")
        .limit(limit)
        .execute();
      return rows.map(toCheck);
    },

    async newestChecks(cnameStatus, subaccounts) {
      if (subaccounts.length === 0) return [];
      let query = db
        .selectFrom("domain_checks")
        .selectAll("domain_checks")
        .innerJoin("tracking_domains", "tracking_domains.domain", "domain_checks.domain")
        .where("tracking_domains.cname_status", "=", cnameStatus)
        .where("tracking_domains.deleted_at_ms", "is", null)
        .where("domain_checks.sequence", "=", (query) =>
          query
            .selectFrom("domain_checks as newest")
            .select(({ fn }) => fn.max("newest.sequence").as("sequence"))
            .whereRef("newest.domain", "=", "tracking_domains.domain"),
        );
      if (subaccounts !== "all") query = query.where("tracking_domains.subaccount_id", "in", subaccounts);
      const rows = await query.execute();
      return rows.map((row) => ({ ...toCheck(row), domain: row.domain }));
    },
  };
}

type Reader = Pick<StateDatabase["db"], "selectFrom">;

function findLive(db: Reader, domain: Hostname): Promise<StateRow | undefined> {
  return db
    .selectFrom("tracking_domains")
    .select(STATE_COLUMNS)
    .where("domain", "=", domain)
    .where("deleted_at_ms", "is", null)
    .executeTakeFirst();
}

/** Tombstones are never due: deleting a domain ends its schedule. */
function due(db: Reader, nowMs: number, limit: number): Promise<StateRow[]> {
  return db
    .selectFrom("tracking_domains")
    .select(STATE_COLUMNS)
    .where("next_check_at_ms", "<=", nowMs)
    .orderBy("next_check_at_ms")
    .orderBy("domain")
    .limit(limit)
    .execute();
}

async function saveState(
  transaction: StateTransaction,
  domain: Hostname,
  state: VerificationState,
  isForEdges: boolean,
): Promise<void> {
  await transaction
    .updateTable("tracking_domains")
    .set({
      cname_status: state.cnameStatus,
      compliance_status: state.complianceStatus,
      https_works: state.httpsWorks,
      consecutive_failures: state.consecutiveFailures,
      first_failure_at_ms: state.firstFailureAtMs ?? null,
      waiting_since_ms: state.waitingSinceMs,
      last_checked_at_ms: state.lastCheckedAtMs ?? null,
      next_check_at_ms: state.nextCheckAtMs ?? null,
      ...(isForEdges ? { changed_in_version: NEXT_STATE_VERSION } : {}),
    })
    .where("domain", "=", domain)
    .execute();
}

async function addCheck(transaction: StateTransaction, domain: Hostname, check: DomainCheck): Promise<void> {
  const { last } = await transaction
    .selectFrom("domain_checks")
    .select(({ fn }) => fn.max("sequence").as("last"))
    .where("domain", "=", domain)
    .executeTakeFirstOrThrow();
  const sequence = Number(last ?? 0) + 1;
  await transaction
    .insertInto("domain_checks")
    .values({
      domain,
      sequence,
      checked_at_ms: check.checkedAtMs,
      trigger: check.trigger,
      scheme: check.scheme,
      cname_status: check.result.cnameStatus,
      compliance_status: check.result.complianceStatus,
      failure: check.failure ?? null,
      evidence: JSON.stringify(check.evidence),
    })
    .execute();
  await transaction
    .deleteFrom("domain_checks")
    .where("domain", "=", domain)
    .where("sequence", "<=", sequence - CHECKS_KEPT)
    .execute();
}

function toDomainToCheck(row: StateRow): DomainToCheck {
  return { domain: row.domain, secure: Boolean(row.secure), state: toState(row) };
}

function toState(row: StateRow): VerificationState {
  return {
    cnameStatus: row.cname_status,
    complianceStatus: row.compliance_status,
    httpsWorks: Boolean(row.https_works),
    blockedByOperator: Boolean(row.blocked_by_operator),
    consecutiveFailures: row.consecutive_failures,
    firstFailureAtMs: row.first_failure_at_ms ?? undefined,
    waitingSinceMs: row.waiting_since_ms,
    lastCheckedAtMs: row.last_checked_at_ms ?? undefined,
    nextCheckAtMs: row.next_check_at_ms ?? undefined,
  };
}

function toCheck(row: Selectable<StateTables["domain_checks"]>): DomainCheck {
  return {
    checkedAtMs: row.checked_at_ms,
    trigger: row.trigger,
    scheme: row.scheme,
    result: { cnameStatus: row.cname_status, complianceStatus: row.compliance_status },
    failure: row.failure ?? undefined,
    // Written by `addCheck`. What was undefined is a key that is absent, and reads the same.
    evidence: JSON.parse(row.evidence) as Evidence,
  };
}
