import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { clicksAt, eventOf } from "../../test/classification/events.ts";
import * as agents from "../../test/classification/user-agents.ts";
import { EVENT_TYPES, REQUEST_PURPOSES } from "../domain/event.ts";
import { HONEYPOT_LINK_NAME } from "../domain/honeypot.ts";
import type { MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { createContext } from "./classification.ts";
import { RULES } from "./classification-rules.ts";
import { createClassifier } from "./classifier.ts";
import { bareRecord, type RecordedEvent } from "./recorded-event.ts";

const CONTEXT = createContext({ userAgents: [], networks: [] });
const MINUTE = 60_000;

function newClassifier() {
  return createClassifier({ context: () => CONTEXT });
}

/** The last word on each event, by id. */
function verdicts(batches: readonly (readonly RecordedEvent[])[], classifier = newClassifier()) {
  const last = new Map<bigint, Pick<RecordedEvent, "type" | "classification">>();
  for (const batch of batches) {
    const { events, corrections } = classifier.classify(batch);
    for (const { eventId, type, classification } of [...events, ...corrections])
      last.set(eventId, { type, classification });
  }
  return last;
}

test("a burst that is recognised at its fifth click marks the first four, too", () => {
  const classifier = newClassifier();
  const [first, second, third, fourth, fifth, sixth] = clicksAt(
    MINUTE,
    60_100,
    60_200,
    60_300,
    60_400,
    60_500,
  );
  const early = classifier.classify([first!, second!, third!, fourth!]);
  assert.deepEqual(
    early.events.map(({ classification }) => classification.isBot),
    [false, false, false, false],
  );
  assert.deepEqual(early.corrections, []);
  const late = classifier.classify([fifth!]);
  assert.deepEqual(late.events[0]?.classification.reasons, ["click_burst", "early_click_series"]);
  assert.deepEqual(
    late.corrections,
    [first!, second!, third!, fourth!].map(({ eventId, timestampMs }) => ({
      eventId,
      timestampMs,
      type: "click",
      classification: late.events[0]?.classification,
    })),
  );
  const after = classifier.classify([sixth!]);
  assert.equal(after.events[0]?.classification.isBot, true);
  assert.deepEqual(after.corrections, []);
});

test("what is found of events of the same batch is in the events and no correction", () => {
  const { events, corrections } = newClassifier().classify(clicksAt(MINUTE, 60_100, 60_200, 60_300, 60_400));
  assert.ok(events.every(({ classification }) => classification.isBot));
  assert.deepEqual(corrections, []);
});

test("an unsubscribe that turns out to be a scanner's becomes a click, and keeps its id", () => {
  const classifier = newClassifier();
  const unsubscribe = eventOf({
    type: "link_unsubscribe",
    afterMs: MINUTE,
    targetLinkUrl: "https://acme.example/u",
  });
  assert.equal(classifier.classify([unsubscribe]).events[0]?.type, "link_unsubscribe");
  const { corrections } = classifier.classify(clicksAt(61_000));
  assert.deepEqual(
    corrections.map(({ eventId, type }) => [eventId, type]),
    [[unsubscribe.eventId, "click"]],
  );
});

test("an unsubscribe by a known scanner, or fetched ahead, is a click from the start; by a proxy it stays", () => {
  const typeOf = (over: Parameters<typeof eventOf>[0]) =>
    newClassifier().classify([eventOf({ type: "link_unsubscribe", ...over })]).events[0]?.type;
  assert.equal(typeOf({ userAgent: agents.SCANNERS[0] }), "click");
  assert.equal(typeOf({ ipAddress: "40.94.1.1" }), "click");
  assert.equal(typeOf({ purpose: "prefetch" }), "click");
  assert.equal(typeOf({ userAgent: agents.GMAIL_ACTIONS }), "link_unsubscribe");
  assert.equal(typeOf({}), "link_unsubscribe");
});

test("clicks on the same message id of another tenant, or to another recipient, are others'", () => {
  for (const over of [{ subaccountId: 7 as SubaccountId }, { rcptTo: "ben@example.com" }]) {
    const clicks = clicksAt(MINUTE, 60_100, 60_200, 60_300, 60_400);
    const mixed = clicks.map((event, index) => (index === 2 ? { ...event, ...over } : event));
    const found = verdicts([mixed]);
    assert.ok([...found.values()].every(({ classification }) => !classification.isBot));
  }
});

test("a burst is found again from what the store has of it", () => {
  const clicks = clicksAt(MINUTE, 60_100, 60_200, 60_300, 60_400);
  const classifier = newClassifier();
  classifier.recall(clicks.slice(0, 4).toReversed());
  const { corrections } = classifier.classify(clicks.slice(4));
  assert.equal(corrections.length, 4);
});

test("a correction that was lost is made again, and what was corrected already is not", () => {
  const clicks = clicksAt(MINUTE, 60_100, 60_200, 60_300, 60_400);
  const { events } = newClassifier().classify(clicks);
  // A crash after the batch was stored and before its corrections were: three have their marks, two lack them.
  const stored = clicks.map((click, index) => (index < 3 ? (events[index] as RecordedEvent) : click));
  const classifier = newClassifier();
  classifier.recall(stored);
  const again = classifier.classify(clicks);
  assert.deepEqual(
    again.corrections.map(({ eventId }) => eventId),
    clicks.slice(3).map(({ eventId }) => eventId),
  );
  assert.deepEqual(again.events, events);
});

test("after forgetting, clicks of before count no more", () => {
  const clicks = clicksAt(MINUTE, 60_100, 60_200, 60_300, 60_400);
  const classifier = newClassifier();
  classifier.classify(clicks.slice(0, 4));
  classifier.forget();
  const { events, corrections } = classifier.classify(clicks.slice(4));
  assert.deepEqual([events[0]?.classification.isBot, corrections], [false, []]);
});

const anything = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    " ",
    "__proto__",
    "constructor",
    "\0",
    "Mozilla/5.0",
    ",,,",
    "(".repeat(1000),
    "a".repeat(1024),
  ),
  fc.constantFrom(...agents.BROWSERS, ...agents.SCANNERS, agents.GMAIL_PROXY, agents.APPLE_MAIL_PRIVACY),
);
const hostile: fc.Arbitrary<RecordedEvent> = fc
  .record(
    {
      eventId: fc.bigInt({ min: 0n, max: 40n }),
      type: fc.constantFrom(...EVENT_TYPES),
      timestampMs: fc.oneof(fc.nat(20_000), fc.double({ noNaN: false })),
      subaccountId: fc.constantFrom(0, 7) as fc.Arbitrary<SubaccountId>,
      messageId: fc.constantFrom("000443ee14578172be22", "__proto__") as fc.Arbitrary<MessageId>,
      rcptTo: anything,
      sentAtSeconds: fc.oneof(fc.constant(0), fc.double()),
      trackingDomain: anything,
      targetLinkUrl: anything,
      targetLinkName: fc.oneof(anything, fc.constant(HONEYPOT_LINK_NAME)),
      ipAddress: fc.oneof(anything, fc.ipV4(), fc.ipV6(), fc.constant("fe80::1%eth0")),
      userAgent: anything,
      acceptLanguage: anything,
      purpose: fc.constantFrom(...REQUEST_PURPOSES),
    },
    {
      requiredKeys: [
        "eventId",
        "type",
        "timestampMs",
        "subaccountId",
        "messageId",
        "rcptTo",
        "sentAtSeconds",
        "trackingDomain",
      ],
    },
  )
  .map((event) => bareRecord(event));

test("classification never throws, loses or adds an event, and changes nothing but type and classification", () => {
  fc.assert(
    fc.property(fc.array(fc.array(hostile, { maxLength: 12 }), { maxLength: 4 }), (batches) => {
      const classifier = newClassifier();
      for (const batch of batches) {
        const { events } = classifier.classify(batch);
        assert.deepEqual(
          events.map(({ type: _, classification: __, ...event }) => event),
          batch.map(({ type: _, classification: __, ...event }) => event),
        );
      }
    }),
  );
});

const ORDER = RULES.map(({ reason }) => reason);

test("reasons stand in the order of the table, each once, whenever they were found", () => {
  fc.assert(
    fc.property(fc.array(fc.array(hostile, { maxLength: 12 }), { maxLength: 4 }), (batches) => {
      for (const { classification } of verdicts(batches).values()) {
        const places = classification.reasons.map((reason) => ORDER.indexOf(reason));
        assert.ok(!places.includes(-1));
        assert.deepEqual(
          places,
          [...new Set(places)].toSorted((a, b) => a - b),
        );
      }
    }),
  );
});

/** Clicks of a few seconds on two messages, in the order of time. */
const visits: fc.Arbitrary<readonly RecordedEvent[]> = fc
  .array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 14_000 }),
      link: fc.nat(8),
      message: fc.nat(1),
      isUnsubscribe: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((list) =>
    list
      .toSorted((a, b) => a.afterMs - b.afterMs)
      .map(({ afterMs, link, message, isUnsubscribe }) =>
        eventOf({
          afterMs,
          messageId: `${message}00443ee14578172be2` as MessageId,
          type: isUnsubscribe ? "link_unsubscribe" : "click",
          targetLinkUrl: `https://acme.example/${link}`,
        }),
      ),
  );

function cut<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, n) =>
    list.slice(n * size, (n + 1) * size),
  );
}

test("a correction takes no mark, no reason and no click back", () => {
  fc.assert(
    fc.property(visits, fc.integer({ min: 1, max: 10 }), (events, size) => {
      const classifier = newClassifier();
      const known = new Map<bigint, Pick<RecordedEvent, "type" | "classification">>();
      for (const batch of cut(events, size)) {
        const { events: labelled, corrections } = classifier.classify(batch);
        for (const { eventId, type, classification } of [...labelled, ...corrections]) {
          const before = known.get(eventId);
          known.set(eventId, { type, classification });
          if (before === undefined) continue;
          for (const reason of before.classification.reasons)
            assert.ok(classification.reasons.includes(reason));
          assert.ok(classification.isBot || !before.classification.isBot);
          assert.ok(type === "click" || before.type !== "click");
        }
      }
    }),
  );
});

test("the last word on an event does not depend on where batches end", () => {
  fc.assert(
    fc.property(visits, fc.integer({ min: 1, max: 10 }), (events, size) => {
      assert.deepEqual(verdicts(cut(events, size)), verdicts([events]));
    }),
  );
});

test("events that come again, as after a failure of the store, are judged as before", () => {
  fc.assert(
    fc.property(visits, fc.nat(40), (events, count) => {
      const once = verdicts([events]);
      assert.deepEqual(verdicts([events.slice(0, count), events]), once);
    }),
  );
});
