/** What a recipient did: the record that the edge writes to its spool and ingest moves to the event store. */
import type { MessageId } from "./message-id.ts";
import type { SubaccountId } from "./subaccount.ts";

/** The order is the number in a token: append only. */
export const EVENT_TYPES = [
  "click",
  "open",
  "initial_open",
  "amp_click",
  "amp_open",
  "amp_initial_open",
  "link_unsubscribe",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What a request says it is for when nobody asked for the page: fetched ahead, built ahead, or shown as a thumbnail. */
export const REQUEST_PURPOSES = ["prefetch", "prerender", "preview"] as const;
export type RequestPurpose = (typeof REQUEST_PURPOSES)[number];

export interface EngagementEvent {
  /** Unique over all edges and for ever; grows with time. Ingest is idempotent by it. */
  readonly eventId: bigint;
  readonly type: EventType;
  /** When the edge answered, in milliseconds since 1970. */
  readonly timestampMs: number;
  readonly subaccountId: SubaccountId;
  readonly messageId: MessageId;
  readonly rcptTo: string;
  /** When the message was wrapped, in seconds since 1970. */
  readonly sentAtSeconds: number;
  /** The host name the request came to, as the edge saw it. */
  readonly trackingDomain: string;
  readonly targetLinkUrl?: string;
  readonly targetLinkName?: string;
  readonly ipAddress?: string;
  readonly userAgent?: string;
  readonly acceptLanguage?: string;
  readonly purpose?: RequestPurpose;
}

const MAX_EVENT_ID = 2n ** 63n - 1n;

/** An event's id as it is written in requests: a number of 63 bits. `undefined` for anything else. */
export function parseEventId(text: string): bigint | undefined {
  if (!/^\d{1,19}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id <= MAX_EVENT_ID ? id : undefined;
}
