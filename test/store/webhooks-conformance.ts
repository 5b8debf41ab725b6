/** Webhooks, their delivery and operational events, the same on every database. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";

import { sql } from "kysely";

import type { MessageId } from "../../src/domain/message-id.ts";
import type { NewOperationalEvent } from "../../src/domain/operational-event.ts";
import { createEventIds } from "../../src/edge/event-id.ts";
import { bareRecord } from "../../src/events/recorded-event.ts";
import type { Store } from "../../src/store/open-store.ts";
import type { NewWebhook, WebhookScope } from "../../src/store/webhooks.ts";
import type { BatchRange, FailedAttempt, LaneState } from "../../src/webhooks/delivery-store.ts";
import { createStore, type Ground, NOW_MS, reopen } from "./ground.ts";

const LEASE_MS = 30_000;
const DAY_MS = 86_400_000;
const ALL_CLICKS = { types: ["click"], subaccounts: "all", exceptions: [] } as const;

function webhook(id: string, over: Partial<NewWebhook> = {}): NewWebhook {
  return {
    id,
    subaccountId: 0,
    allSubaccounts: false,
    exceptionSubaccounts: [],
    kind: "events",
    name: `Webhook ${id}`,
    target: `https://client.example.com/${id}`,
    events: ["click"],
    active: true,
    sealedSecrets: "wp1.sealed",
    ...over,
  };
}

async function make(store: Store, id: string, over: Partial<NewWebhook> = {}, position = 0): Promise<string> {
  assert.equal(await store.webhooks.create(webhook(id, over), position, 100), "created");
  return id;
}

/** A worker that holds the webhooks, the first of them loaded. */
async function holding(store: Store, id = "w", machine = "m") {
  await store.webhookDeliveries.join({ id, machine }, LEASE_MS);
  const held = await store.webhookDeliveries.hold(id, LEASE_MS);
  assert.ok(held !== undefined);
  return held;
}

async function only(store: Store, webhookId: string, workerId = "w") {
  const held = await store.webhookDeliveries.load(workerId, webhookId);
  assert.ok(held !== undefined);
  const [live, ...replays] = held.lanes;
  assert.ok(live?.kind === "live");
  return { ...held, live, replays };
}

const batch = (id: string, last: number): BatchRange => ({ id, last, interest: ALL_CLICKS });

function state(webhookId: string, position: number, batchId?: string, workerId = "w"): LaneState {
  return { workerId, laneId: webhookId, position, batchId };
}

function failure(webhookId: string, over: Partial<FailedAttempt> = {}): FailedAttempt {
  return {
    webhookId,
    batch: batch("b1", 10),
    attempts: 1,
    status: 500,
    failure: "500",
    latencyMs: 12,
    end: { kind: "retry", delayMs: 15_000 },
    ...over,
  };
}

/** One webhook at position 0, held, with the batch `b1` of the positions 1 to 10 under way. */
async function underWay(t: TestContext, ground: Ground) {
  const store = await createStore(t, ground);
  const id = await make(store, "a");
  await holding(store);
  const started = await store.webhookDeliveries.advance(state(id, 0), { position: 0, next: batch("b1", 10) });
  assert.equal(started, true);
  return { store, id, deliveries: store.webhookDeliveries };
}

const EVERYTHING = { withinMs: DAY_MS, limit: 1000 };

export function webhooksConformance(name: string, ground: Ground): void {
  describe(`webhooks in ${name}`, () => {
    test("a webhook is found as it was created, and has neither succeeded nor failed", async (t) => {
      const store = await createStore(t, ground);
      const created = webhook("a", {
        allSubaccounts: true,
        exceptionSubaccounts: [3, 4],
        events: ["click", "open"],
        active: false,
        kind: "operational",
      });
      assert.equal(await store.webhooks.create(created, 7, 100), "created");
      const found = await store.webhooks.find("a", "all");
      const { createdAtMs, ...rest } = found ?? { createdAtMs: 0 };
      assert.ok(Math.abs(createdAtMs - Date.now()) < 60_000);
      assert.deepEqual(rest, {
        ...created,
        inactiveReason: undefined,
        lastSuccessfulAtMs: undefined,
        lastFailureAtMs: undefined,
      });
      assert.equal(await store.webhooks.find("b", "all"), undefined);
    });

    test("each scope has the webhooks that are its own", async (t) => {
      const store = await createStore(t, ground);
      await make(store, "everybody", { allSubaccounts: true });
      await make(store, "primary");
      await make(store, "one", { subaccountId: 1 });
      const names = async (scope: WebhookScope) =>
        (await store.webhooks.list(scope)).map(({ id }) => id).toSorted();
      assert.deepEqual(await names("all"), ["everybody", "one", "primary"]);
      assert.deepEqual(await names({ owner: 0, onlyOwn: true }), ["primary"]);
      assert.deepEqual(await names({ owner: 0, onlyOwn: false }), ["everybody", "primary"]);
      assert.deepEqual(await names({ owner: 1, onlyOwn: true }), ["one"]);
      assert.deepEqual(await names({ owner: 2, onlyOwn: true }), []);
      assert.equal(await store.webhooks.find("one", { owner: 0, onlyOwn: false }), undefined);
      assert.equal(await store.webhooks.remove("one", { owner: 0, onlyOwn: false }), false);
      assert.equal(await store.webhooks.update("primary", { owner: 1, onlyOwn: true }, {}, 0), false);
    });

    test("an owner has as many webhooks as allowed, whatever others have", async (t) => {
      const store = await createStore(t, ground);
      const create = (id: string, subaccountId: number) =>
        store.webhooks.create(webhook(id, { subaccountId }), 0, 2);
      assert.deepEqual(await Promise.all([create("a", 1), create("b", 1), create("c", 2)]), [
        "created",
        "created",
        "created",
      ]);
      assert.equal(await create("d", 1), "full");
      await store.webhooks.remove("a", "all");
      assert.equal(await create("d", 1), "created");
    });

    test("a change touches only what it names, and is noticed by whoever delivers", async (t) => {
      const store = await createStore(t, ground);
      const id = await make(store, "a", { subaccountId: 1 });
      await make(store, "b");
      const { version } = await store.webhookDeliveries.version();
      const scope = { owner: 1, onlyOwn: true };
      assert.equal(await store.webhooks.update(id, scope, { name: "New", events: ["open"] }, 0), true);
      const found = await store.webhooks.find(id, "all");
      assert.equal(found?.name, "New");
      assert.deepEqual(found?.events, ["open"]);
      assert.equal(found?.target, "https://client.example.com/a");
      assert.deepEqual(await store.webhookDeliveries.changedSince(version), [id]);
      assert.ok((await store.webhookDeliveries.version()).version > version);
    });

    test("a removed webhook is gone with all that was known of it", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id));
      assert.equal(await store.webhooks.remove(id, "all"), true);
      assert.equal(await store.webhooks.remove(id, "all"), false);
      assert.equal(await deliveries.load("w", id), undefined);
      assert.equal(await deliveries.advance(state(id, 0, "b1"), { position: 10 }), false);
      assert.deepEqual(await store.webhookReplays.listBatches(id, EVERYTHING), []);
      assert.equal((await deliveries.version()).isUsed, false);
    });

    test("a webhook that becomes active again goes on behind the present; what waited when it went off follows, and nothing that came meanwhile", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id));
      await store.webhooks.update(id, "all", { active: false }, 50);
      await store.webhooks.update(id, "all", { active: false, name: "New" }, 60);
      const off = (await only(store, id)).live;
      assert.deepEqual([off.batch?.id, off.end], ["b1", undefined]);
      await store.webhooks.update(id, "all", { active: true }, 99);
      const { live, active, replays } = await only(store, id);
      assert.equal(active, true);
      assert.deepEqual([live.position, live.batch, live.end], [99, undefined, undefined]);
      const [backlog, ...rest] = replays;
      assert.deepEqual([backlog?.position, backlog?.end, rest], [0, 50, []]);
      const { dueInMs = 1, ...carried } = backlog?.batch ?? {};
      assert.deepEqual([carried, dueInMs <= 0], [{ ...batch("b1", 10), attempts: 1 }, true]);
      const [listed] = await store.webhookReplays.listBatches(id, EVERYTHING);
      assert.deepEqual([listed?.id, listed?.state], ["b1", "failing"]);
      assert.equal(await deliveries.advance(state(id, 0, "b1"), { position: 10 }), false, "it was slow");
      await store.webhooks.update(id, "all", { active: true }, 150);
      assert.deepEqual(
        [(await only(store, id)).live.position, (await only(store, id)).replays.length],
        [99, 1],
      );
    });

    test("a webhook for which nothing waited when it went off goes on without a replay, also one that was never on", async (t) => {
      const store = await createStore(t, ground);
      await make(store, "a", {}, 50);
      await make(store, "never", { active: false }, 50);
      await holding(store);
      await store.webhooks.update("a", "all", { active: false }, 50);
      for (const id of ["a", "never"]) {
        await store.webhooks.update(id, "all", { active: true }, 99);
        const { live, replays } = await only(store, id);
        assert.deepEqual([live.position, replays], [99, []]);
      }
    });

    test("what a slow process still sent after a webhook went off is not sent again when it goes on", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      await store.webhooks.update(id, "all", { active: false }, 12);
      const next = batch("b2", 20);
      assert.equal(await deliveries.advance(state(id, 0, "b1"), { position: 10, next }), true);
      assert.equal(await deliveries.advance(state(id, 10, "b2"), { position: 20 }), true);
      await store.webhooks.update(id, "all", { active: true }, 15);
      const { live, replays } = await only(store, id);
      assert.deepEqual([live.position, replays], [20, []]);
    });

    test("a webhook that goes off and on without end gets only so many replays, and loses nothing", async (t) => {
      const store = await createStore(t, ground);
      const id = await make(store, "a");
      await holding(store);
      for (let end = 10; end <= 250; end += 10) {
        await store.webhooks.update(id, "all", { active: false }, end);
        await store.webhooks.update(id, "all", { active: true }, end);
      }
      const { live, replays } = await only(store, id);
      assert.deepEqual([live.position, replays.length, replays.at(-1)?.end], [200, 20, 200]);
    });
  });

  describe(`who delivers webhooks, in ${name}`, () => {
    test("the first worker claims everything, the second only its share of what is free", async (t) => {
      const store = await createStore(t, ground);
      for (const id of ["a", "b", "c", "d"]) await make(store, id);
      const first = await holding(store, "w1", "m1");
      assert.deepEqual([new Set(first.webhookIds), first.share], [new Set(["a", "b", "c", "d"]), 4]);
      const second = await holding(store, "w2", "m2");
      assert.deepEqual([second.webhookIds, second.share], [[], 2]);
      const later = await store.webhookDeliveries.hold("w1", LEASE_MS);
      assert.deepEqual([later?.webhookIds.length, later?.share], [4, 2]);
      await store.webhookDeliveries.release("w1", ["a", "b", "not-there"]);
      const taken = await store.webhookDeliveries.hold("w2", LEASE_MS);
      assert.deepEqual(taken?.webhookIds, ["a", "b"]);
      await make(store, "e");
      await make(store, "f");
      assert.equal((await store.webhookDeliveries.hold("w1", LEASE_MS))?.webhookIds.length, 3);
      assert.equal((await store.webhookDeliveries.hold("w2", LEASE_MS))?.webhookIds.length, 3);
    });

    test("of workers that claim at once, each webhook has one", async (t) => {
      const location = await ground.createLocation(t);
      const stores = await Promise.all([1, 2, 3].map(() => reopen(t, location)));
      const ids = Array.from({ length: 20 }, (_, n) => `webhook-${n}`);
      for (const id of ids) await make(stores[0]!, id);
      await Promise.all(
        stores.map(({ webhookDeliveries }, n) =>
          webhookDeliveries.join({ id: `w${n}`, machine: `m${n}` }, LEASE_MS),
        ),
      );
      const claimed = await Promise.all(
        stores.map(({ webhookDeliveries }, n) => webhookDeliveries.hold(`w${n}`, LEASE_MS)),
      );
      const all = claimed.flatMap((one) => one?.webhookIds ?? []);
      assert.deepEqual(all.toSorted(), ids.toSorted());
      assert.ok(claimed.every((one) => one?.share === 7));
    });

    test("what a worker held is free when its lease has ended, by the database's clock alone", async (t) => {
      const location = await ground.createLocation(t);
      const store = await reopen(t, location);
      const id = await make(store, "a");
      await holding(store, "w1", "m1");
      const { db } = await ground.connect(t, location);
      await holding(store, "w2", "m2");
      assert.equal(await store.webhookDeliveries.load("w2", id), undefined);
      await sql`update webhook_workers set lease_until_ms = lease_until_ms - ${LEASE_MS} where id = 'w1'`.execute(
        db,
      );
      assert.deepEqual((await store.webhookDeliveries.hold("w2", LEASE_MS))?.webhookIds, [id]);
      // The first was slow, and knows nothing of it.
      assert.equal(await store.webhookDeliveries.load("w1", id), undefined);
      const stale = state(id, 0, undefined, "w1");
      assert.equal(await store.webhookDeliveries.advance(stale, { position: 5 }), false);
      assert.equal(await store.webhookDeliveries.recordFailure(stale, failure(id)), false);
      assert.equal((await only(store, id, "w2")).live.position, 0);
      assert.deepEqual((await store.webhookDeliveries.hold("w1", LEASE_MS))?.webhookIds, []);
    });

    test("a new process of a machine has at once what the one before it held, and that one holds nothing", async (t) => {
      const store = await createStore(t, ground);
      await make(store, "a");
      await holding(store, "before", "m");
      const after = await holding(store, "after", "m");
      assert.deepEqual(after.webhookIds, ["a"]);
      assert.equal(await store.webhookDeliveries.hold("before", LEASE_MS), undefined);
    });

    test("a worker that leaves lets others have at once what it held", async (t) => {
      const store = await createStore(t, ground);
      await make(store, "a");
      await holding(store, "w1", "m1");
      await store.webhookDeliveries.leave("w1");
      assert.deepEqual((await holding(store, "w2", "m2")).webhookIds, ["a"]);
    });
  });

  describe(`deliveries in ${name}`, () => {
    test("a batch is loaded as it was stored, due at once, with the webhook it is for", async (t) => {
      const { store, id } = await underWay(t, ground);
      const { live, ...held } = await only(store, id);
      assert.equal(live.position, 0);
      const { dueInMs, ...stored } = live.batch!;
      assert.deepEqual(stored, { ...batch("b1", 10), attempts: 0 });
      assert.ok(dueInMs <= 0);
      assert.equal(held.target, "https://client.example.com/a");
      assert.deepEqual(held.interest, { types: ["click"], subaccounts: 0, exceptions: [] });
    });

    test("an arrived batch moves the position and may start the next in the same step", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      const delivered = { events: 4, attempts: 1, status: 200, latencyMs: 5, mayBeListed: false };
      const to = { position: 10, delivered, next: batch("b2", 20) };
      assert.equal(await deliveries.advance(state(id, 0, "b1"), to), true);
      assert.equal(await deliveries.advance(state(id, 0, "b1"), to), false, "done already");
      const { live } = await only(store, id);
      assert.deepEqual([live.position, live.batch?.id, live.batch?.last], [10, "b2", 20]);
      const found = await store.webhooks.find(id, "all");
      assert.ok(Math.abs((found?.lastSuccessfulAtMs ?? 0) - Date.now()) < 60_000);
      // What arrives at once is not listed.
      assert.deepEqual(await store.webhookReplays.listBatches(id, EVERYTHING), []);
    });

    test("a failed attempt is listed, and the batch due again after its delay", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      assert.equal(await deliveries.recordFailure(state(id, 0, "b1"), failure(id)), true);
      const { live } = await only(store, id);
      assert.equal(live.batch?.attempts, 1);
      assert.ok(live.batch.dueInMs > 14_000 && live.batch.dueInMs <= 15_000);
      const [listed] = await store.webhookReplays.listBatches(id, EVERYTHING);
      const { attemptedAtMs, ...rest } = listed!;
      assert.ok(Math.abs(attemptedAtMs - Date.now()) < 60_000);
      assert.deepEqual(rest, {
        id: "b1",
        state: "failing",
        attempts: 1,
        responseCode: 500,
        failureCode: "500",
        latencyMs: 12,
      });
      await store.webhooks.retryNow(id);
      assert.ok((await only(store, id)).live.batch!.dueInMs <= 0);
      assert.ok((await store.webhooks.find(id, "all"))?.lastFailureAtMs !== undefined);
    });

    test("a batch that arrives after failures is listed as such", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      await deliveries.recordFailure(
        state(id, 0, "b1"),
        failure(id, { status: undefined, failure: "timeout" }),
      );
      const delivered = { events: 4, attempts: 2, status: 202, latencyMs: 5, mayBeListed: true };
      assert.equal(await deliveries.advance(state(id, 0, "b1"), { position: 10, delivered }), true);
      const [listed] = await store.webhookReplays.listBatches(id, EVERYTHING);
      const { attemptedAtMs, ...rest } = listed!;
      assert.deepEqual(rest, {
        id: "b1",
        state: "delivered",
        attempts: 2,
        responseCode: 202,
        failureCode: undefined,
        latencyMs: 5,
      });
    });

    test("the last 20 batches that arrived are remembered, also those that arrived at once, each as it was", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      assert.deepEqual(await store.webhookReplays.listDeliveries(id), []);
      const delivered = { attempts: 1, status: 200, latencyMs: 5, mayBeListed: false };
      // As long as ids and figures get.
      const longest = "0198c1d2-5ad4-7cc1-9f0e-6a1b2c3d4e5f";
      const idOf = (n: number) => (n === 26 ? longest : `b${n}`);
      for (let n = 1; n <= 25; n += 1) {
        const to = { position: n * 10, delivered: { ...delivered, events: n }, next: batch(idOf(n + 1), 0) };
        assert.equal(await deliveries.advance(state(id, n * 10 - 10, `b${n}`), to), true);
      }
      const last = { events: 99_999, attempts: 12, status: 204, latencyMs: 999_999, mayBeListed: true };
      await deliveries.advance(state(id, 250, longest), { position: 260, delivered: last });
      await store.webhooks.create(webhook("other"), 0, 100);
      assert.deepEqual(await store.webhookReplays.listDeliveries("other"), []);
      const listed = await store.webhookReplays.listDeliveries(id);
      assert.deepEqual(
        listed.map((one) => one.id),
        Array.from({ length: 20 }, (_, n) => idOf(26 - n)),
      );
      const [newest, former] = listed;
      const { deliveredAtMs, ...rest } = newest!;
      assert.deepEqual(rest, { id: longest, events: 99_999, attempts: 12, status: 204, latencyMs: 999_999 });
      assert.deepEqual([former?.events, former?.attempts], [25, 1]);
      assert.ok(Math.abs(deliveredAtMs - Date.now()) < 60_000);
    });

    test("a batch of which nothing was left is not listed any more", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id));
      assert.equal(await deliveries.advance(state(id, 0, "b1"), { position: 10, isEmptied: true }), true);
      assert.deepEqual(await store.webhookReplays.listBatches(id, EVERYTHING), []);
      const { live } = await only(store, id);
      assert.deepEqual([live.position, live.batch], [10, undefined]);
    });

    test("after the last attempt the batch is dead and the lane goes on behind it", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      const end = { kind: "given_up", isFinished: false } as const;
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id, { attempts: 12, end }));
      const { live, active } = await only(store, id);
      assert.deepEqual([live.position, live.batch, active], [10, undefined, true]);
      const dead = await store.webhookReplays.listBatches(id, { ...EVERYTHING, state: "dead" });
      assert.deepEqual(
        dead.map(({ id: batchId, attempts }) => [batchId, attempts]),
        [["b1", 12]],
      );
      assert.deepEqual(await store.webhookReplays.listBatches(id, { ...EVERYTHING, state: "failing" }), []);
    });

    test("a receiver that is gone switches its webhook off, with the reason", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      const { version } = await deliveries.version();
      const end = { kind: "gone", isFinished: false, streamEnd: 30 } as const;
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id, { status: 410, failure: "410", end }));
      const found = await store.webhooks.find(id, "all");
      assert.deepEqual([found?.active, found?.inactiveReason], [false, "gone"]);
      assert.deepEqual(await deliveries.changedSince(version), [id]);
      await store.webhooks.update(id, "all", { active: true }, 70);
      assert.equal((await store.webhooks.find(id, "all"))?.inactiveReason, undefined);
      const { live, replays } = await only(store, id);
      assert.deepEqual(
        [live.position, replays.map((lane) => [lane.position, lane.end, lane.batch])],
        [70, [[10, 30, undefined]]],
      );
    });

    test("what nobody asks for any more is dropped, and nothing else", async (t) => {
      const location = await ground.createLocation(t);
      const store = await reopen(t, location);
      const { db } = await ground.connect(t, location);
      const id = await make(store, "a");
      await holding(store);
      await store.webhookDeliveries.advance(state(id, 0), { position: 0, next: batch("b1", 10) });
      for (const [batchId, kind, days] of [
        ["new-delivered", "delivered", 0.9],
        ["old-delivered", "delivered", 1.1],
        ["old-forgotten", "failing", 2],
        ["b1", "failing", 2],
        ["new-dead", "dead", 29],
        ["old-dead", "dead", 31],
      ] as const)
        await sql`insert into webhook_batches values
          (${batchId}, ${id}, 0, 1, '{}', ${kind}, 1, null, null, 1, ${Date.now() - days * DAY_MS})`.execute(
          db,
        );
      await store.webhookDeliveries.prune();
      const { rows } = await sql<{ id: string }>`select id from webhook_batches order by id`.execute(db);
      assert.deepEqual(
        rows.map((row) => row.id),
        ["b1", "new-dead", "new-delivered"],
      );
      assert.equal((await only(store, id)).live.batch?.id, "b1");
    });
  });

  describe(`replays in ${name}`, () => {
    /** A webhook that has sent everything up to position 100. */
    const setUp = async (t: TestContext) => {
      const store = await createStore(t, ground);
      const id = await make(store, "a", {}, 100);
      await holding(store);
      const start = (replayId: string, position: number, atMost = 5) =>
        store.webhookReplays.startReplay(id, { id: replayId, range: { kind: "since", position }, atMost });
      return { store, id, start, deliveries: store.webhookDeliveries };
    };

    test("a replay goes from its position to what was sent when it began, beside the live lane", async (t) => {
      const { store, id, start, deliveries } = await setUp(t);
      const { version } = await deliveries.version();
      assert.equal(await start("r1", 40), "started");
      assert.deepEqual(await deliveries.changedSince(version), [id]);
      const { live, replays } = await only(store, id);
      assert.deepEqual([live.position, live.end], [100, undefined]);
      assert.deepEqual(
        replays.map(({ id: replayId, position, end, batch: none }) => [replayId, position, end, none]),
        [["r1", 40, 100, undefined]],
      );
      const lane = { workerId: "w", laneId: "r1", position: 40, batchId: undefined };
      await deliveries.advance(lane, { position: 40, next: batch("rb", 70) });
      const delivered = { events: 30, attempts: 1, status: 200, latencyMs: 5, mayBeListed: true };
      await deliveries.advance({ ...lane, batchId: "rb" }, { position: 70, delivered });
      const [shown] = await store.webhookReplays.listReplays(id);
      assert.deepEqual(
        [shown?.startPosition, shown?.position, shown?.endPosition, shown?.sentBatches, shown?.sentEvents],
        [40, 70, 100, 1, 30],
      );
      await deliveries.advance({ ...lane, position: 70 }, { position: 100, isFinished: true });
      assert.deepEqual((await only(store, id)).replays, []);
      assert.ok((await store.webhookReplays.listReplays(id))[0]?.finishedAtMs !== undefined);
    });

    test("a replay has the batch that is sent for the first time just now, and not one that is tried again", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      const ends = async () =>
        (await store.webhookReplays.listReplays(id)).map(({ endPosition }) => endPosition);
      const range = { kind: "since", position: 0 } as const;
      await store.webhookReplays.startReplay(id, { id: "r1", range, atMost: 5 });
      assert.deepEqual(await ends(), [10]);
      await store.webhookReplays.removeReplay(id, "r1");
      assert.equal(await deliveries.recordFailure(state(id, 0, "b1"), failure(id)), true);
      await store.webhookReplays.startReplay(id, { id: "r2", range, atMost: 5 });
      assert.deepEqual(await ends(), [0]);
    });

    test("a replay of nothing is finished at once", async (t) => {
      const { store, id, start } = await setUp(t);
      assert.equal(await start("r1", 100), "started");
      assert.deepEqual((await only(store, id)).replays, []);
      assert.ok((await store.webhookReplays.listReplays(id))[0]?.finishedAtMs !== undefined);
    });

    test("a webhook has as many replays at a time as allowed, and one can be taken back", async (t) => {
      const { store, id, start } = await setUp(t);
      assert.equal(await start("r1", 1, 2), "started");
      assert.equal(await start("r2", 2, 2), "started");
      assert.equal(await start("r3", 3, 2), "full");
      assert.equal(await store.webhookReplays.removeReplay(id, "r1"), true);
      assert.equal(await store.webhookReplays.removeReplay(id, "r1"), false);
      assert.equal(await store.webhookReplays.removeReplay(id, id), false, "the live lane is no replay");
      assert.equal(await start("r3", 3, 2), "started");
      assert.deepEqual(
        (await only(store, id)).replays.map(({ id: replayId }) => replayId),
        ["r2", "r3"],
      );
    });

    test("a dead batch is sent again under its own id, once at a time, and then listed as delivered", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      const again = (replayId: string) =>
        store.webhookReplays.startReplay(id, {
          id: replayId,
          range: { kind: "batch", batchId: "b1" },
          atMost: 5,
        });
      assert.equal(await again("r0"), "no_batch", "not dead yet");
      const end = { kind: "given_up", isFinished: false } as const;
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id, { attempts: 12, end }));
      assert.equal(await again("r1"), "started");
      assert.equal(await again("r2"), "no_batch", "it is under way");
      const { replays } = await only(store, id);
      const [lane] = replays;
      assert.deepEqual(
        [lane?.position, lane?.end, lane?.batch?.id, lane?.batch?.last, lane?.batch?.attempts],
        [0, 10, "b1", 10, 0],
      );
      assert.deepEqual(lane?.batch?.interest, ALL_CLICKS);
      const delivered = { events: 4, attempts: 1, status: 200, latencyMs: 5, mayBeListed: true };
      const stands = { workerId: "w", laneId: "r1", position: 0, batchId: "b1" };
      assert.equal(await deliveries.advance(stands, { position: 10, delivered, isFinished: true }), true);
      const [listed] = await store.webhookReplays.listBatches(id, EVERYTHING);
      assert.deepEqual([listed?.id, listed?.state], ["b1", "delivered"]);
    });

    test("a dead batch whose replay failed and was taken back is dead as before, and can be sent again", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      const end = { kind: "given_up", isFinished: false } as const;
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id, { attempts: 12, end }));
      const start = (replayId: string) =>
        store.webhookReplays.startReplay(id, {
          id: replayId,
          range: { kind: "batch", batchId: "b1" },
          atMost: 5,
        });
      const states = async () =>
        (await store.webhookReplays.listBatches(id, EVERYTHING)).map((listed) => [listed.id, listed.state]);
      assert.equal(await start("r1"), "started");
      const stands = { workerId: "w", laneId: "r1", position: 0, batchId: "b1" };
      assert.equal(await deliveries.recordFailure(stands, failure(id)), true);
      assert.deepEqual(await states(), [["b1", "failing"]]);
      assert.equal(await store.webhookReplays.removeReplay(id, "r1"), true);
      assert.deepEqual(await states(), [["b1", "dead"]]);
      assert.equal(
        await deliveries.recordFailure(stands, failure(id)),
        false,
        "its attempt under way is no more",
      );
      assert.equal(await start("r2"), "started");
    });

    test("another webhook's dead batch is not sent to this one", async (t) => {
      const { store, id, deliveries } = await underWay(t, ground);
      const end = { kind: "given_up", isFinished: false } as const;
      await deliveries.recordFailure(state(id, 0, "b1"), failure(id, { attempts: 12, end }));
      const other = await make(store, "other");
      const range = { kind: "batch", batchId: "b1" } as const;
      assert.equal(await store.webhookReplays.startReplay(other, { id: "r", range, atMost: 5 }), "no_batch");
    });
  });

  describe(`positions of events in ${name}`, () => {
    const event = (eventId: bigint, timestampMs: number, subaccountId = 0) =>
      bareRecord({
        eventId,
        type: "click",
        timestampMs,
        subaccountId,
        messageId: "000443ee14578172be22" as MessageId,
        rcptTo: "recipient@example.com",
        sentAtSeconds: 0,
        trackingDomain: "click.example.com",
      });

    test("an event is found on whatever day its clock put it, by those who may see it", async (t) => {
      const { events, eventPositions } = await createStore(t, ground);
      const ids = createEventIds(3);
      const [near, far] = [ids(NOW_MS), ids(NOW_MS + 1)];
      await events.append([event(near, NOW_MS + 5, 2), event(far, NOW_MS - 100 * DAY_MS)]);
      for (const [id, found] of [
        [near, near],
        [far, far],
      ] as const) {
        const position = await eventPositions.ofEvent(String(id), "all");
        assert.ok(position !== undefined);
        const [next] = await events.readAfter(position - 1, 1);
        assert.equal(next?.event.eventId, found);
      }
      assert.ok((await eventPositions.ofEvent(String(near), [2])) !== undefined);
      assert.equal(await eventPositions.ofEvent(String(near), [1]), undefined);
      assert.equal(await eventPositions.ofEvent("12345", "all"), undefined);
    });

    test("from a time on means every event of then or later, in whatever order they were stored", async (t) => {
      const { events, eventPositions } = await createStore(t, ground);
      const days = [0, 3, 1, 0.5, 2];
      for (const [n, day] of days.entries())
        await events.append([event(BigInt(n + 1), NOW_MS + day * DAY_MS)]);
      for (const from of [-1, 0, 0.3, 0.7, 1.5, 2.9, 3]) {
        const position = await eventPositions.since(NOW_MS + from * DAY_MS);
        assert.ok(position !== undefined);
        const found = (await events.readAfter(position, 10)).map(({ event: { eventId } }) => Number(eventId));
        const wanted = days.flatMap((day, n) => (day >= from ? [n + 1] : []));
        assert.ok(
          wanted.every((id) => found.includes(id)),
          `from ${from}`,
        );
        assert.ok(wanted.includes(found[0] ?? 0), "nothing older comes first");
      }
      assert.equal(await eventPositions.since(NOW_MS + 4 * DAY_MS), undefined);
    });
  });

  describe(`operational events in ${name}`, () => {
    const broken = (domain: string): NewOperationalEvent => ({
      kind: "domain_broken",
      subaccountId: 3,
      fields: { trackingDomain: domain, problem: "verification", reason: "points elsewhere" },
    });
    const recovered = (domain: string): NewOperationalEvent => ({
      kind: "domain_recovered",
      subaccountId: 3,
      fields: { trackingDomain: domain, problem: "verification" },
    });

    test("they are read in the order of storing, from any position", async (t) => {
      const { operationalEvents } = await createStore(t, ground);
      assert.equal(await operationalEvents.lastPosition(), 0);
      await operationalEvents.append(broken("a.example.com"), NOW_MS + 5);
      await operationalEvents.append(recovered("a.example.com"), NOW_MS);
      const all = await operationalEvents.readAfter(0, 10);
      assert.deepEqual(all, [
        { id: 1, kind: "domain_broken", subaccountId: 3, atMs: NOW_MS + 5, fields: all[0]?.fields },
        {
          id: 2,
          kind: "domain_recovered",
          subaccountId: 3,
          atMs: NOW_MS,
          fields: { trackingDomain: "a.example.com", problem: "verification" },
        },
      ]);
      assert.deepEqual(await operationalEvents.readAfter(0, 1), all.slice(0, 1));
      assert.deepEqual(await operationalEvents.readAfter(1, 10), all.slice(1));
      assert.equal(await operationalEvents.lastPosition(), 2);
      assert.deepEqual(await operationalEvents.find(2), all[1]);
      assert.equal(await operationalEvents.positionSince(NOW_MS + 1), 0);
      assert.equal(await operationalEvents.positionSince(NOW_MS + 6), undefined);
    });

    test("many at once get positions without gaps", async (t) => {
      const location = await ground.createLocation(t);
      const stores = [await reopen(t, location), await reopen(t, location)];
      await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          stores[n % 2]!.operationalEvents.append(broken(`d${n}.example.com`), NOW_MS),
        ),
      );
      const ids = (await stores[0]!.operationalEvents.readAfter(0, 100)).map(({ id }) => id);
      assert.deepEqual(
        ids,
        Array.from({ length: 20 }, (_, n) => n + 1),
      );
    });

    test("what was last told of a thing is known, each problem for itself", async (t) => {
      const { operationalEvents } = await createStore(t, ground);
      const domain = "a.example.com";
      const https: NewOperationalEvent = {
        kind: "domain_broken",
        subaccountId: 3,
        fields: { trackingDomain: domain, problem: "https" },
      };
      assert.equal(await operationalEvents.last(recovered(domain)), undefined);
      await operationalEvents.append(broken(domain), NOW_MS);
      const last = await operationalEvents.last(recovered(domain));
      assert.deepEqual([last?.kind, last?.atMs], ["domain_broken", NOW_MS]);
      assert.equal(await operationalEvents.last(https), undefined);
      await operationalEvents.append(recovered(domain), NOW_MS);
      assert.equal((await operationalEvents.last(broken(domain)))?.kind, "domain_recovered");
    });

    test("the old and those beyond a number are dropped, but never the newest: ids are not given out twice", async (t) => {
      const { operationalEvents } = await createStore(t, ground);
      for (const [n, atMs] of [NOW_MS - 10, NOW_MS, NOW_MS, NOW_MS].entries())
        await operationalEvents.append(broken(`d${n}.example.com`), atMs);
      const ids = async () => (await operationalEvents.readAfter(0, 100)).map(({ id }) => id);
      await operationalEvents.prune(NOW_MS - 5, 100);
      assert.deepEqual(await ids(), [2, 3, 4]);
      await operationalEvents.prune(0, 2);
      assert.deepEqual(await ids(), [3, 4]);
      await operationalEvents.prune(NOW_MS + 1, 0);
      assert.deepEqual(await ids(), [4]);
      await operationalEvents.append(broken("x.example.com"), NOW_MS);
      assert.deepEqual(await ids(), [4, 5]);
    });
  });
}
