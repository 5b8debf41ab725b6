/** `GET /api/v1/events/stream`: events as they come, as server-sent events (HTML Living Standard, section 9.2). */
import { Readable } from "node:stream";

import { Type } from "typebox";

import type { ListenOptions, LiveTail, TailStep } from "../events/live-tail.ts";
import { toMessageEvent } from "../events/message-event.ts";
import { FILTER_PARAMETERS, parseFilter } from "./event-query.ts";
import type { ApiKeyStore } from "./keys.ts";
import { limitOpenReplies, type TakePlace } from "./open-replies.ts";
import { invalid } from "./query.ts";
import { type Call, type Reply, type Route, route } from "./route.ts";

export interface EventStreamDeps {
  readonly tail: Pick<LiveTail, "listen">;
  readonly apiKeys: Pick<ApiKeyStore, "find">;
  readonly now: () => number;
}

const LIMIT = { what: "streams", ofAKey: 10, inAll: 100 };
/** Shorter than proxies wait. */
const HEARTBEAT_MS = 15_000;
/** Clients come back by themselves. */
const LIFETIME_MS = 3_600_000;
/** How long a key that was revoked goes on seeing events. */
const KEY_CHECK_MS = 5000;
const RETRY_MS = 2000;

export function eventStreamRoutes(deps: EventStreamDeps): readonly Route[] {
  const takePlace = limitOpenReplies(LIMIT);
  return [
    route({
      method: "GET",
      url: "/api/v1/events/stream",
      grant: "message_events/view",
      tag: "Events",
      summary: "Follow events as they come",
      description:
        "Server-sent events: `data` is an event as in a search, `id` its position. With `Last-Event-ID` the stream goes on behind that position. A `link_unsubscribe` is shown at once, and may still turn out to be a scanner's and become a `click`: webhooks wait for that. It ends after an hour, when it is read too slowly, and when its key is revoked; clients then come back.",
      query: [
        ...FILTER_PARAMETERS,
        { name: "last_event_id", description: "Where the header `Last-Event-ID` is not given" },
      ],
      replies: { 200: Type.String() },
      streams: "text/event-stream",
      handle: async (call) => stream(call, takePlace, deps),
    }),
  ];
}

function stream(call: Call, takePlace: TakePlace, deps: EventStreamDeps): Reply {
  const { keyId } = call.principal;
  const options = {
    filter: parseFilter(call),
    after: parsePosition(call),
    heartbeatMs: HEARTBEAT_MS,
    signal: call.gone(),
  };
  const giveBack = takePlace(call);
  const events = serverSentEvents(keyId, options, deps);
  const body = Readable.from(events, { objectMode: false }).once("close", giveBack);
  return {
    status: 200,
    contentType: "text/event-stream",
    headers: { "cache-control": "no-store", "x-accel-buffering": "no", connection: "close" },
    body,
  };
}

function parsePosition({ query, headers }: Call): number | undefined {
  // A browser whose connection broke comes back to the same address with the header, which then knows better.
  const text = headers["last-event-id"] || query["last_event_id"];
  if (text === undefined || text === "") return undefined;
  if (typeof text !== "string" || !/^\d{1,15}$/.test(text))
    throw invalid("Last-Event-ID", "is not one that this API gave out");
  return Number(text);
}

async function* serverSentEvents(
  keyId: string,
  options: ListenOptions,
  { tail, apiKeys, now }: EventStreamDeps,
): AsyncGenerator<string> {
  const endsMs = now() + LIFETIME_MS;
  let checkedMs = now();
  yield `retry: ${RETRY_MS}\n\n`;
  for await (const step of tail.listen(options)) {
    if (now() - checkedMs >= KEY_CHECK_MS) {
      if ((await apiKeys.find(keyId)) === undefined) return;
      checkedMs = now();
    }
    yield toText(step);
    if (now() >= endsMs) return;
  }
}

/** An id without data is no event, but the place from which a client goes on. */
function toText({ position, events }: TailStep): string {
  const texts = events.map(
    (stored) => `id: ${stored.position}\ndata: ${JSON.stringify(toMessageEvent(stored.event))}\n\n`,
  );
  return `${texts.join("")}id: ${position}\n\n`;
}
