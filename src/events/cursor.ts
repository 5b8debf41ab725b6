/** Where the next page of events begins: opaque to the caller, and stable while events arrive. */
import { parseEventId } from "../domain/event.ts";
import type { EventPosition } from "./event-store.ts";

export interface Cursor {
  readonly position: EventPosition;
  /** How many there were at the first page: they are not counted again for every page. */
  readonly total: number;
}

export function encodeCursor({ position, total }: Cursor): string {
  return Buffer.from(`${position.timestampMs}.${position.eventId}.${total}`).toString("base64url");
}

/** `undefined` for anything that {@link encodeCursor} did not make. */
export function decodeCursor(text: string): Cursor | undefined {
  const match = /^(\d{1,15})\.(\d{1,19})\.(\d{1,9})$/.exec(
    Buffer.from(text.slice(0, 100), "base64url").toString("latin1"),
  );
  if (match === null) return undefined;
  const [, timestampMs, eventText = "", total] = match;
  const eventId = parseEventId(eventText);
  if (eventId === undefined) return undefined;
  return {
    position: { timestampMs: Number(timestampMs), eventId },
    total: Number(total),
  };
}
