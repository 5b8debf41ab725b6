import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { boundsOf, dayAfter, dayOf, dayOfName, nameOfDay } from "./event-day.ts";

const anyTime = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 0, max: Date.UTC(2100, 0) }));

test("every time is within the bounds of its day, and of no other", () => {
  fc.assert(
    fc.property(anyTime, anyTime, (timestampMs, other) => {
      const { fromMs = -Infinity, toMs = Infinity } = boundsOf(dayOf(other));
      assert.equal(fromMs <= timestampMs && timestampMs < toMs, dayOf(timestampMs) === dayOf(other));
    }),
  );
});

test("the days' bounds join without a gap", () => {
  fc.assert(
    fc.property(anyTime, (timestampMs) => {
      const day = dayOf(timestampMs);
      assert.ok(dayAfter(day) === day || boundsOf(day).toMs === boundsOf(dayAfter(day)).fromMs);
    }),
  );
});

test("a day's name is its date, and leads back to it", () => {
  assert.equal(nameOfDay(dayOf(Date.UTC(2026, 10, 22, 23, 59))), "2026-11-22");
  fc.assert(
    fc.property(anyTime, (timestampMs) => {
      assert.equal(dayOfName(nameOfDay(dayOf(timestampMs))), dayOf(timestampMs));
    }),
  );
  for (const name of ["", "index", "2026-13-01", "2026-11-22.db", "12026-01-01"])
    assert.equal(dayOfName(name), undefined);
});
