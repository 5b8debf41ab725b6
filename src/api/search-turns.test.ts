import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";

import fc from "fast-check";

import type { SubaccountId } from "../domain/subaccount.ts";
import { SearchTurns } from "./search-turns.ts";

interface Search {
  readonly tenant: SubaccountId;
  readonly done: Promise<unknown>;
  end(): void;
}

function setUp() {
  const turns = new SearchTurns();
  const running: SubaccountId[] = [];
  const search = (tenant: SubaccountId, signal = new AbortController().signal): Search => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = turns.run({ tenant: { read: tenant, write: tenant }, gone: () => signal }, async () => {
      running.push(tenant);
      await promise;
      running.splice(running.indexOf(tenant), 1);
    });
    // Looked at below, or cut off by the end of the test.
    done.catch(() => undefined);
    return { tenant, done, end: resolve };
  };
  return { running, search };
}

test("a tenant's many searches leave a place to the others, and then take turns with them", async () => {
  const { running, search } = setUp();
  const many = Array.from({ length: 10 }, () => search(1));
  await nextTurn();
  assert.deepEqual(running, [1, 1]);
  const [first, second] = [search(2), search(2)];
  await nextTurn();
  assert.deepEqual(running, [1, 1, 2]);
  many[0]?.end();
  await many[0]?.done;
  await nextTurn();
  // The longest since their last turn is tenant 1's wait; with that their places are taken.
  assert.deepEqual(running.toSorted(), [1, 1, 2]);
  many[1]?.end();
  many[2]?.end();
  first.end();
  await Promise.all([many[1]?.done, many[2]?.done, first.done]);
  await nextTurn();
  assert.ok(running.includes(2));
  second.end();
  await second.done;
});

test("a search that nobody waits for any more is not begun", async () => {
  const { running, search } = setUp();
  const client = new AbortController();
  const before = [search(1), search(1)];
  const abandoned = search(1, client.signal);
  client.abort();
  for (const { end } of before) end();
  await assert.rejects(abandoned.done, { code: "rate_limited" });
  assert.deepEqual(running, []);
});

test("a tenant has at most a hundred searches waiting, and another tenant searches all the same", async () => {
  const { running, search } = setUp();
  for (let n = 0; n < 102; n += 1) search(1);
  await assert.rejects(search(1).done, { code: "rate_limited" });
  search(2);
  await nextTurn();
  assert.deepEqual(running, [1, 1, 2]);
});

test("whoever searches, at most three run, two of a tenant, and all have their turn", async () => {
  const tenants = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(tenants, fc.infiniteStream(fc.nat()), async (wanted, numbers) => {
      const { running, search } = setUp();
      const open = wanted.map((tenant) => search(tenant));
      while (open.length > 0) {
        await nextTurn();
        assert.ok(running.length > 0 && running.length <= 3);
        for (const tenant of running) assert.ok(running.filter((one) => one === tenant).length <= 2);
        const tenant = running[numbers.next().value % running.length];
        const index = open.findIndex((one) => one.tenant === tenant);
        const [ended] = open.splice(index, 1);
        ended?.end();
        await ended?.done;
      }
    }),
    { numRuns: 50 },
  );
});
