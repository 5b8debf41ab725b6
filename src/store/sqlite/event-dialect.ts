/** Events in SQLite: prepared inserts, one transaction per batch. */
import { sql } from "kysely";

import { EVENT_COLUMNS, type EventDialect } from "../events.ts";
import type { SqliteConnection } from "./connection.ts";

const NAMES = EVENT_COLUMNS.map(({ name }) => name);
const INSERT = `insert into events (${NAMES.join(", ")}) values (${NAMES.map(() => "?").join(", ")}) on conflict do nothing`;

export function sqliteEventDialect(connection: SqliteConnection): EventDialect {
  return {
    insert: async (rows) => (await connection.runMany(INSERT, rows)).changes,
    // Not JSON.stringify, which refuses a bigint. SQLite reads JSON's integers with all their 64 bits.
    amongIntegers: (values) => sql`in (select value from json_each(${`[${values.join(",")}]`}))`,
    amongTexts: (values) => sql`in (select value from json_each(${JSON.stringify(values)}))`,
  };
}
