/**
 * The last batches that a lane delivered, as one text in the lane's own row: the newest first, each a JSON array of the same
 * length. So the statement that moves the lane on keeps them too, and what is too old is cut off without being read.
 */
import { type RawBuilder, sql } from "kysely";

import type { DeliveredBatch } from "../webhooks/delivery-store.ts";
import type { StateDatabase } from "./state-database.ts";

export const DELIVERIES_KEPT = 20;

export interface LastDelivery {
  readonly id: string;
  readonly events: number;
  /** All, the successful one included. */
  readonly attempts: number;
  readonly status: number;
  readonly latencyMs: number;
  readonly deliveredAtMs: number;
}

/** Of everything but the time: `["",99999,99,999,999999,` and a batch's id, a UUID. */
const HEAD_CHARS = 60;
/** The clock's digits until the year 2286. */
const TIME_CHARS = 13;
const ENTRY_CHARS = HEAD_CHARS + TIME_CHARS + "]".length;

/** The column's text with one more in front; `undefined` for a batch that does not fit an entry, which no batch of ours is. */
export function withDelivery(
  batchId: string,
  { events, attempts, status, latencyMs }: DeliveredBatch,
  clock: StateDatabase["clock"],
): RawBuilder<string> | undefined {
  const head = `${JSON.stringify([batchId, events, attempts, status, latencyMs]).slice(0, -1)},`;
  if (head.length > HEAD_CHARS) return undefined;
  const padded = head.padEnd(HEAD_CHARS);
  return sql<string>`substr(cast(${padded} as text) || cast(${clock} as text) || ']' || last_deliveries, 1, ${sql.lit(ENTRY_CHARS * DELIVERIES_KEPT)})`;
}

export function parseDeliveries(text: string): readonly LastDelivery[] {
  return Array.from({ length: text.length / ENTRY_CHARS }, (_, n) =>
    parseEntry(text.slice(n * ENTRY_CHARS, (n + 1) * ENTRY_CHARS)),
  );
}

function parseEntry(text: string): LastDelivery {
  // Written above.
  const [id, events, attempts, status, latencyMs, deliveredAtMs] = JSON.parse(text) as [
    string,
    number,
    number,
    number,
    number,
    number,
  ];
  return { id, events, attempts, status, latencyMs, deliveredAtMs };
}
