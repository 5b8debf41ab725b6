/** `waypost events search|tail|export`: what recipients did, from a running server. */
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { AppError } from "../domain/errors.ts";
import { type Column, plain, printJson, printTable } from "./output.ts";
import { connect, field, listOf, type Remote, type RemoteOptions } from "./remote.ts";

/** The API's filters, by their names there. */
export const EVENT_FILTERS = [
  ["from", "2026-11-21T21:00:00Z, or a time ago like 30m, 24h, 7d"],
  ["to", "exclusive"],
  ["events", "types, separated by commas"],
  ["recipients", "addresses"],
  ["recipient-domains", "domains of addresses"],
  ["campaigns", "campaign ids"],
  ["subjects", "words of subjects"],
  ["messages", "message ids"],
  ["tracking-domains", "host names"],
  ["subaccounts", "numbers"],
] as const;

export type EventOptions = RemoteOptions & { readonly json?: true } & Readonly<Record<string, unknown>>;

const EVENTS = "/api/v1/events/message";
const DEFAULT_LIMIT = 50;
const PER_PAGE = 1000;
const RECONNECT_MS = 2000;
const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const COLUMNS: readonly Column<unknown>[] = [
  { title: "TIME", value: (event) => String(field(event, "timestamp")).slice(0, 19).replace("T", " ") },
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
  let lastId: string | undefined;
  for (;;) {
    try {
      const query = { ...filtersOf(options), ...(lastId === undefined ? {} : { last_event_id: lastId }) };
      const response = await remote.open("GET", `${EVENTS.replace("/message", "/stream")}`, { query });
      for await (const { id, data } of serverSentEvents(response)) {
        lastId = id ?? lastId;
        tell(data, options.json);
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "unavailable") {
        if (error instanceof AppError) throw error;
      }
      console.error(`The connection broke (${error instanceof Error ? error.message : error}), trying again`);
    }
    await sleep(RECONNECT_MS);
  }
}

/** CSV or a JSON object a line, whole, to a file or to standard output. */
export async function exportEvents(options: EventOptions): Promise<void> {
  const format = options["format"] ?? "csv";
  if (format !== "csv" && format !== "ndjson") {
    throw new AppError("invalid_parameters", "--format must be csv or ndjson");
  }
  const response = await connect(options).open("GET", `${EVENTS}.${format}`, { query: filtersOf(options) });
  if (response.body === null) return;
  const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  const output = options["output"];
  if (typeof output !== "string") {
    for await (const chunk of body) if (!process.stdout.write(chunk as Buffer)) await drained();
    return;
  }
  // "wx": what is there already is somebody's.
  await pipeline(body, createWriteStream(output, { flags: "wx", mode: 0o600 }));
  console.error(`Written to ${output}`);
}

function drained(): Promise<void> {
  return new Promise((resolve) => process.stdout.once("drain", () => resolve()));
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

interface ServerSentEvent {
  readonly id: string | undefined;
  readonly data: string;
}

const MAX_EVENT_CHARS = 1024 * 1024;

/** As the HTML standard reads an event stream (section 9.2.6), as far as servers use it: `id`, `data`, comments. */
async function* serverSentEvents(response: Response): AsyncGenerator<ServerSentEvent> {
  if (response.body === null) return;
  let rest = "";
  const chunks = response.body.pipeThrough(
    new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
  );
  for await (const chunk of chunks) {
    rest += chunk;
    if (rest.length > MAX_EVENT_CHARS) throw new AppError("unavailable", "the server sent an endless event");
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event.data !== "") yield event;
    }
  }
}

function parseBlock(block: string): ServerSentEvent {
  const lines = block.split(/\r?\n/);
  const valuesOf = (name: string): readonly string[] =>
    lines.flatMap((line) =>
      line.startsWith(`${name}:`) ? [line.slice(name.length + 1).replace(/^ /, "")] : [],
    );
  return { id: valuesOf("id").at(-1), data: valuesOf("data").join("\n") };
}

function tell(data: string, json: true | undefined): void {
  if (json) {
    process.stdout.write(`${data}\n`);
    return;
  }
  const event: unknown = JSON.parse(data);
  console.log(COLUMNS.map(({ value }) => plain(value(event))).join("  "));
}

function filtersOf(options: EventOptions): Readonly<Record<string, string>> {
  const given = EVENT_FILTERS.flatMap(([name]) => {
    const value = options[camelCase(name)];
    if (typeof value !== "string") return [];
    return [
      [name.replaceAll("-", "_"), name === "from" || name === "to" ? parseTime(value) : value] as const,
    ];
  });
  return Object.fromEntries(given);
}

function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}

/** `24h` is that long ago; anything else is the server's to read. */
function parseTime(text: string): string {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) return text;
  return new Date(Date.now() - Number(count) * UNITS[unit as keyof typeof UNITS]).toISOString();
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
