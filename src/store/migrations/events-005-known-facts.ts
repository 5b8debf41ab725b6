import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** PostgreSQL: what is not known of a message costs nothing, as in sqlite/event-day-schema.ts. */
export const indexKnownFacts: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`drop index events_by_campaign`.execute(db);
    await sql`
      create index events_by_campaign on events (campaign_id, timestamp_ms, event_id) where campaign_id is not null`.execute(
      db,
    );
    await sql`drop index events_by_transmission`.execute(db);
    await sql`
      create index events_by_transmission on events (transmission_id) where transmission_id is not null`.execute(
      db,
    );
  },
};
