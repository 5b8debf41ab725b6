/** The certificate of each tracking domain, its key sealed. */
import { sql } from "kysely";

import type { Hostname } from "../domain/hostname.ts";
import type { CertificateDates, TlsStatus } from "../domain/issuance.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import {
  bumpStateVersion,
  NEXT_STATE_VERSION,
  type StateDatabase,
  type StateTransaction,
} from "./state-database.ts";

export interface CertificateFacts extends CertificateDates {
  readonly domain: Hostname;
  readonly issuer: string;
}

export interface StoredCertificate extends CertificateFacts {
  readonly chainPem: string;
  readonly sealedKey: string;
  readonly tag: string;
}

/** What the edge serves. */
export type CertificateMaterial = Pick<StoredCertificate, "domain" | "chainPem" | "sealedKey" | "tag">;

export interface Certificates {
  /** A deleted domain keeps its certificate: its links go on working. */
  find(domain: string): Promise<CertificateFacts | undefined>;
  /** In the place of the former one. The domain is then checked at once. `false`: the owner has no such live domain. */
  put(certificate: StoredCertificate, owner: SubaccountId, nowMs: number): Promise<boolean>;
  /** New links of the domain go back to http, and it is checked at once. `false`: the owner has no such domain, or it no certificate. */
  remove(domain: string, owner: SubaccountId, nowMs: number): Promise<boolean>;
  /** Of these domains, those that have one. */
  material(domains: readonly string[]): Promise<readonly CertificateMaterial[]>;
  /** Puts new links of domains whose certificate has ended back to http, and has them checked at once. Gives each once. */
  lapse(nowMs: number): Promise<readonly EndingCertificate[]>;
  /**
   * Owners' certificates of live domains that end within one of the times of `leadMs`, longest first. Of all that ask, one is
   * given each certificate, once for each of the times.
   */
  takeExpiryWarnings(nowMs: number, leadMs: readonly number[]): Promise<readonly EndingCertificate[]>;
  /** Of live secure domains. */
  summarize(nowMs: number): Promise<CertificateSummary>;
}

export interface EndingCertificate {
  readonly domain: Hostname;
  readonly source: CertificateDates["source"];
  readonly expiresAtMs: number;
}

export interface CertificateSummary {
  /** Domains by the state of their certificate; a domain that has none and for which none was asked is in no state. */
  readonly byState: Readonly<Record<Exclude<TlsStatus, "unknown">, number>>;
  /** When the next of the valid ones ends. */
  readonly nextExpiryMs: number | undefined;
}

const NO_PLAN = {
  renew_at_ms: null,
  window_start_ms: null,
  window_end_ms: null,
  ask_again_at_ms: null,
} as const;

const FACTS = ["domain", "source", "issuer", "issued_at_ms", "expires_at_ms"] as const;

export function createCertificates({ db, write }: StateDatabase): Certificates {
  return {
    async find(domain) {
      const row = await db
        .selectFrom("certificates")
        .select(FACTS)
        .where("domain", "=", domain as Hostname)
        .executeTakeFirst();
      return (
        row && {
          domain: row.domain,
          source: row.source,
          issuer: row.issuer,
          issuedAtMs: row.issued_at_ms,
          expiresAtMs: row.expires_at_ms,
        }
      );
    },

    put: (certificate, owner, nowMs) =>
      write(async (transaction) => {
        const { domain } = certificate;
        if (!(await touchDomain(transaction, domain, owner, { next_check_at_ms: nowMs }))) return false;
        const values = {
          source: certificate.source,
          chain_pem: certificate.chainPem,
          sealed_key: certificate.sealedKey,
          tag: certificate.tag,
          issuer: certificate.issuer,
          issued_at_ms: certificate.issuedAtMs,
          expires_at_ms: certificate.expiresAtMs,
          expiry_warnings: 0,
        };
        await transaction
          .insertInto("certificates")
          .values({ domain, ...values })
          .onConflict((conflict) => conflict.column("domain").doUpdateSet(values))
          .execute();
        await bumpStateVersion(transaction);
        return true;
      }),

    remove: (domain, owner, nowMs) =>
      write((transaction) => remove(transaction, domain as Hostname, { owner, nowMs })),

    async material(domains) {
      if (domains.length === 0) return [];
      const rows = await db
        .selectFrom("certificates")
        .select(["domain", "chain_pem", "sealed_key", "tag"])
        .where("domain", "in", domains as readonly Hostname[])
        .execute();
      return rows.map((row) => ({
        domain: row.domain,
        chainPem: row.chain_pem,
        sealedKey: row.sealed_key,
        tag: row.tag,
      }));
    },

    async lapse(nowMs) {
      // Asked often, with nothing to do most of the time: not worth a writer's turn.
      if ((await lapsed(db, nowMs).execute()).length === 0) return [];
      return write((transaction) => lapse(transaction, nowMs));
    },

    takeExpiryWarnings: (nowMs, leadMs) => takeExpiryWarnings({ db, write }, nowMs, leadMs),

    summarize: (nowMs) => summarize(db, nowMs),
  };
}

type Reader = Pick<StateDatabase["db"], "selectFrom">;

function ofLiveDomains(db: Reader) {
  return db
    .selectFrom("certificates")
    .innerJoin("tracking_domains", "tracking_domains.domain", "certificates.domain")
    .select(["certificates.domain", "source", "expires_at_ms", "expiry_warnings"])
    .where("deleted_at_ms", "is", null);
}

async function takeExpiryWarnings(
  { db, write }: Pick<StateDatabase, "db" | "write">,
  nowMs: number,
  leadMs: readonly number[],
): Promise<readonly EndingCertificate[]> {
  const isDue = ({ expires_at_ms, expiry_warnings }: WarningRow) =>
    expiry_warnings < warningsBy(expires_at_ms - nowMs, leadMs);
  const horizonMs = nowMs + Math.max(...leadMs);
  if (!(await endingOwn(db, nowMs, horizonMs)).some(isDue)) return [];
  return write(async (transaction) => {
    const due = (await endingOwn(transaction, nowMs, horizonMs)).filter(isDue);
    for (const { domain, expires_at_ms } of due) {
      await transaction
        .updateTable("certificates")
        .set({ expiry_warnings: warningsBy(expires_at_ms - nowMs, leadMs) })
        .where("domain", "=", domain)
        .execute();
    }
    return due.map(toEnding);
  });
}

type WarningRow = Awaited<ReturnType<typeof endingOwn>>[number];

function endingOwn(db: Reader, nowMs: number, horizonMs: number) {
  return ofLiveDomains(db)
    .where("source", "=", "own")
    .where("expires_at_ms", ">", nowMs)
    .where("expires_at_ms", "<=", horizonMs)
    .execute();
}

/** How many of the warnings are due when so much time is left. */
function warningsBy(leftMs: number, leadMs: readonly number[]): number {
  return leadMs.filter((lead) => leftMs <= lead).length;
}

function lapsed(db: Reader, nowMs: number) {
  return ofLiveDomains(db).where("expires_at_ms", "<=", nowMs).where(sql<boolean>`https_works`);
}

async function lapse(transaction: StateTransaction, nowMs: number): Promise<readonly EndingCertificate[]> {
  const rows = await lapsed(transaction, nowMs).execute();
  for (const { domain } of rows) {
    await transaction
      .updateTable("tracking_domains")
      .set({ https_works: false, next_check_at_ms: nowMs })
      .where("domain", "=", domain)
      .execute();
  }
  return rows.map(toEnding);
}

function toEnding(row: Pick<WarningRow, "domain" | "source" | "expires_at_ms">): EndingCertificate {
  return { domain: row.domain, source: row.source, expiresAtMs: row.expires_at_ms };
}

async function summarize(db: Reader, nowMs: number): Promise<CertificateSummary> {
  const rows = await db
    .selectFrom("tracking_domains")
    .leftJoin("certificates", "certificates.domain", "tracking_domains.domain")
    .leftJoin("issuances", "issuances.domain", "tracking_domains.domain")
    .select(({ fn }) => [
      sql<Exclude<TlsStatus, "unknown">>`case
        when expires_at_ms > ${nowMs} then 'valid'
        when expires_at_ms <= ${nowMs} then 'expired'
        when is_refused then 'unavailable'
        when problem_code is not null then 'failed'
        else 'pending' end`.as("state"),
      fn.countAll().as("domains"),
      fn.min("expires_at_ms").as("next_expiry_ms"),
    ])
    .where("deleted_at_ms", "is", null)
    .where(sql<boolean>`secure`)
    .where((is) => is.or([is("certificates.domain", "is not", null), is("issuances.domain", "is not", null)]))
    .groupBy("state")
    .execute();
  const byState = { valid: 0, expired: 0, unavailable: 0, failed: 0, pending: 0 };
  for (const { state, domains } of rows) byState[state] = Number(domains);
  const nextExpiryMs = rows.find(({ state }) => state === "valid")?.next_expiry_ms;
  return { byState, nextExpiryMs: nextExpiryMs === undefined ? undefined : Number(nextExpiryMs) };
}

async function remove(
  transaction: StateTransaction,
  domain: Hostname,
  { owner, nowMs }: { readonly owner: SubaccountId; readonly nowMs: number },
): Promise<boolean> {
  const { numDeletedRows } = await transaction
    .deleteFrom("certificates")
    .where("domain", "=", domain)
    .where("domain", "in", (query) =>
      query
        .selectFrom("tracking_domains")
        .select("domain")
        .where("subaccount_id", "=", owner)
        .where("deleted_at_ms", "is", null),
    )
    .executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  // What is planned was planned for the one that is gone.
  await transaction
    .updateTable("issuances")
    .set({ next_attempt_at_ms: null, directory: null, ...NO_PLAN })
    .where("domain", "=", domain)
    .execute();
  await touchDomain(transaction, domain, owner, { https_works: false, next_check_at_ms: nowMs });
  await bumpStateVersion(transaction);
  return true;
}

async function touchDomain(
  transaction: StateTransaction,
  domain: Hostname,
  owner: SubaccountId,
  change: { readonly next_check_at_ms?: number; readonly https_works?: boolean },
): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable("tracking_domains")
    .set({ ...change, changed_in_version: NEXT_STATE_VERSION })
    .where("domain", "=", domain)
    .where("subaccount_id", "=", owner)
    .where("deleted_at_ms", "is", null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
