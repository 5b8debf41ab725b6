import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

/**
 * Which days there are, with the positions of the events they hold, and the last position of all. SQLite has these in
 * a file of their own, beside a file per day (`sqlite/event-day-schema.ts`).
 */
export function createEventDays(types: ColumnTypes): Migration {
  return { up: (db: Kysely<unknown>) => createDays(db, types) };
}

/** PostgreSQL: the days, and the events in one table that is partitioned by day. */
export function createPartitionedEvents(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await createDays(db, types);
      // As in sqlite/event-day-schema.ts. A partitioned table's keys must hold what it is partitioned by.
      await sql`
        create table events (
          position bigint not null,
          event_id bigint not null,
          timestamp_ms bigint not null,
          type ${types.text} not null,
          subaccount_id bigint not null,
          message_id ${types.text} not null,
          rcpt_to ${types.text} not null,
          raw_rcpt_to ${types.text},
          recipient_domain ${types.text},
          sent_at_seconds bigint not null,
          tracking_domain ${types.text} not null,
          target_link_url ${types.text},
          target_link_name ${types.text},
          ip_address ${types.text},
          user_agent ${types.text},
          accept_language ${types.text},
          primary key (event_id, timestamp_ms)
        ) partition by range (timestamp_ms)`.execute(db);
      await sql`create index events_by_position on events (position)`.execute(db);
      await sql`create index events_by_time on events (timestamp_ms, event_id)`.execute(db);
      await sql`create index events_by_message on events (message_id)`.execute(db);
      await sql`create index events_by_recipient on events (rcpt_to, timestamp_ms, event_id)`.execute(db);
    },
  };
}

async function createDays(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable("event_days")
    .addColumn("day", types.integer, (column) => column.primaryKey())
    .addColumn("first_position", types.integer, (column) => column.notNull())
    .addColumn("last_position", types.integer, (column) => column.notNull())
    .modifyEnd(types.tableOptions)
    .execute();
  await db.schema
    .createTable("event_positions")
    .addColumn("last", types.integer, (column) => column.notNull())
    .modifyEnd(types.tableOptions)
    .execute();
  await sql`insert into event_positions (last) values (0)`.execute(db);
}
