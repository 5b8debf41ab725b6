/**
 * Writes the metrics index: rows for what is followed in the event store. It is derived from the store and nothing else,
 * so an index that cannot be used is thrown away and built anew.
 *
 * Rows are written to the files first and are on the disk when the commit that counts them begins (`index-database.ts`),
 * which also moves the positions: killed at any moment, the index is as it was after some commit, and goes on from there.
 * Only an event's kind is changed in place, when its verdict changes or it is erased; that says what the event is now,
 * so that saying it twice does no harm.
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";

import { type ColumnArray, EVENT_COLUMNS, type NumberRange, SENT_COLUMNS } from "./columns.ts";
import { DayWriter } from "./day-writer.ts";
import type { FollowedBatch, FollowedChange } from "./followed.ts";
import { dayOf, eventRows, sentRows } from "./followed-rows.ts";
import {
  type Anchor,
  dayFileName,
  forgetDays,
  type IndexedDay,
  type IndexState,
  newState,
  openIndexDatabase,
  type RowKind,
  readDays,
  readState,
  writeDay,
  writeState,
} from "./index-database.ts";
import { Numbering } from "./numbering.ts";
import { sweepMessages } from "./sweep.ts";

const COLUMNS = { events: EVENT_COLUMNS, sent: SENT_COLUMNS } as const;
const DAY_MS = 86_400_000;
/** There was no Waypost before: what is said to be earlier comes of a clock that was wrong. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);
const MAX_OPEN_FILES = 8;
/** Some may be of events that are erased meanwhile, or past their retention. */
const MAX_ANCHORS = 8;

/** After it has thrown, what it knows is worth nothing: open another one. */
export class IndexWriter {
  readonly #folder: string;
  readonly #db: DatabaseSync;
  readonly #numbering: Numbering;
  /** By the names of their files; with what is written, but not committed yet. */
  readonly #days = new Map<string, IndexedDay>();
  /** In the order of use. */
  readonly #open = new Map<string, DayWriter>();
  /** Written to since the last commit. */
  readonly #written = new Set<string>();
  #state: IndexState;

  /** The folder must be there, and nobody else writing in it. Throws {@link DamagedIndex} when what is there can't be used. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#db = openIndexDatabase(folder, "write");
    try {
      this.#state = readState(this.#db) ?? newState();
      this.#numbering = new Numbering(this.#db, this.#state.highest);
      for (const day of readDays(this.#db)) this.#days.set(dayFileName(day), day);
      this.#checkFiles();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get state(): IndexState {
    return this.#state;
  }

  /** Adds what is followed. It counts, and is safe, after a commit. */
  append(batch: FollowedBatch): void {
    if (!this.#db.isTransaction) this.#db.exec("begin immediate");
    const isKept = (day: number) => day * DAY_MS >= this.#state.keptFromMs;
    for (const [day, events] of Map.groupBy(batch.events, ({ timestampMs }) => dayOf(timestampMs))) {
      // What comes too late is dropped from the store with its day.
      if (!isKept(day)) continue;
      const rows = eventRows(events, this.#numbering);
      this.#appendRows("events", day, rows, { messages: rangeOf(rows.message), links: rangeOf(rows.link) });
    }
    for (const [day, messages] of Map.groupBy(batch.messages, (sent) => dayOf(sent.sentAtSeconds * 1000))) {
      if (!isKept(day)) continue;
      this.#appendRows("sent", day, sentRows(messages, this.#numbering), NO_RANGES);
    }
    for (const change of batch.changes) this.#change(change);
    const { positions, anchors, ...state } = this.#state;
    this.#state = {
      ...state,
      positions: batch.positions,
      anchors: {
        events: withAnchor(anchors.events, batch.lastEvent),
        sent: withAnchor(anchors.sent, batch.lastMessage),
      },
      firstEventMs: earliest(
        state.firstEventMs,
        batch.events.map(({ timestampMs }) => timestampMs),
      ),
      firstSentMs: earliest(
        state.firstSentMs,
        batch.messages.map(({ sentAtSeconds }) => sentAtSeconds * 1000),
      ),
      highest: this.#numbering.highest,
    };
  }

  /** Returns once everything that was appended is on the disk and counts. */
  commit(): void {
    if (!this.#db.isTransaction) return;
    for (const name of this.#written) this.#open.get(name)?.sync();
    for (const name of this.#written) {
      const day = this.#days.get(name);
      if (day !== undefined) writeDay(this.#db, day);
    }
    this.#written.clear();
    writeState(this.#db, this.#state);
    this.#db.exec("commit");
  }

  /** Drops the UTC days before the one this time is in, for good. Returns how many days of events that were. */
  dropBefore(timestampMs: number): number {
    this.commit();
    const before = dayOf(timestampMs);
    const old = [...this.#days].filter(([, { day }]) => day < before);
    if (before * DAY_MS <= this.#state.keptFromMs && old.length === 0) return 0;
    this.#db.exec("begin immediate");
    for (const [name] of old) {
      this.#closeFile(name);
      this.#days.delete(name);
    }
    forgetDays(this.#db, before);
    sweepMessages(this.#db, { folder: this.#folder, days: [...this.#days.values()], before });
    this.#state = { ...this.#state, keptFromMs: before * DAY_MS };
    writeState(this.#db, this.#state);
    this.#db.exec("commit");
    this.#removeForgotten();
    return old.filter(([, { kind }]) => kind === "events").length;
  }

  close(): void {
    for (const name of [...this.#open.keys()]) this.#closeFile(name);
    this.#db.close();
  }

  #appendRows(
    kind: RowKind,
    day: number,
    rows: Readonly<Record<string, ColumnArray>>,
    ranges: Pick<IndexedDay, "messages" | "links">,
  ): void {
    const name = dayFileName({ kind, day });
    const before = this.#days.get(name);
    const writer = this.#openFile(name, kind);
    writer.append(rows);
    this.#written.add(name);
    this.#days.set(name, {
      kind,
      day,
      rows: writer.rows,
      messages: unite(before?.messages, ranges.messages),
      links: unite(before?.links, ranges.links),
    });
  }

  /** Of an event that isn't read yet nothing is changed: it will be read as it is by then. */
  #change({ position, timestampMs, kind }: FollowedChange): void {
    const name = dayFileName({ kind: "events", day: dayOf(timestampMs) });
    if (!this.#days.has(name)) return;
    this.#openFile(name, "events").changeKind(position, kind);
    this.#written.add(name);
  }

  #openFile(name: string, kind: RowKind): DayWriter {
    const { rows } = this.#days.get(name) ?? { rows: 0 };
    const writer = this.#open.get(name) ?? new DayWriter(join(this.#folder, name), COLUMNS[kind], rows);
    this.#open.delete(name);
    this.#open.set(name, writer);
    const [leastRecentlyUsed] = this.#open.keys();
    if (this.#open.size > MAX_OPEN_FILES && leastRecentlyUsed !== undefined)
      this.#closeFile(leastRecentlyUsed);
    return writer;
  }

  #closeFile(name: string): void {
    const writer = this.#open.get(name);
    if (this.#written.has(name)) writer?.sync();
    writer?.close();
    this.#open.delete(name);
  }

  #checkFiles(): void {
    this.#removeForgotten();
    for (const [name, { kind }] of this.#days) this.#openFile(name, kind);
  }

  /** Files of days that were dropped, or whose first commit never came. */
  #removeForgotten(): void {
    for (const name of readdirSync(this.#folder)) {
      if (name.endsWith(".columns") && !this.#days.has(name)) rmSync(join(this.#folder, name));
    }
  }
}

const NO_RANGES = { messages: undefined, links: undefined } as const;

/** Of the numbers that are not 0. */
function rangeOf(numbers: Uint32Array): NumberRange | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const number of numbers) {
    if (number > 0 && number < low) low = number;
    if (number > high) high = number;
  }
  return high === 0 ? undefined : { low, high };
}

function unite(one: NumberRange | undefined, other: NumberRange | undefined): NumberRange | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { low: Math.min(one.low, other.low), high: Math.max(one.high, other.high) };
}

function withAnchor(anchors: readonly Anchor[], last: Anchor | undefined): readonly Anchor[] {
  return last === undefined ? anchors : [...anchors, last].slice(-MAX_ANCHORS);
}

function earliest(known: number | undefined, times: readonly number[]): number | undefined {
  let found = known;
  for (const time of times) {
    if (time >= EARLIEST_MS && (found === undefined || time < found)) found = time;
  }
  return found;
}
