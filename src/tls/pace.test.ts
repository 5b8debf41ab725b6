import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { OrderHistory } from "../domain/issuance.ts";
import { judgePace, roomInHour } from "./pace.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 1);
const NONE: OrderHistory = {
  ordersMs: [],
  firstOfRegistrableMs: [],
  ofNameMs: [],
  invalidOfNameMs: [],
  invalidOfOwnerMs: [],
};
const INPUT = { nowMs: NOW, ordersPerHour: 90, isRenewal: false } as const;
const times = (count: number, everyMs: number) => Array.from({ length: count }, (_, n) => NOW - n * everyMs);

test("the first order may be placed at once", () => {
  assert.equal(judgePace(NONE, INPUT), undefined);
});

for (const [what, history, limit, untilMs] of [
  ["the hour's orders", { ordersMs: times(90, 1000) }, "orders_per_hour", NOW - 89_000 + HOUR],
  [
    "45 names under one registrable domain",
    { firstOfRegistrableMs: times(50, HOUR) },
    "registrable_domain",
    NOW - 44 * HOUR + 7 * DAY,
  ],
  ["four for the same name", { ofNameMs: times(4, DAY) }, "same_name", NOW - 3 * DAY + 7 * DAY],
  [
    "four failed validations of the name",
    { invalidOfNameMs: times(4, MINUTE) },
    "failed_validations",
    NOW - 3 * MINUTE + HOUR,
  ],
  [
    "failed validations for a quarter of the hour's orders, all of one tenant",
    { invalidOfOwnerMs: times(22, MINUTE) },
    "owner_failed_validations",
    NOW - 21 * MINUTE + HOUR,
  ],
] as const) {
  test(`after ${what} the next waits until there is room`, () => {
    const full = { ...NONE, ...history };
    assert.deepEqual(judgePace(full, INPUT), { limit, untilMs });
    assert.equal(judgePace(full, { ...INPUT, nowMs: untilMs }), undefined);
    const [key] = Object.keys(history) as [keyof OrderHistory];
    assert.equal(judgePace({ ...full, [key]: full[key].slice(-3) }, INPUT), undefined);
  });
}

test("a renewal does not count for its registrable domain", () => {
  const full = { ...NONE, firstOfRegistrableMs: times(45, MINUTE) };
  assert.equal(judgePace(full, { ...INPUT, isRenewal: true }), undefined);
});

test("whatever comes, no hour has more orders than the pace, and no three hours more than Let's Encrypt's 300", () => {
  const anyGaps = fc.array(fc.integer({ min: 0, max: 2 * MINUTE }), { minLength: 100, maxLength: 500 });
  fc.assert(
    fc.property(anyGaps, (gaps) => {
      let nowMs = NOW;
      const placed: number[] = [];
      for (const gap of gaps) {
        nowMs += gap;
        const ordersMs = placed.filter((time) => time > nowMs - HOUR);
        if (judgePace({ ...NONE, ordersMs }, { ...INPUT, nowMs }) === undefined) placed.push(nowMs);
        assert.ok(roomInHour(ordersMs, INPUT.ordersPerHour) <= INPUT.ordersPerHour);
      }
      for (const [withinMs, most] of [
        [HOUR, 90],
        [3 * HOUR, 300],
      ] as const) {
        for (const time of placed) {
          const inWindow = placed.filter((other) => other >= time && other < time + withinMs);
          assert.ok(inWindow.length <= most);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test("an hour that is full has no room", () => {
  assert.equal(roomInHour(times(3, 1), 5), 2);
  assert.equal(roomInHour(times(9, 1), 5), 0);
});
