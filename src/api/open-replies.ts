/** Bounds replies that go on for as long as their readers like: each of them holds memory, and reads the store again and again. */
import type { Readable } from "node:stream";

import { AppError } from "../domain/errors.ts";

export interface OpenReplyLimit {
  /** In the plural, for whoever is refused. */
  readonly what: string;
  readonly ofAKey: number;
  readonly inAll: number;
}

/** Returns what opens a body and counts it until it is closed. It throws `rate_limited` instead when there are too many. */
export function limitOpenReplies({
  what,
  ofAKey,
  inAll,
}: OpenReplyLimit): (keyId: string, openBody: () => Readable) => Readable {
  const open = new Map<string, number>();
  return (keyId, openBody) => {
    const total = [...open.values()].reduce((sum, count) => sum + count, 0);
    const ofThisKey = open.get(keyId) ?? 0;
    if (ofThisKey >= ofAKey || total >= inAll) {
      throw new AppError(
        "rate_limited",
        `At most ${ofAKey} ${what} of a key and ${inAll} in all may be open at once`,
      );
    }
    const body = openBody();
    open.set(keyId, ofThisKey + 1);
    body.once("close", () => {
      const left = (open.get(keyId) ?? 1) - 1;
      if (left === 0) open.delete(keyId);
      else open.set(keyId, left);
    });
    return body;
  };
}
