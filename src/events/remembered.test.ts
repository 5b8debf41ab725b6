import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { remembered } from "./remembered.ts";

test("what is remembered is not computed again", () => {
  let computed = 0;
  const square = remembered(10, (n: number) => {
    computed += 1;
    return n * n;
  });
  for (let round = 0; round < 5; round++) for (const n of [1, 2, 3]) assert.equal(square(n), n * n);
  assert.equal(computed, 3);
});

test("what is in use stays, however much passes by", () => {
  const computed: number[] = [];
  const same = remembered(10, (n: number) => {
    computed.push(n);
    return n;
  });
  for (let n = 1; n < 1000; n++) {
    same(0);
    same(n);
  }
  assert.deepEqual(
    computed.filter((n) => n === 0),
    [0],
  );
});

test("results are those of the function, whatever is asked in whatever order", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.array(fc.nat(30)), (capacity, keys) => {
      const negative = remembered(capacity, (n: number) => (n === 7 ? null : -n));
      for (const key of keys) assert.equal(negative(key), key === 7 ? null : -key);
    }),
  );
});
