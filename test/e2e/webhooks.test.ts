import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { createTestDatabase } from "../postgres.ts";
import { accept, type ReceivedBatch, type Receiver, startReceiver } from "../webhooks/receiver.ts";
import { createInstallation, type Installation, type WaypostProcess } from "./waypost-process.ts";
import { KEY, until, wrappedLink } from "./wrapped-link.ts";

const WEBHOOKS = "/api/v1/webhooks";
const ROUNDS = 4;
const SETTINGS = {
  WAYPOST_API_KEY: KEY,
  WAYPOST_SECRET: "webhook-secret-that-is-long-enough-for-us",
  WAYPOST_PROBE_PRIVATE: "allow",
  WAYPOST_WEBHOOK_BATCH_WAIT_MS: "20",
  // One writer: then the order of ids is the order of storing.
  WAYPOST_EDGE_WORKERS: "1",
};

interface Machine {
  readonly installation: Installation;
  readonly waypost: WaypostProcess;
}

async function start(t: TestContext, settings: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const installation = await createInstallation(t, { ...SETTINGS, ...settings });
  return { installation, waypost: await installation.serve() };
}

async function receiver(t: TestContext): Promise<Receiver> {
  const target = await startReceiver();
  t.after(() => target[Symbol.asyncDispose]());
  return target;
}

async function addWebhook({ waypost }: Machine, target: Receiver): Promise<void> {
  const { status, json } = await waypost.call("POST", WEBHOOKS, {
    key: KEY,
    body: { name: "e2e", target: target.url, events: ["click"] },
  });
  assert.equal(status, 200, JSON.stringify(json));
}

/** Clicks on and on; resolves to how many were answered. */
function startClicking({ waypost }: Machine, link: string): { stop(): Promise<number> } {
  let isStopped = false;
  const run = async (): Promise<number> => {
    let answered = 0;
    while (!isStopped) {
      const answer = await waypost.visit(link).catch(() => undefined);
      if (answer?.status === 302) answered += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return answered;
  };
  const done = run();
  return {
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}

/** Its control process, which has been killed, has another in its place that answers. */
async function isBack({ waypost }: Machine): Promise<boolean> {
  const answer = await waypost.call("GET", WEBHOOKS, { key: KEY }).catch(() => undefined);
  return answer?.status === 200;
}

/** False when there is none just now. */
function killControl({ waypost }: Machine): boolean {
  const pid = waypost.controlProcess();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  return pid !== undefined;
}

/** `kill -9` of the process that delivers, while a batch of it is under way; the batch. */
async function killInDelivery(machine: Machine, target: Receiver, answers: boolean): Promise<ReceivedBatch> {
  const { promise, resolve } = Promise.withResolvers<ReceivedBatch>();
  target.behave = (response, batch) => {
    // Whatever comes next is of another process.
    target.behave = accept;
    // What was accepted need not have been noted.
    if (answers) response.end("OK");
    const pid = machine.waypost.controlProcess();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    resolve(batch);
  };
  return promise;
}

async function storedIds(waypost: WaypostProcess): Promise<readonly string[]> {
  const ids: string[] = [];
  let path: string | undefined = "/api/v1/events/message?events=click&per_page=10000";
  while (path !== undefined) {
    const { json } = await waypost.call("GET", path, { key: KEY });
    ids.push(...json.results.map(({ event_id }: { event_id: string }) => event_id));
    path = json.links.next;
  }
  return ids.toSorted((one, other) => (BigInt(one) < BigInt(other) ? -1 : 1));
}

function assertSameBatches(target: Receiver): void {
  for (const batches of Map.groupBy(target.batches, ({ batchId }) => batchId).values())
    assert.equal(new Set(batches.map(({ body }) => body)).size, 1, "a batch came again with other events");
  assert.deepEqual(target.complaints, []);
}

for (const database of ["SQLite", "PostgreSQL"] as const) {
  test(`after kill -9 in the middle of a delivery, every event arrives, in order, and batches keep their ids (${database})`, async (t) => {
    const shared = database === "PostgreSQL" ? await createTestDatabase() : undefined;
    t.after(() => shared?.drop());
    const machine = await start(t, shared === undefined ? {} : { WAYPOST_DATABASE_URL: shared.url });
    const { waypost } = machine;
    const target = await receiver(t);
    await addWebhook(machine, target);
    const { link } = await wrappedLink(waypost);
    const clicks = startClicking(machine, link);
    for (let round = 0; round < ROUNDS; round += 1) {
      await until(async () => target.deliveredIds().length > 5 * (round + 1), "there is delivery");
      const cutOff = await killInDelivery(machine, target, round % 2 === 1);
      await until(
        async () =>
          target.batches.filter(({ batchId }) => batchId === cutOff.batchId).length > 1 || round % 2 === 1,
        "the batch that was under way comes again",
      );
      const before = target.deliveredIds().length;
      await until(async () => target.deliveredIds().length > before + 5, "and delivery goes on");
    }
    const answered = await clicks.stop();
    await until(() => isBack(machine), "it is back");
    await until(async () => target.deliveredIds().length >= answered, "every click arrives");
    const stored = await storedIds(waypost);
    await until(async () => target.deliveredIds().length >= stored.length, "every event arrives");
    assert.deepEqual(target.deliveredIds(), stored);
    assertSameBatches(target);
    t.diagnostic(`${stored.length} events, ${target.batches.length} deliveries, ${ROUNDS} kills`);
  });
}

test("two machines on one database deliver every event in order, whichever of them is killed", async (t) => {
  const shared = await createTestDatabase();
  t.after(() => shared.drop());
  const settings = { WAYPOST_DATABASE_URL: shared.url };
  const first = await start(t, settings);
  const second = await start(t, settings);
  const targets = [await receiver(t), await receiver(t)];
  for (const target of targets) await addWebhook(first, target);
  const { link } = await wrappedLink(first.waypost);
  const clicks = startClicking(first, link);
  const delivered = () => Math.min(...targets.map((target) => target.deliveredIds().length));
  for (const victim of [second, first, second]) {
    const before = delivered();
    await until(async () => delivered() > before + 5, "both webhooks are delivered");
    await until(async () => killControl(victim), "there is a process to kill");
  }
  const answered = await clicks.stop();
  // The stored order is what counts: ids of two edges interleave, but only the first had clicks.
  await until(() => isBack(first), "it is back");
  let stored: readonly string[] = [];
  await until(async () => {
    stored = await storedIds(first.waypost);
    return stored.length >= answered && delivered() >= stored.length;
  }, "every event arrives");
  for (const target of targets) {
    assert.deepEqual(target.deliveredIds(), stored);
    assertSameBatches(target);
  }
});
