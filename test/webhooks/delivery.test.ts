import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Classification } from "../../src/events/recorded-event.ts";
import type { Store } from "../../src/store/open-store.ts";
import { erasedHashOf } from "../../src/token/pseudonym.ts";
import type { DeliveryStore } from "../../src/webhooks/delivery-store.ts";
import { RETRY_DELAYS_MS } from "../../src/webhooks/retry-schedule.ts";
import { newSigningSecret, rotate } from "../../src/webhooks/signature.ts";
import { type Database, onBothDatabases } from "../api/harness.ts";
import {
  addEvents,
  addWebhook,
  BOX,
  createPlace,
  deliver,
  open,
  PRIVACY_KEYS,
  receiver,
  until,
} from "./delivery-setup.ts";
import { accept, type Behaviour } from "./receiver.ts";

const BOT: Classification = { isPrefetched: false, isProxy: false, isBot: true, reasons: ["burst"] };

/** As the classifier does it, when the clicks behind them show that a machine followed the links. */
async function findBots(store: Store, ids: readonly string[]): Promise<void> {
  const stored = await store.events.readAfter(0, 1000);
  const clicks = stored.filter(({ event }) => ids.includes(String(event.eventId)));
  const changes = clicks.map(({ event: { eventId, timestampMs } }) => ({
    eventId,
    timestampMs,
    type: "click" as const,
    classification: BOT,
  }));
  assert.equal(await store.events.reclassify(changes), ids.length);
}

/** As {@link deliver}, and tells when an event has been read from the store. */
function deliverWatched(t: TestContext, store: Store, options: Parameters<typeof deliver>[2]) {
  let lastRead = 0n;
  const readAfter: Store["events"]["readAfter"] = async (position, limit) => {
    const events = await store.events.readAfter(position, limit);
    lastRead = events.at(-1)?.event.eventId ?? lastRead;
    return events;
  };
  deliver(t, { ...store, events: { ...store.events, readAfter } }, options);
  const readUpTo = (eventId = "") => until(() => lastRead >= BigInt(eventId), `${eventId} is read`);
  return { readUpTo };
}

const EVERYTHING = { withinMs: 86_400_000, limit: 1000 };

onBothDatabases("delivery", (database: Database) => {
  const setUp = async (t: TestContext) => {
    const store = await open(t, await createPlace(t, database));
    return { store, target: await receiver(t) };
  };

  test("every event that is stored after a webhook was made arrives, in the order of storing, batch by batch", async (t) => {
    const { store, target } = await setUp(t);
    await addEvents(store, 20);
    await addWebhook(store, target.url);
    const delivery = deliver(t, store);
    const ids = [...(await addEvents(store, 500)), ...(await addEvents(store, 700))];
    await until(() => target.deliveredIds().length >= ids.length, "all events arrive");
    assert.deepEqual(target.deliveredIds(), ids);
    assert.deepEqual(target.complaints, []);
    assert.ok(target.batches.every(({ eventIds }) => eventIds.length <= 350));
    assert.equal(new Set(target.batches.map(({ batchId }) => batchId)).size, target.batches.length);
    await until(() => delivery.counted.events === ids.length, "the replies to all are counted");
    const [webhook] = await store.webhooks.list("all");
    assert.ok(webhook?.lastSuccessfulAtMs !== undefined);
    assert.deepEqual(await store.webhookReplays.listBatches(webhook.id, EVERYTHING), []);
    await until(async () => {
      const arrived = await store.webhookReplays.listDeliveries(webhook.id);
      return arrived.reduce((sum, { events }) => sum + events, 0) === ids.length;
    }, "what arrived is remembered");
    const [last] = await store.webhookReplays.listDeliveries(webhook.id);
    assert.equal(last?.id, target.batches.at(-1)?.batchId);
  });

  test("a webhook gets the types and the subaccounts that it was made for", async (t) => {
    const { store } = await setUp(t);
    const [all, primary, one, clicks] = await Promise.all([1, 2, 3, 4].map(() => receiver(t)));
    assert.ok(all && primary && one && clicks);
    await addWebhook(store, all.url, { exceptionSubaccounts: [2] });
    await addWebhook(store, primary.url, { allSubaccounts: false });
    await addWebhook(store, one.url, { allSubaccounts: false, subaccountId: 1 });
    await addWebhook(store, clicks.url, { events: ["click", "delivery"] });
    deliver(t, store);
    const of: Record<string, readonly string[]> = {};
    for (const subaccountId of [0, 1, 2])
      for (const type of ["click", "open", "initial_open"] as const)
        of[`${subaccountId} ${type}`] = await addEvents(store, 3, { subaccountId, type });
    const wanted = (...keys: readonly string[]) => keys.flatMap((key) => of[key] ?? []);
    const expected = [
      [all, wanted("0 click", "0 open", "1 click", "1 open")],
      [primary, wanted("0 click", "0 open")],
      [one, wanted("1 click", "1 open")],
      [clicks, wanted("0 click", "1 click", "2 click")],
    ] as const;
    for (const [target, ids] of expected) {
      await until(() => target.deliveredIds().length >= ids.length, "its events arrive");
      assert.deepEqual(target.deliveredIds(), ids);
    }
  });

  test("a batch that fails comes again under its id with the same events, and nothing overtakes it", async (t) => {
    const { store, target } = await setUp(t);
    target.behave = (response) => response.writeHead(503, { "retry-after": "1" }).end();
    const id = await addWebhook(store, target.url);
    deliver(t, store);
    const first = await addEvents(store, 5);
    await until(() => target.batches.length === 1, "the first attempt");
    const second = await addEvents(store, 5);
    await until(async () => (await listed(store, id)).length === 1, "it is listed as failing");
    assert.deepEqual(await listed(store, id), [["failing", 1, 503, "503"]]);
    target.behave = accept;
    await store.webhooks.retryNow(id);
    await until(() => target.deliveredIds().length === 10, "all events arrive");
    assert.deepEqual(target.deliveredIds(), [...first, ...second]);
    await until(async () => (await listed(store, id))[0]?.[0] === "delivered", "and is listed so");
    const [one, two, ...rest] = target.batches;
    assert.equal(one?.batchId, two?.batchId);
    assert.equal(one?.body, two?.body);
    assert.notEqual(rest[0]?.batchId, one?.batchId);
    assert.deepEqual(await listed(store, id), [["delivered", 2, 200, undefined]]);
  });

  test("a receiver's Retry-After puts the next attempt off for longer than the schedule does", async (t) => {
    const { store, target } = await setUp(t);
    const [scheduledMs] = RETRY_DELAYS_MS;
    target.behave = (response) => response.writeHead(429, { "retry-after": "60" }).end();
    await addWebhook(store, target.url);
    const dueInMs: number[] = [];
    const watched: DeliveryStore = {
      ...store.webhookDeliveries,
      load: async (...asked) => {
        const held = await store.webhookDeliveries.load(...asked);
        const batch = held?.lanes[0]?.batch;
        if (batch !== undefined && batch.attempts > 0) dueInMs.push(batch.dueInMs);
        return held;
      },
    };
    deliver(t, store, { store: watched });
    await addEvents(store, 1);
    await until(() => dueInMs.length > 0, "it is read again when its next attempt is");
    const [first = 0] = dueInMs;
    assert.ok(first > 2 * scheduledMs && first <= 60_000, `in ${first} ms`);
    assert.equal(target.batches.length, 1);
  });

  test("after twelve attempts a batch is dead and the next goes on; it can be sent again under its id", async (t) => {
    const { store, target } = await setUp(t);
    const id = await addWebhook(store, target.url, { subaccountId: 4, allSubaccounts: false });
    const { recorded } = deliver(t, store);
    target.behave = (response) => response.writeHead(500).end();
    const first = await addEvents(store, 3, { subaccountId: 4 });
    for (let attempts = 1; attempts < 12; attempts += 1) {
      await until(() => target.batches.length === attempts, `attempt ${attempts}`);
      await until(async () => (await listed(store, id))[0]?.[1] === attempts, "it is noted");
      await store.webhooks.retryNow(id);
    }
    await until(async () => (await listed(store, id))[0]?.[0] === "dead", "the batch is given up");
    await until(() => recorded.length > 0, "it is told");
    assert.equal(target.batches.length, 12);
    const batchId = target.batches[0]?.batchId ?? "";
    assert.ok(target.batches.every((batch) => batch.batchId === batchId));
    assert.deepEqual(recorded, [
      {
        kind: "webhook_dead",
        subaccountId: 4,
        fields: { webhookId: id, reason: "given_up", batchId },
      },
    ]);
    target.behave = accept;
    const second = await addEvents(store, 3, { subaccountId: 4 });
    await until(() => target.deliveredIds().length === 3, "the next batch arrives");
    assert.deepEqual(target.deliveredIds(), second);
    const range = { kind: "batch", batchId } as const;
    assert.equal(await store.webhookReplays.startReplay(id, { id: "r1", range, atMost: 5 }), "started");
    await until(() => target.deliveredIds().length === 6, "the dead batch arrives");
    const last = target.batches.at(-1);
    assert.deepEqual(
      [last?.batchId, last?.eventIds, last?.headers["x-waypost-replay"]],
      [batchId, first, "r1"],
    );
    await until(async () => (await listed(store, id))[0]?.[0] === "delivered", "and is listed so");
  });

  test("a receiver that says that it is gone is not called again until somebody switches the webhook on", async (t) => {
    const { store, target } = await setUp(t);
    const id = await addWebhook(store, target.url);
    const { recorded } = deliver(t, store);
    target.behave = (response) => response.writeHead(410).end();
    await addEvents(store, 1);
    await until(async () => (await store.webhooks.find(id, "all"))?.active === false, "it is switched off");
    await until(() => recorded.length > 0, "it is told");
    assert.deepEqual(
      recorded.map(({ fields }) => fields),
      [{ webhookId: id, reason: "gone", batchId: target.batches[0]?.batchId }],
    );
    target.behave = accept;
    await addEvents(store, 1);
    const position = (await store.events.readAfter(0, 100)).at(-1)?.position ?? 0;
    await store.webhooks.update(id, "all", { active: true }, position);
    const after = await addEvents(store, 2);
    await until(() => target.deliveredIds().length === 2, "it goes on with what comes then");
    assert.deepEqual(target.deliveredIds(), after);
  });

  test("what waits when a webhook goes off arrives when it is on again, and what came meanwhile does not", async (t) => {
    const { store, target } = await setUp(t);
    const id = await addWebhook(store, target.url);
    deliver(t, store);
    target.behave = (response) => response.writeHead(500).end();
    const [first] = await addEvents(store, 1);
    await until(async () => (await listed(store, id)).length === 1, "it has failed");
    const waiting = await addEvents(store, 400);
    await store.webhooks.update(id, "all", { active: false }, await store.events.lastPosition());
    await addEvents(store, 5);
    target.behave = accept;
    await store.webhooks.update(id, "all", { active: true }, await store.events.lastPosition());
    const after = await addEvents(store, 2);
    await until(() => target.deliveredIds().length >= 403, "all arrive");
    const ids = (isReplay: boolean) =>
      target.batches
        .slice(1)
        .filter(({ headers }) => (headers["x-waypost-replay"] !== undefined) === isReplay)
        .flatMap(({ eventIds }) => eventIds);
    assert.deepEqual(ids(true), [first, ...waiting]);
    assert.deepEqual(ids(false), after);
    assert.equal(target.batches.filter(({ batchId }) => batchId === target.batches[0]?.batchId).length, 2);
    await until(async () => (await listed(store, id))[0]?.[0] === "delivered", "and is listed so");
  });

  test("what waits behind a receiver's 410 arrives when somebody switches the webhook on", async (t) => {
    const { store, target } = await setUp(t);
    const id = await addWebhook(store, target.url);
    const refused = await addEvents(store, 350);
    const waiting = await addEvents(store, 5);
    target.behave = (response) => response.writeHead(410).end();
    deliver(t, store);
    await until(async () => (await store.webhooks.find(id, "all"))?.active === false, "it is switched off");
    target.behave = accept;
    await addEvents(store, 1);
    await store.webhooks.update(id, "all", { active: true }, await store.events.lastPosition());
    await until(() => target.batches.length >= 2, "the rest arrives");
    assert.deepEqual(
      target.batches.map(({ eventIds }) => eventIds),
      [refused, waiting],
    );
    assert.deepEqual(await listed(store, id), [["dead", 1, 410, "410"]]);
  });

  test("a backlog that is past its retention when a webhook goes on again is over at once", async (t) => {
    const { store, target } = await setUp(t);
    const id = await addWebhook(store, target.url);
    const day = 86_400_000;
    target.behave = (response) => response.writeHead(500).end();
    deliver(t, store);
    await addEvents(store, 400, { timestampMs: Date.now() - 5 * day });
    await until(async () => (await listed(store, id)).length === 1, "it has failed");
    await store.webhooks.update(id, "all", { active: false }, await store.events.lastPosition());
    await store.events.dropBefore(Date.now() - day);
    target.behave = accept;
    await store.webhooks.update(id, "all", { active: true }, await store.events.lastPosition());
    const after = await addEvents(store, 1);
    await until(() => target.deliveredIds().length === 1, "what comes now arrives");
    assert.deepEqual(target.deliveredIds(), after);
    await until(
      async () => (await store.webhookReplays.listReplays(id))[0]?.finishedAtMs !== undefined,
      "the replay is finished",
    );
    assert.deepEqual(await listed(store, id), []);
  });

  test("the new target and credentials are used at once, also for a batch that waits", async (t) => {
    const { store, target } = await setUp(t);
    const other = await receiver(t);
    target.behave = (response) => response.writeHead(500).end();
    const id = await addWebhook(store, target.url);
    deliver(t, store);
    const ids = await addEvents(store, 2);
    await until(async () => (await listed(store, id)).length === 1, "it has failed");
    const sealedSecrets = BOX.seal(id, {
      auth: { type: "basic", username: "ann", password: "päss:word" },
      customHeaders: { "X-Api-Key": "abc" },
      signing: { current: newSigningSecret() },
    });
    await store.webhooks.update(id, "all", { target: other.url, sealedSecrets }, 0);
    await until(() => other.deliveredIds().length === 2, "the batch arrives at the new target");
    assert.deepEqual(other.deliveredIds(), ids);
    const [batch] = other.batches;
    assert.equal(batch?.batchId, target.batches[0]?.batchId);
    assert.equal(batch?.headers.authorization, `Basic ${Buffer.from("ann:päss:word").toString("base64")}`);
    assert.equal(batch?.headers["x-api-key"], "abc");
  });

  test("a removed webhook is not called again, whatever waited for it", async (t) => {
    const { store, target } = await setUp(t);
    target.behave = (response) => response.writeHead(500).end();
    const id = await addWebhook(store, target.url);
    const witness = await receiver(t);
    await addWebhook(store, witness.url);
    const delivery = deliver(t, store);
    await addEvents(store, 1);
    await until(async () => (await listed(store, id)).length === 1, "it has failed");
    await store.webhooks.remove(id, "all");
    await addEvents(store, 1);
    await until(() => witness.deliveredIds().length === 2, "others go on");
    await delivery.stop();
    assert.equal(target.batches.length, 1);
  });

  test("a replay is sent beside the live events, each in its own order and the live ones first", async (t) => {
    const { store, target } = await setUp(t);
    const id = await addWebhook(store, target.url);
    deliver(t, store);
    const old = await addEvents(store, 800);
    await until(() => target.deliveredIds().length === 800, "the first delivery");
    const range = { kind: "since", position: 0 } as const;
    assert.equal(await store.webhookReplays.startReplay(id, { id: "r1", range, atMost: 5 }), "started");
    const live = await addEvents(store, 400);
    await until(() => target.deliveredIds().length >= 2000, "live and replayed events arrive");
    const ofReplay = (replay: string | undefined) =>
      target.batches
        .filter(({ headers }) => headers["x-waypost-replay"] === replay)
        .flatMap(({ eventIds }) => eventIds);
    assert.deepEqual(ofReplay(undefined), [...old, ...live]);
    assert.deepEqual(ofReplay("r1"), old);
    await until(
      async () => (await store.webhookReplays.listReplays(id))[0]?.finishedAtMs !== undefined,
      "the replay is finished",
    );
    const [shown] = await store.webhookReplays.listReplays(id);
    assert.deepEqual([shown?.sentEvents, shown?.deadBatches], [800, 0]);
  });

  test("a replay from a time sends nothing from before it", async (t) => {
    const { store, target } = await setUp(t);
    const id = await addWebhook(store, target.url);
    deliver(t, store);
    const day = 86_400_000;
    await addEvents(store, 2, { timestampMs: Date.now() - 3 * day });
    const ids = await addEvents(store, 2, { timestampMs: Date.now() - day });
    await addEvents(store, 2, { timestampMs: Date.now() - 2 * day });
    await until(() => target.deliveredIds().length === 6, "the first delivery");
    const range = { kind: "since", position: 0, sinceMs: Date.now() - 1.5 * day } as const;
    await store.webhookReplays.startReplay(id, { id: "r1", range, atMost: 5 });
    await until(() => target.deliveredIds().length === 8, "the replay arrives");
    assert.deepEqual(target.deliveredIds().slice(6), ids);
  });

  test("events that were erased while their batch waited are not sent", async (t) => {
    const { store, target } = await setUp(t);
    target.behave = (response) => response.writeHead(500).end();
    const id = await addWebhook(store, target.url);
    deliver(t, store);
    const [kept] = await addEvents(store, 1);
    const range = await addEvents(store, 1, { rcptTo: "gone@example.com" });
    await until(async () => (await listed(store, id)).length === 1, "it has failed");
    assert.equal(await store.events.erase("gone@example.com", "all"), 1, "all");
    target.behave = accept;
    await store.webhooks.retryNow(id);
    await until(() => target.deliveredIds().length >= 1, "the rest arrives");
    const more = await addEvents(store, 1);
    await until(() => target.deliveredIds().includes(more[0] ?? ""), "and what comes after it");
    assert.deepEqual(target.deliveredIds(), [kept, ...more]);
    assert.equal(range.length, 1);
  });

  test("who was erased after a batch was read is not in its first attempt either", async (t) => {
    const { store, target } = await setUp(t);
    await addWebhook(store, target.url);
    const { readUpTo } = deliverWatched(t, store, { batchWaitMs: 5000 });
    const [kept] = await addEvents(store, 1, { rcptTo: "kept@example.com" });
    await addEvents(store, 1, { rcptTo: "Gone@Example.com" });
    const [others] = await addEvents(store, 1, { rcptTo: "gone@example.com", subaccountId: 2 });
    // They wait for the batch to become full.
    await readUpTo(others);
    await store.privacy.addErased([erasedHashOf("gone@example.com", PRIVACY_KEYS)], 0, 1000);
    await until(() => target.batches.length === 1, "the batch arrives");
    assert.deepEqual(target.deliveredIds(), [kept, others]);
  });

  test("a correction that comes while a batch waits is in its first attempt", async (t) => {
    const { store, target } = await setUp(t);
    await addWebhook(store, target.url);
    const { readUpTo } = deliverWatched(t, store, { batchWaitMs: 5000 });
    const bots = await addEvents(store, 2);
    const [person] = await addEvents(store, 1);
    // They wait for the batch to become full.
    await readUpTo(person);
    assert.equal(target.batches.length, 0);
    await findBots(store, bots);
    await until(() => target.batches.length === 1, "the batch arrives");
    assert.deepEqual(
      target.batches[0]?.events.map((event) => [event["event_id"], event["is_bot"]]),
      [
        [bots[0], true],
        [bots[1], true],
        [person, false],
      ],
    );
  });

  test("an unsubscribe is sent when it can no more turn out to be a scanner's, in its place, and as a click when it was one", async (t) => {
    const { store } = await setUp(t);
    const [both, unsubscribes, clicks, opens] = await Promise.all([1, 2, 3, 4].map(() => receiver(t)));
    assert.ok(both && unsubscribes && clicks && opens);
    await addWebhook(store, both.url, { events: ["click", "link_unsubscribe"] });
    await addWebhook(store, unsubscribes.url, { events: ["link_unsubscribe"] });
    await addWebhook(store, clicks.url, { events: ["click"] });
    await addWebhook(store, opens.url, { events: ["open"] });
    let passedMs = 0;
    deliver(t, store, { settleMs: 3_600_000, clock: () => performance.now() + passedMs });
    const [first] = await addEvents(store, 1);
    const [scanned] = await addEvents(store, 1, { type: "link_unsubscribe" });
    const [second] = await addEvents(store, 1);
    const [wanted] = await addEvents(store, 1, { type: "link_unsubscribe" });
    const [open] = await addEvents(store, 1, { type: "open" });
    await until(() => opens.deliveredIds().length === 1, "who wants neither does not wait");
    await until(() => both.deliveredIds().length === 1, "what is before it is sent at once");
    await findBots(store, [scanned ?? ""]);
    // All have looked at the end of the stream by then.
    await sleep(1500);
    passedMs = 3_600_000;
    await until(() => both.deliveredIds().length === 4, "the rest follows");
    await until(
      () => clicks.deliveredIds().length === 3 && unsubscribes.deliveredIds().length === 1,
      "everywhere",
    );
    assert.deepEqual(both.deliveredIds(), [first, scanned, second, wanted]);
    assert.deepEqual(clicks.deliveredIds(), [first, scanned, second]);
    assert.deepEqual(unsubscribes.deliveredIds(), [wanted]);
    assert.deepEqual(opens.deliveredIds(), [open]);
    const types = both.batches.flatMap(({ events }) => events.map(({ type }) => type));
    assert.deepEqual(types, ["click", "click", "click", "link_unsubscribe"]);
  });

  test("a replay waits for an unsubscribe that is not settled, and then goes on to its end", async (t) => {
    const { store, target } = await setUp(t);
    const ids = [
      ...(await addEvents(store, 1)),
      ...(await addEvents(store, 1, { type: "link_unsubscribe" })),
      ...(await addEvents(store, 1)),
    ];
    const id = await addWebhook(store, target.url, { events: ["click", "link_unsubscribe"] });
    const range = { kind: "since", position: 0 } as const;
    await store.webhookReplays.startReplay(id, { id: "r1", range, atMost: 5 });
    deliver(t, store, { settleMs: 1500 });
    await until(() => target.deliveredIds().length === 3, "all arrive");
    assert.deepEqual(target.deliveredIds(), ids);
  });

  test("a batch of which everybody was erased before its first attempt is never sent, and the next one is", async (t) => {
    const { store, target } = await setUp(t);
    await addWebhook(store, target.url);
    const { readUpTo } = deliverWatched(t, store, { batchWaitMs: 5000 });
    const gone = await addEvents(store, 2, { rcptTo: "gone@example.com" });
    await readUpTo(gone.at(-1));
    await store.privacy.addErased([erasedHashOf("gone@example.com", PRIVACY_KEYS)], "all", 1000);
    // Its turn has come and gone.
    await sleep(6000);
    const [later] = await addEvents(store, 1, { rcptTo: "kept@example.com" });
    await until(() => target.batches.length === 1, "the next batch arrives");
    assert.deepEqual(target.deliveredIds(), [later]);
  });

  test("a batch of which all events were erased is not tried again, and not listed as if it were", async (t) => {
    const { store, target } = await setUp(t);
    target.behave = (response) => response.writeHead(500).end();
    const id = await addWebhook(store, target.url);
    deliver(t, store);
    await addEvents(store, 2, { rcptTo: "gone@example.com" });
    await until(async () => (await listed(store, id)).length === 1, "it has failed");
    assert.equal(await store.events.erase("gone@example.com", "all"), 2);
    await store.webhooks.retryNow(id);
    await until(async () => (await listed(store, id)).length === 0, "it is not listed any more");
    target.behave = accept;
    const next = await addEvents(store, 1);
    await until(() => target.deliveredIds().length === 1, "the next has its turn");
    assert.deepEqual(target.deliveredIds(), next);
    assert.equal(target.batches.length, 2, "one attempt for each");
  });

  test("signatures are by the old secret too until the overlap of a rotation ends", async (t) => {
    const { store } = await setUp(t);
    const before = { current: newSigningSecret() };
    const target = await receiver(t, { secrets: () => [before.current] });
    const id = await addWebhook(store, target.url, { secrets: { signing: before } });
    deliver(t, store);
    await addEvents(store, 1);
    await until(() => target.deliveredIds().length === 1, "it is signed by the first secret");
    const signing = rotate(before, 60_000, Date.now());
    const secrets = { auth: { type: "none" }, customHeaders: {}, signing } as const;
    await store.webhooks.update(id, "all", { sealedSecrets: BOX.seal(id, secrets) }, 0);
    await addEvents(store, 1);
    await until(() => target.deliveredIds().length === 2, "it is signed by the old secret still");
    const strict = await receiver(t, { secrets: () => [signing.current] });
    await store.webhooks.update(id, "all", { target: strict.url }, 0);
    await addEvents(store, 1);
    await until(() => strict.deliveredIds().length === 1, "and by the new one");
    assert.deepEqual([...target.complaints, ...strict.complaints], []);
  });
});

const MISBEHAVIOURS: readonly (readonly [name: string, behave: Behaviour])[] = [
  ["hangs", () => undefined],
  ["closes the connection", (response) => void response.socket?.destroy()],
  ["answers 500", (response) => response.writeHead(500).end()],
  ["redirects", (response) => response.writeHead(308, { location: "http://127.0.0.1:1/" }).end()],
  [
    "answers byte by byte",
    (response) => {
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
    },
  ],
];

onBothDatabases("a slow receiver", (database: Database) => {
  for (const [name, behave] of MISBEHAVIOURS) {
    test(`a receiver that ${name} delays no other`, async (t) => {
      const store = await open(t, await createPlace(t, database));
      const good = await receiver(t);
      const bad = await receiver(t, { behave });
      for (let n = 0; n < 20; n += 1)
        await addWebhook(store, bad.url, { subaccountId: n, allSubaccounts: true });
      await addWebhook(store, good.url);
      deliver(t, store, { timeoutMs: 60_000 });
      const ids: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        const startedMs = performance.now();
        ids.push(...(await addEvents(store, 10)));
        await until(() => good.deliveredIds().length === ids.length, "the good one gets its events");
        assert.ok(performance.now() - startedMs < 30_000, "in time");
      }
      assert.deepEqual(good.deliveredIds(), ids);
      await until(() => bad.batches.length >= 20, "the bad ones are called too");
      assert.deepEqual(bad.deliveredIds(), []);
    });
  }

  test("all the webhooks that an account may have can hang, but the one that does not is served at once", async (t) => {
    const store = await open(t, await createPlace(t, database));
    const bad = await receiver(t, { behave: () => undefined });
    const good = await receiver(t);
    for (let n = 0; n < 99; n += 1) await addWebhook(store, bad.url, { id: `a-${n}` });
    await addWebhook(store, good.url, { id: "b" });
    deliver(t, store, { timeoutMs: 60_000 });
    const [first] = await addEvents(store, 1);
    await until(() => bad.batches.length === 99, "all hang");
    const second = await addEvents(store, 1);
    const startedMs = performance.now();
    await until(() => good.deliveredIds().length === 2, "the good one gets its events");
    assert.ok(performance.now() - startedMs < 30_000, "without waiting for the others");
    assert.deepEqual(good.deliveredIds(), [first, ...second]);
  });
});

test("a receiver that answers with 100 MB has got its batch, and costs a few kilobytes", async (t) => {
  const store = await open(t, await createPlace(t, "sqlite"));
  let sent = 0;
  const target = await receiver(t, {
    behave: (response) => {
      const chunk = Buffer.alloc(256 * 1024);
      const write = (): void => {
        while (sent < 100 * 1024 * 1024 && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", write);
        }
        response.end();
      };
      write();
    },
  });
  await addWebhook(store, target.url);
  const { counted } = deliver(t, store);
  await addEvents(store, 1);
  await until(() => counted.delivered === 1, "it counts as delivered");
  await addEvents(store, 1);
  await until(() => counted.delivered === 2, "and the next too");
  assert.equal(target.batches.length, 2);
  assert.ok(sent < 40 * 1024 * 1024, `${sent} bytes were sent`);
});

async function listed(store: Awaited<ReturnType<typeof open>>, webhookId: string) {
  const batches = await store.webhookReplays.listBatches(webhookId, EVERYTHING);
  return batches.map(({ state, attempts, responseCode, failureCode }) => [
    state,
    attempts,
    responseCode,
    failureCode,
  ]);
}
