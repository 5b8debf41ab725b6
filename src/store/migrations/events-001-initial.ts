import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

/** The engagement events, with the ways they are looked for: newest first, by message, by recipient. */
export function createEventTables(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("events")
        .addColumn("event_id", types.integer, (column) => column.primaryKey())
        .addColumn("timestamp_ms", types.integer, (column) => column.notNull())
        .addColumn("type", types.text, (column) => column.notNull())
        .addColumn("subaccount_id", types.integer, (column) => column.notNull())
        .addColumn("message_id", types.text, (column) => column.notNull())
        .addColumn("rcpt_to", types.text, (column) => column.notNull())
        // Null: spelled as in rcpt_to, which is lower case.
        .addColumn("raw_rcpt_to", types.text)
        .addColumn("recipient_domain", types.text)
        .addColumn("sent_at_seconds", types.integer, (column) => column.notNull())
        .addColumn("tracking_domain", types.text, (column) => column.notNull())
        .addColumn("target_link_url", types.text)
        .addColumn("target_link_name", types.text)
        .addColumn("ip_address", types.text)
        .addColumn("user_agent", types.text)
        .addColumn("accept_language", types.text)
        .modifyEnd(types.tableOptions)
        .execute();
      for (const [name, columns] of [
        ["events_by_time", ["timestamp_ms", "event_id"]],
        ["events_by_message", ["message_id"]],
        ["events_by_recipient", ["rcpt_to", "timestamp_ms", "event_id"]],
      ] as const) {
        await db.schema
          .createIndex(name)
          .on("events")
          .columns([...columns])
          .execute();
      }
    },
  };
}
