import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  eventDays,
  isClick,
  sentDays,
  type TestEvent,
  type TestSent,
} from "../../test/metrics/memory-days.ts";
import { EVENT_TYPES, type EventType } from "../domain/event.ts";
import { cutIntoBuckets, PRECISIONS } from "./buckets.ts";
import { DIMENSIONS, type Dimension } from "./columns.ts";
import { countEvents } from "./count-events.ts";
import { countSent } from "./count-sent.ts";
import { type EventMetric, findMetric, METRIC_NAMES, type SentMetric } from "./metric.ts";
import type { Filter, Question, Slots } from "./selection.ts";
import { findTimeZone } from "./time-zone.ts";

const START = Date.UTC(2026, 2, 27) / 60_000;
/** Over the night in which Berlin and Beirut change their clocks. */
const MINUTES = 4 * 1440;
const TEXTS = 4;

const EVENT_METRICS = METRIC_NAMES.filter((name) => findMetric(name)?.source === "events");
const SENT_METRICS = METRIC_NAMES.filter((name) => findMetric(name)?.source === "messages");

const anyDimensions: fc.Arbitrary<Record<Dimension, number>> = fc
  .array(fc.nat(TEXTS - 1), { minLength: DIMENSIONS.length, maxLength: DIMENSIONS.length })
  .map(
    (ids) =>
      Object.fromEntries(DIMENSIONS.map((name, index) => [name, ids[index]])) as Record<Dimension, number>,
  );

/** Few messages, so that they meet often, and nothing that a message's events have in common. */
const anyEvent: fc.Arbitrary<TestEvent> = fc
  .record({
    minute: fc.nat(MINUTES - 1).map((minute) => START + minute),
    type: fc.constantFrom(...EVENT_TYPES),
    isPrefetched: fc.boolean(),
    isBot: fc.boolean(),
    isErased: fc.nat(9).map((n) => n === 0),
    message: fc.integer({ min: 5, max: 15 }),
    link: fc.integer({ min: 3, max: 20 }),
    dimensions: anyDimensions,
  })
  .map((event) => (isClick(event.type) ? event : { ...event, link: 0 }));

const anySent: fc.Arbitrary<TestSent> = fc.record({
  minute: fc.nat(MINUTES - 1).map((minute) => START + minute),
  openTracking: fc.boolean(),
  clickTracking: fc.boolean(),
  count: fc.integer({ min: 1, max: 5 }),
  dimensions: anyDimensions,
});

const anyFilter: fc.Arbitrary<Filter> = fc.record({
  dimension: fc.constantFrom(...DIMENSIONS),
  wanted: fc.array(fc.constantFrom(0, 1), { maxLength: TEXTS }).map((flags) => Uint8Array.from(flags)),
});

const anyTimeSlots: fc.Arbitrary<Slots> = fc
  .record({
    precision: fc.constantFrom(...PRECISIONS),
    zone: fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Beirut"),
    from: fc.integer({ min: -1440, max: MINUTES }),
    length: fc.integer({ min: 1, max: MINUTES }),
  })
  .map(({ precision, zone, from, length }) => {
    const range = { fromMs: (START + from) * 60_000, toMs: (START + from + length) * 60_000 };
    const { bounds } = cutIntoBuckets(findTimeZone(zone)!, precision, range);
    return { kind: "time", bounds: bounds.map((bound) => bound / 60_000) };
  });

const anyDimensionSlots: fc.Arbitrary<Slots> = fc
  .record({
    dimension: fc.constantFrom(...DIMENSIONS),
    first: fc.nat(TEXTS),
    size: fc.integer({ min: 1, max: TEXTS }),
    from: fc.integer({ min: -1440, max: MINUTES }),
    length: fc.integer({ min: 1, max: MINUTES }),
  })
  .map(({ from, length, ...slots }) => ({
    ...slots,
    kind: "dimension",
    fromMinute: START + from,
    toMinute: START + from + length,
  }));

const anyQuestion: fc.Arbitrary<Question> = fc.record({
  slots: fc.oneof(anyTimeSlots, anyDimensionSlots),
  filters: fc.array(anyFilter, { maxLength: 2 }),
});

/** Which slot something counts for, found the slow way. */
function slotOf(thing: Pick<TestEvent, "minute" | "dimensions">, { slots, filters }: Question): number {
  if (filters.some(({ dimension, wanted }) => wanted[thing.dimensions[dimension]] !== 1)) return -1;
  if (slots.kind === "time") {
    return slots.bounds.findIndex((from, index) => {
      const to = slots.bounds[index + 1];
      return to !== undefined && thing.minute >= from && thing.minute < to;
    });
  }
  if (thing.minute < slots.fromMinute || thing.minute >= slots.toMinute) return -1;
  const slot = thing.dimensions[slots.dimension] - slots.first;
  return slot < slots.size ? slot : -1;
}

/** What the documentation says of a metric, word by word. */
function expectedCount(name: string, events: readonly TestEvent[]): number {
  const [, audience = "", measure = ""] = /^count_(nonprefetched_|nonbot_|human_)?(.*)$/.exec(name) ?? [];
  const heard = events.filter(({ isPrefetched, isBot, isErased }) => {
    if (isErased) return false;
    if (audience === "nonprefetched_") return !isPrefetched;
    if (audience === "nonbot_") return !isBot;
    return audience === "" || !(isPrefetched || isBot);
  });
  const of = (...types: EventType[]) => heard.filter(({ type }) => types.includes(type));
  const clicks = of("click", "amp_click");
  const opens = of("open", "amp_open");
  const initialOpens = of("initial_open", "amp_initial_open");
  const messages = (found: readonly TestEvent[]) => new Set(found.map(({ message }) => message)).size;
  switch (measure) {
    case "clicked":
      return clicks.length;
    case "unique_clicked":
      return messages(clicks);
    case "raw_clicked":
      return new Set(clicks.map(({ link }) => link)).size;
    case "rendered":
      return opens.length;
    case "unique_rendered":
      return messages(opens);
    case "initial_rendered":
      return initialOpens.length;
    case "unique_initial_rendered":
      return messages(initialOpens);
    case "unique_confirmed_opened":
      return messages(heard);
    case "unsubscribe":
      return of("link_unsubscribe").length;
  }
  throw new Error(`unknown metric ${name}`);
}

function slotTotal({ slots }: Question): number {
  return slots.kind === "time" ? slots.bounds.length - 1 : slots.size;
}

test("every metric is what counting by hand finds, for any events, range, zone, filter and group, in little memory as in much", () => {
  fc.assert(
    fc.property(
      fc.array(anyEvent, { maxLength: 120, size: "max" }),
      anyQuestion,
      fc.shuffledSubarray([...EVENT_METRICS], { minLength: 1 }),
      fc.constantFrom({ blockSize: 4, others: TEXTS }, { blockSize: 99, others: 99 }),
      (events, question, names, limits) => {
        const metrics = names.map((name) => findMetric(name) as EventMetric);
        const counts = countEvents(eventDays(events), question, metrics, limits);
        const bySlot = Map.groupBy(events, (event) => slotOf(event, question));
        const expected = Array.from({ length: slotTotal(question) }, (_, slot) =>
          names.map((name) => expectedCount(name, bySlot.get(slot) ?? [])),
        );
        assert.deepEqual([...counts], expected.flat());
      },
    ),
    { numRuns: 1000 },
  );
});

test("messages that were sent are counted by what is tracked in them", () => {
  fc.assert(
    fc.property(fc.array(anySent, { maxLength: 40 }), anyQuestion, (sent, question) => {
      const metrics = SENT_METRICS.map((name) => findMetric(name) as SentMetric);
      const counts = countSent(sentDays(sent), question, metrics);
      const bySlot = Map.groupBy(sent, (message) => slotOf(message, question));
      const expected = Array.from({ length: slotTotal(question) }, (_, slot) => {
        const total = (isCounted: (message: TestSent) => boolean) =>
          (bySlot.get(slot) ?? []).filter(isCounted).reduce((sum, { count }) => sum + count, 0);
        const tracked = total(({ openTracking, clickTracking }) => openTracking || clickTracking);
        const opens = total(({ openTracking }) => openTracking);
        const clicks = total(({ clickTracking }) => clickTracking);
        return {
          count_targeted: tracked,
          count_injected: tracked,
          count_open_tracked: opens,
          count_click_tracked: clicks,
        };
      });
      assert.deepEqual(
        [...counts],
        expected.flatMap((row) => Object.values(row)),
      );
    }),
    { numRuns: 500 },
  );
});
