import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { backOff, LONGEST_BACK_OFF_MS, LONGEST_DELAY_MS, type SetbackKind } from "./back-off.ts";

const MINUTE = 60_000;
const RETRIED = ["unready", "invalid", "temporary", "internal"] as const satisfies readonly SetbackKind[];
const anySetback = fc.constantFrom(...RETRIED);
const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyFailures = fc.integer({ min: 1, max: 1000 });

test("delays grow with the failures in a row, stay above a minute and below the longest", () => {
  fc.assert(
    fc.property(anySetback, anyFailures, anyRandom, (setback, failures, random) => {
      const delay = backOff(setback, failures, { random }) ?? Number.NaN;
      const next = backOff(setback, failures + 1, { random }) ?? Number.NaN;
      assert.ok(delay >= MINUTE && delay <= LONGEST_BACK_OFF_MS);
      assert.ok(next >= delay);
    }),
  );
});

test("jitter only makes a delay longer, by a fifth at most", () => {
  fc.assert(
    fc.property(anySetback, anyFailures, anyRandom, (setback, failures, random) => {
      const shortest = backOff(setback, failures, { random: 0 }) ?? Number.NaN;
      const delay = backOff(setback, failures, { random }) ?? Number.NaN;
      assert.ok(delay >= shortest && delay <= shortest * 1.2 + 1);
    }),
  );
});

test("a CA that asks for more patience gets it, for a week at most", () => {
  fc.assert(
    fc.property(anySetback, anyFailures, fc.nat(40 * 86_400_000), (setback, failures, retryAfterMs) => {
      const delay = backOff(setback, failures, { random: 0, retryAfterMs }) ?? 0;
      assert.ok(delay >= Math.min(retryAfterMs, LONGEST_DELAY_MS) && delay <= LONGEST_DELAY_MS);
    }),
  );
});

test("a refused name is not tried again by itself", () => {
  assert.equal(backOff("refused", 1, { random: 0 }), undefined);
});

test("validations that go on failing stay below five an hour", () => {
  const delays = [1, 2, 3, 4, 5].map((failures) => backOff("invalid", failures, { random: 0 }) ?? 0);
  assert.ok(delays[0]! + delays[1]! + delays[2]! + delays[3]! > 60 * MINUTE);
});
