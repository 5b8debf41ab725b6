/** Message facts in SQLite files, a file for each UTC day of sending. */
import { impersonal } from "../impersonal-facts.ts";
import { MESSAGE_COLUMNS, MESSAGE_TABLES, type MessageBatch, SHARED_COLUMNS } from "../message-columns.ts";
import {
  DayFiles,
  type DayFilesOptions,
  type DayLayout,
  insertInto,
  OF_PERSON,
  type PersonOnDay,
  personParameters,
} from "./day-files.ts";
import { inEachSegment, SEGMENT } from "./event-day-schema.ts";

/** Append only, as that of events is. */
const MESSAGE_DAY_SCHEMA: readonly string[] = [
  `create table shared_facts (
     shared_id text primary key,
     shared_at_seconds integer not null,
     facts text not null
   ) strict, without rowid`,
  `create table messages (
     position integer primary key,
     sent_at_seconds integer not null,
     message_id text not null,
     subaccount_id integer not null,
     rcpt_to text not null,
     transmission_id text not null,
     shared_id text not null,
     rcpt_meta text,
     rcpt_tags text
   ) strict`,
  // By time first: message ids are random, but this index grows at its end.
  "create unique index messages_by_id on messages (sent_at_seconds, message_id)",
  `create index messages_by_recipient on messages (${SEGMENT}, rcpt_to)`,
  // Callers choose ids: two tenants may have chosen the same one in the same second.
  "drop index messages_by_id",
  "create unique index messages_by_id on messages (sent_at_seconds, message_id, subaccount_id)",
];

const LAYOUT: DayLayout = {
  tables: MESSAGE_TABLES,
  schema: MESSAGE_DAY_SCHEMA,
  positionColumns: [["messages", "position"]],
};
const INSERT = `${insertInto("messages", MESSAGE_COLUMNS)} on conflict (sent_at_seconds, message_id, subaccount_id) do nothing`;
const SHARE = `insert into shared_facts values (${SHARED_COLUMNS.map(() => "?").join(", ")})`;
const ERASE = `delete from messages where position in (
    select position from messages where ${inEachSegment("messages")} and ${OF_PERSON} limit ?
  ) returning shared_id`;
const NO_LONGER_SHARED = `select shared_id, facts from shared_facts
  where shared_id in (select value from json_each(?))
    and shared_id not in (select shared_id from messages where shared_id in (select value from json_each(?)))`;
const EMPTY = "update shared_facts set facts = ? where shared_id = ?";

export class MessageFiles extends DayFiles {
  constructor(folder: string, options: DayFilesOptions) {
    super(folder, LAYOUT, options);
  }

  record(batches: readonly MessageBatch[]): void {
    this.write(batches, (file, { shared, rows }, positions) => {
      for (const row of shared) file.run(SHARE, row);
      for (const row of rows) positions.skip(file.run(INSERT, [positions.last + 1, ...row]).changes);
    });
  }

  /** Of one day, and at most so many. */
  erase(person: PersonOnDay): number {
    return this.eraseOnDay(person.day, (file) => {
      const { rows } = file.run(ERASE, [...personParameters(person), person.atMost]);
      const ids = JSON.stringify([...new Set(rows.map((row) => row["shared_id"]))]);
      const alone = rows.length === 0 ? [] : file.run(NO_LONGER_SHARED, [ids, ids]).rows;
      for (const row of alone) file.run(EMPTY, [impersonal(String(row["facts"])), String(row["shared_id"])]);
      return rows.length;
    });
  }
}
