/** Many events as text, page by page: what is in memory does not grow with what there is. */
import type { EventFilter } from "./event-filter.ts";
import type { EventPosition, EventStore } from "./event-store.ts";
import { EVENT_FIELDS, toMessageEvent } from "./message-event.ts";
import type { RecordedEvent } from "./recorded-event.ts";

export type ExportFormat = "csv" | "ndjson";

export interface ExportQuery extends EventFilter {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What is read at once: a few megabytes, and some tens of milliseconds of the store. */
const PAGE_SIZE = 2000;

/**
 * A piece for every page, the newest event first; each page is read when it is asked for. Events that arrive meanwhile are
 * in it only where they are older than those that were read last.
 */
export async function* exportEvents(
  events: Pick<EventStore, "search">,
  query: ExportQuery,
  format: ExportFormat,
): AsyncGenerator<string> {
  const toLine = format === "csv" ? toCsvLine : toJsonLine;
  if (format === "csv") yield csvLine(EVENT_FIELDS);
  for (let after: EventPosition | undefined; ; ) {
    const page = await events.search({ ...query, limit: PAGE_SIZE, ...(after && { after }) });
    if (page.length > 0) yield page.map(toLine).join("");
    if (page.length < PAGE_SIZE) return;
    after = page.at(-1);
  }
}

function toJsonLine(event: RecordedEvent): string {
  return `${JSON.stringify(toMessageEvent(event))}\n`;
}

function toCsvLine(event: RecordedEvent): string {
  const shown = toMessageEvent(event);
  return csvLine(EVENT_FIELDS.map((name) => textOf(shown[name])));
}

/** RFC 4180. */
function csvLine(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

/**
 * Spreadsheets run cells that begin like a formula, and recipients choose what stands in some of these: such a cell gets an
 * apostrophe, which spreadsheets take for the mark of a text.
 */
function csvCell(text: string): string {
  const harmless = /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
