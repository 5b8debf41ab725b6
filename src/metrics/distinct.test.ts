import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Distinct, MAX_SLOTS } from "./distinct.ts";

const NUMBERS = 2000;

const anySight = fc.record({
  number: fc.nat(NUMBERS - 1),
  slot: fc.oneof(fc.nat(3), fc.nat(MAX_SLOTS - 1)),
  things: fc.integer({ min: 1, max: 2 ** 16 - 1 }),
});

test("a thing is new in a slot when it was not seen there before, in whatever order slots come", () => {
  fc.assert(
    fc.property(
      fc.array(anySight, { minLength: 3000, maxLength: 4000, size: "max" }),
      fc.constantFrom("ascending", "any"),
      (sights, order) => {
        const distinct = new Distinct(NUMBERS, order, sights.length);
        const seen = new Map<string, number>();
        const coming = order === "any" ? sights : sights.toSorted((one, other) => one.slot - other.slot);
        for (const { number, slot, things } of coming) {
          const before = seen.get(`${number} ${slot}`) ?? 0;
          assert.equal(distinct.see(number, slot, things), things & ~before);
          seen.set(`${number} ${slot}`, before | things);
        }
        assert.equal(distinct.isFull, false);
      },
    ),
    { numRuns: 20 },
  );
});

test("it says so when numbers have more slots than it may remember", () => {
  const distinct = new Distinct(10, "any", 5);
  for (let slot = 0; slot <= 5; slot += 1) distinct.see(3, slot, 1);
  assert.equal(distinct.isFull, false);
  assert.equal(distinct.see(3, 2, 1), 0);
  distinct.see(4, 0, 1);
  assert.equal(distinct.isFull, false);
  distinct.see(3, 6, 1);
  assert.equal(distinct.isFull, true);
});
