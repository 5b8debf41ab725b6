/** Takes back the numbers of messages whose events are all dropped. */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";

import { ColumnFile } from "./column-file.ts";
import { EVENT_COLUMNS } from "./columns.ts";
import { dayFileName, type IndexedDay } from "./index-database.ts";
import { firstKeyOfDay, linkKeysOf } from "./numbering.ts";

export interface Kept {
  readonly folder: string;
  /** The days that are left. */
  readonly days: readonly IndexedDay[];
  /** The first day that is kept. */
  readonly before: number;
}

/**
 * Only of messages sent before the first day that is kept: of these few have events that are left, of the others few
 * have none. The number of a message that is forgotten is not given again.
 */
export function sweepMessages(db: DatabaseSync, { folder, days, before }: Kept): void {
  const used = usedMessages(folder, days);
  const remove = db.prepare("delete from messages where key = ?");
  const removeLinks = db.prepare("delete from links where key >= ? and key < ?");
  const old = db.prepare("select key, number from messages where key < ?").all(firstKeyOfDay(before));
  for (const { key, number } of old as unknown as readonly { key: Uint8Array; number: number }[]) {
    if (((used[number >>> 3] ?? 0) >> (number & 7)) & 1) continue;
    remove.run(key);
    removeLinks.run(...linkKeysOf(number));
  }
}

/** A bit for each number. */
function usedMessages(folder: string, days: readonly IndexedDay[]): Uint8Array {
  const ofEvents = days.filter(({ kind }) => kind === "events");
  const highest = ofEvents.reduce((high, { messages }) => Math.max(high, messages?.high ?? 0), 0);
  const used = new Uint8Array(Math.ceil((highest + 1) / 8));
  for (const day of ofEvents) {
    const file = new ColumnFile(join(folder, dayFileName(day)), EVENT_COLUMNS, "read");
    try {
      const messages = new Uint32Array(day.rows);
      file.read("message", day.rows, messages);
      for (const number of messages) used[number >>> 3] = (used[number >>> 3] ?? 0) | (1 << (number & 7));
    } finally {
      file.close();
    }
  }
  return used;
}
