/**
 * An event as SparkPost shows it, in its two forms: the Events API has ISO 8601 times and numbers, webhooks have Unix
 * seconds and numbers as strings, grouped. Fields that nothing is known of are absent, as in SparkPost's own replies.
 */
import { EVENT_TYPES, type EventType } from "../domain/event.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import type { MessageId } from "../domain/message-id.ts";
import { PRIMARY_ACCOUNT } from "../domain/subaccount.ts";
import type { GeoIp, RecordedEvent } from "./recorded-event.ts";
import { type ParsedUserAgent, parseUserAgent } from "./user-agent.ts";

interface EventField {
  readonly name: string;
  readonly description: string;
  /** As the Events API has it; `undefined`: absent. */
  readonly value: (event: RecordedEvent) => unknown;
  /** Where a webhook has another value than the Events API, when there is one at all. */
  readonly inWebhook?: (event: RecordedEvent) => unknown;
}

/** The installation is one account. */
const CUSTOMER_ID = 1;
const asText = (value: unknown) => (value === undefined ? undefined : String(value));

function field(name: string, description: string, value: EventField["value"]): EventField {
  return { name, description, value };
}

/** A number that is a string in webhooks. */
function numberField(
  name: string,
  description: string,
  value: (event: RecordedEvent) => number | undefined,
): EventField {
  return { name, description, value, inWebhook: (event) => asText(value(event)) };
}

const FIELDS: readonly EventField[] = [
  field("type", "Type of event this record describes", ({ type }) => type),
  field("event_id", "Unique event identifier", ({ eventId }) => eventId.toString()),
  {
    ...field("timestamp", "When the recipient did it", ({ timestampMs }) => isoTime(timestampMs)),
    inWebhook: ({ timestampMs }) => String(Math.floor(timestampMs / 1000)),
  },
  numberField("customer_id", "The account: an installation is one", () => CUSTOMER_ID),
  numberField("subaccount_id", "Subaccount that sent the message; absent for the primary account", (event) =>
    event.subaccountId === PRIMARY_ACCOUNT ? undefined : event.subaccountId,
  ),
  field("message_id", "Identifier of this message to this recipient", ({ messageId }) => messageId),
  field("transmission_id", "The call that wrapped the message", ({ facts }) => facts?.transmissionId),
  field("rcpt_to", "Lower-case address of the recipient", ({ rcptTo }) => rcptTo.toLowerCase()),
  field("raw_rcpt_to", "Address of the recipient as it was given", ({ rcptTo }) => rcptTo),
  field("recipient_domain", "Domain of the recipient's address", ({ rcptTo }) => domainOfAddress(rcptTo)),
  field("routing_domain", "Domain that received the message", ({ rcptTo }) => domainOfAddress(rcptTo)),
  field(
    "rcpt_meta",
    "Metadata of the message and its recipient",
    ({ facts }) => facts && (facts.rcptMeta ?? {}),
  ),
  field("rcpt_tags", "Tags of the message and its recipient", ({ facts }) => facts && (facts.rcptTags ?? [])),
  field("campaign_id", "Campaign of which the message is a part", ({ facts }) => facts?.campaignId),
  field("template_id", "Template that the message was made of", ({ facts }) => facts?.templateId),
  field("template_version", "Version of the template", ({ facts }) => facts?.templateVersion),
  field("subject", "Subject of the message", ({ facts }) => facts?.subject),
  field("friendly_from", "The message's From:", ({ facts }) => facts?.friendlyFrom),
  field("msg_from", "Envelope sender of the message", ({ facts }) => facts?.msgFrom),
  field("mailfrom", "Envelope sender of the message", ({ type, facts }) =>
    type === "link_unsubscribe" ? facts?.msgFrom : undefined,
  ),
  field("sending_domain", "Domain of the message's From:", ({ facts }) => facts?.sendingDomain),
  field("ip_pool", "IP pool that the message was sent through", ({ facts }) => facts?.ipPool),
  numberField("msg_size", "Bytes of the content that was wrapped", ({ facts }) => facts?.msgSize),
  field("injection_time", "When the message was wrapped", ({ sentAtSeconds }) =>
    isoTime(sentAtSeconds * 1000),
  ),
  field("open_tracking", "Whether opens are tracked", ({ facts }) => facts?.openTracking),
  field("click_tracking", "Whether clicks are tracked", ({ facts }) => facts?.clickTracking),
  field("initial_pixel", "Whether there is a pixel at the top", ({ facts }) => facts?.initialOpen),
  // A whole message's parts are not known before it has gone out.
  field("amp_enabled", "Whether there is an AMP part", ({ type, facts }) =>
    facts === undefined ? undefined : facts.ampEnabled || type.startsWith("amp_"),
  ),
  field("tracking_domain", "Host name that the recipient's request came to", (event) => event.trackingDomain),
  field("target_link_url", "URL that the link leads to", ({ targetLinkUrl }) => targetLinkUrl),
  field("target_link_name", "Name of the link", ({ targetLinkName }) => targetLinkName),
  field("ip_address", "Address that the request came from", ({ ipAddress }) => ipAddress),
  field("geo_ip", "Where that address is", ({ geoIp }) => geoIp && toGeoIp(geoIp)),
  field("user_agent", "User agent of the request", ({ userAgent }) => userAgent),
  field("user_agent_parsed", "What the user agent says of itself", (event) => userAgentOf(event)),
  field("accept_language", "Languages that the request asked for", ({ acceptLanguage }) => acceptLanguage),
  field(
    "is_prefetched",
    "Whether a program fetched it ahead of its reader",
    (event) => event.classification.isPrefetched,
  ),
  field("is_proxy", "Whether it came through an image proxy", (event) => event.classification.isProxy),
  field("is_bot", "Whether a program did it", (event) => event.classification.isBot),
  field("bot_reasons", "The rules that said so", ({ classification: { reasons } }) =>
    reasons.length === 0 ? undefined : reasons,
  ),
];

/** What is known of the request beyond its user agent is told here, too, since that is where SparkPost has it. */
function userAgentOf({ userAgent, classification }: RecordedEvent): ParsedUserAgent | undefined {
  if (userAgent === undefined) return undefined;
  const { isProxy, isPrefetched } = classification;
  return { ...parseUserAgent(userAgent), is_proxy: isProxy, is_prefetched: isPrefetched };
}

/** The names of all fields that an event can have. */
export const EVENT_FIELDS: readonly string[] = FIELDS.map(({ name }) => name);

interface EventTypeText {
  readonly displayName: string;
  readonly description: string;
}

const EVENT_TYPE_TEXTS: Readonly<Record<EventType, EventTypeText>> = {
  click: { displayName: "Click", description: "A tracked link of a message was followed." },
  open: { displayName: "Open", description: "The pixel at the end of a message was loaded." },
  initial_open: { displayName: "Initial Open", description: "The pixel at the top of a message was loaded." },
  amp_click: { displayName: "AMP Click", description: "A tracked link of an AMP part was followed." },
  amp_open: { displayName: "AMP Open", description: "The pixel at the end of an AMP part was loaded." },
  amp_initial_open: {
    displayName: "AMP Initial Open",
    description: "The pixel at the top of an AMP part was loaded.",
  },
  link_unsubscribe: {
    displayName: "Link Unsubscribe",
    description: "A person followed a link that is marked as unsubscribing.",
  },
};

export function toMessageEvent(event: RecordedEvent): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const { name, value } of FIELDS) {
    const known = value(event);
    if (known !== undefined) shown[name] = known;
  }
  return shown;
}

/** One entry of a webhook's batch. */
export function toWebhookEvent(event: RecordedEvent): { readonly msys: Readonly<Record<string, unknown>> } {
  const shown: Record<string, unknown> = {};
  for (const { name, value, inWebhook = value } of FIELDS) {
    const known = inWebhook(event);
    if (known !== undefined) shown[name] = known;
  }
  return { msys: { [event.type === "link_unsubscribe" ? "unsubscribe_event" : "track_event"]: shown } };
}

/** One record for each type: what every field of it means, with a sample. */
export function documentEvents(): readonly Record<string, unknown>[] {
  return EVENT_TYPES.map((type) => {
    const sample = documentedEvent(type);
    const fields = FIELDS.map(({ name, description, value }) => [name, description, value(sample)] as const);
    return {
      ...Object.fromEntries(
        fields
          .filter(([, , sampleValue]) => sampleValue !== undefined)
          .map(([name, description, sampleValue]) => [name, { description, sampleValue }]),
      ),
      display_name: { description: "Name of the type", sampleValue: EVENT_TYPE_TEXTS[type].displayName },
      event_description: {
        description: "What the type means",
        sampleValue: EVENT_TYPE_TEXTS[type].description,
      },
    };
  });
}

/** An event with every field that one of its type can have: a person's has no reasons, and an unsubscribe is a person's alone. */
export function documentedEvent(type: EventType): RecordedEvent {
  const sample = sampleEvent(type);
  if (type === "link_unsubscribe") return sample;
  return {
    ...sample,
    classification: { ...sample.classification, isBot: true, reasons: ["proofpoint_network"] },
  };
}

/** What a person did, with all that can be known of it. */
export function sampleEvent(type: EventType): RecordedEvent {
  const isOpen = type.endsWith("open");
  return {
    eventId: 92_356_927_693_813_856n,
    type,
    timestampMs: Date.UTC(2026, 10, 22, 12, 4, 6, 789),
    subaccountId: 101,
    messageId: "000443ee14578172be22" as MessageId,
    rcptTo: "Recipient@example.com",
    sentAtSeconds: Date.UTC(2026, 10, 22, 11, 30) / 1000,
    trackingDomain: "click.example.net",
    ...(!isOpen && { targetLinkUrl: "https://www.example.com/boots", targetLinkName: "Boots" }),
    ipAddress: "192.0.2.71",
    userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    acceptLanguage: "en-GB,en;q=0.8",
    geoIp: {
      ...{ country: "NL", region: "NH", city: "Amsterdam", latitude: 52.37, longitude: 4.89 },
      zip: "1012",
      postalCode: "1012",
    },
    facts: {
      transmissionId: "165832150921904138",
      campaignId: "autumn-boots",
      templateId: "boots",
      templateVersion: "3",
      subject: "Boots for the rain",
      friendlyFrom: "Boots <news@example.net>",
      msgFrom: "bounces@example.net",
      sendingDomain: "example.net",
      ipPool: "marketing",
      msgSize: 20_480,
      rcptMeta: { customer: "c-4711" },
      rcptTags: ["newsletter", "NL"],
      openTracking: true,
      clickTracking: true,
      initialOpen: true,
      ampEnabled: type.startsWith("amp_"),
    },
    classification: { isPrefetched: false, isProxy: false, isBot: false, reasons: [] },
  };
}

function isoTime(timestampMs: number): string {
  return new Date(timestampMs).toISOString();
}

function toGeoIp({ postalCode, ...geoIp }: GeoIp): Record<string, unknown> {
  return { ...geoIp, ...(postalCode !== undefined && { postal_code: postalCode }) };
}
