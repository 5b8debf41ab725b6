/** Message facts in SQLite files, a file for each UTC day of sending. */
import { MESSAGE_COLUMNS, MESSAGE_TABLES, type MessageBatch, SHARED_COLUMNS } from "../message-columns.ts";
import { DayFiles, type DayFilesOptions, type DayLayout, insertInto } from "./day-files.ts";
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
];

const LAYOUT: DayLayout = {
  tables: MESSAGE_TABLES,
  schema: MESSAGE_DAY_SCHEMA,
  positionColumns: [["messages", "position"]],
};
const INSERT = `${insertInto("messages", MESSAGE_COLUMNS)} on conflict (sent_at_seconds, message_id) do nothing`;
const SHARE = `insert into shared_facts values (${SHARED_COLUMNS.map(() => "?").join(", ")})`;
const ERASE = `delete from messages where ${inEachSegment("messages")} and rcpt_to = ?`;

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

  erase(recipient: string): number {
    let erased = 0;
    const days = this.days().map((day) => ({ day }));
    this.write(days, (file) => {
      erased += file.run(ERASE, [recipient]).changes;
    });
    return erased;
  }
}
