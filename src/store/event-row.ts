/** An event as a row of a table. */
import type { EventType } from "../domain/event.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import type { MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { MessageFacts } from "../events/message-facts.ts";
import type { Classification, GeoIp, RecordedEvent } from "../events/recorded-event.ts";
import type { EventRow } from "./event-columns.ts";

/** True is 1 on SQLite. */
type Flag = boolean | 0 | 1;

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
  /** Null: nothing is known of the message. */
  readonly transmission_id: string | null;
  readonly campaign_id: string | null;
  readonly template_id: string | null;
  readonly template_version: string | null;
  readonly subject: string | null;
  readonly friendly_from: string | null;
  readonly msg_from: string | null;
  readonly sending_domain: string | null;
  readonly ip_pool: string | null;
  readonly msg_size: number | null;
  readonly rcpt_meta: string | null;
  readonly rcpt_tags: string | null;
  readonly open_tracking: Flag | null;
  readonly click_tracking: Flag | null;
  readonly initial_open: Flag | null;
  readonly amp_enabled: Flag | null;
  readonly geo_ip: string | null;
  readonly is_prefetched: Flag;
  readonly is_proxy: Flag;
  readonly is_bot: Flag;
  readonly bot_reasons: string | null;
}

export function toRow(event: RecordedEvent): EventRow {
  const { facts, classification } = event;
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
    ...(facts === undefined ? NO_FACTS : factsToRow(facts)),
    event.geoIp === undefined ? null : JSON.stringify(event.geoIp),
    ...classificationToRow(classification),
  ];
}

/** The columns from `is_prefetched` on. */
export function classificationToRow({ isPrefetched, isProxy, isBot, reasons }: Classification): EventRow {
  return [isPrefetched, isProxy, isBot, reasons.length === 0 ? null : reasons.join(",")];
}

export function toEvent(row: SelectedEvent): RecordedEvent {
  const facts = toFacts(row);
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
    ...(facts !== undefined && { facts }),
    ...(row.geo_ip !== null && { geoIp: JSON.parse(row.geo_ip) as GeoIp }),
    classification: {
      isPrefetched: Boolean(row.is_prefetched),
      isProxy: Boolean(row.is_proxy),
      isBot: Boolean(row.is_bot),
      reasons: row.bot_reasons === null ? [] : row.bot_reasons.split(","),
    },
  };
}

/** In the order of the columns from `transmission_id` to `amp_enabled`. */
function factsToRow(facts: MessageFacts): EventRow {
  return [
    facts.transmissionId,
    facts.campaignId ?? null,
    facts.templateId ?? null,
    facts.templateVersion ?? null,
    facts.subject ?? null,
    facts.friendlyFrom ?? null,
    facts.msgFrom ?? null,
    facts.sendingDomain ?? null,
    facts.ipPool ?? null,
    facts.msgSize ?? null,
    facts.rcptMeta === undefined ? null : JSON.stringify(facts.rcptMeta),
    facts.rcptTags === undefined ? null : JSON.stringify(facts.rcptTags),
    facts.openTracking,
    facts.clickTracking,
    facts.initialOpen,
    facts.ampEnabled,
  ];
}

const NO_FACTS: EventRow = Array(16).fill(null);

function toFacts(row: SelectedEvent): MessageFacts | undefined {
  if (row.transmission_id === null) return undefined;
  return {
    transmissionId: row.transmission_id,
    ...(row.campaign_id !== null && { campaignId: row.campaign_id }),
    ...(row.template_id !== null && { templateId: row.template_id }),
    ...(row.template_version !== null && { templateVersion: row.template_version }),
    ...(row.subject !== null && { subject: row.subject }),
    ...(row.friendly_from !== null && { friendlyFrom: row.friendly_from }),
    ...(row.msg_from !== null && { msgFrom: row.msg_from }),
    ...(row.sending_domain !== null && { sendingDomain: row.sending_domain }),
    ...(row.ip_pool !== null && { ipPool: row.ip_pool }),
    ...(row.msg_size !== null && { msgSize: row.msg_size }),
    ...(row.rcpt_meta !== null && { rcptMeta: JSON.parse(row.rcpt_meta) as Record<string, unknown> }),
    ...(row.rcpt_tags !== null && { rcptTags: JSON.parse(row.rcpt_tags) as string[] }),
    openTracking: Boolean(row.open_tracking),
    clickTracking: Boolean(row.click_tracking),
    initialOpen: Boolean(row.initial_open),
    ampEnabled: Boolean(row.amp_enabled),
  };
}
