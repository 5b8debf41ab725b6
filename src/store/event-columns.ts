/** The columns of an event's row. Apart from `event-row.ts`, which a thread that only writes rows has no use for. */

/** What one event is in a table, in the order of {@link EVENT_COLUMNS}. */
export type EventRow = readonly (string | number | bigint | null)[];

/** All but the position, which the database gives. */
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
