/** Certificates that Waypost orders: accounts at CAs, what is remembered of each name, and a log of orders. */
import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

export function createAcmeTables(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      for (const table of [acmeAccounts(db, types), issuances(db, types), acmeOrders(db, types)]) {
        await table.modifyEnd(types.tableOptions).execute();
      }
      await db.schema
        .alterTable("certificates")
        // How many of the warnings before its end have been given.
        .addColumn("expiry_warnings", types.integer, (column) => column.notNull().defaultTo(0))
        .execute();
      for (const [table, column] of [
        ["certificates", "expires_at_ms"],
        ["issuances", "next_attempt_at_ms"],
        ["acme_orders", "placed_at_ms"],
      ] as const) {
        await db.schema.createIndex(`${table}_by_${column}`).on(table).column(column).execute();
      }
    },
  };
}

function acmeAccounts(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("acme_accounts")
      .addColumn("directory", types.text, (column) => column.primaryKey())
      .addColumn("sealed_key", types.text, (column) => column.notNull())
      .addColumn("thumbprint", types.text, (column) => column.notNull())
      // The account in use is the one with the latest.
      .addColumn("used_since_ms", types.integer, (column) => column.notNull())
      // Until then its CA wants to be left alone.
      .addColumn("paused_until_ms", types.integer, (column) => column.notNull())
  );
}

function issuances(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("issuances")
      .addColumn("domain", types.text, (column) =>
        column.primaryKey().references("tracking_domains.domain").onDelete("cascade"),
      )
      .addColumn("next_attempt_at_ms", types.integer)
      .addColumn("failures", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("problem_code", types.text)
      .addColumn("problem_text", types.text)
      .addColumn("problem_at_ms", types.integer)
      .addColumn("is_refused", types.boolean, (column) => column.notNull())
      // Who is at it, and until when nobody else may be.
      .addColumn("lease_owner", types.text)
      .addColumn("lease_until_ms", types.integer, (column) => column.notNull().defaultTo(0))
      .addColumn("order_id", types.text)
      .addColumn("order_url", types.text)
      .addColumn("order_sealed_key", types.text)
      // The CA that the present certificate is from.
      .addColumn("directory", types.text)
      .addColumn("renew_at_ms", types.integer)
      .addColumn("window_start_ms", types.integer)
      .addColumn("window_end_ms", types.integer)
      .addColumn("ask_again_at_ms", types.integer)
      .addCheckConstraint("problem_is_whole", sql`(problem_code is null) = (problem_text is null)`)
      .addCheckConstraint("order_is_whole", sql`(order_id is null) = (order_sealed_key is null)`)
  );
}

/** One row for each order that was placed, for a little more than a week: what the limits of CAs are counted by. */
function acmeOrders(db: Kysely<unknown>, types: ColumnTypes): CreateTableBuilder<string, string> {
  return (
    db.schema
      .createTable("acme_orders")
      .addColumn("id", types.text, (column) => column.primaryKey())
      .addColumn("directory", types.text, (column) => column.notNull())
      .addColumn("domain", types.text, (column) => column.notNull())
      .addColumn("registrable_domain", types.text, (column) => column.notNull())
      .addColumn("subaccount_id", types.integer, (column) => column.notNull())
      .addColumn("is_renewal", types.boolean, (column) => column.notNull())
      .addColumn("placed_at_ms", types.integer, (column) => column.notNull())
      // Null while it is under way.
      .addColumn("outcome", types.text)
  );
}
