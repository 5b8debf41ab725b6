/** The console's sessions, and the trail of what was changed by whom. */
import type { CreateTableBuilder, Kysely } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

export function createConsoleTables(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await sessions(db, types).modifyEnd(types.tableOptions).execute();
      await auditEntries(db, types).modifyEnd(types.tableOptions).execute();
      await db.schema.createIndex("sessions_by_key").on("sessions").column("key_id").execute();
      await db.schema
        .createIndex("audit_entries_by_kind")
        .on("audit_entries")
        .columns(["kind", "sequence"])
        .execute();
    },
  };
}

function sessions(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("sessions")
      .addColumn("id_hash", types.text, (column) => column.primaryKey())
      // A revoked key takes its sessions with it.
      .addColumn("key_id", types.text, (column) =>
        column.notNull().references("api_keys.id").onDelete("cascade"),
      )
      .addColumn("created_at_ms", types.integer, (column) => column.notNull())
      .addColumn("last_used_at_ms", types.integer, (column) => column.notNull())
      .addColumn("expires_at_ms", types.integer, (column) => column.notNull())
  );
}

function auditEntries(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("audit_entries")
      // The entries' order, whatever the clocks said.
      .addColumn("sequence", types.counter, (column) => column.primaryKey())
      .addColumn("at_ms", types.integer, (column) => column.notNull())
      .addColumn("kind", types.text, (column) => column.notNull())
      // Not a reference: the trail outlives the key.
      .addColumn("key_id", types.text)
      .addColumn("key_label", types.text)
      .addColumn("via", types.text, (column) => column.notNull())
      .addColumn("subaccount_id", types.integer)
      .addColumn("address", types.text, (column) => column.notNull())
      .addColumn("action", types.text, (column) => column.notNull())
      .addColumn("method", types.text, (column) => column.notNull())
      .addColumn("path", types.text, (column) => column.notNull())
      // A JSON object.
      .addColumn("fields", types.text, (column) => column.notNull())
  );
}
