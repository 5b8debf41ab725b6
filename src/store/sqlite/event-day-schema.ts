/**
 * The schema of SQLite's day files: statements that each file runs once, in this order, when it is opened the next
 * time. Append only. With a new one comes a migration of the file of days (`migrations/all.ts`), be it an empty one: it is what
 * keeps an older version from opening files that it does not know.
 */

/** 16,384 positions. */
export const SEGMENT = "position >> 14";

/** Null, all of them: nothing is known of the message. */
const FACTS_COLUMNS = [
  "transmission_id text",
  "campaign_id text",
  "template_id text",
  "template_version text",
  "subject text",
  "friendly_from text",
  "msg_from text",
  "sending_domain text",
  "ip_pool text",
  "msg_size integer",
  "rcpt_meta text",
  "rcpt_tags text",
  "open_tracking integer",
  "click_tracking integer",
  "initial_open integer",
  "amp_enabled integer",
  "geo_ip text",
  "is_prefetched integer not null default 0",
  "is_proxy integer not null default 0",
  "is_bot integer not null default 0",
  "bot_reasons text",
];

export const EVENT_DAY_SCHEMA: readonly string[] = [
  // Positions grow, so rows are only ever added at the table's end. raw_rcpt_to null: spelled as in rcpt_to, in lower case.
  `create table events (
     position integer primary key,
     event_id integer not null unique,
     timestamp_ms integer not null,
     type text not null,
     subaccount_id integer not null,
     message_id text not null,
     rcpt_to text not null,
     raw_rcpt_to text,
     recipient_domain text,
     sent_at_seconds integer not null,
     tracking_domain text not null,
     target_link_url text,
     target_link_name text,
     ip_address text,
     user_agent text,
     accept_language text
   ) strict`,
  "create index events_by_time on events (timestamp_ms, event_id)",
  `create index events_by_message on events (${SEGMENT}, message_id)`,
  `create index events_by_recipient on events (${SEGMENT}, rcpt_to)`,
  ...FACTS_COLUMNS.map((column) => `alter table events add column ${column}`),
  // Of an event that was reclassified or erased. Changes are numbered as positions are.
  `create table event_changes (
     change integer primary key,
     changed_position integer not null,
     changed_event_id integer not null,
     changed_timestamp_ms integer not null
   ) strict`,
  // A value comes in the order of time, and behind it what is often asked for with it: an event that is not wanted is not read.
  "create index events_by_campaign on events (campaign_id, timestamp_ms, event_id, type, recipient_domain, subaccount_id)",
  "create index events_by_domain on events (recipient_domain, timestamp_ms, event_id, type, subaccount_id)",
  "create index events_by_subaccount on events (subaccount_id, timestamp_ms, event_id, type)",
  "create index events_by_type on events (type, timestamp_ms, event_id)",
  `create index events_by_transmission on events (${SEGMENT}, transmission_id)`,
  // Every filter has an index: what few events or none have would else be looked for in all of them. What is not told of a
  // message costs nothing.
  "create index events_by_template on events (template_id, timestamp_ms, event_id) where template_id is not null",
  "create index events_by_sending_domain on events (sending_domain, timestamp_ms, event_id) where sending_domain is not null",
  "create index events_by_tracking_domain on events (tracking_domain, timestamp_ms, event_id)",
  "create index events_by_pool on events (ip_pool, timestamp_ms, event_id) where ip_pool is not null",
  "create index events_by_sender on events (friendly_from, timestamp_ms, event_id) where friendly_from is not null",
  "create index events_by_subject on events (subject, timestamp_ms, event_id) where subject is not null",
  "create index events_by_bot on events (timestamp_ms, event_id) where is_bot",
  "create index events_by_prefetched on events (timestamp_ms, event_id) where is_prefetched",
  "create index events_by_proxy on events (timestamp_ms, event_id) where is_proxy",
  "drop index events_by_campaign",
  // With the marks: a campaign's bots are few among its events.
  `create index events_by_campaign on events (
     campaign_id, timestamp_ms, event_id, type, recipient_domain, subaccount_id, is_bot, is_prefetched, is_proxy
   ) where campaign_id is not null`,
  "drop index events_by_transmission",
  `create index events_by_transmission on events (${SEGMENT}, transmission_id) where transmission_id is not null`,
];

/**
 * Random keys in one index over a whole day would make every batch rewrite thousands of the index's pages, one for each
 * event (measured: docs/performance.md). So these indexes begin anew every few thousand positions, and who looks for a key
 * looks in each of those segments: this is the condition that makes SQLite do so.
 */
export const IN_EACH_SEGMENT = inEachSegment("events");

export function inEachSegment(table: string): string {
  return `${SEGMENT} in (
  with recursive segment (number) as (
    select (select min(position) from ${table}) >> 14
    union all
    select number + 1 from segment where number < (select max(position) from ${table}) >> 14
  ) select number from segment)`;
}
