/** Rows of columns, made of what is followed. */
import {
  type ColumnValues,
  DIMENSIONS,
  EVENT_COLUMNS,
  MESSAGE_DIMENSIONS,
  newColumnValues,
  SENT_COLUMNS,
} from "./columns.ts";
import { typeOfKind } from "./event-kind.ts";
import type { FollowedEvent, FollowedMessage } from "./followed.ts";
import type { Numbering } from "./numbering.ts";
import { DAY_MINUTES } from "./selection.ts";

const MINUTE_MS = 60_000;
const DAY_MS = DAY_MINUTES * MINUTE_MS;
/** What a clock that is wrong puts before 1970 or after 9999 lies in the first or the last day, as in the event store. */
const LAST_DAY = Date.UTC(9999, 11, 31) / DAY_MS;

/** Days since 1970-01-01, in UTC. */
export function dayOf(timestampMs: number): number {
  return Math.min(Math.max(Math.floor(timestampMs / DAY_MS), 0), LAST_DAY);
}

/** Of one day. */
export function eventRows(
  events: readonly FollowedEvent[],
  numbering: Numbering,
): ColumnValues<typeof EVENT_COLUMNS> {
  const rows = newColumnValues(EVENT_COLUMNS, events.length);
  for (const [row, event] of events.entries()) {
    const message = numbering.message(event);
    rows.position[row] = event.position;
    rows.message[row] = message;
    if (isOfLink(event))
      rows.link[row] = numbering.link(message, { name: event.linkName, url: event.linkUrl });
    for (const dimension of DIMENSIONS) rows[dimension][row] = numbering.text(dimension, event[dimension]);
    rows.minute[row] = minuteOfDay(event.timestampMs);
    rows.kind[row] = event.kind;
  }
  return rows;
}

/** Of one day. Messages that are alike in all that is kept of them are one row. */
export function sentRows(
  messages: readonly FollowedMessage[],
  numbering: Numbering,
): ColumnValues<typeof SENT_COLUMNS> {
  const groups = [...Map.groupBy(messages, keyOf).values()];
  const rows = newColumnValues(SENT_COLUMNS, groups.length);
  for (const [row, alike] of groups.entries()) {
    const [message] = alike;
    if (message === undefined) continue;
    for (const name of MESSAGE_DIMENSIONS) rows[name][row] = numbering.text(name, message[name]);
    rows.count[row] = alike.length;
    rows.minute[row] = minuteOfDay(message.sentAtSeconds * 1000);
    rows.tracking[row] = message.tracking;
  }
  return rows;
}

function keyOf({ sentAtSeconds, ...message }: FollowedMessage): string {
  return JSON.stringify([minuteOfDay(sentAtSeconds * 1000), message]);
}

function minuteOfDay(timestampMs: number): number {
  const minute = Math.floor(timestampMs / MINUTE_MS) - dayOf(timestampMs) * DAY_MINUTES;
  return Math.min(Math.max(minute, 0), DAY_MINUTES - 1);
}

/** An unsubscription too: it may turn out to be a scanner's click. */
function isOfLink({ kind }: FollowedEvent): boolean {
  const type = typeOfKind(kind);
  return type === "click" || type === "amp_click" || type === "link_unsubscribe";
}
