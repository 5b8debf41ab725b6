import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";

import { openStore } from "../../src/store/open-store.ts";
import { onBothDatabases } from "../api/harness.ts";
import { startTcpProxy } from "../crash/tcp-proxy.ts";
import { createTestDatabase } from "../postgres.ts";
import { addEvents, addWebhook, createPlace, deliver, open, receiver, until } from "./delivery-setup.ts";
import type { Receiver } from "./receiver.ts";

/** Every event in order; a batch that comes again has the same events. */
function assertInOrder(target: Receiver, ids: readonly string[]): void {
  assert.deepEqual(target.deliveredIds(), ids);
  for (const batches of Map.groupBy(target.batches, ({ batchId }) => batchId).values())
    assert.equal(new Set(batches.map(({ body }) => body)).size, 1, "a batch came again with other events");
}

function assertOnce(target: Receiver, ids: readonly string[]): void {
  assertInOrder(target, ids);
  const batchIds = target.batches.map(({ batchId }) => batchId);
  assert.equal(new Set(batchIds).size, batchIds.length, "a batch came twice");
}

onBothDatabases("several machines", (database) => {
  test("two that share a store deliver each batch once, and share the webhooks", async (t) => {
    const location = await createPlace(t, database);
    const [one, two] = [await open(t, location), await open(t, location)];
    const targets = await Promise.all(Array.from({ length: 6 }, () => receiver(t)));
    for (const target of targets) await addWebhook(one, target.url);
    const first = deliver(t, one);
    const ids = [...(await addEvents(one, 400))];
    await until(
      () => targets.every((target) => target.deliveredIds().length >= 400),
      "the first delivers all",
    );
    const second = deliver(t, two);
    const isCounted = () => first.counted.events + second.counted.events === ids.length * targets.length;
    await until(isCounted, "all is counted");
    let round = 0;
    const deliverOneEach = async (): Promise<readonly number[]> => {
      const before = [first, second].map(({ counted }) => counted.delivered);
      round += 1;
      ids.push(...(await addEvents(round % 2 === 0 ? one : two, 20)));
      await until(isCounted, "they arrive");
      return [first, second].map(({ counted }, index) => counted.delivered - (before[index] ?? 0));
    };
    await until(async () => isDeepStrictEqual(await deliverOneEach(), [3, 3]), "each delivers half of them");
    assert.deepEqual(await deliverOneEach(), [3, 3]);
    for (const target of targets) assertOnce(target, ids);
  });

  test("when one stops, the other goes on at once where it was", async (t) => {
    const location = await createPlace(t, database);
    const [one, two] = [await open(t, location), await open(t, location)];
    const target = await receiver(t);
    await addWebhook(one, target.url);
    const first = deliver(t, one);
    const ids = [...(await addEvents(one, 30))];
    await until(() => target.deliveredIds().length === 30, "the first delivers");
    deliver(t, two);
    await first.stop();
    ids.push(...(await addEvents(one, 30)));
    const startedMs = performance.now();
    await until(() => target.deliveredIds().length === 60, "the second delivers");
    // A lease is for half a minute.
    assert.ok(performance.now() - startedMs < 20_000);
    assertOnce(target, ids);
  });
});

async function proxied(t: TestContext) {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  const { hostname, port } = new URL(url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  t.after(() => proxy[Symbol.asyncDispose]());
  const through = new URL(url);
  through.host = `127.0.0.1:${proxy.port}`;
  const direct = await open(t, { kind: "postgres", url });
  const store = await openStore({ kind: "postgres", url: through.href });
  t.after(() => store.close());
  return { proxy, direct, store };
}

test("while the store is away nothing is lost, and delivery goes on by itself when it is back", async (t) => {
  const { proxy, direct, store } = await proxied(t);
  const target = await receiver(t);
  await addWebhook(direct, target.url);
  deliver(t, store);
  const ids = [...(await addEvents(direct, 50))];
  await until(() => target.deliveredIds().length === 50, "the first events arrive");
  for (let round = 0; round < 3; round += 1) {
    await proxy.goDown();
    ids.push(...(await addEvents(direct, 50)));
    await proxy.comeBack();
    await until(() => target.deliveredIds().length === ids.length, `round ${round}: all events arrive`);
  }
  assertInOrder(target, ids);
});

test("a machine that cannot extend its lease stops before another takes over, and no batch comes twice", async (t) => {
  const { proxy, direct, store } = await proxied(t);
  const target = await receiver(t);
  await addWebhook(direct, target.url);
  const timing = { leaseMs: 4000 };
  const first = deliver(t, store, { timing });
  const ids = [...(await addEvents(direct, 50))];
  await until(async () => {
    const [webhook] = await direct.webhooks.list("all");
    return webhook?.lastSuccessfulAtMs !== undefined;
  }, "the first has delivered, and noted it");
  await proxy.goDown();
  const second = deliver(t, direct, { timing });
  ids.push(...(await addEvents(direct, 50)));
  await until(() => target.deliveredIds().length === 100, "the second takes over when the lease has ended");
  assert.ok(second.counted.delivered > 0);
  await proxy.comeBack();
  ids.push(...(await addEvents(direct, 50)));
  await until(() => target.deliveredIds().length === 150, "both go on");
  assertOnce(target, ids);
  assert.deepEqual(first.counted.failed + second.counted.failed, 0);
});

test("a request that is under way when the machine stops is broken off, and its batch comes again under its id", async (t) => {
  const location = await createPlace(t, "sqlite");
  const store = await open(t, location);
  const target = await receiver(t, { behave: () => undefined });
  await addWebhook(store, target.url);
  const first = deliver(t, store, { timeoutMs: 60_000, timing: { stopGraceMs: 100 } });
  const ids = await addEvents(store, 5);
  await until(() => target.batches.length === 1, "the first attempt");
  await first.stop();
  target.behave = (response) => response.end();
  deliver(t, store);
  await until(() => target.deliveredIds().length === 5, "it comes again");
  assert.deepEqual(target.deliveredIds(), ids);
  assert.equal(target.batches[0]?.batchId, target.batches[1]?.batchId);
  const [webhook] = await store.webhooks.list("all");
  assert.equal(webhook?.lastFailureAtMs, undefined, "it was no failure");
});
