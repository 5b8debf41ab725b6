/**
 * The part of the metrics index that is not columns: how many rows of which day count, how far the event store was
 * followed, and the numbers of messages, links and texts. One SQLite file, so that one commit moves all of it: rows
 * that it doesn't know of were never written.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { DamagedIndex } from "./column-file.ts";
import { DIMENSIONS, type Dimension, type NumberRange } from "./columns.ts";

/** With another one the index is built anew. */
const FORMAT = 1;
const FILE = "index.db";
const DAY_MS = 86_400_000;
const BUSY_TIMEOUT_MS = 5000;
const CACHE_KIB = 65_536;

export const ROW_KINDS = ["events", "sent"] as const;
export type RowKind = (typeof ROW_KINDS)[number];

/** Something at a position of a store, by which the store is recognised. */
export interface Anchor {
  readonly position: number;
  readonly id: string;
}

export interface IndexState {
  /** Everything up to here is in the index. */
  readonly positions: { readonly events: number; readonly changes: number; readonly sent: number };
  readonly anchors: { readonly events: readonly Anchor[]; readonly sent: readonly Anchor[] };
  /** The time of the first event, and of the first message. */
  readonly firstEventMs: number | undefined;
  readonly firstSentMs: number | undefined;
  /** Days before the one that starts here were dropped. */
  readonly keptFromMs: number;
  /** The highest number given to a message, a link, and a text of each dimension. */
  readonly highest: Readonly<Record<"message" | "link" | Dimension, number>>;
}

export function newState(): IndexState {
  const ofDimensions = Object.fromEntries(DIMENSIONS.map((name) => [name, 0])) as Record<Dimension, number>;
  return {
    positions: { events: 0, changes: 0, sent: 0 },
    anchors: { events: [], sent: [] },
    firstEventMs: undefined,
    firstSentMs: undefined,
    keptFromMs: 0,
    highest: { message: 0, link: 0, ...ofDimensions },
  };
}

export interface IndexedDay {
  readonly kind: RowKind;
  readonly day: number;
  readonly rows: number;
  readonly messages: NumberRange | undefined;
  readonly links: NumberRange | undefined;
}

interface DayRow {
  readonly kind: RowKind;
  readonly day: number;
  readonly rows: number;
  readonly more: string;
}

/** `number` is all that a key leads to: without rowid a table is its index. */
const SCHEMA = `
  create table state (value text not null) strict;
  create table days (kind text not null, day integer not null, rows integer not null, more text not null,
    primary key (kind, day)) strict, without rowid;
  create table messages (key blob primary key, number integer not null) strict, without rowid;
  create table links (key blob primary key, number integer not null) strict, without rowid;
  create table texts (dimension text not null, text text not null, number integer not null,
    primary key (dimension, text)) strict, without rowid;
  create unique index texts_by_number on texts (dimension, number);
  pragma user_version = ${FORMAT}`;

/** Opens the index in a folder; to write, it is made when it isn't there. Throws {@link DamagedIndex} when it can't be used. */
export function openIndexDatabase(folder: string, mode: "read" | "write"): DatabaseSync {
  const db = new DatabaseSync(join(folder, FILE), { timeout: BUSY_TIMEOUT_MS, readOnly: mode === "read" });
  try {
    db.exec(`pragma cache_size = ${-CACHE_KIB}`);
    if (mode === "write") prepareToWrite(db);
    if (versionOf(db) !== FORMAT) throw new DamagedIndex("the metrics index is of another version");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareToWrite(db: DatabaseSync): void {
  db.exec("pragma journal_mode = wal");
  // A power cut may take the last commits. They are followed again, and the rows they knew of are written over.
  db.exec("pragma synchronous = normal");
  if (versionOf(db) === 0) db.exec(`begin immediate; ${SCHEMA}; commit`);
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare("pragma user_version").get()?.["user_version"]);
}

/** `undefined` for an index that nothing was written to yet. */
export function readState(db: DatabaseSync): IndexState | undefined {
  const row = db.prepare("select value from state").get();
  // Written by writeState, of this very format.
  return row === undefined ? undefined : (JSON.parse(String(row["value"])) as IndexState);
}

export function writeState(db: DatabaseSync, state: IndexState): void {
  db.exec("delete from state");
  db.prepare("insert into state values (?)").run(JSON.stringify(state));
}

/** In order of kinds and days. */
export function readDays(db: DatabaseSync): readonly IndexedDay[] {
  const rows = db.prepare("select kind, day, rows, more from days order by kind, day").all();
  return (rows as unknown as readonly DayRow[]).map(({ more, ...day }) => ({
    ...day,
    ...(JSON.parse(more) as Pick<IndexedDay, "messages" | "links">),
  }));
}

export function writeDay(db: DatabaseSync, { kind, day, rows, ...more }: IndexedDay): void {
  db.prepare("insert or replace into days values (?, ?, ?, ?)").run(kind, day, rows, JSON.stringify(more));
}

/** Days before this one are no longer part of the index. */
export function forgetDays(db: DatabaseSync, before: number): void {
  db.prepare("delete from days where day < ?").run(before);
}

/** The name of a day's file: `events-2026-11-22.columns`. */
export function dayFileName({ kind, day }: Pick<IndexedDay, "kind" | "day">): string {
  return `${kind}-${new Date(day * DAY_MS).toISOString().slice(0, 10)}.columns`;
}

/** The numbers of those texts that have one. */
export function findTexts(
  db: DatabaseSync,
  dimension: Dimension,
  texts: readonly string[],
): readonly number[] {
  const find = db.prepare("select number from texts where dimension = ? and text = ?");
  return texts.flatMap((text) => {
    const row = text === "" ? { number: 0 } : find.get(dimension, text);
    return row === undefined ? [] : [Number(row["number"])];
  });
}

export function textOf(db: DatabaseSync, dimension: Dimension, number: number): string {
  if (number === 0) return "";
  const row = db.prepare("select text from texts where dimension = ? and number = ?").get(dimension, number);
  return String(row?.["text"] ?? "");
}
