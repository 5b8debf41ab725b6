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

test("a clock far in the future still gives ids that can be stored, and that grow", () => {
  const far = fc.integer({ min: Date.UTC(2090, 0), max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(slot, fc.array(far, { minLength: 2 }), (number, readings) => {
      const next = createEventIds(number);
      const ids = readings.map(next);
      assert.ok(ids.every((id, at) => id < 2n ** 63n && id > (ids[at - 1] ?? -1n)));
      assert.ok(next(NOW) > (ids.at(-1) ?? 0n));
    }),
  );
});

test("ids of the slots of one worker rise in the order of what it saw, whichever slot an event goes into and whatever the clock does", () => {
  const step = fc.record({ slot: fc.nat(2), ms: fc.integer({ min: -5000, max: 5000 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 200 }), (steps) => {
      const clock = { lastMs: 0, lastSlot: 0 };
      const after = createEventIds(1)(NOW + 100);
      const slots = [
        createEventIds(0, undefined, clock),
        createEventIds(1, after, clock),
        createEventIds(2, undefined, clock),
      ];
      let nowMs = NOW;
      const ids = steps.map(({ slot, ms }) => {
        // Mostly within one millisecond, as under load.
        if (Math.abs(ms) > 4000) nowMs += ms;
        return slots[slot]!(nowMs);
      });
      assert.deepEqual(
        ids,
        [...new Set(ids)].toSorted((one, other) => (one < other ? -1 : 1)),
      );
    }),
  );
});
