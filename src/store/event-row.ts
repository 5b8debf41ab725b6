/** An event as a row of a table. */
import type { EngagementEvent, EventType } from "../domain/event.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import type { MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { EventRow } from "./event-columns.ts";

export interface SelectedEvent {
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

export function toRow(event: EngagementEvent): EventRow {
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

export function toEvent(row: SelectedEvent): EngagementEvent {
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
