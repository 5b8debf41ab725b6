/** What the store of message facts needs of a database: the rest is the same SQL on both. */
import type { RawBuilder } from "kysely";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { MessageKey } from "../events/message-store.ts";
import type { EventDay } from "./event-day.ts";
import type { MessageBatch } from "./message-columns.ts";
import type { DayDatabase } from "./read-after.ts";

export interface MessageDatabase extends DayDatabase {
  /** Inserts the rows, but those that are there already, and gives each new one the next position, as the event database does. */
  record(batches: readonly MessageBatch[]): Promise<void>;
  /** Deletes the rows of a recipient, and empties what they alone shared ({@link impersonal}). Resolves to how many there were. */
  erase(recipient: string, scope: SubaccountId | "all"): Promise<number>;
  countTo(recipient: string, scope: SubaccountId | "all"): Promise<number>;
  /** Drops the days before this one, and returns how many there were. */
  dropBefore(day: EventDay): Promise<number>;
  /** The predicate that (sent_at_seconds, message_id, subaccount_id) is among these. */
  amongKeys(keys: readonly MessageKey[]): RawBuilder<unknown>;
  amongTexts(values: readonly string[]): RawBuilder<unknown>;
}
