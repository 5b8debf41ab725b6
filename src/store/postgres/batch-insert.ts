/** A batch is one statement with an array per column: any number of rows is the same statement. */
import { type RawBuilder, sql } from "kysely";

import type { Column, EventRow } from "../event-columns.ts";

export function namesOf(columns: readonly Column[]): RawBuilder<unknown> {
  return sql.join(columns.map(({ name }) => sql.ref(name)));
}

/** The arguments of `unnest`. */
export function arraysOf(columns: readonly Column[], rows: readonly EventRow[]): RawBuilder<unknown> {
  return sql.join(
    columns.map(({ type }, index) => sql`${rows.map((row) => row[index])}::${sql.raw(type)}[]`),
  );
}
