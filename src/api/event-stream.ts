/** `GET /api/v1/events/stream`: events as they come, as server-sent events (HTML Living Standard, section 9.2). */
import { Readable } from "node:stream";

import { Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import type { ListenOptions, LiveTail, TailStep } from "../events/live-tail.ts";
import { toMessageEvent } from "../events/message-event.ts";
import { FILTER_PARAMETERS, parseFilter } from "./event-query.ts";
import { invalid } from "./query.ts";
import { type Call, type Reply, type Route, route } from "./route.ts";

export interface EventStreamDeps {
  readonly tail: Pick<LiveTail, "listen">;
  readonly now: () => number;
}

const MAX_STREAMS = 100;
const MAX_STREAMS_OF_A_KEY = 10;
/** Shorter than proxies wait. */
const HEARTBEAT_MS = 15_000;
/** Clients come back by themselves, with their key: one that is revoked meanwhile stays out. */
const LIFETIME_MS = 3_600_000;
const RETRY_MS = 2000;

export function eventStreamRoutes(deps: EventStreamDeps): readonly Route[] {
  const open = new Map<string, number>();
  return [
    route({
      method: "GET",
      url: "/api/v1/events/stream",
      grant: "message_events/view",
      tag: "Events",
      summary: "Follow events as they come",
      description:
        "Server-sent events: `data` is an event as in a search, `id` its position. With `Last-Event-ID` the stream goes on behind that position. It ends after an hour, or when it is read too slowly; clients then come back.",
      query: [
        ...FILTER_PARAMETERS,
        { name: "last_event_id", description: "Instead of the header `Last-Event-ID`" },
      ],
      replies: { 200: Type.String() },
      streams: "text/event-stream",
      handle: async (call) => stream(call, open, deps),
    }),
  ];
}

function stream(call: Call, open: Map<string, number>, { tail, now }: EventStreamDeps): Reply {
  const filter = parseFilter(call);
  const after = parsePosition(call);
  const { keyId } = call.principal;
  const total = [...open.values()].reduce((sum, count) => sum + count, 0);
  if ((open.get(keyId) ?? 0) >= MAX_STREAMS_OF_A_KEY || total >= MAX_STREAMS) {
    throw new AppError(
      "rate_limited",
      `At most ${MAX_STREAMS_OF_A_KEY} streams of a key and ${MAX_STREAMS} in all may be open at once`,
    );
  }
  open.set(keyId, (open.get(keyId) ?? 0) + 1);
  const endsMs = now() + LIFETIME_MS;
  const options = { filter, after, heartbeatMs: HEARTBEAT_MS };
  const body = Readable.from(
    serverSentEvents(tail, options, () => now() >= endsMs),
    { objectMode: false },
  );
  body.once("close", () => {
    const left = (open.get(keyId) ?? 1) - 1;
    if (left === 0) open.delete(keyId);
    else open.set(keyId, left);
  });
  return {
    status: 200,
    contentType: "text/event-stream",
    headers: { "cache-control": "no-store", "x-accel-buffering": "no", connection: "close" },
    body,
  };
}

function parsePosition({ query, headers }: Call): number | undefined {
  const text = query["last_event_id"] || headers["last-event-id"];
  if (text === undefined || text === "") return undefined;
  if (typeof text !== "string" || !/^\d{1,15}$/.test(text))
    throw invalid("Last-Event-ID", "is not one that this API gave out");
  return Number(text);
}

async function* serverSentEvents(
  tail: EventStreamDeps["tail"],
  options: ListenOptions,
  isOver: () => boolean,
): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`;
  for await (const step of tail.listen(options)) {
    yield toText(step);
    if (isOver()) return;
  }
}

/** An id without data is no event, but the place from which a client goes on. */
function toText({ position, events }: TailStep): string {
  const texts = events.map(
    (stored) => `id: ${stored.position}\ndata: ${JSON.stringify(toMessageEvent(stored.event))}\n\n`,
  );
  return `${texts.join("")}id: ${position}\n\n`;
}
