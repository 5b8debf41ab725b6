/** The filters of the events API: text in the query, checked once. */
import { EVENT_TYPES, type EventType } from "../domain/event.ts";
import { invalid, listParameter } from "./query.ts";
import type { Call } from "./route.ts";

/** What SparkPost reports of a message's delivery, which is none of Waypost's: consumers that ask for these too are served. */
const FOREIGN_TYPES: ReadonlySet<string> = new Set([
  "bounce",
  "delay",
  "delivery",
  "generation_failure",
  "generation_rejection",
  "injection",
  "list_unsubscribe",
  "out_of_band",
  "policy_rejection",
  "sms_status",
  "spam_complaint",
]);

/** Those that there are; `undefined` when all are asked for. */
export function eventTypesParameter(
  query: Call["query"],
  delimiter: string,
): readonly EventType[] | undefined {
  return listParameter(query, "events", delimiter)?.flatMap((entry) => {
    const type = EVENT_TYPES.find((candidate) => candidate === entry);
    if (type === undefined && !FOREIGN_TYPES.has(entry))
      throw invalid("events", `has the unknown value '${entry.slice(0, 100)}'`);
    return type ?? [];
  });
}
