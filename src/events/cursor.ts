/** Where the next page of events begins: opaque to the caller, and stable while events arrive. */
import type { EventPosition } from "./event-store.ts";

export function encodeCursor(position: EventPosition): string {
  return Buffer.from(`${position.timestampMs}.${position.eventId}`).toString("base64url");
}

/** `undefined` for anything that {@link encodeCursor} did not make. */
export function decodeCursor(text: string): EventPosition | undefined {
  const match = /^(\d{1,15})\.(\d{1,19})$/.exec(
    Buffer.from(text.slice(0, 100), "base64url").toString("latin1"),
  );
  if (match === null) return undefined;
  return { timestampMs: Number(match[1]), eventId: BigInt(match[2] ?? "0") };
}
