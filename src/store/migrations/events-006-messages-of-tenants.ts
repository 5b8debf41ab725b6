import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** SQLite's file of days: the days themselves have changed (`sqlite/message-files.ts`). */
export const messageDaysHaveChanged: Migration = { up: async () => undefined };

/** PostgreSQL: callers choose ids, so that two tenants may have chosen the same one in the same second. */
export const keyMessagesByTenant: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`
      alter table messages drop constraint messages_pkey,
        add primary key (sent_at_seconds, message_id, subaccount_id)`.execute(db);
  },
};
