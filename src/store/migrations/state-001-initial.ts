import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

/** Installation, tenants, keys, domains and their checks. */
export function createStateTables(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      for (const table of [
        installation(db, types),
        stateVersion(db, types),
        subaccounts(db, types),
        apiKeys(db, types),
        trackingDomains(db, types),
        domainChecks(db, types),
        sendingDomains(db, types),
        machines(db, types),
      ]) {
        await table.modifyEnd(types.tableOptions).execute();
      }
      await sql`insert into state_version (id, version) values (1, 1)`.execute(db);
      await createIndexes(db);
    },
  };
}

function installation(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("installation")
    .addColumn("id", types.integer, (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn("created_at_ms", types.integer, (column) => column.notNull())
    .addColumn("sealed_key_ring", types.text, (column) => column.notNull())
    .addColumn("first_key_created", types.boolean, (column) => column.notNull());
}

function stateVersion(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("state_version")
    .addColumn("id", types.integer, (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn("version", types.integer, (column) => column.notNull());
}

function subaccounts(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("subaccounts")
    .addColumn("id", types.integer, (column) => column.primaryKey().check(sql`id between 1 and 2147483647`))
    .addColumn("name", types.text, (column) => column.notNull().check(sql`length(name) <= 1024`))
    .addColumn("status", types.text, (column) =>
      column.notNull().check(sql`status in ('active', 'suspended', 'terminated')`),
    )
    .addColumn("created_at_ms", types.integer, (column) => column.notNull());
}

function apiKeys(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("api_keys")
      .addColumn("id", types.text, (column) => column.primaryKey())
      .addColumn("hash", types.text, (column) => column.notNull().unique())
      .addColumn("label", types.text, (column) => column.notNull())
      .addColumn("short_key", types.text, (column) => column.notNull())
      .addColumn("grants", types.text, (column) => column.notNull())
      .addColumn("valid_ips", types.text, (column) => column.notNull())
      // Null: a key of the account itself.
      .addColumn("subaccount_id", types.integer, (column) => column.references("subaccounts.id"))
      .addColumn("created_at_ms", types.integer, (column) => column.notNull())
  );
}

function trackingDomains(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("tracking_domains")
      .addColumn("domain", types.text, (column) => column.primaryKey())
      // Null: deleted, and released by an operator, so that anyone may create it again.
      .addColumn("subaccount_id", types.integer)
      .addColumn("former_owners", types.text, (column) => column.notNull())
      .addColumn("secure", types.boolean, (column) => column.notNull())
      .addColumn("is_default", types.boolean, (column) => column.notNull())
      .addColumn("cname_status", types.text, (column) => column.notNull())
      .addColumn("compliance_status", types.text, (column) => column.notNull())
      .addColumn("https_works", types.boolean, (column) => column.notNull())
      .addColumn("blocked_by_operator", types.boolean, (column) => column.notNull())
      .addColumn("consecutive_failures", types.integer, (column) => column.notNull())
      .addColumn("first_failure_at_ms", types.integer)
      .addColumn("waiting_since_ms", types.integer, (column) => column.notNull())
      .addColumn("last_checked_at_ms", types.integer)
      .addColumn("next_check_at_ms", types.integer)
      .addColumn("deep_link_files", types.text)
      .addColumn("changed_in_version", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("created_at_ms", types.integer, (column) => column.notNull())
      // Not null: a tombstone. Its row stays, because links in sent mail go on working.
      .addColumn("deleted_at_ms", types.integer)
      .addCheckConstraint("live_has_owner", sql`deleted_at_ms is not null or subaccount_id is not null`)
      .addCheckConstraint("default_is_live", sql`deleted_at_ms is null or not is_default`)
  );
}

function domainChecks(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("domain_checks")
      .addColumn("domain", types.text, (column) => column.notNull().references("tracking_domains.domain"))
      // Counts a domain's checks: the order in which they were stored, whatever the clocks said.
      .addColumn("sequence", types.integer, (column) => column.notNull())
      .addColumn("checked_at_ms", types.integer, (column) => column.notNull())
      .addColumn("trigger", types.text, (column) => column.notNull())
      .addColumn("scheme", types.text, (column) => column.notNull())
      .addColumn("cname_status", types.text, (column) => column.notNull())
      .addColumn("compliance_status", types.text, (column) => column.notNull())
      .addColumn("failure", types.text)
      .addColumn("evidence", types.text, (column) => column.notNull())
      .addPrimaryKeyConstraint("domain_checks_key", ["domain", "sequence"])
  );
}

function sendingDomains(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("sending_domains")
    .addColumn("domain", types.text, (column) => column.primaryKey())
    .addColumn("subaccount_id", types.integer, (column) => column.notNull())
    .addColumn("tracking_domain", types.text, (column) => column.references("tracking_domains.domain"));
}

function machines(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("machines")
    .addColumn("id", types.text, (column) => column.primaryKey())
    .addColumn("first_slot", types.integer, (column) => column.notNull().unique())
    .addColumn("started_at_ms", types.integer, (column) => column.notNull());
}

async function createIndexes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex("tracking_domains_one_default")
    .unique()
    .on("tracking_domains")
    .column("subaccount_id")
    .where(sql<boolean>`is_default`)
    .execute();
  await db.schema
    .createIndex("tracking_domains_by_owner")
    .on("tracking_domains")
    .columns(["subaccount_id", "domain"])
    .execute();
  await db.schema
    .createIndex("tracking_domains_by_next_check")
    .on("tracking_domains")
    .column("next_check_at_ms")
    .execute();
  await db.schema
    .createIndex("tracking_domains_by_version")
    .on("tracking_domains")
    .column("changed_in_version")
    .execute();
  await db.schema
    .createIndex("sending_domains_by_tracking_domain")
    .on("sending_domains")
    .column("tracking_domain")
    .execute();
}
