import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { BatchCollector, type BatchLimits, bodyOf, collectAgain } from "./batch-collector.ts";
import { type EventSource, type SourceEvent, sourceEvent } from "./event-source.ts";
import { createFilter, type Interest } from "./webhook.ts";

const EVERYTHING: Interest = { types: ["click", "open"], subaccounts: "all", exceptions: [] };
const LIMITS: BatchLimits = { events: 5, chars: 60, span: 20 };

function eventAt(position: number, over: Partial<{ type: string; subaccountId: number; size: number }> = {}) {
  const { type = "click", subaccountId = 0, size = 5 } = over;
  return sourceEvent({ position, type, subaccountId, timestampMs: position }, position, (value) =>
    String(value).padStart(size, "x"),
  );
}

/** Pages of so many. */
function sourceOf(events: readonly SourceEvent[], pageSize = 7): EventSource {
  return {
    readAfter: async (position, limit) =>
      events.filter((event) => event.position > position).slice(0, Math.min(limit, pageSize)),
  };
}

function collector(source: EventSource, over: Partial<ConstructorParameters<typeof BatchCollector>[0]> = {}) {
  return new BatchCollector({
    read: (position) => source.readAfter(position, 100),
    interest: EVERYTHING,
    position: 0,
    limits: LIMITS,
    clock: () => 0,
    ...over,
  });
}

const anyEvents = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 9 }),
      type: fc.constantFrom("click", "open", "delivery"),
      subaccountId: fc.nat(2),
      size: fc.integer({ min: 1, max: 90 }),
    }),
    { maxLength: 80 },
  )
  .map((entries) => {
    let position = 0;
    return entries.map(({ gap, ...over }) => {
      position += gap;
      return eventAt(position, over);
    });
  });
const anyInterest: fc.Arbitrary<Interest> = fc.record({
  types: fc.subarray(["click", "open"]),
  subaccounts: fc.oneof(fc.constant("all" as const), fc.nat(2)),
  exceptions: fc.subarray([0, 1, 2]),
});

test("every wanted event is in exactly one batch, in order, and each batch made again is the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyEvents,
      anyInterest,
      fc.integer({ min: 1, max: 20 }),
      async (events, interest, page) => {
        const source = sourceOf(events, page);
        const lane = collector(source, { interest });
        const sent: string[] = [];
        let position = 0;
        for (let rounds = 0; rounds < 200; rounds += 1) {
          await lane.collect();
          if (lane.isInVain || (lane.isEmpty && lane.isAtEnd)) {
            const isDone = lane.isAtEnd && !lane.isInVain;
            position = lane.take().last;
            if (isDone) break;
            continue;
          }
          const batch = lane.take();
          assert.ok(batch.events.length <= LIMITS.events);
          assert.ok(
            batch.events.length === 1 || bodyOf(batch.events).length <= LIMITS.chars + LIMITS.events + 1,
          );
          assert.deepEqual(
            await collectAgain(source, { position, last: batch.last, interest }),
            batch.events,
          );
          sent.push(...batch.events);
          position = batch.last;
        }
        assert.deepEqual(
          sent,
          events.filter(createFilter(interest)).map((event) => event.json()),
        );
      },
    ),
  );
});

test("a lane with an end sends nothing behind it", async () => {
  const source = sourceOf([1, 3, 5, 7, 9].map((position) => eventAt(position)));
  const lane = collector(source, { end: 6 });
  await lane.collect();
  assert.equal(lane.isAtEnd, true);
  assert.deepEqual(lane.take(), { last: 5, events: ["xxxx1", "xxxx3", "xxxx5"] });
});

test("a long stretch without anything wanted ends a reading, so that others have their turn", async () => {
  const source = sourceOf(Array.from({ length: 100 }, (_, n) => eventAt(n + 1, { type: "delivery" })));
  const lane = collector(source);
  await lane.collect();
  assert.deepEqual([lane.isInVain, lane.isFull, lane.isAtEnd], [true, false, false]);
  assert.ok(lane.scanned >= LIMITS.span && lane.scanned < 50);
});

test("a batch's wait begins with its first event", async () => {
  let nowMs = 100;
  const events = [eventAt(1, { type: "delivery" })];
  const lane = collector(
    { readAfter: async (position) => events.filter((event) => event.position > position) },
    { clock: () => nowMs },
  );
  await lane.collect();
  nowMs = 500;
  assert.equal(lane.waitedMs, 0);
  events.push(eventAt(2));
  await lane.collect();
  nowMs = 700;
  assert.equal(lane.waitedMs, 200);
  lane.take();
  assert.equal(lane.waitedMs, 0);
});

test("an event is made into JSON once, however many ask", () => {
  let made = 0;
  const event = sourceEvent({ position: 1, type: "click", subaccountId: 0, timestampMs: 0 }, {}, () => {
    made += 1;
    return "{}";
  });
  assert.deepEqual([event.json(), event.json(), made], ["{}", "{}", 1]);
});
