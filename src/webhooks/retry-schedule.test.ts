import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type AttemptOutcome, judge, RETRY_DELAYS_MS } from "./retry-schedule.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const HOUR_MS = 3_600_000;

function judged(outcome: AttemptOutcome, attempts = 1, random = 0) {
  return judge({ outcome, attempts, nowMs: NOW_MS, random });
}

function answered(status: number, retryAfter?: string): AttemptOutcome {
  return { kind: "answered", status, retryAfter };
}

const anyOutcome: fc.Arbitrary<AttemptOutcome> = fc.oneof(
  fc.record({ kind: fc.constant("unanswered" as const), reason: fc.constant("ECONNREFUSED") }),
  fc.record({
    kind: fc.constant("answered" as const),
    status: fc.integer({ min: 100, max: 599 }),
    retryAfter: fc.option(fc.oneof(fc.string(), fc.nat().map(String), fc.date().map(String)), {
      nil: undefined,
    }),
  }),
);

test("twelve attempts grow over eight hours, and there is none after them", () => {
  const verdicts = Array.from({ length: 12 }, (_, index) => judged(answered(500), index + 1));
  const delays = verdicts.flatMap((verdict) => (verdict.kind === "retry" ? [verdict.delayMs] : []));
  assert.deepEqual(delays, RETRY_DELAYS_MS);
  assert.deepEqual(
    delays,
    delays.toSorted((one, other) => one - other),
  );
  assert.equal(
    delays.reduce((sum, delay) => sum + delay, 0),
    8 * HOUR_MS,
  );
  assert.deepEqual(verdicts.at(-1), { kind: "given_up" });
});

test("every 2xx is a delivery and 410 is the receiver's end, at whichever attempt", () => {
  for (const attempts of [1, 12, 13]) {
    for (const status of [200, 201, 204, 299])
      assert.deepEqual(judged(answered(status), attempts), { kind: "delivered" });
    assert.deepEqual(judged(answered(410), attempts), { kind: "gone" });
  }
});

test("a redirect, an error and silence are tried again", () => {
  for (const outcome of [answered(301), answered(404), answered(503), { kind: "unanswered", reason: "x" }])
    assert.deepEqual(judged(outcome as AttemptOutcome), { kind: "retry", delayMs: 15_000 });
});

for (const [name, retryAfter, delayMs] of [
  ["seconds", "90", 90_000],
  ["a date", "Sun, 22 Nov 2026 12:10:00 GMT", 600_000],
  ["less than the schedule has", "1", 15_000],
  ["a date that has passed", "Sun, 22 Nov 2026 11:00:00 GMT", 15_000],
  ["nonsense", "soon", 15_000],
  ["a year", "31536000", 8 * HOUR_MS],
] as const) {
  test(`Retry-After with ${name} puts the next attempt off by ${delayMs} ms`, () => {
    assert.deepEqual(judged(answered(429, retryAfter)), { kind: "retry", delayMs });
    assert.deepEqual(judged(answered(503, retryAfter)), { kind: "retry", delayMs });
  });
}

test("whatever a receiver answers, a retry comes within bounds", () => {
  fc.assert(
    fc.property(
      anyOutcome,
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (outcome, attempts, random) => {
        const verdict = judged(outcome, attempts, random);
        if (verdict.kind !== "retry") return;
        assert.ok(Number.isSafeInteger(verdict.delayMs));
        assert.ok(verdict.delayMs >= (RETRY_DELAYS_MS[attempts - 1] ?? 0) * 0.9 - 1);
        assert.ok(verdict.delayMs <= 8 * HOUR_MS);
      },
    ),
  );
});
