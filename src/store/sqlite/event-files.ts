/** Events in SQLite files, a file for each day. */
import { EVENT_COLUMNS, EVENT_TABLES } from "../event-columns.ts";
import type { DayBatch, DayChanges } from "../event-database.ts";
import type { SqliteDatabase, SqliteValue } from "./database.ts";
import {
  DayFiles,
  type DayFilesOptions,
  type DayLayout,
  insertInto,
  OF_PERSON,
  type PersonOnDay,
  type Positions,
  personParameters,
} from "./day-files.ts";
import { EVENT_DAY_SCHEMA, IN_EACH_SEGMENT } from "./event-day-schema.ts";

const LAYOUT: DayLayout = {
  tables: EVENT_TABLES,
  schema: EVENT_DAY_SCHEMA,
  positionColumns: [
    ["events", "position"],
    ["event_changes", "change"],
    ["event_changes", "changed_position"],
  ],
};
// An id that is there is skipped; a position that is there would be a mistake, and is refused.
const INSERT = `${insertInto("events", EVENT_COLUMNS)} on conflict (event_id) do nothing`;
const RECLASSIFY =
  "update events set type = ?, is_prefetched = ?, is_proxy = ?, is_bot = ?, bot_reasons = ? where event_id = ? returning position";
const ERASE = `delete from events where position in (
    select position from events where ${IN_EACH_SEGMENT} and ${OF_PERSON} limit ?
  ) returning position, cast(event_id as text) as event_id, timestamp_ms`;
const NOTE_CHANGE = "insert into event_changes values (?, ?, ?, ?)";

export class EventFiles extends DayFiles {
  constructor(folder: string, options: DayFilesOptions) {
    super(folder, LAYOUT, options);
  }

  /** Stores the days in the order given, and returns how many events were new. When it throws, some days may be stored. */
  append(batches: readonly DayBatch[]): number {
    let added = 0;
    this.write(batches, (file, { rows }, positions) => {
      for (const row of rows) {
        const { changes } = file.run(INSERT, [positions.last + 1, ...row]);
        positions.skip(changes);
        added += changes;
      }
    });
    return added;
  }

  /** Passes over days that have no file. */
  reclassify(batches: readonly DayChanges[]): number {
    const known = new Set(this.days());
    let changed = 0;
    const present = batches.filter(({ day }) => known.has(day));
    this.write(present, (file, { rows }, positions) => {
      for (const { type, flags, eventId, timestampMs } of rows) {
        const [found] = file.run(RECLASSIFY, [type, ...flags, eventId]).rows;
        if (found === undefined) continue;
        noteChange(file, positions, [Number(found["position"]), eventId, timestampMs]);
        changed += 1;
      }
    });
    return changed;
  }

  /** Of one day, and at most so many. */
  erase(person: PersonOnDay): number {
    return this.eraseOnDay(person.day, (file, positions) => {
      const { rows } = file.run(ERASE, [...personParameters(person), person.atMost]);
      for (const row of rows) {
        const eventId = BigInt(String(row["event_id"]));
        noteChange(file, positions, [Number(row["position"]), eventId, Number(row["timestamp_ms"])]);
      }
      return rows.length;
    });
  }
}

function noteChange(file: SqliteDatabase, positions: Positions, changed: readonly SqliteValue[]): void {
  positions.skip(1);
  file.run(NOTE_CHANGE, [positions.last, ...changed]);
}
