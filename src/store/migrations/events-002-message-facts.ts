import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

import type { ColumnTypes } from "../migrate.ts";

/** SQLite's file of days: the days themselves have changed (`sqlite/event-day-schema.ts`). */
export const eventDaysHaveChanged: Migration = { up: async () => undefined };

/** SQLite has the days of messages in a file of their own, beside a file per day. */
export function createMessageDays(types: ColumnTypes): Migration {
  return { up: (db: Kysely<unknown>) => createDays(db, types) };
}

/** PostgreSQL: what is known of an event's message and of its origin, what changed after it was stored, and the messages. */
export function addMessageFacts(types: ColumnTypes): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await addColumns(db, types);
      await sql`
        create table event_changes (
          change bigint primary key,
          changed_position bigint not null,
          changed_event_id bigint not null,
          changed_timestamp_ms bigint not null
        )`.execute(db);
      await createIndexes(db);
      await createDays(db, types);
      await createMessages(db, types);
    },
  };
}

async function addColumns(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const texts = ["transmission_id", "campaign_id", "template_id", "template_version", "subject"];
  texts.push("friendly_from", "msg_from", "sending_domain", "ip_pool", "rcpt_meta", "rcpt_tags", "geo_ip");
  texts.push("bot_reasons");
  const flags = ["open_tracking", "click_tracking", "initial_open", "amp_enabled"];
  const labels = ["is_prefetched", "is_proxy", "is_bot"];
  const added = [
    ...texts.map((name) => sql`add column ${sql.ref(name)} ${types.text}`),
    sql`add column msg_size bigint`,
    ...flags.map((name) => sql`add column ${sql.ref(name)} boolean`),
    ...labels.map((name) => sql`add column ${sql.ref(name)} boolean not null default false`),
  ];
  await sql`alter table events ${sql.join(added)}`.execute(db);
}

/** As in sqlite/event-day-schema.ts, but that an event is read wherever it is wanted or not: PostgreSQL's indexes don't say who sees it. */
async function createIndexes(db: Kysely<unknown>): Promise<void> {
  await sql`create index events_by_campaign on events (campaign_id, timestamp_ms, event_id)`.execute(db);
  await sql`create index events_by_domain on events (recipient_domain, timestamp_ms, event_id)`.execute(db);
  await sql`create index events_by_subaccount on events (subaccount_id, timestamp_ms, event_id)`.execute(db);
  await sql`create index events_by_type on events (type, timestamp_ms, event_id)`.execute(db);
  await sql`create index events_by_transmission on events (transmission_id)`.execute(db);
}

async function createMessages(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  // As in sqlite/message-files.ts.
  await sql`
    create table messages (
      position bigint not null,
      sent_at_seconds bigint not null,
      message_id ${types.text} not null,
      subaccount_id bigint not null,
      rcpt_to ${types.text} not null,
      transmission_id ${types.text} not null,
      shared_id ${types.text} not null,
      rcpt_meta ${types.text},
      rcpt_tags ${types.text},
      primary key (sent_at_seconds, message_id)
    ) partition by range (sent_at_seconds)`.execute(db);
  await sql`create index messages_by_position on messages (position)`.execute(db);
  await sql`create index messages_by_recipient on messages (rcpt_to)`.execute(db);
  await sql`
    create table shared_facts (
      shared_id ${types.text} not null,
      shared_at_seconds bigint not null,
      facts ${types.text} not null,
      primary key (shared_id, shared_at_seconds)
    ) partition by range (shared_at_seconds)`.execute(db);
}

async function createDays(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable("message_days")
    .addColumn("day", types.integer, (column) => column.primaryKey())
    .addColumn("first_position", types.integer, (column) => column.notNull())
    .addColumn("last_position", types.integer, (column) => column.notNull())
    .modifyEnd(types.tableOptions)
    .execute();
  await db.schema
    .createTable("message_positions")
    .addColumn("last", types.integer, (column) => column.notNull())
    .modifyEnd(types.tableOptions)
    .execute();
  await sql`insert into message_positions (last) values (0)`.execute(db);
}
