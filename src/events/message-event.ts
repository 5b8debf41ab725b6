/** An event as SparkPost's Events API shows it: ISO 8601 times in UTC, numbers as numbers, `event_id` as a string. */
import type { EngagementEvent } from "../domain/event.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import { PRIMARY_ACCOUNT } from "../domain/subaccount.ts";

/** The installation is one account. */
const CUSTOMER_ID = 1;

/** Fields that nothing is known of are absent, as in SparkPost's own replies. */
export function toMessageEvent(event: EngagementEvent): Record<string, unknown> {
  const optional = {
    recipient_domain: domainOfAddress(event.rcptTo),
    target_link_url: event.targetLinkUrl,
    target_link_name: event.targetLinkName,
    ip_address: event.ipAddress,
    user_agent: event.userAgent,
    accept_language: event.acceptLanguage,
    subaccount_id: event.subaccountId === PRIMARY_ACCOUNT ? undefined : event.subaccountId,
  };
  return {
    type: event.type,
    event_id: event.eventId.toString(),
    timestamp: new Date(event.timestampMs).toISOString(),
    customer_id: CUSTOMER_ID,
    message_id: event.messageId,
    rcpt_to: event.rcptTo.toLowerCase(),
    raw_rcpt_to: event.rcptTo,
    injection_time: new Date(event.sentAtSeconds * 1000).toISOString(),
    tracking_domain: event.trackingDomain,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}
