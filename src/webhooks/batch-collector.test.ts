import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { BatchCollector, type BatchLimits, bodyOf, collectAgain } from "./batch-collector.ts";
import { renewed, type SourceEvent, sourceEvent } from "./event-source.ts";
import { createFilter, type Interest } from "./webhook.ts";

const EVERYTHING: Interest = { types: ["click", "open"], subaccounts: "all", exceptions: [] };
const LIMITS: BatchLimits = { events: 5, chars: 60, span: 20 };

interface Reader {
  readAfter(position: number, limit: number): Promise<readonly SourceEvent[]>;
}

function eventAt(position: number, over: Partial<{ type: string; subaccountId: number; size: number }> = {}) {
  const { type = "click", subaccountId = 0, size = 5 } = over;
  const facts = { position, type, subaccountId, timestampMs: position, rcptTo: "" };
  return sourceEvent(
    { ...facts, ...(type === "link_unsubscribe" && { mayBecome: "click" }) },
    position,
    (value) => String(value).padStart(size, "x"),
  );
}

/** Pages of so many. */
function sourceOf(events: readonly SourceEvent[], pageSize = 7): Reader {
  return {
    readAfter: async (position, limit) =>
      events.filter((event) => event.position > position).slice(0, Math.min(limit, pageSize)),
  };
}

function collector(source: Reader, over: Partial<ConstructorParameters<typeof BatchCollector>[0]> = {}) {
  return new BatchCollector({
    read: async (position) => ({ events: await source.readAfter(position, 100), readAtMs: position }),
    isSettled: async () => true,
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
      type: fc.constantFrom("click", "open", "delivery", "link_unsubscribe"),
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
  types: fc.subarray(["click", "open", "link_unsubscribe"]),
  subaccounts: fc.oneof(fc.constant("all" as const), fc.nat(2)),
  exceptions: fc.subarray([0, 1, 2]),
});

test("every wanted event is in exactly one batch, in order, and each batch made again is the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyEvents,
      anyInterest,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 400 }),
      async (events, interest, page, pace) => {
        const source = sourceOf(events, page);
        let settled = 0;
        const isSettled = async (at: number) => at <= settled;
        const lane = collector(source, { interest, isSettled });
        const sent: string[] = [];
        let position = 0;
        for (let rounds = 0; rounds < 2000; rounds += 1) {
          settled += pace;
          await lane.collect();
          if (lane.isEmpty && lane.isHeld && !lane.isInVain) continue;
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
          sent.push(...batch.events.map((event) => event.json()));
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

test("what may still become something else ends a batch, and is passed when it is settled", async () => {
  const events = [eventAt(1), eventAt(2), eventAt(3, { type: "link_unsubscribe" }), eventAt(4)];
  let settled = 2;
  const isSettled = async (at: number) => at <= settled;
  for (const types of [["click"], ["click", "link_unsubscribe"]]) {
    settled = 2;
    const lane = collector(sourceOf(events), { interest: { ...EVERYTHING, types }, isSettled });
    await lane.collect();
    assert.deepEqual([lane.isHeld, lane.isFull, lane.isAtEnd, lane.scanned], [true, false, false, 2]);
    assert.equal(bodyOf(lane.take().events).toString(), "[xxxx1,xxxx2]");
    await lane.collect();
    assert.deepEqual([lane.isHeld, lane.isEmpty, lane.scanned], [true, true, 2]);
    settled = 3;
    await lane.collect();
    assert.deepEqual([lane.isHeld, lane.isAtEnd, lane.take().last], [false, true, 4]);
  }
});

test("what a lane does not want as one thing nor the other does not hold it up", async () => {
  const events = [
    eventAt(1, { type: "open" }),
    eventAt(2, { type: "link_unsubscribe" }),
    eventAt(3, { type: "open" }),
  ];
  const never = async () => false;
  const opens = collector(sourceOf(events), {
    interest: { ...EVERYTHING, types: ["open"] },
    isSettled: never,
  });
  await opens.collect();
  assert.deepEqual([opens.isHeld, opens.take().last], [false, 3]);
  const others = collector(sourceOf(events), {
    interest: { types: ["click"], subaccounts: 7, exceptions: [] },
    isSettled: never,
  });
  await others.collect();
  assert.deepEqual([others.isHeld, others.scanned], [false, 3]);
  const ended = collector(sourceOf(events), { end: 1, isSettled: never });
  await ended.collect();
  assert.deepEqual([ended.isHeld, ended.isAtEnd, ended.take().last], [false, true, 1]);
});

test("a batch is as old as the oldest page that it is made of", async () => {
  const lane = collector(
    sourceOf(
      [5, 10, 15].map((position) => eventAt(position)),
      1,
    ),
    { position: 3 },
  );
  await lane.collect();
  assert.equal(lane.take().readAtMs, 3);
});

test("a lane with an end sends nothing behind it", async () => {
  const source = sourceOf([1, 3, 5, 7, 9].map((position) => eventAt(position)));
  const lane = collector(source, { end: 6 });
  await lane.collect();
  assert.equal(lane.isAtEnd, true);
  const { last, events } = lane.take();
  assert.equal(last, 5);
  assert.equal(bodyOf(events).toString(), "[xxxx1,xxxx3,xxxx5]");
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
  const event = sourceEvent(
    { position: 1, type: "click", subaccountId: 0, timestampMs: 0, rcptTo: "" },
    {},
    () => {
      made += 1;
      return "{}";
    },
  );
  assert.deepEqual([event.json(), event.json(), made], ["{}", "{}", 1]);
});

test("an event that is read again is made into JSON again only when it was corrected", () => {
  const [one, two, three] = [1, 2, 3].map((position) => eventAt(position));
  assert.ok(one && two && three);
  const corrected = { ...eventAt(2), labels: "bot" };
  const [first, second, ...rest] = renewed([one, two, three], [eventAt(1), corrected]);
  assert.deepEqual([first === one, second === corrected, rest], [true, true, []]);
});
