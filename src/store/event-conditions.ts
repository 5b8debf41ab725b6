/** A filter as conditions on columns: which of them an index can find events by, and which only tell events apart. */
import { type RawBuilder, sql } from "kysely";

import { asciiLowerCase, type EventFilter } from "../events/event-filter.ts";

/** In the order in which indexes are preferred when nothing else decides. */
export const INDEXED_COLUMNS = [
  "event_id",
  "message_id",
  "rcpt_to",
  "transmission_id",
  "campaign_id",
  "recipient_domain",
  "subaccount_id",
  "type",
] as const;
export type IndexedColumn = (typeof INDEXED_COLUMNS)[number];
type OtherColumn = "template_id" | "ip_pool" | "sending_domain" | "tracking_domain";

/** That a column has one of these values. */
export interface ValueCondition {
  readonly column: IndexedColumn | OtherColumn;
  readonly values: readonly (string | number | bigint)[];
}

export interface EventConditions {
  /** The indexed ones, in the order of {@link INDEXED_COLUMNS}. */
  readonly indexed: readonly (ValueCondition & { readonly column: IndexedColumn })[];
  readonly others: readonly ValueCondition[];
  /** What is no list of values. */
  readonly rest: readonly RawBuilder<unknown>[];
}

export function conditionsOf(filter: EventFilter): EventConditions {
  const indexed: Readonly<Record<IndexedColumn, ValueCondition["values"] | undefined>> = {
    event_id: filter.eventIds,
    message_id: filter.messageIds,
    rcpt_to: filter.recipients,
    transmission_id: filter.transmissions,
    campaign_id: filter.campaigns,
    recipient_domain: filter.recipientDomains,
    subaccount_id: filter.subaccounts === "all" ? undefined : filter.subaccounts,
    type: filter.types,
  };
  const others: Readonly<Record<OtherColumn, readonly string[] | undefined>> = {
    template_id: filter.templates,
    ip_pool: filter.ipPools,
    sending_domain: filter.sendingDomains,
    tracking_domain: filter.trackingDomains,
  };
  return {
    indexed: INDEXED_COLUMNS.flatMap((column) => {
      const values = indexed[column];
      return values === undefined ? [] : [{ column, values }];
    }),
    others: (Object.keys(others) as OtherColumn[]).flatMap((column) => {
      const values = others[column];
      return values === undefined ? [] : [{ column, values }];
    }),
    rest: [
      ...flag("is_bot", filter.isBot),
      ...flag("is_prefetched", filter.isPrefetched),
      ...flag("is_proxy", filter.isProxy),
      ...anyOf(filter.fromAddresses, isFrom),
      ...anyOf(filter.subjects, hasWords),
    ],
  };
}

function flag(column: string, wanted: boolean | undefined): RawBuilder<unknown>[] {
  if (wanted === undefined) return [];
  return [wanted ? sql`${sql.ref(column)}` : sql`not ${sql.ref(column)}`];
}

function anyOf<Entry>(
  entries: readonly Entry[] | undefined,
  condition: (entry: Entry) => RawBuilder<unknown>,
): RawBuilder<unknown>[] {
  if (entries === undefined) return [];
  if (entries.length === 0) return [sql`1 = 0`];
  return [sql`(${sql.join(entries.map(condition), sql` or `)})`];
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
