/** Counts the messages that were sent: the denominators. Each message is in one row alone, so counts simply add up. */
import { type DayOfSent, TRACKS_CLICKS, TRACKS_OPENS } from "./columns.ts";
import type { SentMetric } from "./metric.ts";
import { isOfDay, type Question, Selection, slotCount } from "./selection.ts";

/** A row of counts for each slot: one for each metric, in their order. */
export function countSent(
  days: readonly DayOfSent[],
  question: Question,
  metrics: readonly SentMetric[],
): Float64Array {
  const counts = new Float64Array(slotCount(question.slots) * metrics.length);
  const masks = metrics.map(
    ({ openTracking, clickTracking }) =>
      (openTracking ? TRACKS_OPENS : 0) | (clickTracking ? TRACKS_CLICKS : 0),
  );
  const selection = new Selection();
  for (const day of masks.length === 0 ? [] : days) {
    if (!isOfDay(question.slots, day.day)) continue;
    selection.select(day, question);
    countDay(selection, { messages: day.counts(), tracking: day.tracking() }, { masks, counts });
  }
  return counts;
}

interface SentColumns {
  readonly messages: Uint32Array;
  readonly tracking: Uint8Array;
}

interface Counts {
  readonly masks: readonly number[];
  readonly counts: Float64Array;
}

function countDay(
  { rows, isWhole, slots, runs, count }: Selection,
  columns: SentColumns,
  into: Counts,
): void {
  if (runs === undefined) {
    for (let index = 0; index < count; index += 1) {
      countRow(rows[index] as number, slots[index] as number, columns, into);
    }
    return;
  }
  for (let run = 0; run < runs.count; run += 1) {
    const to = runs.to[run] as number;
    for (let index = runs.from[run] as number; index < to; index += 1) {
      countRow(isWhole ? index : (rows[index] as number), runs.slots[run] as number, columns, into);
    }
  }
}

function countRow(
  row: number,
  slot: number,
  { messages, tracking }: SentColumns,
  { masks, counts }: Counts,
): void {
  const tracked = tracking[row] as number;
  const first = slot * masks.length;
  for (let metric = 0; metric < masks.length; metric += 1) {
    if ((tracked & (masks[metric] as number)) === 0) continue;
    counts[first + metric] = (counts[first + metric] as number) + (messages[row] as number);
  }
}
