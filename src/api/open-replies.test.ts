import assert from "node:assert/strict";
import { test } from "node:test";

import { AppError } from "../domain/errors.ts";
import { limitOpenReplies } from "./open-replies.ts";

type Caller = Parameters<ReturnType<typeof limitOpenReplies>>[0];

function caller(keyId: string, tenant: number): Caller {
  return { principal: { keyId }, tenant: { write: tenant } } as Caller;
}

function refused(take: () => unknown): boolean {
  try {
    take();
    return false;
  } catch (error) {
    return error instanceof AppError && error.code === "rate_limited";
  }
}

test("a key has so many open replies, and a new one once an old one has ended, however often that is said", () => {
  const take = limitOpenReplies({ what: "exports", ofAKey: 2, inAll: 10 });
  const end = take(caller("a", 1));
  take(caller("a", 1));
  assert.ok(refused(() => take(caller("a", 1))));
  take(caller("b", 1));
  end();
  end();
  take(caller("a", 1));
  assert.ok(refused(() => take(caller("a", 1))));
});

test("a tenant with many keys leaves half of all places to the others", () => {
  const take = limitOpenReplies({ what: "exports", ofAKey: 2, inAll: 6 });
  for (const key of ["a", "b", "c"]) take(caller(key, 1));
  assert.ok(refused(() => take(caller("d", 1))));
  for (const key of ["e", "f", "g"]) take(caller(key, 2));
  assert.ok(
    refused(() => take(caller("h", 3))),
    "there are no more in all",
  );
});
