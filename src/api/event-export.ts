/** `GET /api/v1/events/message.csv` and `.ndjson`: all events that filters keep, in one reply of any length. */
import { Readable } from "node:stream";

import { Type } from "typebox";

import type { EventStore } from "../events/event-store.ts";
import { type ExportFormat, exportEvents } from "../events/export.ts";
import { FILTER_PARAMETERS, parseFilter, parseTimes, TIME_PARAMETERS } from "./event-query.ts";
import { limitOpenReplies, type TakePlace } from "./open-replies.ts";
import { type Call, type Reply, type Route, route } from "./route.ts";
import type { SearchTurns } from "./search-turns.ts";

export interface EventExportDeps {
  readonly events: Pick<EventStore, "search">;
  readonly turns: SearchTurns;
  readonly now: () => number;
}

/** One holds a few pages, and reads the store for as long as it goes on. */
const LIMIT = { what: "exports", ofAKey: 4, inAll: 16 };
/** Not objects, of which sixteen would be read ahead: pages are large. */
const AS_BYTES = { objectMode: false, highWaterMark: 65_536 };
const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: "text/csv; charset=utf-8; header=present",
  ndjson: "application/x-ndjson",
};

export function eventExportRoutes(deps: EventExportDeps): readonly Route[] {
  const takePlace = limitOpenReplies(LIMIT);
  const exportAs = (format: ExportFormat, call: Call) => exportReply(call, { ...deps, format, takePlace });
  const base = { method: "GET", grant: "message_events/view", tag: "Events" } as const;
  const query = [...TIME_PARAMETERS, ...FILTER_PARAMETERS];
  return [
    route({
      ...base,
      url: "/api/v1/events/message.csv",
      summary: "Export events as CSV",
      description:
        "RFC 4180, a column for each field, objects and lists as JSON. A cell that a spreadsheet would take for a formula begins with an apostrophe. At most four exports of a key may be open at once.",
      query,
      replies: { 200: Type.String() },
      streams: "text/csv",
      handle: async (call) => exportAs("csv", call),
    }),
    route({
      ...base,
      url: "/api/v1/events/message.ndjson",
      summary: "Export events as lines of JSON",
      query,
      replies: { 200: Type.String() },
      streams: "application/x-ndjson",
      handle: async (call) => exportAs("ndjson", call),
    }),
  ];
}

interface Export extends EventExportDeps {
  readonly format: ExportFormat;
  readonly takePlace: TakePlace;
}

function exportReply(call: Call, { events, turns, now, format, takePlace }: Export): Reply {
  const query = { ...parseTimes(call, now()), ...parseFilter(call) };
  const giveBack = takePlace(call);
  const search: EventStore["search"] = (page) => turns.run(call, (gone) => events.search(page, gone));
  const body = Readable.from(exportEvents({ search }, query, format), AS_BYTES).once("close", giveBack);
  return {
    status: 200,
    contentType: CONTENT_TYPES[format],
    headers: { "content-disposition": `attachment; filename="events.${format}"` },
    body,
  };
}
