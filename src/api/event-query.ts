/** The filters of the events API: text in the query, checked once. */
import { EVENT_TYPES, type EventType, parseEventId } from "../domain/event.ts";
import { canonicalHostname } from "../domain/hostname.ts";
import type { EventFilter } from "../events/event-filter.ts";
import { visibleSubaccounts } from "./principal.ts";
import { booleanParameter, invalid, listParameter, subaccountsParameter, timeParameter } from "./query.ts";
import type { Call, Parameter } from "./route.ts";

export interface EventTimes {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

const DAY_MS = 86_400_000;
/** As long as SparkPost takes, and as much again for what the link to the next page adds. */
const MAX_QUERY_CHARS = 8192;
/** Each is a comparison with every event's text. */
const MAX_TEXTS = 100;
const MAX_WORDS = 200;
/** What SparkPost reports of a message's delivery, which is none of Waypost's: consumers that ask for these too are served. */
const FOREIGN_TYPES: ReadonlySet<string> = new Set([
  "bounce",
  "delay",
  "delivery",
  "generation_failure",
  "generation_rejection",
  "injection",
  "list_unsubscribe",
  "out_of_band",
  "policy_rejection",
  "sms_status",
  "spam_complaint",
]);
/** SparkPost's filters by what no event here has: asked for, they keep none. */
const FOREIGN_FILTERS = [
  "ab_test_versions",
  "ab_tests",
  "bounce_classes",
  "mailbox_provider_regions",
  "mailbox_providers",
  "reasons",
  "sending_ips",
] as const;

export const FILTER_PARAMETERS: readonly Parameter[] = [
  { name: "events", description: "Event types, separated by commas", example: "click,open" },
  { name: "event_ids", description: "Event ids, separated by commas" },
  { name: "messages", description: "Message ids, separated by commas" },
  { name: "transmissions", description: "Transmission ids, separated by commas" },
  { name: "recipients", description: "Addresses, separated by commas" },
  { name: "recipient_domains", description: "Domains of addresses, separated by commas" },
  { name: "from_addresses", description: "Addresses in From:, separated by commas; at most 100" },
  { name: "sending_domains", description: "Domains of From:, separated by commas" },
  {
    name: "subjects",
    description:
      "Words of subjects, separated by commas; at most 100 entries. A subject is kept that has all words of an entry.",
  },
  { name: "campaigns", description: "Campaign ids, separated by commas" },
  { name: "templates", description: "Template ids, separated by commas" },
  { name: "ip_pools", description: "IP pools, separated by commas" },
  { name: "subaccounts", description: "Numbers of subaccounts, separated by commas" },
  { name: "tracking_domains", description: "Tracking domains, separated by commas" },
  { name: "is_bot", description: "`true` or `false`" },
  { name: "is_prefetched", description: "`true` or `false`" },
  { name: "is_proxy", description: "`true` or `false`" },
  { name: "delimiter", description: "What separates the entries of lists; a comma when absent" },
  ...FOREIGN_FILTERS.map((name) => ({
    name,
    description: "Of SparkPost's delivery events: no event here has it, so that nothing is found",
  })),
];

export const TIME_PARAMETERS: readonly Parameter[] = [
  { name: "from", description: "Inclusive; 24 hours ago when absent", example: "2026-11-21T21:00:00Z" },
  { name: "to", description: "Exclusive; now when absent", example: "2026-11-22T21:00:00Z" },
];

export function parseTimes({ query }: Pick<Call, "query">, nowMs: number): EventTimes {
  const toMs = timeParameter(query, "to") ?? nowMs + 1;
  const fromMs = timeParameter(query, "from") ?? nowMs - DAY_MS;
  if (fromMs >= toMs) throw invalid("from", "must be before to");
  return { fromMs, toMs };
}

export function parseFilter({ query, tenant }: Pick<Call, "query" | "tenant">): EventFilter {
  const chars = Object.entries(query).reduce((sum, [name, text]) => sum + name.length + text.length + 2, 0);
  if (chars > MAX_QUERY_CHARS) throw invalid("the query", `is longer than ${MAX_QUERY_CHARS} characters`);
  const delimiter = query["delimiter"] || ",";
  const list = (name: string) => listParameter(query, name, delimiter);
  const isForeign = FOREIGN_FILTERS.some((name) => list(name) !== undefined);
  return definedOnly({
    subaccounts: visibleSubaccounts(tenant.read, subaccountsParameter(query, "subaccounts", delimiter)),
    types: isForeign ? [] : eventTypesParameter(query, delimiter),
    eventIds: list("event_ids")?.map(eventIdOf),
    messageIds: list("messages"),
    transmissions: list("transmissions"),
    recipients: list("recipients")?.map((address) => address.toLowerCase()),
    recipientDomains: list("recipient_domains")?.map((domain) => domain.toLowerCase()),
    campaigns: list("campaigns"),
    templates: list("templates"),
    ipPools: list("ip_pools"),
    sendingDomains: list("sending_domains")?.map((domain) => domain.toLowerCase()),
    trackingDomains: list("tracking_domains")?.map(canonicalHostname),
    fromAddresses: few(list("from_addresses"), "from_addresses"),
    subjects: wordsOf(list("subjects")),
    isBot: booleanParameter(query, "is_bot"),
    isPrefetched: booleanParameter(query, "is_prefetched"),
    isProxy: booleanParameter(query, "is_proxy"),
  });
}

/** Those that there are; `undefined` when all are asked for. */
export function eventTypesParameter(
  query: Call["query"],
  delimiter: string,
): readonly EventType[] | undefined {
  return listParameter(query, "events", delimiter)?.flatMap((entry) => {
    const type = EVENT_TYPES.find((candidate) => candidate === entry);
    if (type === undefined && !FOREIGN_TYPES.has(entry))
      throw invalid("events", `has the unknown value '${entry.slice(0, 100)}'`);
    return type ?? [];
  });
}

function eventIdOf(text: string): bigint {
  const id = parseEventId(text);
  if (id === undefined) throw invalid("event_ids", "must be numbers");
  return id;
}

/** Each word is a condition on every subject. */
function wordsOf(subjects: readonly string[] | undefined): readonly (readonly string[])[] | undefined {
  const entries = few(subjects, "subjects")?.map((entry) => entry.split(/[\s_-]+/).filter(Boolean));
  if ((entries?.flat().length ?? 0) > MAX_WORDS)
    throw invalid("subjects", `may have at most ${MAX_WORDS} words`);
  return entries;
}

function few(entries: readonly string[] | undefined, name: string): readonly string[] | undefined {
  if ((entries?.length ?? 0) > MAX_TEXTS) throw invalid(name, `may have at most ${MAX_TEXTS} entries`);
  return entries;
}

type DefinedOnly<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function definedOnly<T extends object>(fields: T): DefinedOnly<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as DefinedOnly<T>;
}
