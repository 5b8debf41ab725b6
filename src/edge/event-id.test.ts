import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createEventIds, SLOT_COUNT, slotOfEventId, timeOfEventId } from "./event-id.ts";

const NOW = Date.UTC(2026, 10, 22);
const clockReading = fc.integer({ min: NOW - 5_000, max: NOW + 5_000 });
const slot = fc.integer({ min: 0, max: SLOT_COUNT - 1 });

test("event ids grow whatever the clock does, and carry their slot", () => {
  fc.assert(
    fc.property(slot, fc.array(clockReading, { minLength: 1 }), (number, readings) => {
      const next = createEventIds(number);
      let last = -1n;
      for (const reading of readings) {
        const id = next(reading);
        assert.ok(id > last && id < 2n ** 63n);
        assert.equal(slotOfEventId(id), number);
        last = id;
      }
    }),
  );
});

test("a writer that restarts goes on after the last id, even when the clock went back meanwhile", () => {
  fc.assert(
    fc.property(slot, clockReading, clockReading, (number, before, after) => {
      const last = createEventIds(number)(before);
      assert.ok(createEventIds(number, last)(after) > last);
    }),
  );
});

test("ten thousand events in one millisecond get ten thousand ids", () => {
  const next = createEventIds(3);
  const ids = new Set(Array.from({ length: 10_000 }, () => next(NOW)));
  assert.equal(ids.size, 10_000);
});

test("two slots never give out the same id", () => {
  const one = createEventIds(1);
  const two = createEventIds(2);
  const ids = new Set(Array.from({ length: 9_000 }, () => [one(NOW), two(NOW)]).flat());
  assert.equal(ids.size, 18_000);
});

test("an id tells when its event was observed", () => {
  assert.equal(timeOfEventId(createEventIds(9)(NOW)), NOW);
});

test("a clock that was never set still gives ids that can be stored", () => {
  const next = createEventIds(0);
  const id = next(0);
  assert.ok(id >= 0n);
  assert.ok(next(1) > id);
});
