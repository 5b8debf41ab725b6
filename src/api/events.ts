/** `GET /api/v1/events/message`: what recipients did, newest first, in SparkPost's shape. */
import { Type } from "typebox";

import { EVENT_TYPES } from "../domain/event.ts";
import { decodeCursor, encodeCursor } from "../events/cursor.ts";
import type { EventQuery, EventStore } from "../events/event-store.ts";
import { toMessageEvent } from "../events/message-event.ts";
import { eventTypesParameter } from "./event-query.ts";
import { visibleSubaccounts } from "./principal.ts";
import { invalid, listParameter, numberParameter, subaccountsParameter, timeParameter } from "./query.ts";
import { type Call, type Parameter, type Reply, type Route, route } from "./route.ts";

export interface EventDeps {
  readonly events: EventStore;
  readonly now: () => number;
}

const PATH = "/api/v1/events/message";
const DAY_MS = 86_400_000;
const FIRST_PAGE = "initial";
/** Beyond it a total is a lower bound, and marked as one. */
const COUNTED_AT_MOST = 10_000;

const PARAMETERS: readonly Parameter[] = [
  { name: "from", description: "Inclusive; 24 hours ago when absent", example: "2026-11-21T21:00:00Z" },
  { name: "to", description: "Exclusive; now when absent", example: "2026-11-22T21:00:00Z" },
  { name: "events", description: "Event types, separated by commas", example: "click,open" },
  { name: "event_ids", description: "Event ids, separated by commas" },
  { name: "messages", description: "Message ids, separated by commas" },
  { name: "recipients", description: "Addresses, separated by commas" },
  { name: "recipient_domains", description: "Domains of addresses, separated by commas" },
  { name: "subaccounts", description: "Numbers of subaccounts, separated by commas" },
  { name: "per_page", description: "1 to 10000; 1000 when absent" },
  { name: "cursor", description: "`initial`, or the cursor of `links.next`" },
];

const EVENTS = Type.Object(
  {
    results: Type.Array(
      Type.Object(
        {
          type: Type.Enum([...EVENT_TYPES]),
          event_id: Type.String({ pattern: "^[0-9]+$" }),
          timestamp: Type.String({ format: "date-time" }),
          message_id: Type.String(),
          rcpt_to: Type.String(),
        },
        { additionalProperties: true },
      ),
    ),
    total_count: Type.Integer({ minimum: 0 }),
    total_count_is_lower_bound: Type.Optional(
      Type.Boolean({ description: "Present when there are more than `total_count`." }),
    ),
    links: Type.Object({ next: Type.Optional(Type.String()) }, { additionalProperties: false }),
  },
  { additionalProperties: false },
);

export function eventRoutes(deps: EventDeps): readonly Route[] {
  return [
    route({
      method: "GET",
      url: PATH,
      grant: "message_events/view",
      tag: "Events",
      summary: "Search for events",
      query: PARAMETERS,
      replies: { 200: EVENTS },
      handle: (call) => search(call, deps),
    }),
  ];
}

async function search(call: Call, deps: EventDeps): Promise<Reply> {
  const perPage = numberParameter(call.query, "per_page", { default: 1000, min: 1, max: 10_000 });
  const query = parseQuery(call, deps.now());
  // One more than the page shows whether another follows.
  const [found, total] = await Promise.all([
    deps.events.search({ ...query, limit: perPage + 1 }),
    deps.events.count(query, COUNTED_AT_MOST + 1),
  ]);
  const page = found.slice(0, perPage);
  const last = page.at(-1);
  const next =
    found.length > perPage && last !== undefined ? nextLink(call, query, encodeCursor(last)) : undefined;
  return {
    status: 200,
    body: {
      results: page.map(toMessageEvent),
      total_count: Math.min(total, COUNTED_AT_MOST),
      ...(total > COUNTED_AT_MOST ? { total_count_is_lower_bound: true } : {}),
      links: next === undefined ? {} : { next },
    },
  };
}

function parseQuery({ query, tenant }: Call, nowMs: number): Omit<EventQuery, "limit"> {
  const toMs = timeParameter(query, "to") ?? nowMs + 1;
  const fromMs = timeParameter(query, "from") ?? nowMs - DAY_MS;
  if (fromMs >= toMs) throw invalid("from", "must be before to");
  return definedOnly({
    fromMs,
    toMs,
    subaccounts: visibleSubaccounts(tenant.read, subaccountsParameter(query, "subaccounts")),
    types: eventTypesParameter(query, ","),
    eventIds: listParameter(query, "event_ids")?.map(parseEventId),
    messageIds: listParameter(query, "messages"),
    recipients: listParameter(query, "recipients")?.map((address) => address.toLowerCase()),
    recipientDomains: listParameter(query, "recipient_domains")?.map((domain) => domain.toLowerCase()),
    after: parseCursor(query["cursor"]),
  });
}

function parseEventId(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw invalid("event_ids", "must be numbers, separated by commas");
  return BigInt(text);
}

function parseCursor(text: string | undefined): EventQuery["after"] {
  if (text === undefined || text === "" || text === FIRST_PAGE) return undefined;
  const position = decodeCursor(text);
  if (position === undefined) throw invalid("cursor", "is not one that this API gave out");
  return position;
}

/** The same question, from where this page ends. The defaults of `from` and `to` are pinned, else pages would drift. */
function nextLink(call: Call, { fromMs, toMs }: { fromMs: number; toMs: number }, cursor: string): string {
  const parameters = new URLSearchParams({
    ...call.query,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    cursor,
  });
  return `${PATH}?${parameters}`;
}

type DefinedOnly<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function definedOnly<T extends object>(fields: T): DefinedOnly<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as DefinedOnly<T>;
}
