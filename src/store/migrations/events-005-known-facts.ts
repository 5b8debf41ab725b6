import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * PostgreSQL: what is not known of a message costs nothing, and what is asked for with a campaign is told by its index, as in
 * sqlite/event-day-schema.ts. As keys: PostgreSQL reads the event to test a column that is only included.
 */
export const indexKnownFacts: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`drop index events_by_campaign`.execute(db);
    await sql`
      create index events_by_campaign on events (
        campaign_id, timestamp_ms, event_id, type, is_bot, is_prefetched, is_proxy
      ) where campaign_id is not null`.execute(db);
    await sql`drop index events_by_transmission`.execute(db);
    await sql`
      create index events_by_transmission on events (transmission_id) where transmission_id is not null`.execute(
      db,
    );
  },
};
