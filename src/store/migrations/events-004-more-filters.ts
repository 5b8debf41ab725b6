import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

const COLUMNS = {
  template: "template_id",
  sending_domain: "sending_domain",
  tracking_domain: "tracking_domain",
  pool: "ip_pool",
  sender: "friendly_from",
  subject: "subject",
};
const MARKS = { bot: "is_bot", prefetched: "is_prefetched", proxy: "is_proxy" };

/** PostgreSQL: an index for every filter, as in sqlite/event-day-schema.ts. */
export const indexMoreFilters: Migration = {
  async up(db: Kysely<unknown>) {
    for (const [name, column] of Object.entries(COLUMNS)) {
      await sql`
        create index ${sql.ref(`events_by_${name}`)} on events (${sql.ref(column)}, timestamp_ms, event_id)
        where ${sql.ref(column)} is not null`.execute(db);
    }
    for (const [name, column] of Object.entries(MARKS)) {
      await sql`
        create index ${sql.ref(`events_by_${name}`)} on events (timestamp_ms, event_id) where ${sql.ref(column)}`.execute(
        db,
      );
    }
  },
};
