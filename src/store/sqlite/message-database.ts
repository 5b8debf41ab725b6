/** Message facts in SQLite. */
import { sql } from "kysely";

import type { SubaccountId } from "../../domain/subaccount.ts";
import type { EventDay } from "../event-day.ts";
import { MESSAGE_TABLES } from "../message-columns.ts";
import type { MessageDatabase } from "../message-database.ts";
import type { DayDatabase } from "../read-after.ts";
import { dayThreads, eraseOnDays } from "./day-threads.ts";
import { inEachSegment } from "./event-day-schema.ts";
import type { MessageRequest } from "./message-worker.ts";

export interface SqliteMessageDatabase extends MessageDatabase {
  close(): Promise<void>;
}

/** Messages are recorded on the day they are sent: two days are busy at most, around midnight. */
const WRITER = { maxOpenDays: 2, walAutocheckpointPages: 4096, cacheKib: 16_384 };
/** Events come for the messages of many days. */
const READER = { maxOpenDays: 16, cacheKib: 8192 };

/** The folder must have its index, with its schema. `onFatal` is called once, when a thread ends unasked. */
export function openSqliteMessages(folder: string, onFatal: (error: Error) => void): SqliteMessageDatabase {
  const { writer, close, ...reads } = dayThreads<MessageRequest>({
    worker: "message-worker",
    folder,
    writer: WRITER,
    reader: READER,
    onFatal,
  });
  return {
    ...reads,
    record: (batches) => writer.send<void>({ kind: "record", batches }),
    erase: (recipient, scope) =>
      eraseOnDays(reads.onDays, MESSAGE_TABLES.days, (part) =>
        writer.send<number>({ kind: "erase", recipient, scope, ...part }),
      ),
    countTo: (recipient, scope) => countTo(reads, recipient, scope),
    amongKeys: (keys) => {
      const rows = keys.map((key) => [key.sentAtSeconds, key.messageId, key.subaccountId]);
      return sql`(sent_at_seconds, message_id, subaccount_id) in (
        select value ->> 0, value ->> 1, value ->> 2 from json_each(${JSON.stringify(rows)}))`;
    },
    amongTexts: (values) => sql`in (select value from json_each(${JSON.stringify(values)}))`,
    close,
  };
}

async function countTo(
  { onDays, onDay }: DayDatabase,
  recipient: string,
  scope: SubaccountId | "all",
): Promise<number> {
  let found = 0;
  for (const { day } of await onDays(sql<{ day: EventDay }>`select day from message_days`)) {
    const [row] = await onDay(day)(sql<{ found: number }>`
      select count(*) as found from messages where ${sql.raw(inEachSegment("messages"))}
        and rcpt_to = ${recipient} and ${scope === "all" ? sql`true` : sql`subaccount_id = ${scope}`}`);
    found += row?.found ?? 0;
  }
  return found;
}
