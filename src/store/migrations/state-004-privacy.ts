/** How strict each subaccount is about privacy, and who was erased. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

export function createPrivacyTables(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .alterTable("subaccounts")
        .addColumn("privacy", types.text, (column) => column.notNull().defaultTo("full"))
        .execute();
      await db.schema
        .createTable("erased_recipients")
        // Given out in the order of storing: who follows goes by it.
        .addColumn("sequence", types.integer, (column) => column.primaryKey())
        // Keyed: whose it is cannot be found out without the key ring.
        .addColumn("hash", types.text, (column) => column.notNull())
        // Null: for everybody.
        .addColumn("subaccount_id", types.integer)
        .addColumn("erased_at_ms", types.integer, (column) => column.notNull())
        .modifyEnd(types.tableOptions)
        .execute();
      await db.schema
        .createIndex("erased_recipients_by_hash")
        .on("erased_recipients")
        .column("hash")
        .execute();
    },
  };
}
