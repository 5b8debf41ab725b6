/** The state's tables, and how they are changed: one writer at a time, on both databases. */
import { type ColumnType, type Generated, type Kysely, type RawBuilder, sql, type Transaction } from "kysely";

import type { AuditKind, AuditVia } from "../domain/audit.ts";
import type { Hostname } from "../domain/hostname.ts";
import type { CertificateError, CertificateSource } from "../domain/issuance.ts";
import type { PrivacyMode } from "../domain/privacy.ts";
import type { SubaccountId, SubaccountStatus } from "../domain/subaccount.ts";
import type { CnameStatus, ComplianceStatus, Scheme } from "../domain/tracking-domain.ts";
import type { CheckTrigger } from "../verification/verification-state.ts";
import { Turns } from "./turns.ts";
import type { WebhookTables } from "./webhook-tables.ts";

/** SQLite gives 0 and 1 where PostgreSQL gives false and true: readers take `Boolean(…)` of it. */
export type SqlBoolean = ColumnType<boolean | number, boolean, boolean>;

interface InstallationTable {
  id: number;
  created_at_ms: number;
  sealed_key_ring: string;
  first_key_created: SqlBoolean;
}

interface StateVersionTable {
  version: number;
}

interface SubaccountsTable {
  id: SubaccountId;
  name: string;
  status: SubaccountStatus;
  privacy: PrivacyMode;
  created_at_ms: number;
}

interface ErasedRecipientsTable {
  sequence: number;
  hash: string;
  subaccount_id: SubaccountId | null;
  erased_at_ms: number;
}

interface ApiKeysTable {
  id: string;
  hash: string;
  label: string;
  short_key: string;
  /** A JSON array of strings, as `valid_ips`. */
  grants: string;
  valid_ips: string;
  subaccount_id: SubaccountId | null;
  created_at_ms: number;
}

export interface TrackingDomainsTable {
  domain: Hostname;
  subaccount_id: SubaccountId | null;
  /** A JSON array of numbers. */
  former_owners: string;
  secure: SqlBoolean;
  is_default: SqlBoolean;
  cname_status: CnameStatus;
  compliance_status: ComplianceStatus;
  https_works: SqlBoolean;
  blocked_by_operator: SqlBoolean;
  consecutive_failures: number;
  first_failure_at_ms: number | null;
  waiting_since_ms: number;
  last_checked_at_ms: number | null;
  next_check_at_ms: number | null;
  /** A JSON object of texts by file name. */
  deep_link_files: string | null;
  /** The state's version at the last change that an edge must see. */
  changed_in_version: Generated<number>;
  created_at_ms: number;
  deleted_at_ms: number | null;
}

interface DomainChecksTable {
  domain: Hostname;
  sequence: number;
  checked_at_ms: number;
  trigger: CheckTrigger;
  scheme: Scheme;
  cname_status: CnameStatus;
  compliance_status: ComplianceStatus;
  failure: string | null;
  evidence: string;
}

interface SendingDomainsTable {
  domain: Hostname;
  subaccount_id: SubaccountId;
  tracking_domain: Hostname | null;
}

interface CertificatesTable {
  domain: Hostname;
  source: CertificateSource;
  chain_pem: string;
  sealed_key: string;
  tag: string;
  issuer: string;
  issued_at_ms: number;
  expires_at_ms: number;
  expiry_warnings: Generated<number>;
}

export interface AcmeAccountsTable {
  directory: string;
  sealed_key: string;
  thumbprint: string;
  used_since_ms: number;
  paused_until_ms: number;
}

interface IssuancesTable {
  domain: Hostname;
  next_attempt_at_ms: number | null;
  failures: Generated<number>;
  problem_code: CertificateError | null;
  problem_text: string | null;
  problem_at_ms: number | null;
  is_refused: SqlBoolean;
  lease_owner: string | null;
  lease_until_ms: Generated<number>;
  order_id: string | null;
  order_url: string | null;
  order_sealed_key: string | null;
  /** The CA that the present certificate is from. */
  directory: string | null;
  renew_at_ms: number | null;
  window_start_ms: number | null;
  window_end_ms: number | null;
  ask_again_at_ms: number | null;
}

interface AcmeOrdersTable {
  id: string;
  directory: string;
  domain: Hostname;
  registrable_domain: string;
  subaccount_id: SubaccountId;
  is_renewal: SqlBoolean;
  placed_at_ms: number;
  outcome: "issued" | "invalid" | "failed" | null;
}

interface MachinesTable {
  id: string;
  first_slot: number;
  started_at_ms: number;
}

interface SessionsTable {
  id_hash: string;
  key_id: string;
  created_at_ms: number;
  last_used_at_ms: number;
  expires_at_ms: number;
}

export interface AuditEntriesTable {
  sequence: Generated<number>;
  at_ms: number;
  kind: AuditKind;
  key_id: string | null;
  key_label: string | null;
  via: AuditVia;
  subaccount_id: SubaccountId | null;
  address: string;
  action: string;
  method: string;
  path: string;
  /** A JSON object. */
  fields: string;
}

export interface StateTables extends WebhookTables {
  audit_entries: AuditEntriesTable;
  certificates: CertificatesTable;
  acme_accounts: AcmeAccountsTable;
  issuances: IssuancesTable;
  acme_orders: AcmeOrdersTable;
  machines: MachinesTable;
  sessions: SessionsTable;
  installation: InstallationTable;
  state_version: StateVersionTable;
  subaccounts: SubaccountsTable;
  erased_recipients: ErasedRecipientsTable;
  api_keys: ApiKeysTable;
  tracking_domains: TrackingDomainsTable;
  domain_checks: DomainChecksTable;
  sending_domains: SendingDomainsTable;
}

export type StateTransaction = Transaction<StateTables>;

export interface StateDatabase {
  /** For reads, and for writes of a single statement. */
  readonly db: Kysely<StateTables>;
  /**
   * Runs `work` in a transaction while no other `write`, of this or any other process, runs: what it reads stays
   * true until it has committed. `work` uses its transaction alone; waiting for `db` in it would wait for itself.
   */
  write<T>(work: (transaction: StateTransaction) => Promise<T>): Promise<T>;
  /** The database's own clock in milliseconds since 1970: the one clock that all machines share. */
  readonly clock: RawBuilder<number>;
}

const SQLITE_CLOCK = sql<number>`cast(unixepoch('subsec') * 1000 as integer)`;
const POSTGRES_CLOCK = sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`;

/** `db` begins its transactions with BEGIN IMMEDIATE, and has but one connection: all that SQLite needs. */
export function sqliteState(db: Kysely<StateTables>): StateDatabase {
  return { db, write: (work) => db.transaction().execute(work), clock: SQLITE_CLOCK };
}

/**
 * `db` begins its transactions with the lock that only one holds (`postgres/state-dialect.ts`). Writers of this process
 * queue before they take a connection, so that readers always find one.
 */
export function postgresState(db: Kysely<StateTables>): StateDatabase {
  const turns = new Turns();
  return {
    db,
    clock: POSTGRES_CLOCK,
    write: async (work) => {
      const endTurn = await turns.take();
      try {
        return await db.transaction().execute(work);
      } finally {
        endTurn();
      }
    },
  };
}

/**
 * Every change that an edge must see has a version, and the domain it concerns carries it: who follows reads the domains
 * that changed since, not all of them. This is the version that the transaction's {@link bumpStateVersion} will make.
 */
export const NEXT_STATE_VERSION = sql<number>`(select version + 1 from state_version)`;

/** To be called once in a transaction that changes what an edge must see, after the rows that carry the version. */
export async function bumpStateVersion(transaction: StateTransaction): Promise<void> {
  await transaction
    .updateTable("state_version")
    .set(({ eb }) => ({ version: eb("version", "+", 1) }))
    .execute();
}
