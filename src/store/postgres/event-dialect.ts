/** Events in PostgreSQL: a batch is one statement with an array per column. */
import { type Kysely, sql } from "kysely";

import { EVENT_COLUMNS, type EventDialect, type EventRow } from "../events.ts";

const NAMES = sql.join(EVENT_COLUMNS.map(({ name }) => sql.ref(name)));

export function postgresEventDialect(db: Kysely<unknown>): EventDialect {
  return {
    async insert(rows) {
      // In one order everywhere: two batches that share events would else wait for each other, and one would be refused.
      const ordered = rows.toSorted(byId);
      const columns = EVENT_COLUMNS.map(({ isInteger }, index) => {
        const values = ordered.map((row) => row[index]);
        return isInteger ? sql`${values}::bigint[]` : sql`${values}::text[]`;
      });
      const { numAffectedRows } = await sql`
        insert into events (${NAMES}) select * from unnest(${sql.join(columns)}) on conflict do nothing`.execute(
        db,
      );
      return Number(numAffectedRows ?? 0n);
    },
    amongIntegers: (values) => sql`= any(${values}::bigint[])`,
    amongTexts: (values) => sql`= any(${values}::text[])`,
  };
}

function byId(a: EventRow, b: EventRow): number {
  const [left = null, right = null] = [a[0], b[0]];
  if (left === right || left === null || right === null) return 0;
  return left < right ? -1 : 1;
}
