/**
 * Finds the texts that a condition is true of, from one text of an index to the next: messages share their subjects and
 * senders, so that there are few. Where each message has its own, events are looked through instead.
 */
import { type RawBuilder, sql } from "kysely";

import {
  type EventConditions,
  type TextCondition,
  type ValueCondition,
  withTexts,
} from "./event-conditions.ts";
import type { RunSql } from "./read-after.ts";

/** More take longer than looking through the events of a page. */
const MAX_TEXTS = 1000;

export interface TextSource {
  readonly run: RunSql;
  /** The events whose texts are looked for: a table, as a query reads it by the index of this column. */
  readonly from: (column: TextCondition["column"]) => RawBuilder<unknown>;
  /** Conditions on these events besides. */
  readonly where: readonly RawBuilder<unknown>[];
}

/** With values instead of those text conditions whose texts are few. */
export async function resolveTexts(
  conditions: EventConditions,
  source: TextSource,
): Promise<EventConditions> {
  const found = await Promise.all(conditions.texts.map((condition) => findTexts(condition, source)));
  return withTexts(
    conditions,
    found.filter((condition) => condition !== undefined),
  );
}

/** `undefined`: there are too many. */
async function findTexts(
  { column, matches }: TextCondition,
  { run, from, where }: TextSource,
): Promise<ValueCondition | undefined> {
  const text = sql.ref(column);
  const next = (after: RawBuilder<unknown>) => sql`
    select min(events.${text}) from ${from(column)} where ${sql.join([after, ...where], sql` and `)}`;
  const rows = await run(sql<{ text: string; is_match: unknown }>`
    with recursive texts (${text}) as (
      select (${next(sql`events.${text} is not null`)})
      union all
      select (${next(sql`events.${text} > texts.${text}`)}) from texts where texts.${text} is not null
    )
    select ${text} as text, ${matches} as is_match from texts where ${text} is not null limit ${MAX_TEXTS + 1}`);
  if (rows.length > MAX_TEXTS) return undefined;
  return { column, values: rows.filter((row) => Boolean(row.is_match)).map((row) => row.text) };
}
