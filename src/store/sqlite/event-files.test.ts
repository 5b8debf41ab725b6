import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import type { EventRow } from "../event-columns.ts";
import type { DayBatch } from "../event-database.ts";
import { createOwnFile, openDatabase } from "./database.ts";
import { indexFile } from "./day-files.ts";
import { IN_EACH_SEGMENT } from "./event-day-schema.ts";
import { EventFiles } from "./event-files.ts";

const DAY = 20_779;
const DAY_MS = 86_400_000;

function openFiles(t: TestContext, maxOpenDays = 3): { files: EventFiles; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "waypost-event-files-"));
  createOwnFile(indexFile(folder));
  const index = openDatabase(indexFile(folder));
  index.run(
    "create table event_days (day integer primary key, first_position integer, last_position integer)",
  );
  index.run("create table event_positions (last integer)");
  index.run("insert into event_positions values (0)");
  index.close();
  const files = new EventFiles(folder, { maxOpenDays });
  t.after(() => {
    files.close();
    rmSync(folder, { recursive: true });
  });
  return { files, folder };
}

function row(id: number, messageId = "m"): EventRow {
  const texts = [messageId, "r@example.com", null, "example.com"];
  const facts = Array(17).fill(null);
  const classification = [false, false, false, null];
  return [
    ...[BigInt(id), DAY * DAY_MS + id, "open", 0, ...texts, 0, "click.example.com", ...Array(5).fill(null)],
    ...[...facts, ...classification],
  ];
}

function batch(day: number, ...ids: number[]): DayBatch {
  return { day, rows: ids.map((id) => row(id)) };
}

function positions(files: EventFiles, day: number): unknown[] {
  return files.query(day, "select position as p from events order by event_id", []).map(({ p }) => p);
}

test("a day is a file named for it, readable to its owner alone", (t) => {
  const { files, folder } = openFiles(t);
  files.append([batch(DAY, 1)]);
  assert.equal(statSync(join(folder, "2026-11-22.db")).mode & 0o777, 0o600);
});

test("of any number of days only a few are open at a time, and all can be read and added to", (t) => {
  const { files, folder } = openFiles(t, 3);
  const days = Array.from({ length: 12 }, (_, n) => DAY + n);
  for (const id of [1, 2]) assert.equal(files.append(days.map((day) => batch(day, id))), 12);
  for (const day of days) assert.equal(positions(files, day).length, 2);
  // A file's log is gone when the last connection to it is closed.
  assert.equal(readdirSync(folder).filter((name) => /^\d.*-wal$/.test(name)).length, 3);
});

test("reading a day that has no events makes no file", (t) => {
  const { files, folder } = openFiles(t);
  assert.deepEqual(positions(files, DAY), []);
  assert.ok(!existsSync(join(folder, "2026-11-22.db")));
});

test("events that a crash left in a day's file get positions that nobody has read past", (t) => {
  const { files } = openFiles(t);
  files.append([batch(DAY, 1)]);
  // The second day's row has too few values: the first day is committed, the index is not.
  const broken = { day: DAY + 1, rows: [[1n]] };
  assert.throws(() => files.append([batch(DAY, 2, 3, 4), broken]));
  assert.deepEqual(positions(files, DAY), [1, 2, 3, 4]);
  files.append([batch(DAY + 1, 5, 6)]);
  assert.deepEqual(positions(files, DAY + 1), [2, 3]);

  assert.equal(files.append([batch(DAY, 2, 3, 4, 7)]), 1);
  assert.deepEqual(positions(files, DAY), [1, 4, 5, 6, 7]);
  assert.deepEqual(
    files.queryIndex("select * from event_days order by day", []).map((found) => ({ ...found })),
    [
      { day: DAY, first_position: 1, last_position: 7 },
      { day: DAY + 1, first_position: 2, last_position: 3 },
    ],
  );
});

test("a message's events are found by the index, in whatever segment of the day they are", (t) => {
  const { files } = openFiles(t);
  const count = 40_000;
  for (let n = 0; n < count; n += 10_000) {
    files.append([
      { day: DAY, rows: Array.from({ length: 10_000 }, (_, k) => row(n + k, `m${(n + k) % 20_000}`)) },
    ]);
  }
  const select = `select event_id as id from events where ${IN_EACH_SEGMENT} and message_id in (select value from json_each(?))`;
  const found = files.query(DAY, `${select} order by id`, ['["m7"]']);
  assert.deepEqual(
    found.map(({ id }) => id),
    [7, 20_007],
  );
  const plan = files.query(DAY, `explain query plan ${select}`, ["[]"]).map(({ detail }) => detail);
  assert.match(String(plan[0]), /USING INDEX events_by_message \(<expr>=\? AND message_id=\?\)/);
});

test("a day stored by a newer version is refused, and left as it is", (t) => {
  const { files, folder } = openFiles(t);
  const file = join(folder, "2026-11-22.db");
  createOwnFile(file);
  const newer = openDatabase(file);
  newer.run("pragma user_version = 1000");
  newer.close();
  assert.throws(() => files.append([batch(DAY, 1)]), /newer version/);
  assert.throws(() => positions(files, DAY), /newer version/);
});
