/** The contract of the store of message facts, the same on every database. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { type MessageId, newMessageId } from "../../src/domain/message-id.ts";
import type { MessageFacts } from "../../src/events/message-facts.ts";
import type { StoredMessage, WrappedCall } from "../../src/events/message-store.ts";
import { anyFacts } from "./events-conformance.ts";
import { createStore, type Ground, NOW_MS, reopen } from "./ground.ts";

const NOW = NOW_MS / 1000;
const DAY = 86_400;
const FACTS: MessageFacts = {
  transmissionId: "4711",
  campaignId: "november",
  subject: "News",
  openTracking: true,
  clickTracking: true,
  initialOpen: false,
  ampEnabled: false,
};

function call(messages: WrappedCall["messages"], over: Partial<WrappedCall> = {}): WrappedCall {
  return {
    subaccountId: 0,
    sentAtSeconds: NOW,
    trackingDomain: "click.example.com",
    facts: FACTS,
    messages,
    ...over,
  };
}

function to(rcptTo: string, messageId = newMessageId()) {
  return { messageId, rcptTo };
}

export function messagesConformance(name: string, ground: Ground): void {
  describe(`message facts in ${name}`, () => {
    test("what was recorded of a message is found by its id and its time, whatever is in it", async (t) => {
      const { messages } = await createStore(t, ground);
      const anyCall = fc.record({
        facts: anyFacts,
        sentAtSeconds: fc.integer({ min: 0, max: 2 ** 32 }),
        own: fc.array(anyFacts, { minLength: 1, maxLength: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(anyCall, async ({ facts, sentAtSeconds, own }) => {
          const wrapped = own.map(({ rcptMeta, rcptTags }) => ({
            ...to("a@example.com"),
            ...(rcptMeta && { rcptMeta }),
            ...(rcptTags && { rcptTags }),
          }));
          await messages.record([call(wrapped, { facts, sentAtSeconds })]);
          const found = await messages.find(
            wrapped.map(({ messageId }) => ({ subaccountId: 0, messageId, sentAtSeconds })),
          );
          assert.deepEqual(
            found,
            wrapped.map(({ messageId: _id, rcptTo: _to, ...ofMessage }) => ({ ...facts, ...ofMessage })),
          );
        }),
        { numRuns: 30 },
      );
    });

    test("facts come in the order of the keys, for messages of many calls and days; nothing for unknown ones", async (t) => {
      const { messages } = await createStore(t, ground);
      await messages.record([]);
      const calls = Array.from({ length: 12 }, (_, n) =>
        call([to("a@example.com"), to("b@example.com")], {
          sentAtSeconds: NOW - n * DAY,
          facts: { ...FACTS, transmissionId: String(n) },
        }),
      );
      await messages.record(calls);
      const keys = calls.flatMap(({ sentAtSeconds, messages: wrapped }) =>
        wrapped.map(({ messageId }) => ({ subaccountId: 0, messageId, sentAtSeconds })),
      );
      const stranger = { subaccountId: 0, messageId: newMessageId(), sentAtSeconds: NOW };
      const late = { ...keys[0]!, sentAtSeconds: NOW + 1 };
      const asked = [stranger, ...keys.toReversed(), late];
      const found = await messages.find(asked);
      assert.deepEqual(
        found.map((facts) => facts?.transmissionId),
        [undefined, ...keys.map((_, n) => String(Math.floor(n / 2))).toReversed(), undefined],
      );
      assert.deepEqual(await messages.find([]), []);
    });

    test("processes that share facts, or record the same message, do not disturb each other", async (t) => {
      const location = await ground.createLocation(t);
      const stores = await Promise.all([reopen(t, location), reopen(t, location)]);
      const same = newMessageId();
      const calls = Array.from({ length: 20 }, (_, n) =>
        call([to("a@example.com"), to("b@example.com", same)], {
          facts: { ...FACTS, transmissionId: String(n) },
        }),
      );
      await Promise.all(calls.map((one, n) => stores[n % 2]!.messages.record([one])));
      const keys = calls.map((one) => ({ ...one.messages[0]!, subaccountId: 0, sentAtSeconds: NOW }));
      for (const { messages } of [...stores, await reopen(t, location)]) {
        const found = await messages.find(keys);
        assert.deepEqual(
          found,
          calls.map(({ facts }) => facts),
        );
        assert.equal((await messages.readAfter(0, 100)).length, 21);
      }
    });

    test("a tenant's message is another than that of a tenant who chose the same id in the same second", async (t) => {
      const { messages } = await createStore(t, ground);
      const same = to("bob@example.com");
      const ofTenant = (subaccountId: number, subject: string) =>
        call([{ ...same, rcptMeta: { subject } }], { subaccountId, facts: { ...FACTS, subject } });
      await messages.record([ofTenant(1, "one"), ofTenant(2, "two"), ofTenant(1, "too late")]);
      const find = () =>
        messages.find([2, 0, 1].map((subaccountId) => ({ ...same, subaccountId, sentAtSeconds: NOW })));
      const [two, one] = ["two", "one"].map((subject) => ({ ...FACTS, subject, rcptMeta: { subject } }));
      assert.deepEqual(await find(), [two, undefined, one]);
      assert.equal(await messages.erase("bob@example.com", 1), 1);
      assert.deepEqual(await find(), [two, undefined, undefined]);
    });

    test("every message is read once, in the order of recording, while processes record", async (t) => {
      const location = await ground.createLocation(t);
      const [one, other, follower] = await Promise.all([1, 2, 3].map(() => reopen(t, location)));
      const recorded: MessageId[] = [];
      const recording = Promise.all(
        [one, other].map(async (store, writer) => {
          for (let n = 0; n < 15; n++) {
            const wrapped = [to("A@example.com"), to("b@example.com")];
            recorded.push(...wrapped.map(({ messageId }) => messageId));
            await store!.messages.record([
              call(wrapped, { subaccountId: writer, sentAtSeconds: NOW + (n % 2) * DAY }),
            ]);
          }
        }),
      );
      let isRecording = true;
      void recording.finally(() => {
        isRecording = false;
      });
      const read: StoredMessage[] = [];
      for (;;) {
        const isLast = !isRecording;
        const page = await follower!.messages.readAfter(read.at(-1)?.position ?? 0, 7);
        read.push(...page);
        if (isLast && page.length === 0) break;
      }
      await recording;
      assert.deepEqual(read.map(({ message }) => message.messageId).sort(), recorded.sort());
      assert.ok(read.every(({ position }, n) => position > (read[n - 1]?.position ?? 0)));
      const { messageId: _id, sentAtSeconds: _at, subaccountId, ...rest } = read[0]!.message;
      assert.ok(subaccountId === 0 || subaccountId === 1);
      assert.deepEqual(rest, { rcptTo: "a@example.com", trackingDomain: "click.example.com", facts: FACTS });
    });

    test("a person's messages are erased on every day, and nobody else's", async (t) => {
      const { messages } = await createStore(t, ground);
      const [bob, ann, bobLater] = [to("Bob@Example.com"), to("ann@example.com"), to("bob@example.com")];
      await messages.record([call([bob, ann]), call([bobLater], { sentAtSeconds: NOW + DAY })]);
      assert.equal(await messages.erase("bob@example.com", "all"), 2);
      assert.equal(await messages.erase("bob@example.com", "all"), 0);
      const keys = [
        { ...bob, subaccountId: 0, sentAtSeconds: NOW },
        { ...ann, subaccountId: 0, sentAtSeconds: NOW },
        { ...bobLater, subaccountId: 0, sentAtSeconds: NOW + DAY },
      ];
      assert.deepEqual(await messages.find(keys), [undefined, FACTS, undefined]);
    });

    test("what a message shared with nobody else loses what could be personal when its recipient is erased", async (t) => {
      const location = await ground.createLocation(t);
      const [{ messages }, other] = [await reopen(t, location), await reopen(t, location)];
      const personal = {
        ...{ ...FACTS, subject: "Dear Bob", msgFrom: "b+bob=x.com@acme.com" },
        ...{ rcptMeta: { name: "Bob\0" }, rcptTags: ["bob"] },
      };
      const [bob, alsoBob, ann] = [to("bob@example.com"), to("bob@example.com"), to("ann@example.com")];
      await messages.record([call([alsoBob, ann])]);
      await other.messages.record([call([bob], { facts: personal, subaccountId: 7 })]);
      assert.equal(await messages.countTo("bob@example.com", "all"), 2);
      assert.equal(await messages.countTo("bob@example.com", 7), 1);
      assert.equal(await messages.erase("bob@example.com", "all"), 2);
      assert.equal(await messages.countTo("bob@example.com", "all"), 0);
      assert.deepEqual(await messages.find([{ ...ann, subaccountId: 0, sentAtSeconds: NOW }]), [FACTS]);
      // The other process remembers that these facts are stored.
      const eve = to("eve@example.com");
      await other.messages.record([call([eve], { facts: personal })]);
      const again = await reopen(t, location);
      const { subject: _subject, ...rest } = FACTS;
      assert.deepEqual(await again.messages.find([{ ...eve, subaccountId: 0, sentAtSeconds: NOW }]), [rest]);
    });

    test("mail that goes out after an erasure keeps its facts, also when the erased person's had the same", async (t) => {
      const { messages } = await createStore(t, ground);
      await messages.record([call([to("bob@example.com")])]);
      assert.equal(await messages.erase("bob@example.com", "all"), 1);
      const eve = to("eve@example.com");
      await messages.record([call([eve])]);
      assert.deepEqual(await messages.find([{ ...eve, subaccountId: 0, sentAtSeconds: NOW }]), [FACTS]);
    });

    test("a tenant's erasure leaves the other tenants' messages to the same person", async (t) => {
      const { messages } = await createStore(t, ground);
      const [ofZero, ofOne] = [to("bob@example.com"), to("bob@example.com")];
      await messages.record([call([ofZero]), call([ofOne], { subaccountId: 1 })]);
      assert.equal(await messages.erase("bob@example.com", 1), 1);
      const keys = [ofZero, ofOne].map((message, subaccountId) => ({
        ...message,
        subaccountId,
        sentAtSeconds: NOW,
      }));
      assert.deepEqual(await messages.find(keys), [FACTS, undefined]);
    });

    test("days past their retention are gone; a day that comes again is recorded again", async (t) => {
      const { messages } = await createStore(t, ground);
      const [old, recent, again] = [to("a@example.com"), to("a@example.com"), to("a@example.com")];
      await messages.record([call([old], { sentAtSeconds: NOW - DAY }), call([recent])]);
      const keys = [
        { ...old, subaccountId: 0, sentAtSeconds: NOW - DAY },
        { ...recent, subaccountId: 0, sentAtSeconds: NOW },
        { ...again, subaccountId: 0, sentAtSeconds: NOW - DAY },
      ];
      assert.deepEqual(await messages.find(keys), [FACTS, FACTS, undefined]);
      assert.equal(await messages.dropBefore(NOW_MS), 1);
      assert.equal(await messages.dropBefore(NOW_MS), 0);
      assert.deepEqual(await messages.find(keys), [undefined, FACTS, undefined]);
      await messages.record([call([again], { sentAtSeconds: NOW - DAY })]);
      assert.deepEqual(await messages.find(keys), [undefined, FACTS, FACTS]);
      assert.equal((await messages.readAfter(0, 10)).length, 2);
    });
  });
}
