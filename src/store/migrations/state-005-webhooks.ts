/** Webhooks, how far each has got, the batches that failed, and operational events. */
import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

export function createWebhookTables(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      for (const table of [
        webhooks(db, types),
        webhookVersion(db, types),
        workers(db, types),
        lanes(db, types),
        batches(db, types),
        operationalEvents(db, types),
      ]) {
        await table.modifyEnd(types.tableOptions).execute();
      }
      await sql`insert into webhook_version (id, version) values (1, 0)`.execute(db);
      await createIndexes(db);
    },
  };
}

function webhooks(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("webhooks")
      .addColumn("id", types.text, (column) => column.primaryKey())
      .addColumn("subaccount_id", types.integer, (column) => column.notNull())
      // Of the primary account's: those of every subaccount too, but the exceptions.
      .addColumn("all_subaccounts", types.boolean, (column) => column.notNull())
      .addColumn("exception_subaccounts", types.text, (column) => column.notNull())
      .addColumn("kind", types.text, (column) => column.notNull())
      .addColumn("name", types.text, (column) => column.notNull())
      .addColumn("target", types.text, (column) => column.notNull())
      .addColumn("events", types.text, (column) => column.notNull())
      .addColumn("active", types.boolean, (column) => column.notNull())
      // Why it was switched off, when nobody did it by hand.
      .addColumn("inactive_reason", types.text)
      .addColumn("sealed_secrets", types.text, (column) => column.notNull())
      .addColumn("changed_in_version", types.integer, (column) => column.notNull())
      .addColumn("created_at_ms", types.integer, (column) => column.notNull())
  );
}

function webhookVersion(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("webhook_version")
    .addColumn("id", types.integer, (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn("version", types.integer, (column) => column.notNull());
}

/** Processes that deliver. Their leases end by the database's clock, the only one that all of them share. */
function workers(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("webhook_workers")
    .addColumn("id", types.text, (column) => column.primaryKey())
    .addColumn("machine", types.text, (column) => column.notNull())
    .addColumn("lease_until_ms", types.integer, (column) => column.notNull());
}

function lanes(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("webhook_lanes")
      .addColumn("id", types.text, (column) => column.primaryKey())
      .addColumn("webhook_id", types.text, (column) =>
        column.notNull().references("webhooks.id").onDelete("cascade"),
      )
      .addColumn("kind", types.text, (column) => column.notNull().check(sql`kind in ('live', 'replay')`))
      .addColumn("worker", types.text)
      .addColumn("start_position", types.integer, (column) => column.notNull())
      // Everything up to here is done.
      .addColumn("position", types.integer, (column) => column.notNull())
      // Of a replay: nothing behind it is sent.
      .addColumn("end_position", types.integer)
      .addColumn("since_ms", types.integer)
      // The batch under way: what the interest finds behind the position and up to `batch_last`.
      .addColumn("batch_id", types.text)
      .addColumn("batch_last", types.integer)
      .addColumn("batch_interest", types.text)
      .addColumn("attempts", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("next_attempt_at_ms", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("sent_batches", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("sent_events", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("dead_batches", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("last_successful_at_ms", types.integer)
      .addColumn("last_failure_at_ms", types.integer)
      .addColumn("created_at_ms", types.integer, (column) => column.notNull())
      .addColumn("finished_at_ms", types.integer)
  );
}

/** Batches of which an attempt has failed. Those that arrive at once leave no row. */
function batches(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return db.schema
    .createTable("webhook_batches")
    .addColumn("id", types.text, (column) => column.primaryKey())
    .addColumn("webhook_id", types.text, (column) =>
      column.notNull().references("webhooks.id").onDelete("cascade"),
    )
    .addColumn("position", types.integer, (column) => column.notNull())
    .addColumn("last_position", types.integer, (column) => column.notNull())
    .addColumn("interest", types.text, (column) => column.notNull())
    .addColumn("state", types.text, (column) =>
      column.notNull().check(sql`state in ('failing', 'delivered', 'dead')`),
    )
    .addColumn("attempts", types.integer, (column) => column.notNull())
    .addColumn("response_code", types.integer)
    .addColumn("failure_code", types.text)
    .addColumn("latency_ms", types.integer, (column) => column.notNull())
    .addColumn("attempted_at_ms", types.integer, (column) => column.notNull());
}

function operationalEvents(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("operational_events")
      // Given out in the order of storing: who follows goes by it.
      .addColumn("id", types.integer, (column) => column.primaryKey())
      .addColumn("kind", types.text, (column) => column.notNull())
      .addColumn("subject", types.text, (column) => column.notNull())
      .addColumn("subaccount_id", types.integer, (column) => column.notNull())
      .addColumn("at_ms", types.integer, (column) => column.notNull())
      .addColumn("fields", types.text, (column) => column.notNull())
  );
}

async function createIndexes(db: Kysely<unknown>): Promise<void> {
  for (const { name, table, columns } of [
    { name: "webhooks_by_owner", table: "webhooks", columns: ["subaccount_id", "created_at_ms"] },
    { name: "webhooks_by_version", table: "webhooks", columns: ["changed_in_version"] },
    { name: "webhook_lanes_by_webhook", table: "webhook_lanes", columns: ["webhook_id"] },
    { name: "webhook_lanes_by_worker", table: "webhook_lanes", columns: ["worker"] },
    {
      name: "webhook_batches_by_time",
      table: "webhook_batches",
      columns: ["webhook_id", "state", "attempted_at_ms"],
    },
    { name: "operational_events_by_subject", table: "operational_events", columns: ["subject", "id"] },
  ]) {
    await db.schema.createIndex(name).on(table).columns(columns).execute();
  }
}
