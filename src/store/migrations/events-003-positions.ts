import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * PostgreSQL: the index by which followers read has the time in it too. A query names the day for the sake of its partition
 * alone, but before a day has statistics the planner would look up all of it by its time, for every page.
 */
export const indexPositionsWithTimes: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`drop index events_by_position`.execute(db);
    await sql`create index events_by_position on events (position, timestamp_ms)`.execute(db);
  },
};
