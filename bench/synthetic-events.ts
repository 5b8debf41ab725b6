/** Events as an installation has them, made up from a seed: some large campaigns, popular mailbox providers, repeats, prefetches, bots. */
import type { EventType } from "../src/domain/event.ts";
import type { MessageId } from "../src/domain/message-id.ts";
import type { MessageFacts } from "../src/events/message-facts.ts";
import { type RecordedEvent, UNCLASSIFIED } from "../src/events/recorded-event.ts";

export interface SyntheticOptions {
  readonly count: number;
  readonly days: number;
  /** The time of the last event. */
  readonly untilMs: number;
  readonly seed: number;
}

export const SUBACCOUNTS = 20;
const CAMPAIGNS = 200;
const TAIL_DOMAINS = 2000;
const DAY_MS = 86_400_000;
/** A fifth of the messages have an event again within this many events. */
const RECENT_MESSAGES = 5000;

/** Shares of a hundred. */
const DOMAINS: readonly (readonly [string, number])[] = [
  ["gmail.com", 36],
  ["yahoo.com", 10],
  ["outlook.com", 9],
  ["hotmail.com", 8],
  ["icloud.com", 8],
  ["gmx.de", 4],
];
/** Shares of a thousand. */
const TYPES: readonly (readonly [EventType, number])[] = [
  ["open", 480],
  ["initial_open", 230],
  ["click", 275],
  ["amp_open", 5],
  ["amp_click", 4],
  ["amp_initial_open", 3],
  ["link_unsubscribe", 3],
];
const USER_AGENTS = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
  "Mozilla/5.0",
];

interface Message {
  readonly messageId: MessageId;
  readonly rcptTo: string;
  readonly subaccountId: number;
  readonly sentAtSeconds: number;
  readonly facts: MessageFacts;
}

/** In the order of time. */
export function* syntheticEvents({ count, days, untilMs, seed }: SyntheticOptions): Generator<RecordedEvent> {
  const random = createRandom(seed);
  const startMs = untilMs - days * DAY_MS;
  const recipients = Math.max(1000, Math.floor(count / 8));
  const recent: Message[] = [];
  for (let n = 0; n < count; n += 1) {
    const timestampMs = startMs + Math.floor(((n + random()) / count) * days * DAY_MS);
    const again =
      recent.length > 0 && random() < 0.5 ? recent[Math.floor(random() * recent.length)] : undefined;
    const message = again ?? makeMessage(random, { timestampMs, recipients });
    if (again === undefined) recent[n % RECENT_MESSAGES] = message;
    yield makeEvent(random, {
      message,
      timestampMs,
      eventId: (BigInt(timestampMs) << 20n) + BigInt(n & 0xfffff),
    });
  }
}

function makeMessage(
  random: () => number,
  { timestampMs, recipients }: { timestampMs: number; recipients: number },
): Message {
  // The square favours the first: the largest campaign has a tenth of all messages.
  const campaign = Math.floor(random() ** 2 * CAMPAIGNS);
  const recipient = Math.floor(random() * recipients);
  const domain =
    pick(DOMAINS, ((recipient * 7919) % 100_003) / 1000.03) ?? `mail${recipient % TAIL_DOMAINS}.example`;
  const subaccountId = campaign % SUBACCOUNTS;
  return {
    messageId: hex(random, 20) as MessageId,
    rcptTo: `recipient.${recipient}@${domain}`,
    subaccountId,
    sentAtSeconds: Math.floor(timestampMs / 1000 - random() ** 4 * 200_000),
    facts: {
      transmissionId: String(10 ** 17 + campaign * 1000 + Math.floor(timestampMs / DAY_MS)),
      campaignId: `campaign-${campaign}`,
      templateId: `template-${campaign % 40}`,
      templateVersion: "3",
      subject: `Number ${campaign}: boots, coats and umbrellas for the autumn`,
      friendlyFrom: `Shop ${subaccountId} <news@shop${subaccountId}.example>`,
      msgFrom: `bounces@shop${subaccountId}.example`,
      sendingDomain: `shop${subaccountId}.example`,
      ipPool: "marketing",
      msgSize: 30_000 + campaign,
      rcptMeta: { customer: `c-${recipient}`, segment: "autumn" },
      rcptTags: ["newsletter"],
      openTracking: true,
      clickTracking: true,
      initialOpen: true,
      ampEnabled: false,
    },
  };
}

function makeEvent(
  random: () => number,
  { message, timestampMs, eventId }: { message: Message; timestampMs: number; eventId: bigint },
): RecordedEvent {
  const type = pick(TYPES, random() * 1000) ?? "open";
  const isClick = !type.endsWith("open");
  const isPrefetched = !isClick && random() < 0.3;
  const isBot = isClick && random() < 0.05;
  const link = Math.floor(random() * 10);
  return {
    eventId,
    type,
    timestampMs,
    ...{ subaccountId: message.subaccountId, messageId: message.messageId, rcptTo: message.rcptTo },
    sentAtSeconds: message.sentAtSeconds,
    trackingDomain: `click.shop${message.subaccountId}.example`,
    ...(isClick && {
      targetLinkUrl: `https://www.shop.example/products/${link}?utm_source=newsletter&utm_medium=email`,
      targetLinkName: `Link ${link}`,
    }),
    ipAddress: `198.51.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}`,
    userAgent: USER_AGENTS[isPrefetched ? 2 + Math.floor(random() * 2) : Math.floor(random() * 2)] ?? "",
    acceptLanguage: "en-GB,en;q=0.9",
    facts: message.facts,
    geoIp: { country: "NL" },
    classification: {
      ...UNCLASSIFIED,
      isPrefetched,
      isBot,
      ...(isBot && { reasons: ["burst"] }),
      ...(isPrefetched && { reasons: ["image_proxy"] }),
    },
  };
}

function pick<Value>(shares: readonly (readonly [Value, number])[], at: number): Value | undefined {
  let sum = 0;
  for (const [value, share] of shares) {
    sum += share;
    if (at < sum) return value;
  }
  return undefined;
}

function hex(random: () => number, digits: number): string {
  let text = "";
  while (text.length < digits)
    text += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return text.slice(0, digits);
}

/** mulberry32: 32 bits of state are enough for what needs no secret. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
