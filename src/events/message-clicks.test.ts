import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type ClicksOfMessage, earlySeries, nearHoneypot, withinBursts } from "./message-clicks.ts";

const clicks: fc.Arbitrary<ClicksOfMessage> = fc
  .array(
    fc.record({
      timestampMs: fc.integer({ min: 0, max: 15_000 }),
      sentAtMs: fc.constantFrom(0, -299_000),
      link: fc.nat(9),
      isUnsubscribe: fc.constant(false),
      isHoneypot: fc.constant(false),
    }),
    { maxLength: 40 },
  )
  .map((list) => list.toSorted((a, b) => a.timestampMs - b.timestampMs));

/** Straight from the definition: some window from a click on has five links and this click. */
function isInWindow(list: ClicksOfMessage, index: number, widthMs: number): boolean {
  const { timestampMs } = list[index]!;
  return list.some(({ timestampMs: fromMs }) => {
    const toMs = fromMs + widthMs;
    const inside = list.filter((click) => click.timestampMs >= fromMs && click.timestampMs <= toMs);
    return timestampMs >= fromMs && timestampMs <= toMs && new Set(inside.map(({ link }) => link)).size >= 5;
  });
}

test("a click is in a burst exactly when some second around it has five different links", () => {
  fc.assert(
    fc.property(clicks, (list) => {
      const expected = list.flatMap((_, index) => (isInWindow(list, index, 1000) ? [index] : []));
      assert.deepEqual(withinBursts(list), expected);
    }),
    { numRuns: 500 },
  );
});

test("an early series is ten seconds long, and each of its clicks stands there once", () => {
  fc.assert(
    fc.property(clicks, (list) => {
      const found = earlySeries(list);
      assert.deepEqual([...new Set(found)], found);
      for (const index of found) assert.ok(isInWindow(list, index, 10_000));
    }),
  );
});

test("more clicks take nothing back", () => {
  fc.assert(
    fc.property(clicks, fc.nat(40), (list, count) => {
      const later = list.slice(0, count);
      const found = withinBursts(list);
      for (const index of withinBursts(later)) assert.ok(found.includes(index));
    }),
  );
});

test("times that are no times end nothing but themselves", () => {
  for (const timestampMs of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const list = Array.from({ length: 9 }, (_, link) => ({
      timestampMs,
      sentAtMs: 0,
      link,
      isUnsubscribe: true,
      isHoneypot: true,
    }));
    assert.deepEqual(withinBursts(list), []);
    assert.deepEqual(nearHoneypot(list), []);
  }
});

test("a honeypot speaks of ten seconds on both sides, from the first of its clicks to the last", () => {
  const at = (timestampMs: number, isHoneypot = false) => ({
    timestampMs,
    sentAtMs: 0,
    link: timestampMs,
    isUnsubscribe: false,
    isHoneypot,
  });
  const list = [at(0), at(1000), at(11_000, true), at(15_000, true), at(25_000), at(25_001)];
  assert.deepEqual(nearHoneypot(list), [1, 2, 3, 4]);
});
