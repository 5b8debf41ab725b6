/** The event store's contract, the same on every database. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { type EngagementEvent, EVENT_TYPES } from "../../src/domain/event.ts";
import type { MessageId } from "../../src/domain/message-id.ts";
import type { EventPosition, EventQuery } from "../../src/events/event-store.ts";
import { createStore, type Ground, NOW_MS, reopen } from "./ground.ts";

const EVERYTHING = { subaccounts: "all", fromMs: 0, toMs: NOW_MS * 2, limit: 1000 } as const;

function event(eventId: bigint, over: Partial<EngagementEvent> = {}): EngagementEvent {
  return {
    eventId,
    type: "click",
    timestampMs: NOW_MS + Number(eventId),
    subaccountId: 0,
    messageId: "000443ee14578172be22" as MessageId,
    rcptTo: "recipient@example.com",
    sentAtSeconds: NOW_MS / 1000,
    trackingDomain: "click.example.com",
    ...over,
  };
}

const anyEvent: fc.Arbitrary<EngagementEvent> = fc.record(
  {
    eventId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    type: fc.constantFrom(...EVENT_TYPES),
    timestampMs: fc.integer({ min: 0, max: NOW_MS }),
    subaccountId: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    messageId: fc.stringMatching(/^[0-9a-f]{20}$/) as fc.Arbitrary<MessageId>,
    rcptTo: fc.string({ unit: "grapheme" }),
    sentAtSeconds: fc.integer({ min: 0, max: 2 ** 32 }),
    trackingDomain: fc.domain(),
    targetLinkUrl: fc.webUrl(),
    targetLinkName: fc.string({ unit: "binary" }),
    ipAddress: fc.ipV6(),
    userAgent: fc.string({ unit: "binary" }),
    acceptLanguage: fc.constantFrom("", "{}", "\\", '"', "NULL", "{a,b}"),
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
);

/** What both databases keep of a text: no NUL, no half of a surrogate pair. */
function stored(text: string | undefined): string | undefined {
  return text?.replaceAll("\0", "\ufffd").toWellFormed();
}

export function eventsConformance(name: string, ground: Ground): void {
  describe(`events in ${name}`, () => {
    test("an event comes back as it was appended, whatever is in it", async (t) => {
      const { events } = await createStore(t, ground);
      await fc.assert(
        fc.asyncProperty(anyEvent, async (appended) => {
          // The same id may come twice, from a shrunk case: then the first one stays.
          if ((await events.append([appended])) === 0) return;
          const [read] = await events.search({ ...EVERYTHING, eventIds: [appended.eventId] });
          const { rcptTo, targetLinkName, userAgent, ...rest } = appended;
          assert.deepEqual(read, {
            ...rest,
            rcptTo: stored(rcptTo),
            ...(targetLinkName !== undefined && { targetLinkName: stored(targetLinkName) }),
            ...(userAgent !== undefined && { userAgent: stored(userAgent) }),
          });
        }),
        { numRuns: 60 },
      );
    });

    test("appending is idempotent by event id: within a batch, in another batch, at the same time", async (t) => {
      const location = await ground.createLocation(t);
      const [one, other] = [await reopen(t, location), await reopen(t, location)];
      assert.equal(await one.events.append([]), 0);
      assert.equal(await one.events.append([event(1n), event(1n), event(2n)]), 2);
      assert.equal(await one.events.append([event(3n), event(2n, { type: "open" })]), 1);
      const batch = Array.from({ length: 500 }, (_, n) => event(BigInt(n) + 10n));
      const counts = await Promise.all([
        one.events.append(batch),
        other.events.append(batch.toReversed()),
        one.events.append(batch.toReversed()),
        other.events.append(batch),
      ]);
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        500,
      );
      const all = await one.events.search(EVERYTHING);
      assert.equal(all.length, 503);
      assert.equal(all.at(-2)?.type, "click");
    });

    test("a batch with an event that cannot be stored is not stored at all", async (t) => {
      const { events } = await createStore(t, ground);
      const impossible = event(2n ** 63n, { timestampMs: NOW_MS });
      await assert.rejects(events.append([event(1n), impossible]));
      assert.equal(await events.count(EVERYTHING, 10), 0);
      assert.equal(await events.append([event(1n)]), 1);
    });

    test("results are newest first: by time, then by id", async (t) => {
      const { events } = await createStore(t, ground);
      const times = [5, 9, 5, 7, 5];
      await events.append(times.map((time, n) => event(BigInt(n), { timestampMs: time })));
      const found = await events.search(EVERYTHING);
      assert.deepEqual(
        found.map(({ timestampMs, eventId }) => [timestampMs, Number(eventId)]),
        [
          [9, 1],
          [7, 3],
          [5, 4],
          [5, 2],
          [5, 0],
        ],
      );
    });

    test("every filter keeps what it names, and they narrow each other", async (t) => {
      const { events } = await createStore(t, ground);
      await events.append([
        event(1n, { subaccountId: 1, rcptTo: "Ann@Example.COM", type: "open" }),
        event(2n, {
          subaccountId: 2,
          rcptTo: "ann@example.com",
          messageId: "aaaaaaaaaaaaaaaaaaaa" as MessageId,
        }),
        event(3n, { subaccountId: 2, rcptTo: "bob@example.org", type: "initial_open" }),
        event(4n, { rcptTo: "no domain" }),
      ]);
      const cases: readonly (readonly [Partial<EventQuery>, number[]])[] = [
        [{}, [4, 3, 2, 1]],
        [{ limit: 2 }, [4, 3]],
        [{ fromMs: NOW_MS + 2, toMs: NOW_MS + 4 }, [3, 2]],
        [{ subaccounts: [2] }, [3, 2]],
        [{ subaccounts: [0, 1] }, [4, 1]],
        [{ subaccounts: [] }, []],
        [{ types: ["open", "initial_open"] }, [3, 1]],
        [{ eventIds: [1n, 3n, 77n] }, [3, 1]],
        [{ messageIds: ["aaaaaaaaaaaaaaaaaaaa"] }, [2]],
        [{ recipients: ["ann@example.com"] }, [2, 1]],
        [{ recipients: ['a"b@example.com', "a'b\\@example.com", "nul\0"] }, []],
        [{ recipientDomains: ["example.com", "example.org"] }, [3, 2, 1]],
        [{ subaccounts: [2], recipientDomains: ["example.com"], types: ["click"] }, [2]],
        [{ after: { timestampMs: NOW_MS + 3, eventId: 3n } }, [2, 1]],
      ];
      for (const [over, expected] of cases) {
        const query = { ...EVERYTHING, ...over };
        const found = await events.search(query);
        assert.deepEqual(
          found.map(({ eventId }) => Number(eventId)),
          expected,
        );
        if (over.limit === undefined && over.after === undefined)
          assert.equal(await events.count(query, 100), expected.length);
      }
      assert.equal((await events.search({ ...EVERYTHING, eventIds: [1n] }))[0]?.rcptTo, "Ann@Example.COM");
    });

    test("a count stops at the most that is asked for", async (t) => {
      const { events } = await createStore(t, ground);
      await events.append(Array.from({ length: 30 }, (_, n) => event(BigInt(n))));
      assert.equal(await events.count(EVERYTHING, 20), 20);
      assert.equal(await events.count(EVERYTHING, 40), 30);
    });

    test("paging is stable while events arrive: each event that was there is read exactly once", async (t) => {
      const { events } = await createStore(t, ground);
      const there = Array.from({ length: 50 }, (_, n) =>
        event(BigInt(n) * 2n, { timestampMs: NOW_MS + Math.floor(n / 7) }),
      );
      await events.append(there);
      const read: bigint[] = [];
      let after: EventPosition | undefined;
      for (let arriving = 1000n; ; arriving++) {
        const page = await events.search({ ...EVERYTHING, limit: 8, ...(after && { after }) });
        read.push(...page.map(({ eventId }) => eventId));
        after = page.at(-1);
        if (after === undefined) break;
        await events.append([event(arriving, { timestampMs: NOW_MS + 100 })]);
      }
      assert.deepEqual(read, there.map(({ eventId }) => eventId).toReversed());
    });
  });
}
