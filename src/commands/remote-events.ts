/** `waypost events search|tail`: what recipients did, from a running server. */
import { setTimeout as sleep } from "node:timers/promises";

import { AppError } from "../domain/errors.ts";
import { type EventOptions, filtersOf } from "./event-options.ts";
import { readEventStream } from "./event-stream.ts";
import {
  type Column,
  complain,
  endWithItsReader,
  printJson,
  printRow,
  printTable,
  toJson,
  write,
} from "./output.ts";
import { connect, field, listOf, type Remote } from "./remote.ts";

const EVENTS = "/api/v1/events/message";
const STREAM = "/api/v1/events/stream";
const RECONNECT_MS = 2000;
const DEFAULT_LIMIT = 50;
const PER_PAGE = 1000;
const COLUMNS: readonly Column<unknown>[] = [
  { title: "TIME (UTC)", value: (event) => String(field(event, "timestamp")).slice(0, 19).replace("T", " ") },
  { title: "EVENT", value: (event) => field(event, "type") },
  { title: "RECIPIENT", value: (event) => field(event, "rcpt_to"), flexible: true },
  { title: "LINK", value: (event) => field(event, "target_link_url") ?? "", flexible: true },
  { title: "BY", value: whoInWords },
];

export async function searchEvents(options: EventOptions): Promise<void> {
  const limit = parseLimit(options["limit"]);
  const remote = connect(options);
  const found: unknown[] = [];
  for await (const event of pages(remote, options, Math.min(limit, PER_PAGE))) {
    found.push(event);
    if (found.length >= limit) break;
  }
  if (options.json) return printJson(found);
  printTable(found, COLUMNS, "No events match.");
}

/** Until it is interrupted: a connection that breaks is made anew, and goes on where it was. */
export async function tailEvents(options: EventOptions): Promise<void> {
  const remote = connect(options);
  endWithItsReader();
  let lastId: string | undefined;
  let isBroken = false;
  for (;;) {
    try {
      const query = { ...filtersOf(options), last_event_id: lastId };
      const { body } = await remote.open("GET", STREAM, { query });
      for await (const { id, data } of body === null ? [] : readEventStream(body)) {
        isBroken = false;
        lastId = id ?? lastId;
        if (data !== undefined) await tell(data, options.json);
      }
    } catch (error) {
      // What never worked is not waited for.
      if (!(error instanceof AppError) || error.code !== "unavailable" || lastId === undefined) throw error;
      if (!isBroken) complain(`Trying again until it works: ${error.message}`);
      isBroken = true;
    }
    await sleep(RECONNECT_MS);
  }
}

async function tell(data: string, json: true | undefined): Promise<void> {
  const event: unknown = JSON.parse(data);
  if (json) return write(`${toJson(event)}\n`);
  printRow(event, COLUMNS);
}

async function* pages(remote: Remote, options: EventOptions, perPage: number): AsyncGenerator<unknown> {
  let path = EVENTS;
  let query: Readonly<Record<string, string>> = { ...filtersOf(options), per_page: String(perPage) };
  for (;;) {
    const reply = await remote.call("GET", path, { query });
    yield* listOf(reply);
    const next = field(field(reply, "links"), "next");
    if (typeof next !== "string" || !next.startsWith("/")) return;
    path = next;
    query = {};
  }
}

function parseLimit(text: unknown): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = typeof text === "string" && /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (!(limit >= 1)) throw new AppError("invalid_parameters", "--limit must be a whole number from 1");
  return limit;
}

function whoInWords(event: unknown): string {
  const parsed = field(event, "user_agent_parsed");
  const isPrefetch = field(event, "is_prefetched") === true || field(parsed, "is_prefetched") === true;
  if (field(event, "is_bot") === true) return "bot";
  if (isPrefetch) return "prefetch";
  return field(event, "is_proxy") === true ? "proxy" : "person";
}
