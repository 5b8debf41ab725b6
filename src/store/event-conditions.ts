/** A filter as conditions on columns, every one of which an index can find events by. */
import { type RawBuilder, sql } from "kysely";

import { asciiLowerCase, type EventFilter } from "../events/event-filter.ts";

/** In the order in which indexes are preferred when nothing else decides. */
export const VALUE_COLUMNS = [
  "event_id",
  "message_id",
  "rcpt_to",
  "transmission_id",
  "campaign_id",
  "template_id",
  "recipient_domain",
  "subaccount_id",
  "sending_domain",
  "tracking_domain",
  "subject",
  "friendly_from",
  "ip_pool",
  "type",
] as const;
export type ValueColumn = (typeof VALUE_COLUMNS)[number];
export const MARK_COLUMNS = ["is_bot", "is_prefetched", "is_proxy"] as const;
export type MarkColumn = (typeof MARK_COLUMNS)[number];

/** That a column has one of these values. */
export interface ValueCondition {
  readonly column: ValueColumn;
  readonly values: readonly (string | number | bigint)[];
}

/** That a column has a text that a condition is true of: which texts those are the column's index can tell. */
export interface TextCondition {
  readonly column: "subject" | "friendly_from";
  readonly matches: RawBuilder<unknown>;
}

export interface MarkCondition {
  readonly column: MarkColumn;
  readonly isSet: boolean;
}

export interface EventConditions {
  /** In the order of {@link VALUE_COLUMNS}. */
  readonly values: readonly ValueCondition[];
  readonly texts: readonly TextCondition[];
  readonly marks: readonly MarkCondition[];
}

export function conditionsOf(filter: EventFilter): EventConditions {
  const values: Readonly<Record<ValueColumn, ValueCondition["values"] | undefined>> = {
    event_id: filter.eventIds,
    message_id: filter.messageIds,
    rcpt_to: filter.recipients,
    transmission_id: filter.transmissions,
    campaign_id: filter.campaigns,
    template_id: filter.templates,
    recipient_domain: filter.recipientDomains,
    subaccount_id: filter.subaccounts === "all" ? undefined : filter.subaccounts,
    sending_domain: filter.sendingDomains,
    tracking_domain: filter.trackingDomains,
    subject: anyText(filter.subjects),
    friendly_from: anyText(filter.fromAddresses),
    ip_pool: filter.ipPools,
    type: filter.types,
  };
  const marks = { is_bot: filter.isBot, is_prefetched: filter.isPrefetched, is_proxy: filter.isProxy };
  return {
    values: VALUE_COLUMNS.flatMap((column) => {
      const wanted = values[column];
      return wanted === undefined ? [] : [{ column, values: wanted }];
    }),
    texts: [
      ...anyOf("subject", filter.subjects, hasWords),
      ...anyOf("friendly_from", filter.fromAddresses, isFrom),
    ],
    marks: MARK_COLUMNS.flatMap((column) => {
      const isSet = marks[column];
      return isSet === undefined ? [] : [{ column, isSet }];
    }),
  };
}

/** The conditions once it is known which texts a {@link TextCondition} is true of. */
export function withTexts(conditions: EventConditions, found: readonly ValueCondition[]): EventConditions {
  const place = ({ column }: ValueCondition) => VALUE_COLUMNS.indexOf(column);
  return {
    ...conditions,
    values: [...conditions.values, ...found].sort((one, other) => place(one) - place(other)),
    texts: conditions.texts.filter(({ column }) => !found.some((condition) => condition.column === column)),
  };
}

export function markIs({ column, isSet }: MarkCondition): RawBuilder<unknown> {
  return isSet ? sql`${sql.ref(column)}` : sql`not ${sql.ref(column)}`;
}

/** Of a list that is empty no text is one. */
function anyText(entries: readonly unknown[] | undefined): readonly string[] | undefined {
  return entries?.length === 0 ? [] : undefined;
}

function anyOf<Entry>(
  column: TextCondition["column"],
  entries: readonly Entry[] | undefined,
  condition: (entry: Entry) => RawBuilder<unknown>,
): readonly TextCondition[] {
  if (entries === undefined || entries.length === 0) return [];
  return [{ column, matches: sql`(${sql.join(entries.map(condition), sql` or `)})` }];
}

function isFrom(address: string): RawBuilder<unknown> {
  const text = asciiLowerCase(address);
  return sql`(lower(friendly_from) = ${text} or lower(friendly_from) like ${`%<${literal(text)}>`} escape '!')`;
}

function hasWords(words: readonly string[]): RawBuilder<unknown> {
  const conditions = words.map(
    (word) => sql`lower(subject) like ${`%${literal(asciiLowerCase(word))}%`} escape '!'`,
  );
  return conditions.length === 0 ? sql`subject is not null` : sql`(${sql.join(conditions, sql` and `)})`;
}

/** As a pattern that nothing in it makes match anything else. */
function literal(text: string): string {
  return text.replace(/[!%_]/g, "!$&");
}
