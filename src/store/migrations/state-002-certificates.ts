/** Certificates of tracking domains. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

export function createCertificateTable(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("certificates")
        .addColumn("domain", types.text, (column) =>
          column.primaryKey().references("tracking_domains.domain").onDelete("cascade"),
        )
        .addColumn("source", types.text, (column) => column.notNull())
        .addColumn("chain_pem", types.text, (column) => column.notNull())
        .addColumn("sealed_key", types.text, (column) => column.notNull())
        .addColumn("tag", types.text, (column) => column.notNull())
        .addColumn("issuer", types.text, (column) => column.notNull())
        .addColumn("issued_at_ms", types.integer, (column) => column.notNull())
        .addColumn("expires_at_ms", types.integer, (column) => column.notNull())
        .modifyEnd(types.tableOptions)
        .execute();
    },
  };
}
