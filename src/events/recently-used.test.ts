import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { RecentlyUsed } from "./recently-used.ts";

const keys = fc.array(fc.nat(30), { maxLength: 200 });

test("the half that was used last is remembered, and never more than all, with the value that was set last", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), keys, (most, used) => {
      const remembered = new RecentlyUsed<number, string>(most);
      const last = new Map<number, string>();
      for (const [time, key] of used.entries()) {
        const known = remembered.get(key);
        if (known !== undefined) assert.equal(known, last.get(key));
        if (known === undefined || time % 3 === 0) {
          remembered.set(key, `${key} at ${time}`);
          last.set(key, `${key} at ${time}`);
        }
      }
      const distinct = [...new Set(used.toReversed())];
      for (const key of distinct.slice(0, Math.floor(most / 2)))
        assert.equal(remembered.get(key), last.get(key));
    }),
  );
});

test("what was used longest ago makes room", () => {
  const remembered = new RecentlyUsed<number, number>(4);
  for (let key = 0; key < 100; key += 1) remembered.set(key, key);
  const known = Array.from({ length: 100 }, (_, key) => key).filter(
    (key) => remembered.get(key) !== undefined,
  );
  assert.ok(known.length >= 2 && known.length <= 4);
  assert.ok(known.every((key) => key >= 96));
});

test("nothing is remembered of before it was cleared", () => {
  const remembered = new RecentlyUsed<string, number>(4);
  for (const key of ["a", "b", "c"]) remembered.set(key, 1);
  remembered.clear();
  assert.deepEqual(
    ["a", "b", "c"].map((key) => remembered.get(key)),
    [undefined, undefined, undefined],
  );
});
