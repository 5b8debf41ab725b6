/** The step that stores of each event what the privacy rules keep, on a real store. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { newMessageId } from "../../src/domain/message-id.ts";
import { createPrivateRecorder } from "../../src/events/message-recorder.ts";
import { PrivacyRules } from "../../src/events/privacy-rules.ts";
import { createPrivacyStep } from "../../src/events/privacy-step.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createKeyRing } from "../../src/token/key-ring.ts";
import { erasedHashOf, privacyKeys, pseudonymOf } from "../../src/token/pseudonym.ts";
import { FACTS, recorded } from "./recorded.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const keys = privacyKeys(createKeyRing());
const ANN = "Ann@Example.com";

async function setUp(t: TestContext, truncateIps = false) {
  const dir = mkdtempSync(join(tmpdir(), "waypost-privacy-"));
  const store = await openStore({ kind: "sqlite", dir });
  t.after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  const rules = new PrivacyRules({ store: store.privacy, keys, installation: "full" });
  const step = createPrivacyStep({ rules, events: store.events, truncateIps });
  const erase = async (...addresses: readonly string[]): Promise<void> => {
    await store.privacy.addErased(
      addresses.map((address) => erasedHashOf(address, keys)),
      "all",
      NOW_MS,
    );
    rules.expire();
  };
  const ids = async () =>
    (await store.events.readAfter(0, 100)).map(({ event }) => [Number(event.eventId), event.rcptTo]);
  return { store, rules, step, erase, ids };
}

const batchOf = (...events: readonly ReturnType<typeof recorded>[]) => ({ events, corrections: [] });

test("what nobody hides goes through as it is; with truncated addresses only these change", async (t) => {
  const events = batchOf(recorded(1, NOW_MS, { rcptTo: ANN, ipAddress: "203.0.113.7", userAgent: "x" }));
  const { step } = await setUp(t);
  assert.deepEqual((await step(events)).events, events.events);
  const truncating = await setUp(t, true);
  const [event] = events.events;
  assert.deepEqual((await truncating.step(events)).events, [{ ...event, ipAddress: "203.0.113.0" }]);
});

test("events of a subaccount that is off are not stored, those of the others are", async (t) => {
  const { store, step } = await setUp(t);
  const { id } = await store.subaccounts.create("Silent", NOW_MS, "off");
  const batch = batchOf(recorded(1, NOW_MS, { subaccountId: id }), recorded(2, NOW_MS));
  assert.deepEqual(
    (await step(batch)).events.map(({ eventId }) => eventId),
    [2n],
  );
});

test("later events of an erased person are anonymous, by their address as by their pseudonym", async (t) => {
  const { step, erase } = await setUp(t);
  const pseudonym = pseudonymOf(ANN, keys);
  await erase(ANN, pseudonym);
  const batch = batchOf(
    recorded(1, NOW_MS, { rcptTo: ANN, ipAddress: "203.0.113.7" }),
    recorded(2, NOW_MS, { rcptTo: pseudonym, userAgent: "x" }),
    recorded(3, NOW_MS, { rcptTo: "bob@example.com", userAgent: "x" }),
  );
  const [ann, annByPseudonym, bob] = (await step(batch)).events;
  assert.ok(ann?.rcptTo === "" && !("ipAddress" in ann));
  assert.ok(annByPseudonym?.rcptTo === "" && !("userAgent" in annByPseudonym));
  assert.deepEqual(bob, batch.events[2]);
});

test("a batch that was on its way when somebody was erased keeps nothing of them once it is stored", async (t) => {
  const { store, step, erase, ids } = await setUp(t);
  const batch = await step(
    batchOf(
      recorded(1, NOW_MS, { rcptTo: ANN }),
      recorded(2, NOW_MS, { rcptTo: "bob@example.com" }),
      recorded(3, NOW_MS + 86_400_000, { rcptTo: ANN }),
    ),
  );
  await erase(ANN);
  assert.equal(await store.events.erase(ANN.toLowerCase(), "all"), 0);
  await store.events.append(batch.events);
  await batch.onStored?.({ isRepeated: false });
  assert.deepEqual(await ids(), [[2, "bob@example.com"]]);
});

test("a batch that was stored, and not finished before a crash, keeps nothing of who was erased meanwhile", async (t) => {
  const { store, step, erase, ids } = await setUp(t);
  const batch = batchOf(
    recorded(1, NOW_MS, { rcptTo: ANN }),
    recorded(2, NOW_MS, { rcptTo: "bob@example.com" }),
  );
  const before = await step(batch);
  await erase(ANN);
  await store.events.append(before.events);
  // From the spool once more, after a start.
  const again = await step(batch);
  const added = await store.events.append(again.events);
  await again.onStored?.({ isRepeated: added < again.events.length });
  assert.deepEqual(await ids(), [[2, "bob@example.com"]]);
});

test("a call that was on its way when somebody was erased leaves no facts of them, and those of the others", async (t) => {
  const { store, rules, erase } = await setUp(t);
  await rules.freshen();
  const { erasures } = rules;
  const [ann, bob] = [ANN, "bob@example.com"].map((rcptTo) => ({ rcptTo, messageId: newMessageId() }));
  const call = {
    ...{ subaccountId: 0, sentAtSeconds: NOW_MS / 1000, trackingDomain: "click.example.com", facts: FACTS },
    messages: [ann!, bob!],
  };
  await erase(ANN);
  assert.equal(await store.messages.erase(ANN.toLowerCase(), "all"), 0);
  await createPrivateRecorder(store.messages, rules).record([call, { ...call, subaccountId: 1 }], erasures);
  assert.deepEqual(
    (await store.messages.readAfter(0, 10)).map(({ message }) => [message.subaccountId, message.rcptTo]),
    [
      [0, "bob@example.com"],
      [1, "bob@example.com"],
    ],
  );
});

test("while the rules cannot be read nothing goes through, and afterwards all does", async (t) => {
  const { store, rules } = await setUp(t);
  let isDown = true;
  const outage = async <T>(read: Promise<T>): Promise<T> => {
    if (isDown) throw new Error("the store does not answer");
    return read;
  };
  const shaky = new PrivacyRules({
    store: {
      modes: () => outage(store.privacy.modes()),
      erasedAfter: (sequence) => outage(store.privacy.erasedAfter(sequence)),
    },
    keys: rules.keys,
    installation: "full",
  });
  const step = createPrivacyStep({ rules: shaky, events: store.events, truncateIps: false });
  const batch = batchOf(recorded(1, NOW_MS));
  await assert.rejects(async () => step(batch), /does not answer/);
  isDown = false;
  assert.deepEqual((await step(batch)).events, batch.events);
});
