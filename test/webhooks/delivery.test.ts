import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { newSigningSecret, rotate } from "../../src/webhooks/signature.ts";
import { type Database, onBothDatabases } from "../api/harness.ts";
import { addEvents, addWebhook, BOX, createPlace, deliver, open, receiver, until } from "./delivery-setup.ts";
import { accept, type Behaviour } from "./receiver.ts";

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
    assert.equal(delivery.counted.events, ids.length);
    const [webhook] = await store.webhooks.list("all");
    assert.ok(webhook?.lastSuccessfulAtMs !== undefined);
    assert.deepEqual(await store.webhookReplays.listBatches(webhook.id, EVERYTHING), []);
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
    const [one, two, ...rest] = target.batches;
    assert.equal(one?.batchId, two?.batchId);
    assert.equal(one?.body, two?.body);
    assert.notEqual(rest[0]?.batchId, one?.batchId);
    assert.deepEqual(await listed(store, id), [["delivered", 2, 200, undefined]]);
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

for (const [name, behave] of MISBEHAVIOURS) {
  test(`a receiver that ${name} delays no other`, async (t) => {
    const store = await open(t, await createPlace(t, "sqlite"));
    const good = await receiver(t);
    const bad = await receiver(t, { behave });
    for (let n = 0; n < 20; n += 1)
      await addWebhook(store, bad.url, { subaccountId: n, allSubaccounts: true });
    await addWebhook(store, good.url);
    deliver(t, store, { timeoutMs: 1500 });
    const ids: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const startedMs = performance.now();
      ids.push(...(await addEvents(store, 10)));
      await until(() => good.deliveredIds().length === ids.length, "the good one gets its events");
      assert.ok(performance.now() - startedMs < 1400, "in time");
    }
    assert.deepEqual(good.deliveredIds(), ids);
    assert.ok(bad.batches.length >= 20);
    assert.deepEqual(bad.deliveredIds(), []);
  });
}

test("all the webhooks that an account may have can hang, but the one that does not is served at once", async (t) => {
  const store = await open(t, await createPlace(t, "sqlite"));
  const bad = await receiver(t, { behave: () => undefined });
  const good = await receiver(t);
  for (let n = 0; n < 99; n += 1) await addWebhook(store, bad.url, { id: `a-${n}` });
  await addWebhook(store, good.url, { id: "b" });
  deliver(t, store, { timeoutMs: 20_000 });
  const [first] = await addEvents(store, 1);
  await until(() => bad.batches.length === 99, "all hang");
  const second = await addEvents(store, 1);
  const startedMs = performance.now();
  await until(() => good.deliveredIds().length === 2, "the good one gets its events");
  assert.ok(performance.now() - startedMs < 10_000, "without waiting for the others");
  assert.deepEqual(good.deliveredIds(), [first, ...second]);
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
