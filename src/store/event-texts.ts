/**
 * Finds the texts that a condition is true of: messages share their subjects and senders, so that there are few. Where each message
 * has its own, events are looked through instead.
 */
import { type RawBuilder, sql } from "kysely";

import {
  type EventConditions,
  type TextCondition,
  type ValueCondition,
  withTexts,
} from "./event-conditions.ts";

/** More take longer than looking through the events of a page. */
export const MAX_TEXTS = 1000;

/** With values instead of those text conditions of whose texts `find` says that there are few. */
export async function resolveTexts(
  conditions: EventConditions,
  find: (condition: TextCondition) => Promise<readonly string[] | undefined>,
): Promise<EventConditions> {
  const found = await Promise.all(
    conditions.texts.map(async (condition): Promise<ValueCondition[]> => {
      const values = await find(condition);
      return values === undefined ? [] : [{ column: condition.column, values }];
    }),
  );
  return withTexts(conditions, found.flat());
}

/** A query of all different texts of a column, from one entry of an index to the next. Its one column has the column's name. */
export function distinctTexts({
  column,
  from,
  where,
}: {
  readonly column: TextCondition["column"];
  /** The events, as a query reads them by the index of this column. */
  readonly from: RawBuilder<unknown>;
  /** Conditions on these events besides. */
  readonly where: readonly RawBuilder<unknown>[];
}): RawBuilder<unknown> {
  const text = sql.ref(column);
  const next = (after: RawBuilder<unknown>) => sql`
    select min(events.${text}) from ${from} where ${sql.join([after, ...where], sql` and `)}`;
  return sql`
    with recursive texts (${text}) as (
      select (${next(sql`events.${text} is not null`)})
      union all
      select (${next(sql`events.${text} > texts.${text}`)}) from texts where texts.${text} is not null
    )
    select ${text} from texts where ${text} is not null`;
}
