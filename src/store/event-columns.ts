/** The columns of an event's row. Apart from `event-row.ts`, which a thread that only writes rows has no use for. */

/** What one event is in a table, in the order of {@link EVENT_COLUMNS}. */
export type EventRow = readonly (string | number | bigint | boolean | null)[];

export const EVENT_TABLES = { days: "event_days", positions: "event_positions" } as const;

/** As PostgreSQL calls them. */
export interface Column {
  readonly name: string;
  readonly type: "bigint" | "text" | "boolean";
}

/** All but the position, which the database gives. */
export const EVENT_COLUMNS = [
  { name: "event_id", type: "bigint" },
  { name: "timestamp_ms", type: "bigint" },
  { name: "type", type: "text" },
  { name: "subaccount_id", type: "bigint" },
  { name: "message_id", type: "text" },
  { name: "rcpt_to", type: "text" },
  { name: "raw_rcpt_to", type: "text" },
  { name: "recipient_domain", type: "text" },
  { name: "sent_at_seconds", type: "bigint" },
  { name: "tracking_domain", type: "text" },
  { name: "target_link_url", type: "text" },
  { name: "target_link_name", type: "text" },
  { name: "ip_address", type: "text" },
  { name: "user_agent", type: "text" },
  { name: "accept_language", type: "text" },
  { name: "transmission_id", type: "text" },
  { name: "campaign_id", type: "text" },
  { name: "template_id", type: "text" },
  { name: "template_version", type: "text" },
  { name: "subject", type: "text" },
  { name: "friendly_from", type: "text" },
  { name: "msg_from", type: "text" },
  { name: "sending_domain", type: "text" },
  { name: "ip_pool", type: "text" },
  { name: "msg_size", type: "bigint" },
  { name: "rcpt_meta", type: "text" },
  { name: "rcpt_tags", type: "text" },
  { name: "open_tracking", type: "boolean" },
  { name: "click_tracking", type: "boolean" },
  { name: "initial_open", type: "boolean" },
  { name: "amp_enabled", type: "boolean" },
  { name: "geo_ip", type: "text" },
  { name: "is_prefetched", type: "boolean" },
  { name: "is_proxy", type: "boolean" },
  { name: "is_bot", type: "boolean" },
  { name: "bot_reasons", type: "text" },
] as const satisfies readonly Column[];
