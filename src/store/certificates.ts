/** The certificate of each tracking domain, its key sealed. */
import type { Hostname } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import {
  bumpStateVersion,
  NEXT_STATE_VERSION,
  type StateDatabase,
  type StateTransaction,
} from "./state-database.ts";

/** `own`: given by its owner. `acme`: ordered and renewed by Waypost. */
export type CertificateSource = "own" | "acme";

export interface CertificateFacts {
  readonly domain: Hostname;
  readonly source: CertificateSource;
  readonly issuer: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
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
  /** New links of the domain go back to http. `false`: the owner has no such domain, or it no certificate. */
  remove(domain: string, owner: SubaccountId): Promise<boolean>;
  /** Of these domains, those that have one. */
  material(domains: readonly string[]): Promise<readonly CertificateMaterial[]>;
}

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
        };
        await transaction
          .insertInto("certificates")
          .values({ domain, ...values })
          .onConflict((conflict) => conflict.column("domain").doUpdateSet(values))
          .execute();
        await bumpStateVersion(transaction);
        return true;
      }),

    remove: (domain, owner) => write((transaction) => remove(transaction, domain as Hostname, owner)),

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
  };
}

async function remove(
  transaction: StateTransaction,
  domain: Hostname,
  owner: SubaccountId,
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
  await touchDomain(transaction, domain, owner, { https_works: false });
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
