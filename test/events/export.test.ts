/** Exports on a real store. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import type { EventStore } from "../../src/events/event-store.ts";
import { exportEvents } from "../../src/events/export.ts";
import { EVENT_FIELDS, toMessageEvent } from "../../src/events/message-event.ts";
import { openStore } from "../../src/store/open-store.ts";
import { FACTS, recorded } from "./recorded.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const ALL = { subaccounts: "all", fromMs: 0, toMs: NOW_MS * 2 } as const;

async function openEvents(t: TestContext): Promise<EventStore> {
  const dir = mkdtempSync(join(tmpdir(), "waypost-export-"));
  const store = await openStore({ kind: "sqlite", dir });
  t.after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  return store.events;
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}

/** As RFC 4180 says: a reader of its own. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match = cell.exec(text); match !== null; match = cell.exec(text)) {
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === "\r\n") {
      rows.push(row);
      row = [];
    }
    if (cell.lastIndex === text.length) return rows;
  }
  throw new Error("this is no CSV");
}

test("an export has every event once, newest first, over many pages and days", async (t) => {
  const events = await openEvents(t);
  const count = 5001;
  await events.append(Array.from({ length: count }, (_, n) => recorded(n, NOW_MS + (n % 3) * 86_400_000)));
  const expected = await events.search({ ...ALL, limit: count });
  const lines = (await textOf(exportEvents(events, ALL, "ndjson"))).trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    JSON.parse(JSON.stringify(expected.map((event) => toMessageEvent(event)))),
  );
  const [header, ...rows] = parseCsv(await textOf(exportEvents(events, ALL, "csv")));
  assert.deepEqual(header, EVENT_FIELDS);
  const id = EVENT_FIELDS.indexOf("event_id");
  assert.deepEqual(
    rows.map((row) => row[id]),
    expected.map(({ eventId }) => String(eventId)),
  );
  assert.ok(rows.every((row) => row.length === EVENT_FIELDS.length));
});

test("a cell that a spreadsheet would run begins with an apostrophe; quotes, commas and line breaks survive", async (t) => {
  const events = await openEvents(t);
  const texts = ['=HYPERLINK("http://x","y")', "+1", "-1", "@x", "\tx", "＝1", 'a "b", c\r\nd', "plain", ""];
  await events.append(
    texts.map((text, n) =>
      recorded(n, NOW_MS, {
        targetLinkName: text,
        facts: { ...FACTS, subject: text, rcptMeta: { a: text }, rcptTags: [text] },
      }),
    ),
  );
  const [header = [], ...rows] = parseCsv(await textOf(exportEvents(events, ALL, "csv")));
  const column = (name: string) => rows.map((row) => row[header.indexOf(name)]).toReversed();
  const harmless = texts.map((text, n) => (n < 6 ? `'${text}` : text));
  assert.deepEqual(column("subject"), harmless);
  assert.deepEqual(column("target_link_name"), harmless);
  assert.deepEqual(
    column("rcpt_meta").map((cell) => JSON.parse(cell ?? "")),
    texts.map((text) => ({ a: text })),
  );
  assert.ok(rows.flat().every((cell) => !/^[=+\-@\t\r]/.test(cell)));
});

test("a page is read when it is asked for, and none after the reader has gone", async (t) => {
  const events = await openEvents(t);
  await events.append(Array.from({ length: 7000 }, (_, n) => recorded(n, NOW_MS)));
  let pages = 0;
  const watched: EventStore = {
    ...events,
    search: (query) => {
      pages += 1;
      return events.search(query);
    },
  };
  const pieces = exportEvents(watched, ALL, "csv");
  await pieces.next();
  assert.equal(pages, 0);
  await pieces.next();
  await pieces.next();
  assert.equal(pages, 2);
  await pieces.return(undefined);
  assert.equal((await pieces.next()).done, true);
  assert.equal(pages, 2);
});
