/** What each lane delivered last. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

export function rememberLastDeliveries(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .alterTable("webhook_lanes")
        // Written and read by `last-deliveries.ts`.
        .addColumn("last_deliveries", types.text, (column) => column.notNull().defaultTo(""))
        .execute();
    },
  };
}
