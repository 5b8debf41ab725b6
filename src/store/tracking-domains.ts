/** Tracking domains and their tombstones. */
import { type Selectable, sql } from "kysely";

import type { Hostname } from "../domain/hostname.ts";
import type { CertificateError } from "../domain/issuance.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { ComplianceStatus, TrackingDomain } from "../domain/tracking-domain.ts";
import type { WellKnownFiles } from "../domain/well-known.ts";
import { type CertificateColumns, toCertificateDates } from "./certificate-row.ts";
import { parseFiles } from "./deep-links.ts";
import {
  bumpStateVersion,
  NEXT_STATE_VERSION,
  type StateDatabase,
  type StateTransaction,
  type TrackingDomainsTable,
} from "./state-database.ts";

/** A host name as the edge needs it: live or deleted, released ones too. */
export interface EdgeHost {
  readonly domain: Hostname;
  /** Whose domain it is or was, the present owner first. */
  readonly owners: readonly SubaccountId[];
  readonly blocked: boolean;
  /** Of its certificate. */
  readonly certificate?: string;
  readonly files?: WellKnownFiles;
}

export interface NewTrackingDomain {
  readonly domain: Hostname;
  readonly subaccountId: SubaccountId;
  readonly secure: boolean;
  readonly complianceStatus: ComplianceStatus;
}

export interface TrackingDomainFilter {
  readonly subaccounts: "all" | readonly SubaccountId[];
  readonly isDefault?: boolean;
}

export interface TrackingDomainChange {
  readonly secure?: boolean;
  readonly isDefault?: boolean;
}

/** Deleted domains are seen by `create`, `release`, `setBlocked` and `changedHosts` alone. */
export interface TrackingDomains {
  /** In the byte order of the names. */
  list(filter: TrackingDomainFilter): Promise<readonly TrackingDomain[]>;
  find(domain: string, scope: SubaccountId | "all"): Promise<TrackingDomain | undefined>;
  findDefault(subaccountId: SubaccountId): Promise<TrackingDomain | undefined>;
  /**
   * `taken`: it exists, or its tombstone belongs to another tenant. A tombstone of the same owner, or a released one,
   * becomes a fresh unverified domain; an operator's block outlives deletion. The first check is due a minute later.
   */
  create(created: NewTrackingDomain, nowMs: number): Promise<"created" | "taken">;
  /** Whether `create` for this owner would answer `taken` now. */
  isTaken(domain: string, owner: SubaccountId): Promise<boolean>;
  /**
   * All or nothing. A new default unsets the owner's former one; an unverified domain cannot become it. A change of
   * `secure` makes a check due, since no check so far has seen the domain that way.
   */
  update(
    domain: string,
    owner: SubaccountId,
    change: TrackingDomainChange,
    nowMs: number,
  ): Promise<"updated" | "not_found" | "unverified">;
  /** Leaves a tombstone, and no sending domain associated with it. `false`: there is no such domain. */
  remove(domain: string, owner: SubaccountId, nowMs: number): Promise<boolean>;
  /**
   * Ends a tombstone's hold: anyone may create the name again. Links of its former owners go on working.
   * `false`: there is no tombstone, or it is released already.
   */
  release(domain: string): Promise<boolean>;
  /** The operator's word. Unblocking makes a blocked domain `valid` until its next check. `false`: no such name. */
  setBlocked(domain: string, blocked: boolean): Promise<boolean>;
  /** The host names that changed after a version (0: all), and the version they were read at, in one read. */
  changedHosts(since: number): Promise<{ readonly version: number; readonly hosts: readonly EdgeHost[] }>;
  /** Grows with every change that an edge must see. */
  stateVersion(): Promise<number>;
}

type Row = Selectable<TrackingDomainsTable>;

const IS_DEFAULT = sql<boolean>`is_default`;
const FIRST_CHECK_AFTER_MS = 60_000;

const COLUMNS = [
  "tracking_domains.domain",
  "subaccount_id",
  "secure",
  "is_default",
  "cname_status",
  "compliance_status",
  "https_works",
  "source",
  "issued_at_ms",
  "expires_at_ms",
  "problem_code",
  "is_refused",
] as const;

export function createTrackingDomains(state: StateDatabase): TrackingDomains {
  const { db, write } = state;
  const live = () =>
    db
      .selectFrom("tracking_domains")
      .leftJoin("certificates", "certificates.domain", "tracking_domains.domain")
      .leftJoin("issuances", "issuances.domain", "tracking_domains.domain")
      .select(COLUMNS)
      .where("deleted_at_ms", "is", null);
  return {
    async list({ subaccounts, isDefault }) {
      // `in ()` is no SQL.
      if (subaccounts.length === 0) return [];
      let query = live().orderBy("tracking_domains.domain");
      if (subaccounts !== "all") query = query.where("subaccount_id", "in", subaccounts);
      // Spelled out: a bound parameter would not let SQLite use the index of the defaults.
      if (isDefault !== undefined) query = query.where(isDefault ? IS_DEFAULT : sql<boolean>`not is_default`);
      return (await query.execute()).map(toTrackingDomain);
    },

    async find(domain, scope) {
      let query = live().where("tracking_domains.domain", "=", domain as Hostname);
      if (scope !== "all") query = query.where("subaccount_id", "=", scope);
      const row = await query.executeTakeFirst();
      return row && toTrackingDomain(row);
    },

    async findDefault(subaccountId) {
      const row = await live().where("subaccount_id", "=", subaccountId).where(IS_DEFAULT).executeTakeFirst();
      return row && toTrackingDomain(row);
    },

    create: (created, nowMs) => write((transaction) => create(transaction, created, nowMs)),
    async isTaken(domain, owner) {
      return !isFree(await findAny(db, domain as Hostname), owner);
    },
    update: (domain, owner, change, nowMs) =>
      write((transaction) => update(transaction, { domain: domain as Hostname, owner, nowMs }, change)),
    remove: (domain, owner, nowMs) =>
      write((transaction) => remove(transaction, { domain: domain as Hostname, owner, nowMs })),
    release: (domain) => write((transaction) => release(transaction, domain as Hostname)),
    setBlocked: (domain, blocked) =>
      write((transaction) => setBlocked(transaction, domain as Hostname, blocked)),

    async changedHosts(since) {
      // One statement, so that both databases answer it from one moment.
      const rows = await db
        .selectFrom("state_version")
        .leftJoin("tracking_domains", (join) => join.on("changed_in_version", ">", since === 0 ? -1 : since))
        .leftJoin("certificates", "certificates.domain", "tracking_domains.domain")
        .select([
          "version",
          "tracking_domains.domain",
          "subaccount_id",
          "former_owners",
          "compliance_status",
          "deep_link_files",
          "tag",
        ])
        .execute();
      const hosts = rows.flatMap(({ domain, former_owners, ...row }) =>
        domain === null || former_owners === null ? [] : [toEdgeHost({ ...row, domain, former_owners })],
      );
      return { version: rows[0]?.version ?? 0, hosts };
    },

    async stateVersion() {
      const { version } = await db.selectFrom("state_version").select("version").executeTakeFirstOrThrow();
      return version;
    },
  };
}

async function create(
  transaction: StateTransaction,
  { domain, subaccountId, secure, complianceStatus }: NewTrackingDomain,
  nowMs: number,
): Promise<"created" | "taken"> {
  const values = {
    subaccount_id: subaccountId,
    secure,
    is_default: false,
    cname_status: "unverified",
    compliance_status: complianceStatus,
    https_works: false,
    consecutive_failures: 0,
    first_failure_at_ms: null,
    waiting_since_ms: nowMs,
    last_checked_at_ms: null,
    next_check_at_ms: nowMs + FIRST_CHECK_AFTER_MS,
    deep_link_files: null,
    changed_in_version: NEXT_STATE_VERSION,
    created_at_ms: nowMs,
    deleted_at_ms: null,
  } as const;
  const { numInsertedOrUpdatedRows: isNew } = await transaction
    .insertInto("tracking_domains")
    .values({ domain, ...values, former_owners: "[]", blocked_by_operator: false })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (!isNew) {
    const former = await findAny(transaction, domain);
    if (!isFree(former, subaccountId)) return "taken";
    // The checks of its former life say nothing of this one, and may be another tenant's.
    await transaction.deleteFrom("domain_checks").where("domain", "=", domain).execute();
    // Nor may a new owner go on with a key that another one knows.
    if (former?.subaccount_id === null) {
      await transaction.deleteFrom("certificates").where("domain", "=", domain).execute();
      await transaction.deleteFrom("issuances").where("domain", "=", domain).execute();
    }
    await transaction
      .updateTable("tracking_domains")
      .set({ ...values, ...(former?.blocked_by_operator ? { compliance_status: "blocked" } : {}) })
      .where("domain", "=", domain)
      .execute();
  }
  await bumpStateVersion(transaction);
  return "created";
}

/** Which domain, whose it must be, and when. */
interface Target {
  readonly domain: Hostname;
  readonly owner: SubaccountId;
  readonly nowMs: number;
}

async function update(
  transaction: StateTransaction,
  { domain, owner, nowMs }: Target,
  { secure, isDefault }: TrackingDomainChange,
): Promise<"updated" | "not_found" | "unverified"> {
  const ofOwner = () =>
    transaction
      .updateTable("tracking_domains")
      .where("subaccount_id", "=", owner)
      .where("deleted_at_ms", "is", null);
  if (isDefault === true) {
    const found = await findAny(transaction, domain);
    if (found?.deleted_at_ms !== null || found.subaccount_id !== owner) return "not_found";
    if (found.cname_status !== "valid") return "unverified";
    await ofOwner().set({ is_default: false }).where(IS_DEFAULT).execute();
  }
  const { numUpdatedRows } = await ofOwner()
    .set({
      ...(secure === undefined ? {} : schemeChange(secure, nowMs)),
      // Without a change it is set to what it is: an UPDATE needs something to set.
      is_default: isDefault ?? IS_DEFAULT,
    })
    .where("domain", "=", domain)
    .executeTakeFirst();
  return numUpdatedRows === 0n ? "not_found" : "updated";
}

/** What was seen of TLS was seen before: links stay on http until a new probe has passed. */
function schemeChange(secure: boolean, nowMs: number) {
  const isSame = sql<boolean>`secure = ${secure}`;
  return {
    secure,
    https_works: sql<boolean>`case when ${isSame} then https_works else ${false} end`,
    next_check_at_ms: sql<number | null>`case when ${isSame} then next_check_at_ms else ${nowMs} end`,
  };
}

async function remove(transaction: StateTransaction, { domain, owner, nowMs }: Target): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable("tracking_domains")
    .set({
      deleted_at_ms: nowMs,
      is_default: false,
      next_check_at_ms: null,
      changed_in_version: NEXT_STATE_VERSION,
    })
    .where("domain", "=", domain)
    .where("subaccount_id", "=", owner)
    .where("deleted_at_ms", "is", null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await transaction
    .updateTable("sending_domains")
    .set({ tracking_domain: null })
    .where("tracking_domain", "=", domain)
    .execute();
  await bumpStateVersion(transaction);
  return true;
}

async function release(transaction: StateTransaction, domain: Hostname): Promise<boolean> {
  const found = await findAny(transaction, domain);
  if (found === undefined || found.deleted_at_ms === null || found.subaccount_id === null) return false;
  await transaction
    .updateTable("tracking_domains")
    .set({
      subaccount_id: null,
      former_owners: JSON.stringify(ownersOf(found)),
      changed_in_version: NEXT_STATE_VERSION,
    })
    .where("domain", "=", domain)
    .execute();
  await bumpStateVersion(transaction);
  return true;
}

async function setBlocked(
  transaction: StateTransaction,
  domain: Hostname,
  blocked: boolean,
): Promise<boolean> {
  const found = await findAny(transaction, domain);
  if (found === undefined) return false;
  const unblocked = found.compliance_status === "blocked" ? "valid" : found.compliance_status;
  await transaction
    .updateTable("tracking_domains")
    .set({
      blocked_by_operator: blocked,
      compliance_status: blocked ? "blocked" : unblocked,
      changed_in_version: NEXT_STATE_VERSION,
    })
    .where("domain", "=", domain)
    .execute();
  await bumpStateVersion(transaction);
  return true;
}

function findAny(db: Pick<StateTransaction, "selectFrom">, domain: Hostname): Promise<Row | undefined> {
  return db.selectFrom("tracking_domains").selectAll().where("domain", "=", domain).executeTakeFirst();
}

/** Whether this tenant may create the name, given what stands in its row. */
function isFree(row: Row | undefined, subaccountId: SubaccountId): boolean {
  if (row === undefined) return true;
  return row.deleted_at_ms !== null && (row.subaccount_id === null || row.subaccount_id === subaccountId);
}

function ownersOf(row: Pick<Row, "subaccount_id" | "former_owners">): readonly SubaccountId[] {
  // We wrote it, in `release`.
  const former = JSON.parse(row.former_owners) as readonly SubaccountId[];
  return row.subaccount_id === null
    ? former
    : [row.subaccount_id, ...former.filter((id) => id !== row.subaccount_id)];
}

function toEdgeHost(
  row: Pick<Row, "domain" | "subaccount_id" | "former_owners" | "deep_link_files"> & {
    compliance_status: unknown;
    readonly tag: string | null;
  },
): EdgeHost {
  const files = parseFiles(row.deep_link_files);
  return {
    domain: row.domain,
    owners: ownersOf(row),
    blocked: row.compliance_status === "blocked",
    ...(row.tag === null ? {} : { certificate: row.tag }),
    ...(files === undefined ? {} : { files }),
  };
}

type LiveRow = Pick<
  Row,
  "domain" | "subaccount_id" | "secure" | "is_default" | "cname_status" | "compliance_status" | "https_works"
> &
  CertificateColumns & {
    readonly problem_code: CertificateError | null;
    readonly is_refused: boolean | number | null;
  };

function toTrackingDomain(row: LiveRow): TrackingDomain {
  // A live domain has an owner: the table's check constraint says so.
  return {
    domain: row.domain,
    subaccountId: row.subaccount_id as SubaccountId,
    secure: Boolean(row.secure),
    isDefault: Boolean(row.is_default),
    cnameStatus: row.cname_status,
    complianceStatus: row.compliance_status,
    httpsWorks: Boolean(row.https_works),
    tls: {
      certificate: toCertificateDates(row),
      error: row.problem_code ?? undefined,
      isRefused: Boolean(row.is_refused),
    },
  };
}
