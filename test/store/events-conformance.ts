/** The event store's contract, the same on every database. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { EVENT_TYPES } from "../../src/domain/event.ts";
import type { MessageId } from "../../src/domain/message-id.ts";
import { type EventFilter, matchesFilter } from "../../src/events/event-filter.ts";
import type { EventChange, EventPosition, EventQuery, StoredEvent } from "../../src/events/event-store.ts";
import type { MessageFacts } from "../../src/events/message-facts.ts";
import { type RecordedEvent, UNCLASSIFIED } from "../../src/events/recorded-event.ts";
import { createStore, type Ground, NOW_MS, reopen } from "./ground.ts";

const DAY_MS = 86_400_000;
/** The first moment of the year 10000: what lies behind it is stored with the day before. */
const FOREVER_MS = Date.UTC(10_000, 0);
const EVERYTHING = { subaccounts: "all", fromMs: 0, toMs: NOW_MS * 2, limit: 1000 } as const;

function event(eventId: bigint, over: Partial<RecordedEvent> = {}): RecordedEvent {
  return {
    eventId,
    type: "click",
    timestampMs: NOW_MS + Number(eventId),
    subaccountId: 0,
    messageId: "000443ee14578172be22" as MessageId,
    rcptTo: "recipient@example.com",
    sentAtSeconds: NOW_MS / 1000,
    trackingDomain: "click.example.com",
    classification: UNCLASSIFIED,
    ...over,
  };
}

export const anyFacts: fc.Arbitrary<MessageFacts> = fc.record(
  {
    transmissionId: fc.stringMatching(/^[0-9]{1,20}$/),
    campaignId: fc.string({ unit: "grapheme" }),
    templateId: fc.string(),
    templateVersion: fc.string(),
    subject: fc.string({ unit: "grapheme" }),
    friendlyFrom: fc.string(),
    msgFrom: fc.emailAddress(),
    sendingDomain: fc.domain(),
    ipPool: fc.constantFrom("", "{}", "shared"),
    msgSize: fc.nat(),
    rcptMeta: fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })).map(asJson),
    rcptTags: fc.array(fc.string({ unit: "binary" })).map(asJson),
    openTracking: fc.boolean(),
    clickTracking: fc.boolean(),
    initialOpen: fc.boolean(),
    ampEnabled: fc.boolean(),
  },
  { requiredKeys: ["transmissionId", "openTracking", "clickTracking", "initialOpen", "ampEnabled"] },
);

/** As it comes out of a body: -0 and prototypes are no part of it. */
function asJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

const FACTS: MessageFacts = {
  transmissionId: "1",
  openTracking: true,
  clickTracking: true,
  initialOpen: true,
  ampEnabled: false,
};

const anyEvent: fc.Arbitrary<RecordedEvent> = fc.record(
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
    facts: anyFacts,
    geoIp: fc
      .record(
        { country: fc.constant("NL"), city: fc.string({ unit: "grapheme" }), latitude: fc.integer() },
        { requiredKeys: [] },
      )
      .map(asJson),
    classification: fc
      .record({
        isPrefetched: fc.boolean(),
        isProxy: fc.boolean(),
        isBot: fc.boolean(),
        reasons: fc.array(fc.stringMatching(/^[a-z_]{1,20}$/)),
      })
      .map(asJson),
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
      "classification",
    ],
  },
);

/** What both databases keep of a text: no NUL, no half of a surrogate pair. */
function stored(text: string | undefined): string | undefined {
  return text?.replaceAll("\0", "\ufffd").toWellFormed();
}

function storedFacts(facts: MessageFacts): MessageFacts {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === "string" ? stored(value) : value]),
  ) as unknown as MessageFacts;
}

export function eventsConformance(name: string, ground: Ground): void {
  describe(`events in ${name}`, () => {
    test("an event comes back as it was appended, whatever is in it", async (t) => {
      const { events } = await createStore(t, ground);
      await fc.assert(
        fc.asyncProperty(anyEvent, async (appended) => {
          // The same id at the same time may come twice, from a shrunk case: then the first one stays.
          if ((await events.append([appended])) === 0) return;
          const { eventId, timestampMs } = appended;
          const moment = { fromMs: timestampMs, toMs: timestampMs + 1 };
          const [read] = await events.search({ ...EVERYTHING, ...moment, eventIds: [eventId] });
          const { rcptTo, targetLinkName, userAgent, facts, ...rest } = appended;
          assert.deepEqual(read, {
            ...rest,
            rcptTo: stored(rcptTo),
            ...(targetLinkName !== undefined && { targetLinkName: stored(targetLinkName) }),
            ...(userAgent !== undefined && { userAgent: stored(userAgent) }),
            ...(facts !== undefined && { facts: storedFacts(facts) }),
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

    test("what is known of a message, and an event's labels, can be asked for; words and addresses in any case", async (t) => {
      const { events } = await createStore(t, ground);
      const about = (over: Partial<MessageFacts>) => ({ facts: { ...FACTS, ...over } });
      await events.append([
        event(
          1n,
          about({ campaignId: "a", subject: "Boots 100% off", friendlyFrom: "Shop <News@Acme.com>" }),
        ),
        event(2n, about({ campaignId: "b", templateId: "t", ipPool: "p", friendlyFrom: "news@acme.com" })),
        event(3n, {
          ...about({ sendingDomain: "acme.com", transmissionId: "77" }),
          trackingDomain: "go.acme.com",
        }),
        event(4n, { classification: { isBot: true, isPrefetched: false, isProxy: true, reasons: [] } }),
        event(5n, { classification: { isBot: false, isPrefetched: true, isProxy: false, reasons: [] } }),
        event(6n, about({ subject: "GRÖSSE 100_ off, boots" })),
      ]);
      const cases: readonly (readonly [Partial<EventQuery>, number[]])[] = [
        [{ campaigns: ["a"] }, [1]],
        [{ campaigns: ["a", "b", "c"] }, [2, 1]],
        [{ campaigns: [] }, []],
        [{ campaigns: ["a"], types: ["open"] }, []],
        [{ templates: ["t"] }, [2]],
        [{ ipPools: ["p", "q"] }, [2]],
        [{ sendingDomains: ["acme.com"] }, [3]],
        [{ trackingDomains: ["go.acme.com"] }, [3]],
        [{ transmissions: ["77", "78"] }, [3]],
        [{ fromAddresses: ["NEWS@acme.com"] }, [2, 1]],
        [{ fromAddresses: ["ews@acme.com", "%"] }, []],
        [{ fromAddresses: [] }, []],
        [{ subjects: [["boots"]] }, [6, 1]],
        [{ subjects: [["BOOTS", "100%"]] }, [1]],
        [{ subjects: [["100_"], ["nothing"]] }, [6]],
        [{ subjects: [["grÖsse"]] }, [6]],
        [{ isBot: true }, [4]],
        [{ isBot: false, isPrefetched: false }, [6, 3, 2, 1]],
        [{ isPrefetched: true }, [5]],
        [{ isProxy: true }, [4]],
      ];
      for (const [over, expected] of cases) {
        const query = { ...EVERYTHING, ...over };
        const found = await events.search(query);
        assert.deepEqual(
          found.map(({ eventId }) => Number(eventId)),
          expected,
          JSON.stringify(over),
        );
        assert.equal(await events.count(query, 100), expected.length);
      }
    });

    test("words are found in subjects that many messages share as in those that each has for itself", async (t) => {
      const { events } = await createStore(t, ground);
      const about = (subject: string) => ({ facts: { ...FACTS, subject } });
      await events.append(
        Array.from({ length: 2400 }, (_, n) =>
          event(BigInt(n), n < 1200 ? about(`Number ${n} for you`) : about("Boots")),
        ),
      );
      const find = (...subjects: string[][]) =>
        events.count({ ...EVERYTHING, subjects, fromMs: NOW_MS, toMs: NOW_MS + 2000 }, 10_000);
      assert.equal(await find(["boots"]), 800);
      assert.equal(await find(["YOU", "number", "77"]), 21);
      assert.equal(await find(["you"], ["boots"]), 2000);
      assert.equal(await find(["nobody"]), 0);
    });

    test("a subject is found from its first event on, on a day that was searched before, too", async (t) => {
      const { events } = await createStore(t, ground);
      const find = (subject: string) =>
        events.count(
          { ...EVERYTHING, subjects: [[subject]], fromMs: NOW_MS - 3 * DAY_MS, toMs: NOW_MS + DAY_MS },
          100,
        );
      const store = (id: bigint, subject: string, over: Partial<RecordedEvent> = {}) =>
        events.append([event(id, { facts: { ...FACTS, subject }, ...over })]);
      await store(1n, "Boots");
      assert.deepEqual([await find("boots"), await find("socks")], [1, 0]);
      await store(2n, "Socks", { rcptTo: "gone@example.com" });
      await store(3n, "Old socks", { timestampMs: NOW_MS - 2 * DAY_MS });
      assert.deepEqual([await find("boots"), await find("socks")], [1, 2]);
      await events.erase("gone@example.com", "all");
      assert.deepEqual([await find("boots"), await find("socks")], [1, 1]);
    });

    test("searches that take long keep nobody waiting who reads on, and end for those who have gone", async (t) => {
      const { events } = await createStore(t, ground);
      await events.append(
        Array.from({ length: 20_000 }, (_, n) =>
          event(BigInt(n + 1), { facts: { ...FACTS, subject: `Order ${n} of yours` } }),
        ),
      );
      const search = { ...EVERYTHING, subjects: [["zebra"]] };
      const client = new AbortController();
      let searching = 20;
      const searches = Array.from({ length: searching }, async () => {
        const found = await events.search(search, client.signal);
        searching -= 1;
        return found;
      });
      assert.equal((await events.readAfter(19_990, 100)).length, 10);
      assert.ok(searching > 0, "reading on waited for all searches");
      client.abort();
      assert.ok((await Promise.all(searches)).every((found) => found.length === 0));
      assert.deepEqual(await events.search(EVERYTHING, client.signal), []);
      assert.equal(await events.count(EVERYTHING, 10, client.signal), 0);
    });

    test("any filter finds in the store what it keeps of the events themselves", async (t) => {
      const { events } = await createStore(t, ground);
      const some = <Value>(...values: Value[]) =>
        fc.option(fc.uniqueArray(fc.constantFrom(...values)), { nil: undefined });
      const anyFewEvent = fc.record({
        type: fc.constantFrom("click" as const, "open" as const),
        subaccountId: fc.integer({ min: 0, max: 2 }),
        rcptTo: fc.constantFrom("A@one.example", "b@one.example", "c@Two.example", "nobody"),
        campaignId: fc.constantFrom("x", "y", undefined),
        subject: fc.constantFrom("Red boots", "blue BOOTS", undefined),
        friendlyFrom: fc.constantFrom("N <n@one.example>", "n@ONE.example", undefined),
        isBot: fc.boolean(),
        dayAndMs: fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 20 })),
      });
      const few = fc.sample(anyFewEvent, { numRuns: 300, seed: 7 }).map((one, n) => {
        const { campaignId, subject, friendlyFrom, isBot, dayAndMs, ...rest } = one;
        const facts = { ...FACTS, transmissionId: String(n % 5), campaignId, subject, friendlyFrom };
        return event(BigInt(n), {
          ...rest,
          timestampMs: NOW_MS + dayAndMs[0] * DAY_MS + dayAndMs[1],
          messageId: String(n % 30).padStart(20, "0") as MessageId,
          facts: asJson(facts) as MessageFacts,
          classification: { ...UNCLASSIFIED, isBot },
        });
      });
      await events.append(few);
      const anyFilter = fc.record({
        subaccounts: fc.oneof(fc.constant("all" as const), fc.uniqueArray(fc.constantFrom(0, 1, 2, 3))),
        types: some("click" as const, "open" as const, "amp_open" as const),
        eventIds: fc.option(fc.uniqueArray(fc.bigInt({ min: 0n, max: 350n })), { nil: undefined, freq: 1 }),
        messageIds: some("00000000000000000007", "00000000000000000008", "nothing"),
        recipients: some("a@one.example", "b@one.example", "nobody"),
        recipientDomains: some("one.example", "two.example"),
        transmissions: some("1", "2", "9"),
        campaigns: some("x", "y", "z"),
        fromAddresses: some("n@one.example", "x@one.example"),
        subjects: some(["boots"], ["red", "boots"], ["green"]),
        isBot: fc.option(fc.boolean(), { nil: undefined }),
      });
      await fc.assert(
        fc.asyncProperty(anyFilter, fc.integer({ min: 0, max: 3 }), async (filter, days) => {
          const given = Object.entries(filter).filter(([, value]) => value !== undefined);
          const query = {
            ...(Object.fromEntries(given) as unknown as EventFilter),
            ...{ fromMs: NOW_MS + 5, toMs: NOW_MS + days * DAY_MS + 15, limit: 1000 },
          };
          const expected = few
            .filter(({ timestampMs }) => timestampMs >= query.fromMs && timestampMs < query.toMs)
            .filter((one) => matchesFilter(query, one))
            .sort((one, other) => other.timestampMs - one.timestampMs || Number(other.eventId - one.eventId));
          assert.deepEqual(await events.search(query), expected);
          assert.equal(await events.count(query, 1000), expected.length);
        }),
        { numRuns: 150 },
      );
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

    test("events of many days, also of clocks that are far off, are found in the order of time, page by page", async (t) => {
      const { events } = await createStore(t, ground);
      const times = [
        -1,
        0,
        DAY_MS - 1,
        DAY_MS,
        ...Array.from({ length: 25 }, (_, n) => NOW_MS + n * DAY_MS),
        ...[FOREVER_MS - 1, 2 ** 52],
      ];
      const appended = times.map((timestampMs, n) => event(BigInt(n), { timestampMs }));
      assert.equal(await events.append(appended.toReversed()), times.length);
      assert.equal(await events.append(appended), 0);
      const always = { ...EVERYTHING, fromMs: -10, toMs: 2 ** 53 - 1 };
      const newestFirst = times.toReversed();
      assert.deepEqual(timesOf(await events.search(always)), newestFirst);
      assert.equal(await events.count(always, 1000), times.length);
      assert.equal(await events.count(always, 7), 7);

      const paged: number[] = [];
      for (let after: EventPosition | undefined; ; after = { eventId: -1n, timestampMs: paged.at(-1)! }) {
        const page = await events.search({ ...always, limit: 4, ...(after && { after }) });
        if (page.length === 0) break;
        paged.push(...timesOf(page));
      }
      assert.deepEqual(paged, newestFirst);
      const week = { fromMs: NOW_MS + DAY_MS, toMs: NOW_MS + 8 * DAY_MS };
      assert.equal((await events.search({ ...EVERYTHING, ...week })).length, 7);
      assert.deepEqual(await events.search({ ...EVERYTHING, fromMs: 9, toMs: 9 }), []);
    });

    test("every event is read once in the order of storing, while processes append to the same days", async (t) => {
      const location = await ground.createLocation(t);
      const stores = await Promise.all([reopen(t, location), reopen(t, location)]);
      const follower = await reopen(t, location);
      const appending = Promise.all(
        stores.map(async ({ events }, writer) => {
          for (let batch = 0; batch < 12; batch++) {
            // Half of each batch is also in the other process's; days overlap, and some are late.
            const ids = Array.from({ length: 10 }, (_, n) => batch * 20 + n + writer * 5);
            await events.append(
              ids.map((id) => event(BigInt(id), { timestampMs: NOW_MS + ((id * 7) % 3) * DAY_MS })),
            );
          }
        }),
      );
      let isAppending = true;
      void appending.finally(() => {
        isAppending = false;
      });
      const read: StoredEvent[] = [];
      for (;;) {
        const isLast = !isAppending;
        const page = await follower.events.readAfter(read.at(-1)?.position ?? 0, 7);
        assert.ok(page.length <= 7);
        read.push(...page);
        if (isLast && page.length === 0) break;
      }
      await appending;
      const ids = read.map((stored) => stored.event.eventId);
      assert.equal(new Set(ids).size, 12 * 15);
      assert.equal(ids.length, 12 * 15);
      assert.ok(read.every(({ position }, n) => position > (read[n - 1]?.position ?? 0)));
    });

    test("a new follower begins behind everything that is stored", async (t) => {
      const { events } = await createStore(t, ground);
      assert.equal(await events.lastPosition(), 0);
      await events.append([event(1n), event(2n, { timestampMs: NOW_MS + DAY_MS })]);
      const last = await events.lastPosition();
      assert.deepEqual(await events.readAfter(last, 10), []);
      await events.append([event(3n)]);
      assert.deepEqual(idsOf(await events.readAfter(last, 10)), [3]);
    });

    test("a batch that fails on its second day is stored by the next try, and followers read each event once", async (t) => {
      const location = await ground.createLocation(t);
      const { events } = await reopen(t, location);
      await events.append([event(1n)]);
      const nextDay = { timestampMs: NOW_MS + DAY_MS };
      const impossible = event(2n ** 63n, nextDay);
      await assert.rejects(events.append([event(2n), event(3n), impossible]));
      // Other events, of other days, come first: a follower goes past them before the failed ones are stored.
      await events.append([event(4n, nextDay), event(5n, { timestampMs: NOW_MS + 2 * DAY_MS })]);
      const before = await events.readAfter(0, 100);
      assert.deepEqual(idsOf(before), [1, 4, 5]);

      const another = await reopen(t, location);
      await another.events.append([event(2n), event(3n), event(6n), event(7n, nextDay)]);
      const after = await events.readAfter(before.at(-1)?.position ?? 0, 100);
      assert.deepEqual(idsOf(after), [2, 3, 6, 7]);
      assert.equal(await events.count({ ...EVERYTHING, toMs: NOW_MS + 9 * DAY_MS }, 100), 7);
    });

    test("a reclassified event shows its new type and labels, keeps its position, and is a change", async (t) => {
      const { events } = await createStore(t, ground);
      const tomorrow = { timestampMs: NOW_MS + DAY_MS };
      await events.append([event(1n), event(2n, { type: "link_unsubscribe" }), event(3n, tomorrow)]);
      const before = await events.readAfter(0, 10);
      assert.deepEqual(await events.changesAfter(0, 10), []);
      const isBot = { ...UNCLASSIFIED, isBot: true, reasons: ["burst", "fast"] };
      const isProxy = { ...UNCLASSIFIED, isPrefetched: true, isProxy: true };
      const changed = await events.reclassify([
        { ...tomorrow, eventId: 3n, type: "open", classification: isProxy },
        { eventId: 2n, timestampMs: NOW_MS + 2, type: "click", classification: isBot },
        { eventId: 99n, timestampMs: NOW_MS, type: "click", classification: isBot },
        { eventId: 98n, timestampMs: NOW_MS + 30 * DAY_MS, type: "click", classification: isBot },
      ]);
      assert.equal(changed, 2);
      assert.equal(await events.reclassify([]), 0);
      const after = await events.readAfter(0, 10);
      assert.deepEqual(after, [
        before[0],
        { ...before[1], event: event(2n, { classification: isBot }) },
        { ...before[2], event: event(3n, { ...tomorrow, type: "open", classification: isProxy }) },
      ]);
      const changes = await events.changesAfter(0, 10);
      const byPosition = changes.toSorted((one, other) => one.position - other.position);
      assert.deepEqual(
        byPosition.map(({ position, eventId, event: found }) => ({ position, eventId, event: found })),
        after.slice(1).map((stored) => ({ ...stored, eventId: stored.event.eventId })),
      );
      assert.deepEqual(
        byPosition.map(({ timestampMs }) => timestampMs),
        [NOW_MS + 2, NOW_MS + DAY_MS],
      );
    });

    test("events are read at their positions as they are now, whatever day they are of; those that are gone are left out", async (t) => {
      const { events } = await createStore(t, ground);
      await events.append([event(1n), event(2n, { rcptTo: "gone@example.com" })]);
      await events.append([event(3n, { timestampMs: NOW_MS - 3 * DAY_MS }), event(4n)]);
      await events.append([event(5n, { timestampMs: NOW_MS + 3 * DAY_MS }), event(6n)]);
      const all = await events.readAfter(0, 10);
      const at = async (...ids: readonly number[]) =>
        events.readAt(
          all.flatMap(({ position, event: { eventId } }) =>
            ids.includes(Number(eventId)) ? [position] : [],
          ),
        );
      assert.deepEqual(await at(), []);
      assert.deepEqual(
        (await at(1, 3, 5)).map(({ event: { eventId } }) => Number(eventId)).toSorted(),
        [1, 3, 5],
      );
      assert.deepEqual(await at(1, 2, 3, 4, 5, 6), all);
      const classification = { ...UNCLASSIFIED, isBot: true };
      await events.reclassify([
        { eventId: 3n, timestampMs: NOW_MS - 3 * DAY_MS, type: "click", classification },
      ]);
      await events.erase("gone@example.com", "all");
      const again = await at(2, 3);
      assert.deepEqual(
        again.map(({ event: { eventId, classification: labels } }) => [eventId, labels.isBot]),
        [[3n, true]],
      );
    });

    test("a tenant's erasure leaves the other tenants' events of the same person", async (t) => {
      const { events } = await createStore(t, ground);
      const ids = [0, 1, 2].flatMap((subaccountId) => [
        event(BigInt(subaccountId * 2 + 1), { subaccountId }),
        event(BigInt(subaccountId * 2 + 2), { subaccountId, timestampMs: NOW_MS + DAY_MS }),
      ]);
      await events.append(ids);
      assert.equal(await events.erase("recipient@example.com", 1), 2);
      assert.equal(await events.erase("recipient@example.com", 0), 2);
      assert.deepEqual(idsOf(await events.readAfter(0, 10)), [5, 6]);
      assert.equal(await events.erase("recipient@example.com", "all"), 2);
    });

    test("somebody with more events than one statement erases is erased whole", async (t) => {
      const { events } = await createStore(t, ground);
      await events.append(Array.from({ length: 2500 }, (_, n) => event(BigInt(n))));
      assert.equal(await events.erase("recipient@example.com", "all"), 2500);
      assert.equal(await events.count({ ...EVERYTHING, toMs: NOW_MS + 9 * DAY_MS }, 10), 0);
      assert.equal((await events.changesAfter(0, 10_000)).length, 2500);
    });

    test("an erased recipient's events are gone everywhere, and each is a change without an event", async (t) => {
      const location = await ground.createLocation(t);
      const [one, other] = [await reopen(t, location), await reopen(t, location)];
      const tomorrow = { timestampMs: NOW_MS + DAY_MS };
      const bob = { rcptTo: "Bob@Example.com" };
      await one.events.append([event(1n, bob), event(2n), event(3n, { ...bob, ...tomorrow })]);
      const before = await one.events.readAfter(0, 10);
      assert.equal(await other.events.erase("bob@example.com", "all"), 2);
      assert.equal(await other.events.erase("bob@example.com", "all"), 0);
      assert.equal(await one.events.erase("nobody@example.com", "all"), 0);
      assert.deepEqual(idsOf(await one.events.readAfter(0, 10)), [2]);
      assert.equal(await one.events.count({ ...EVERYTHING, toMs: NOW_MS + 9 * DAY_MS }, 10), 1);
      const changes = await one.events.changesAfter(0, 10);
      assert.deepEqual(
        changes.map(({ change: _change, ...rest }) => rest),
        [before[0]!, before[2]!].map(({ position, event: { eventId, timestampMs } }) => ({
          ...{ position, eventId, timestampMs },
          event: undefined,
        })),
      );
    });

    test("changes are read once each, in their order, also while events and other changes come", async (t) => {
      const location = await ground.createLocation(t);
      const [writer, other, follower] = await Promise.all([1, 2, 3].map(() => reopen(t, location)));
      const at = (n: number) => NOW_MS + (n % 3) * DAY_MS;
      const ids = Array.from({ length: 60 }, (_, n) => n);
      await writer!.events.append(ids.map((n) => event(BigInt(n), { timestampMs: at(n) })));
      const changing = Promise.all([
        ...ids.map((n) =>
          (n % 2 === 0 ? writer : other)!.events.reclassify([
            { eventId: BigInt(n), timestampMs: at(n), type: "open", classification: UNCLASSIFIED },
          ]),
        ),
        ...ids.map((n) => writer!.events.append([event(BigInt(n) + 100n, { timestampMs: at(n) })])),
      ]);
      let isChanging = true;
      void changing.finally(() => {
        isChanging = false;
      });
      const read: EventChange[] = [];
      for (;;) {
        const isLast = !isChanging;
        const page = await follower!.events.changesAfter(read.at(-1)?.change ?? 0, 7);
        assert.ok(page.length <= 7);
        read.push(...page);
        if (isLast && page.length === 0) break;
      }
      await changing;
      assert.ok(read.every(({ change }, n) => change > (read[n - 1]?.change ?? 0)));
      assert.deepEqual(
        read.map(({ eventId }) => Number(eventId)).sort((a, b) => a - b),
        ids,
      );
      assert.ok(read.every((change) => change.event?.type === "open"));
      const everything = { ...EVERYTHING, toMs: NOW_MS + 9 * DAY_MS };
      assert.equal(await follower!.events.count(everything, 1000), 120);
      assert.equal((await follower!.events.readAfter(0, 1000)).length, 120);
    });

    test("days past their retention are gone for every reader; a late event of such a day is stored, and dropped again", async (t) => {
      const location = await ground.createLocation(t);
      const [one, other] = [await reopen(t, location), await reopen(t, location)];
      const ofDay = (day: number, id: bigint) => event(id, { timestampMs: NOW_MS + day * DAY_MS });
      await one.events.append([ofDay(0, 1n), ofDay(1, 2n), ofDay(2, 3n)]);
      const everything = { ...EVERYTHING, toMs: NOW_MS * 2 };
      assert.equal((await other.events.search(everything)).length, 3);

      assert.equal(await one.events.dropBefore(NOW_MS + 2 * DAY_MS), 2);
      assert.equal(await one.events.dropBefore(NOW_MS + 2 * DAY_MS), 0);
      for (const { events } of [one, other]) {
        assert.deepEqual(timesOf(await events.search(everything)), [NOW_MS + 2 * DAY_MS]);
        assert.deepEqual(idsOf(await events.readAfter(0, 10)), [3]);
      }
      assert.equal(await one.events.append([ofDay(0, 4n), ofDay(2, 5n)]), 2);
      assert.equal(await one.events.count(everything, 10), 3);
      assert.equal(await one.events.dropBefore(NOW_MS + 2 * DAY_MS), 1);
      assert.deepEqual(idsOf(await one.events.readAfter(0, 10)), [3, 5]);
    });
  });
}

function timesOf(events: readonly RecordedEvent[]): number[] {
  return events.map(({ timestampMs }) => timestampMs);
}

function idsOf(stored: readonly StoredEvent[]): number[] {
  return stored.map(({ event: { eventId } }) => Number(eventId));
}
