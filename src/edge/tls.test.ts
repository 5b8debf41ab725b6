import assert from "node:assert/strict";
import { test } from "node:test";

import { followTicketKeys } from "./tls.ts";

const HOUR_MS = 3_600_000;
const SECRET = "a master secret that is long enough for tests";

test("ticket keys are the same everywhere at a time, and others twelve hours later, whatever the clock does between", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const keys: string[] = [];
  let nowMs = 1000 * HOUR_MS;
  const server = { setTicketKeys: (taken: Buffer) => keys.push(taken.toString("hex")) };
  const stop = followTicketKeys(server as never, SECRET, () => nowMs);
  const look = (atMs: number): string | undefined => {
    nowMs = atMs;
    t.mock.timers.tick(30_000);
    return keys.at(-1);
  };
  const first = keys[0];
  assert.equal(first?.length, 96);
  assert.equal(look(1007 * HOUR_MS), first);
  const second = look(1008 * HOUR_MS);
  assert.notEqual(second, first);
  assert.equal(look(1000 * HOUR_MS), first, "the clock was set back");
  assert.equal(keys.length, 3, "a key that has not changed is not set again");

  const elsewhere: string[] = [];
  const stopElsewhere = followTicketKeys(
    { setTicketKeys: (taken: Buffer) => elsewhere.push(taken.toString("hex")) } as never,
    SECRET,
    () => 1019 * HOUR_MS,
  );
  assert.deepEqual(elsewhere, [second]);
  stop();
  stopElsewhere();
  look(5000 * HOUR_MS);
  assert.equal(keys.length, 3, "it ends when told to");
});
