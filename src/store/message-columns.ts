/** The columns of a message's row. Apart from `messages.ts`, which a thread that only writes rows has no use for. */
import type { Column, EventRow } from "./event-columns.ts";
import type { EventDay } from "./event-day.ts";

/** What one message is in a table, in the order of {@link MESSAGE_COLUMNS}. */
export type MessageRow = EventRow;

/** All but the position, which the database gives. */
export const MESSAGE_COLUMNS = [
  { name: "sent_at_seconds", type: "bigint" },
  { name: "message_id", type: "text" },
  { name: "subaccount_id", type: "bigint" },
  { name: "rcpt_to", type: "text" },
  { name: "transmission_id", type: "text" },
  { name: "shared_id", type: "text" },
  { name: "rcpt_meta", type: "text" },
  { name: "rcpt_tags", type: "text" },
] as const satisfies readonly Column[];

/** What many messages have in common, under an id that grows with time: a random one would cost a page of the index each. */
export const SHARED_COLUMNS = [
  { name: "shared_id", type: "text" },
  { name: "shared_at_seconds", type: "bigint" },
  { name: "facts", type: "text" },
] as const satisfies readonly Column[];

export const MESSAGE_TABLES = { days: "message_days", positions: "message_positions" } as const;

/** The day that messages are stored under is that of their sending. */
export interface MessageBatch {
  readonly day: EventDay;
  readonly shared: readonly MessageRow[];
  readonly rows: readonly MessageRow[];
}
