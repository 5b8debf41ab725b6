/** The step that joins events with their messages' facts, on a real store. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { type MessageId, newMessageId } from "../../src/domain/message-id.ts";
import { createFactsStep } from "../../src/events/facts-step.ts";
import type { MessageFacts } from "../../src/events/message-facts.ts";
import { createMessageRecorder } from "../../src/events/message-recorder.ts";
import type { MessageKey, MessageStore, WrappedCall } from "../../src/events/message-store.ts";
import { type RecordedEvent, UNCLASSIFIED } from "../../src/events/recorded-event.ts";
import { openStore } from "../../src/store/open-store.ts";

const DAY = 86_400;
const NOW = Date.UTC(2026, 10, 22, 12) / 1000;
const FACTS: MessageFacts = {
  transmissionId: "1",
  openTracking: true,
  clickTracking: true,
  initialOpen: true,
  ampEnabled: false,
};

async function openMessages(t: TestContext): Promise<MessageStore> {
  const dir = mkdtempSync(join(tmpdir(), "waypost-facts-"));
  const store = await openStore({ kind: "sqlite", dir });
  t.after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  return store.messages;
}

/** Says which messages it was asked for. */
function watched(messages: MessageStore): { asked: MessageKey[][]; find: MessageStore["find"] } {
  const asked: MessageKey[][] = [];
  return {
    asked,
    find: (keys) => {
      asked.push([...keys]);
      return messages.find(keys);
    },
  };
}

function call(messageIds: readonly MessageId[], over: Partial<WrappedCall> = {}): WrappedCall {
  return {
    subaccountId: 0,
    sentAtSeconds: NOW,
    trackingDomain: "click.example.com",
    facts: FACTS,
    messages: messageIds.map((messageId) => ({ messageId, rcptTo: "a@example.com" })),
    ...over,
  };
}

let lastId = 0n;
function event(messageId: MessageId, sentAtSeconds: number, timestampMs: number): RecordedEvent {
  lastId += 1n;
  return {
    ...{ eventId: lastId, type: "click", timestampMs, subaccountId: 0, messageId, sentAtSeconds },
    ...{ rcptTo: "a@example.com", trackingDomain: "click.example.com", classification: UNCLASSIFIED },
  };
}

test("events get their messages' facts, each message is looked up once, unknown ones too", async (t) => {
  const messages = await openMessages(t);
  const [one, other, stranger] = [newMessageId(), newMessageId(), newMessageId()];
  await messages.record([
    call([one]),
    call([other], { sentAtSeconds: NOW - DAY, facts: { ...FACTS, campaignId: "yesterday" } }),
  ]);
  const { asked, find } = watched(messages);
  const step = createFactsStep({ messages: { find }, days: 60 });
  const events = [
    event(one, NOW, NOW * 1000),
    event(other, NOW - DAY, NOW * 1000),
    event(stranger, NOW, NOW * 1000),
    event(one, NOW, NOW * 1000 + 5),
  ];
  for (let round = 0; round < 2; round += 1) {
    const enriched = await step({ events, corrections: [] });
    assert.deepEqual(
      enriched.events.map(({ facts }) => facts),
      [FACTS, { ...FACTS, campaignId: "yesterday" }, undefined, FACTS],
    );
    assert.deepEqual(
      enriched.events.map(({ facts: _facts, ...rest }) => rest),
      events,
    );
  }
  assert.deepEqual(
    asked.map((keys) => keys.length),
    [3],
  );
});

test("two tenants' messages of one id and second keep to themselves, looked up or remembered", async (t) => {
  const messages = await openMessages(t);
  const id = newMessageId();
  const secret = { ...FACTS, subject: "Of tenant 1" };
  await messages.record([call([id], { subaccountId: 1, facts: secret })]);
  const step = createFactsStep({ messages, days: 60 });
  const ofTenants = [1, 2, 0, 1].map((subaccountId) => ({ ...event(id, NOW, NOW * 1000), subaccountId }));
  for (const events of [ofTenants, ...ofTenants.map((one) => [one])]) {
    const enriched = await step({ events, corrections: [] });
    assert.deepEqual(
      enriched.events.map(({ facts }) => facts),
      events.map(({ subaccountId }) => (subaccountId === 1 ? secret : undefined)),
    );
  }
});

test("what is remembered is bounded, and a failed look-up remembers nothing", async (t) => {
  const messages = await openMessages(t);
  const ids = Array.from({ length: 6 }, () => newMessageId());
  await messages.record([call(ids)]);
  const { asked, find } = watched(messages);
  let failing = true;
  const unsteady: MessageStore["find"] = async (keys) => {
    if (failing) throw new Error("not now");
    return find(keys);
  };
  const step = createFactsStep({ messages: { find: unsteady }, days: 60, maxRemembered: 4 });
  const batch = { events: ids.map((id) => event(id, NOW, NOW * 1000)), corrections: [] };
  await assert.rejects(async () => step(batch), /not now/);
  failing = false;
  for (let round = 0; round < 2; round += 1) {
    assert.ok((await step(batch)).events.every(({ facts }) => facts !== undefined));
  }
  assert.equal(asked[0]?.length, 6);
  assert.ok(asked[1] !== undefined && asked[1].length >= 2);
});

test("an event later than the window after its message's sending gets nothing, and asks for nothing", async (t) => {
  const messages = await openMessages(t);
  const id = newMessageId();
  await messages.record([call([id])]);
  const { asked, find } = watched(messages);
  const step = createFactsStep({ messages: { find }, days: 2 });
  const at = async (afterMs: number) => {
    const { events } = await step({ events: [event(id, NOW, NOW * 1000 + afterMs)], corrections: [] });
    return events[0]?.facts;
  };
  assert.equal(await at(2 * DAY * 1000 + 1), undefined);
  assert.deepEqual(asked, []);
  assert.deepEqual(await at(2 * DAY * 1000), FACTS);
});

test("calls that wait together are recorded together, each told of its own success or failure", async (t) => {
  const messages = await openMessages(t);
  const groups: number[] = [];
  let failing = false;
  const recorder = createMessageRecorder({
    record: async (calls) => {
      groups.push(calls.length);
      if (failing) throw new Error("the disk is full");
      await messages.record(calls);
    },
  });
  const ids = Array.from({ length: 50 }, () => newMessageId());
  await Promise.all(ids.map((id) => recorder.record([call([id])])));
  assert.deepEqual(groups, [1, 49]);
  assert.ok(
    (await messages.find(ids.map((messageId) => ({ subaccountId: 0, messageId, sentAtSeconds: NOW })))).every(
      Boolean,
    ),
  );
  failing = true;
  const refused = await Promise.allSettled(ids.slice(0, 3).map((id) => recorder.record([call([id])])));
  assert.ok(refused.every(({ status }) => status === "rejected"));
  failing = false;
  await recorder.record([]);
  await recorder.record([call([newMessageId()])]);

  const large = Array.from({ length: 3 }, () => call(Array.from({ length: 1500 }, () => newMessageId())));
  groups.length = 0;
  await Promise.all(large.map((one) => recorder.record([one])));
  assert.deepEqual(groups, [1, 2]);
});
