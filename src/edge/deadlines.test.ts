import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeadlines } from "./deadlines.ts";

test("what is taken in time is never late, the rest is late once, each after its own wait", async (t) => {
  // In place of the connections, which keep an edge running until they are answered.
  const running = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(running));
  const late: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const waitMs = 20;
  const deadlines = createDeadlines<number>(waitMs, (thing) => {
    late.push(thing);
    if (thing === 5) resolve();
  });
  const started = performance.now();
  const [first, , third] = [1, 2, 3].map((thing) => deadlines.add(thing));
  assert.equal(deadlines.take(first!), 1);
  assert.equal(deadlines.take(first!), undefined);
  deadlines.add(5);
  await promise;
  assert.ok(performance.now() - started >= waitMs);
  assert.deepEqual(late, [2, 3, 5]);
  assert.equal(deadlines.take(third!), undefined);
});
