import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type Buckets, cutIntoBuckets, estimateBuckets, PRECISIONS, type Precision } from "./buckets.ts";
import { findTimeZone, type TimeZone } from "./time-zone.ts";

/** Whole and half hours, a quarter, changes in both hemispheres, at midnight, of half an hour, around a fast; and none. */
const ZONES = [
  ...["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"],
  ...["Asia/Beirut", "Africa/Casablanca", "Pacific/Chatham", "America/Santiago", "Asia/Kolkata", "+05:30"],
];
const DAY_MS = 86_400_000;

function zone(name: string): TimeZone {
  const found = findTimeZone(name);
  assert.ok(found);
  return found;
}

function cut(name: string, precision: Precision, from: string, to: string): Buckets {
  return cutIntoBuckets(zone(name), precision, { fromMs: Date.parse(from), toMs: Date.parse(to) });
}

const anyCut = fc
  .record({
    name: fc.constantFrom(...ZONES),
    precision: fc.constantFrom(...PRECISIONS),
    fromMs: fc.integer({ min: Date.UTC(2018, 0, 1), max: Date.UTC(2030, 0, 1) }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ share, ...given }) => {
    const mostMs = { "1min": 3, "5min": 10, "15min": 20 }[given.precision as "1min"] ?? 500;
    return { ...given, toMs: given.fromMs + 1 + Math.floor(share * mostMs * DAY_MS) };
  });

test("buckets follow one another without a gap, and their range is the one asked for, rounded outwards", () => {
  fc.assert(
    fc.property(anyCut, ({ name, precision, fromMs, toMs }) => {
      const { bounds, labels } = cutIntoBuckets(zone(name), precision, { fromMs, toMs });
      assert.ok(bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!));
      assert.ok(bounds[0]! <= fromMs && bounds[1]! > fromMs);
      assert.ok(bounds.at(-1)! >= toMs && bounds.at(-2)! < toMs);
      assert.equal(labels.length, bounds.length - 1);
      assert.ok(labels.length <= estimateBuckets(precision, fromMs, toMs));
    }),
  );
});

test("a change of clocks in the middle of an hour makes two buckets of it, which the estimate knows", () => {
  const { labels } = cut("Pacific/Chatham", "hour", "2018-01-01T00:00:00Z", "2018-10-09T14:15:00.001Z");
  const range = [Date.parse("2018-01-01T00:00:00Z"), Date.parse("2018-10-09T14:15:00.001Z")] as const;
  assert.ok(labels.length > Math.ceil((range[1] - range[0]) / 3_600_000) + 2);
  assert.ok(labels.length <= estimateBuckets("hour", ...range));
});

test("all moments of a day's bucket show its date on the wall, and no other moment does", () => {
  fc.assert(
    fc.property(anyCut, ({ name, fromMs, toMs }) => {
      const date = new Intl.DateTimeFormat("sv-SE", { timeZone: name, dateStyle: "short" });
      const { bounds, labels } = cutIntoBuckets(zone(name), "day", { fromMs, toMs });
      for (const [index, label] of labels.entries()) {
        const [start, end] = [bounds[index]!, bounds[index + 1]!];
        for (const moment of [start, Math.floor((start + end) / 2), end - 1]) {
          assert.equal(date.format(moment), label.slice(0, 10));
        }
        assert.notEqual(date.format(end), label.slice(0, 10));
      }
    }),
    { numRuns: 30 },
  );
});

test("a bucket's label is its start, read in the zone", () => {
  fc.assert(
    fc.property(anyCut, ({ name, precision, fromMs, toMs }) => {
      const { bounds, labels } = cutIntoBuckets(zone(name), precision, { fromMs, toMs });
      assert.equal(new Set(labels).size, labels.length);
      // Where half an hour is skipped or repeated, or clocks change at a quarter to, a piece of an hour is called by the whole.
      if (name === "Australia/Lord_Howe" || name === "Pacific/Chatham") return;
      for (const [index, label] of labels.entries()) assert.equal(Date.parse(label), bounds[index]);
    }),
  );
});

test("a day in which clocks change has 23 or 25 hours", () => {
  const spring = cut("America/New_York", "day", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
  assert.deepEqual(spring.labels, ["2026-03-08T00:00:00-05:00"]);
  const autumn = cut("America/New_York", "day", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
  assert.deepEqual(autumn.labels, ["2026-11-01T00:00:00-04:00"]);
});

test("an hour that comes twice is two hours, a skipped one is none", () => {
  const autumn = cut("Europe/Berlin", "hour", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");
  assert.deepEqual(autumn.labels, [
    "2026-10-25T01:00:00+02:00",
    "2026-10-25T02:00:00+02:00",
    "2026-10-25T02:00:00+01:00",
    "2026-10-25T03:00:00+01:00",
  ]);
  const spring = cut("Europe/Berlin", "hour", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z");
  assert.deepEqual(spring.labels, ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]);
});

test("a day whose midnight is skipped starts when the clock leaps", () => {
  const days = cut("Asia/Beirut", "day", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
  assert.deepEqual(days.labels, ["2026-03-28T00:00:00+02:00", "2026-03-29T01:00:00+03:00"]);
});

test("weeks start on Monday, months on the first, half days at noon", () => {
  const weeks = cut("UTC", "week", "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z");
  assert.deepEqual(weeks.labels, ["2026-11-16T00:00:00+00:00", "2026-11-23T00:00:00+00:00"]);
  const months = cut("Europe/Berlin", "month", "2026-01-31T23:30:00Z", "2026-03-31T22:00:00Z");
  assert.deepEqual(months.labels, ["2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00"]);
  const halves = cut("Asia/Kathmandu", "12hr", "2026-11-22T06:15:00Z", "2026-11-22T18:16:00Z");
  assert.deepEqual(halves.labels, ["2026-11-22T12:00:00+05:45", "2026-11-23T00:00:00+05:45"]);
});

test("a time zone that does not exist is not found", () => {
  for (const name of ["Mars/Olympus", "", "UTC; drop table", "a".repeat(10_000)]) {
    assert.equal(findTimeZone(name), undefined);
  }
});
