/** `GET /api/v1/events/message`: what recipients did, newest first, in SparkPost's shape. */
import { Readable } from "node:stream";

import { type Static, Type } from "typebox";

import { EVENT_TYPES } from "../domain/event.ts";
import { type Cursor, decodeCursor, encodeCursor } from "../events/cursor.ts";
import type { EventQuery, EventStore } from "../events/event-store.ts";
import { toMessageEvent } from "../events/message-event.ts";
import { FILTER_PARAMETERS, parseFilter, parseTimes, TIME_PARAMETERS } from "./event-query.ts";
import { limitOpenReplies, type TakePlace } from "./open-replies.ts";
import { invalid, numberParameter } from "./query.ts";
import { type Call, type Reply, type Route, route } from "./route.ts";
import type { SearchTurns } from "./search-turns.ts";

export interface EventDeps {
  readonly events: Pick<EventStore, "search" | "count">;
  readonly turns: SearchTurns;
  readonly now: () => number;
}

const PATH = "/api/v1/events/message";
const FIRST_PAGE = "initial";
/** Of more events: each holds some ten megabytes, until its reader has them all. */
const LARGE_PAGE = 1000;
const LARGE_PAGES = { what: `pages of more than ${LARGE_PAGE} events`, ofAKey: 4, inAll: 8 };
/** So many are made into JSON in one go. */
const WRITTEN_AT_ONCE = 250;
/** Beyond it a total is a lower bound, and marked as one. */
const COUNTED_AT_MOST = 10_000;

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
    total_count: Type.Integer({ minimum: 0, description: "Counted when the first page was asked for." }),
    total_count_is_lower_bound: Type.Optional(
      Type.Boolean({ description: "Present when there are more than `total_count`." }),
    ),
    links: Type.Object({ next: Type.Optional(Type.String()) }, { additionalProperties: false }),
  },
  { additionalProperties: false },
);

export function eventRoutes(deps: EventDeps): readonly Route[] {
  const takePlace = limitOpenReplies(LARGE_PAGES);
  return [
    route({
      method: "GET",
      url: PATH,
      grant: "message_events/view",
      tag: "Events",
      summary: "Search for events",
      description: `At most ${LARGE_PAGES.ofAKey} pages of more than ${LARGE_PAGE} events may be asked for at once with a key.`,
      query: [
        ...TIME_PARAMETERS,
        ...FILTER_PARAMETERS,
        { name: "per_page", description: "1 to 10000; 1000 when absent" },
        { name: "cursor", description: "`initial`, or the cursor of `links.next`" },
      ],
      replies: { 200: EVENTS },
      failures: [429],
      handle: (call) => search(call, { ...deps, takePlace }),
    }),
  ];
}

interface Search extends EventDeps {
  readonly takePlace: TakePlace;
}

async function search(call: Call, deps: Search): Promise<Reply> {
  const perPage = numberParameter(call.query, "per_page", { default: 1000, min: 1, max: 10_000 });
  if (perPage <= LARGE_PAGE) return { status: 200, body: await findPage(call, perPage, deps) };
  const giveBack = deps.takePlace(call);
  try {
    const page = await findPage(call, perPage, deps);
    return { status: 200, body: Readable.from(toJson(page), { objectMode: false }).once("close", giveBack) };
  } catch (error) {
    giveBack();
    throw error;
  }
}

type Page = Omit<Static<typeof EVENTS>, "results"> & { readonly results: readonly object[] };

/** Other calls have their turn in between. */
async function* toJson({ results, ...rest }: Page): AsyncGenerator<string> {
  yield '{"results":[';
  for (let from = 0; from < results.length; from += WRITTEN_AT_ONCE) {
    const texts = results.slice(from, from + WRITTEN_AT_ONCE).map((event) => JSON.stringify(event));
    yield `${from === 0 ? "" : ","}${texts.join(",")}`;
  }
  yield `],${JSON.stringify(rest).slice(1)}`;
}

async function findPage(call: Call, perPage: number, { events, turns, now }: EventDeps): Promise<Page> {
  const cursor = parseCursor(call.query["cursor"]);
  const query = { ...parseTimes(call, now()), ...parseFilter(call) };
  // One more than the page shows whether another follows.
  const limit = perPage + 1;
  const [found, total] = await turns.run(call, (gone) =>
    Promise.all([
      events.search({ ...query, limit, ...(cursor && { after: cursor.position }) }, gone),
      cursor?.total ?? events.count(query, COUNTED_AT_MOST + 1, gone),
    ]),
  );
  const page = found.slice(0, perPage);
  const last = page.at(-1);
  const isLast = found.length <= perPage || last === undefined;
  return {
    results: page.map(toMessageEvent),
    total_count: Math.min(total, COUNTED_AT_MOST),
    ...(total > COUNTED_AT_MOST ? { total_count_is_lower_bound: true } : {}),
    links: isLast ? {} : { next: nextLink(call, query, encodeCursor({ position: last, total })) },
  };
}

function parseCursor(text: string | undefined): Cursor | undefined {
  if (text === undefined || text === "" || text === FIRST_PAGE) return undefined;
  const cursor = decodeCursor(text);
  if (cursor === undefined) throw invalid("cursor", "is not one that this API gave out");
  return cursor;
}

/** The same question, from where this page ends. The defaults of `from` and `to` are pinned, else pages would drift. */
function nextLink(call: Call, { fromMs, toMs }: Pick<EventQuery, "fromMs" | "toMs">, cursor: string): string {
  const parameters = new URLSearchParams({
    ...call.query,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    cursor,
  });
  return `${PATH}?${parameters}`;
}
