/** Engagement events, in SQL written by hand: on this path the databases' own ways are worth their difference. */
import { type Kysely, type RawBuilder, sql } from "kysely";

import type { EngagementEvent, EventType } from "../domain/event.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import type { MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { EventQuery, EventStore } from "../events/event-store.ts";

/** What one event is in a table, in the order of {@link EVENT_COLUMNS}. */
export type EventRow = readonly (string | number | bigint | null)[];

export const EVENT_COLUMNS = [
  { name: "event_id", isInteger: true },
  { name: "timestamp_ms", isInteger: true },
  { name: "type", isInteger: false },
  { name: "subaccount_id", isInteger: true },
  { name: "message_id", isInteger: false },
  { name: "rcpt_to", isInteger: false },
  { name: "raw_rcpt_to", isInteger: false },
  { name: "recipient_domain", isInteger: false },
  { name: "sent_at_seconds", isInteger: true },
  { name: "tracking_domain", isInteger: false },
  { name: "target_link_url", isInteger: false },
  { name: "target_link_name", isInteger: false },
  { name: "ip_address", isInteger: false },
  { name: "user_agent", isInteger: false },
  { name: "accept_language", isInteger: false },
] as const;

/** How a database does what SQL says differently. */
export interface EventDialect {
  /** Inserts the rows in one transaction, but those whose id is there already. Resolves to how many were new. */
  insert(rows: readonly EventRow[]): Promise<number>;
  /** The predicate that a column is among these: one parameter, so that any number of values is the same statement. */
  amongIntegers(values: readonly (number | bigint)[]): RawBuilder<unknown>;
  amongTexts(values: readonly string[]): RawBuilder<unknown>;
}

interface SelectedEvent {
  /** As text: JavaScript's numbers end at 2^53, ids at 2^63. */
  readonly event_id: string;
  readonly timestamp_ms: number;
  readonly type: EventType;
  readonly subaccount_id: SubaccountId;
  readonly message_id: MessageId;
  readonly rcpt_to: string;
  readonly raw_rcpt_to: string | null;
  readonly sent_at_seconds: number;
  readonly tracking_domain: string;
  readonly target_link_url: string | null;
  readonly target_link_name: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly accept_language: string | null;
}

export function createEventStore(db: Kysely<unknown>, dialect: EventDialect): EventStore {
  return {
    append: async (events) => (events.length === 0 ? 0 : dialect.insert(events.map(toRow))),

    async search(query) {
      const conditions = conditionsOf(boundedBy(query), dialect);
      const { after } = query;
      if (after !== undefined) {
        conditions.push(sql`(timestamp_ms, event_id) < (${after.timestampMs}, ${after.eventId})`);
      }
      const { rows } = await sql<SelectedEvent>`
        select cast(event_id as text) as event_id, timestamp_ms, type, subaccount_id, message_id, rcpt_to, raw_rcpt_to,
          sent_at_seconds, tracking_domain, target_link_url, target_link_name, ip_address, user_agent, accept_language
        from events where ${sql.join(conditions, sql` and `)}
        order by events.timestamp_ms desc, events.event_id desc limit ${query.limit}`.execute(db);
      return rows.map(toEvent);
    },

    async count(query, atMost) {
      const conditions = sql.join(conditionsOf(query, dialect), sql` and `);
      const { rows } = await sql<{ found: number }>`
        select count(*) as found from (select 1 as one from events where ${conditions} limit ${atMost}) as matches`.execute(
        db,
      );
      return rows[0]?.found ?? 0;
    },
  };
}

/** SQLite starts the index at `timestamp_ms` alone: without this, every page would read all the pages before it again. */
function boundedBy(query: EventQuery): EventQuery {
  return query.after === undefined
    ? query
    : { ...query, toMs: Math.min(query.toMs, query.after.timestampMs + 1) };
}

function conditionsOf(
  query: Omit<EventQuery, "after" | "limit">,
  { amongIntegers, amongTexts }: EventDialect,
): RawBuilder<unknown>[] {
  const { subaccounts, types, eventIds, messageIds, recipients, recipientDomains } = query;
  const conditions = [sql`timestamp_ms >= ${query.fromMs}`, sql`timestamp_ms < ${query.toMs}`];
  if (subaccounts !== "all") conditions.push(sql`subaccount_id ${amongIntegers(subaccounts)}`);
  if (types !== undefined) conditions.push(sql`type ${amongTexts(types)}`);
  if (eventIds !== undefined) conditions.push(sql`event_id ${amongIntegers(eventIds)}`);
  if (messageIds !== undefined) conditions.push(sql`message_id ${amongTexts(messageIds)}`);
  if (recipients !== undefined) conditions.push(sql`rcpt_to ${amongTexts(recipients)}`);
  if (recipientDomains !== undefined) conditions.push(sql`recipient_domain ${amongTexts(recipientDomains)}`);
  return conditions;
}

function toRow(event: EngagementEvent): EventRow {
  const recipient = event.rcptTo.toLowerCase();
  return [
    event.eventId,
    event.timestampMs,
    event.type,
    event.subaccountId,
    event.messageId,
    recipient,
    recipient === event.rcptTo ? null : event.rcptTo,
    domainOfAddress(event.rcptTo) ?? null,
    event.sentAtSeconds,
    event.trackingDomain,
    event.targetLinkUrl ?? null,
    event.targetLinkName ?? null,
    event.ipAddress ?? null,
    event.userAgent ?? null,
    event.acceptLanguage ?? null,
  ];
}

function toEvent(row: SelectedEvent): EngagementEvent {
  return {
    eventId: BigInt(row.event_id),
    type: row.type,
    timestampMs: row.timestamp_ms,
    subaccountId: row.subaccount_id,
    messageId: row.message_id,
    rcptTo: row.raw_rcpt_to ?? row.rcpt_to,
    sentAtSeconds: row.sent_at_seconds,
    trackingDomain: row.tracking_domain,
    ...(row.target_link_url !== null && { targetLinkUrl: row.target_link_url }),
    ...(row.target_link_name !== null && { targetLinkName: row.target_link_name }),
    ...(row.ip_address !== null && { ipAddress: row.ip_address }),
    ...(row.user_agent !== null && { userAgent: row.user_agent }),
    ...(row.accept_language !== null && { acceptLanguage: row.accept_language }),
  };
}
