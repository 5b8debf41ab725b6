/** `waypost events search`: what recipients did, from a running server. */
import { AppError } from "../domain/errors.ts";
import { type Column, printJson, printTable } from "./output.ts";
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
