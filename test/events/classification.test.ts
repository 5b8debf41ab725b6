/** Classification between a real spool and a real store: late verdicts, restarts, outages and crashes. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";

import { newMessageId } from "../../src/domain/message-id.ts";
import { openSpool } from "../../src/edge/spool.ts";
import { SpoolReader } from "../../src/edge/spool-reader.ts";
import type { ObservedEvent } from "../../src/edge/spool-record.ts";
import { createContext } from "../../src/events/classification.ts";
import { createClassificationStep } from "../../src/events/classification-step.ts";
import { createClassifier } from "../../src/events/classifier.ts";
import type { EventStore } from "../../src/events/event-store.ts";
import { type IngestOptions, startIngest } from "../../src/events/ingest.ts";
import { openStore, type StoreLocation } from "../../src/store/open-store.ts";
import { BROWSERS } from "../classification/user-agents.ts";
import { createTestDatabase } from "../postgres.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
/** Too long ago for an unsubscribe to be early. */
const SENT_AT_SECONDS = NOW_MS / 1000 - 180;
const EVERYTHING = { subaccounts: "all", fromMs: 0, toMs: NOW_MS * 2, limit: 10_000 } as const;
const CONTEXT = createContext({ networks: [], userAgents: [] });

const STORES: readonly (readonly [
  name: string,
  locate: (t: TestContext, dir: string) => Promise<StoreLocation>,
])[] = [
  ["SQLite", async (_, dir) => ({ kind: "sqlite", dir })],
  [
    "PostgreSQL",
    async (t) => {
      const database = await createTestDatabase();
      t.after(() => database.drop());
      return { kind: "postgres", url: database.url };
    },
  ],
];

async function setUp(t: TestContext, locate: (typeof STORES)[number][1]) {
  const folder = mkdtempSync(join(tmpdir(), "waypost-classification-"));
  const store = await openStore(await locate(t, folder));
  const spoolFolder = join(folder, "spool");
  const spool = new SpoolReader(spoolFolder, (_, error) => assert.ifError(error));
  t.after(async () => {
    await spool.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const directory = join(spoolFolder, "3");
  mkdirSync(directory, { recursive: true });
  const write = async (...events: readonly ObservedEvent[]): Promise<void> => {
    const writer = openSpool({ directory, slot: 3, maxBytes: 2 ** 30 });
    await Promise.all(events.map((event) => writer.record(event)));
    await writer.close(10_000);
  };
  return { events: store.events, spool, write };
}

const messageId = newMessageId();

/** A scanner's click on a link of the message; the unsubscribe link is the last. */
function click(link: number, over: Partial<ObservedEvent> = {}): ObservedEvent {
  return {
    type: link === 5 ? "link_unsubscribe" : "click",
    timestampMs: NOW_MS + link * 100,
    subaccountId: 0,
    messageId,
    rcptTo: "ann@example.com",
    sentAtSeconds: SENT_AT_SECONDS,
    trackingDomain: "click.acme.example",
    targetLinkUrl: `https://acme.example/${link}`,
    targetLinkName: undefined,
    ipAddress: "203.0.113.7",
    userAgent: BROWSERS[0],
    acceptLanguage: undefined,
    purpose: undefined,
    ...over,
  };
}

/** One process: a classifier that knows nothing yet, until the spool is empty or `isEnough`. */
async function run(
  { spool, events }: { spool: SpoolReader; events: EventStore },
  over: Partial<IngestOptions> = {},
  isEnough = () => spool.depth() === 0,
): Promise<void> {
  const classifier = createClassifier({ context: () => CONTEXT });
  const { step, startOver } = createClassificationStep({ classifier, events });
  const log = { warn: () => undefined };
  const ingest = startIngest({ spool, events, steps: [step], onFailure: startOver, log, idleMs: 1, ...over });
  while (!isEnough()) await nextTurn();
  await ingest.stop();
}

async function assertAllBots(events: EventStore, count: number): Promise<void> {
  const found = await events.search(EVERYTHING);
  assert.equal(found.length, count);
  for (const { type, classification } of found) {
    assert.equal(type, "click");
    assert.equal(classification.isBot, true);
    assert.ok(classification.reasons.includes("click_burst"));
  }
}

for (const [name, locate] of STORES) {
  test(`${name}: the first four clicks of a burst are marked when its fifth is stored, and scanners unsubscribe nobody`, async (t) => {
    const { events, spool, write } = await setUp(t, locate);
    await write(click(5), click(1), click(2), click(3));
    await run({ events, spool }, { batchSize: 1 });
    const early = await events.search(EVERYTHING);
    assert.deepEqual(
      early.map((event) => event.type),
      ["link_unsubscribe", "click", "click", "click"],
    );
    await write(click(4));
    await run({ events, spool });
    await assertAllBots(events, 5);
    const late = await events.search(EVERYTHING);
    assert.deepEqual(
      late.map(({ eventId }) => eventId).filter((id) => early.some(({ eventId }) => eventId === id)),
      early.map(({ eventId }) => eventId),
    );
    const changed = new Set((await events.changesAfter(0, 100)).map(({ eventId }) => eventId));
    for (const { eventId } of early) assert.ok(changed.has(eventId));
  });

  test(`${name}: a burst is found whose first clicks an earlier process stored`, async (t) => {
    const { events, spool, write } = await setUp(t, locate);
    await write(click(1), click(2));
    await run({ events, spool });
    await write(click(3), click(4));
    await run({ events, spool });
    await write(click(5));
    await run({ events, spool });
    await assertAllBots(events, 5);
  });

  test(`${name}: a process that is killed between storing and correcting leaves nothing uncorrected`, async (t) => {
    const { events, spool, write } = await setUp(t, locate);
    await write(click(1), click(2), click(3));
    await run({ events, spool });
    await write(click(4), click(5));
    let hasStored = false;
    const killed: EventStore = {
      ...events,
      append: (batch) => events.append(batch),
      reclassify: async () => {
        hasStored = true;
        throw new Error("killed");
      },
      search: (query) => events.search(query),
    };
    await run({ spool, events: killed }, { events: killed }, () => hasStored);
    assert.equal(spool.depth(), 2);
    await run({ events, spool });
    await assertAllBots(events, 5);
  });

  test(`${name}: a process that is killed after it stored the first clicks of a burst finds them in the batch that has the rest`, async (t) => {
    const { events, spool, write } = await setUp(t, locate);
    await write(click(1), click(2), click(3));
    let hasStored = false;
    const stuck: SpoolReader = Object.assign(Object.create(spool), {
      batches: (limit: number) => spool.batches(limit),
      depth: () => spool.depth(),
      remove: async () => {
        hasStored = true;
        throw new Error("killed");
      },
    });
    await run({ spool: stuck, events }, {}, () => hasStored);
    assert.equal((await events.search(EVERYTHING)).length, 3);
    await write(click(4), click(5));
    await run({ events, spool });
    await assertAllBots(events, 5);
  });

  test(`${name}: a store that fails now and then gets every verdict in the end`, async (t) => {
    const { events, spool, write } = await setUp(t, locate);
    let calls = 0;
    const failing = new Set([1, 6]);
    const maybe = <T>(work: () => Promise<T>): Promise<T> => {
      calls += 1;
      return failing.has(calls) ? Promise.reject(new Error("not now")) : work();
    };
    const unsteady: EventStore = {
      ...events,
      append: (batch) => maybe(() => events.append(batch)),
      reclassify: (changes) => maybe(() => events.reclassify(changes)),
      search: (query) => maybe(() => events.search(query)),
    };
    await write(click(1), click(2), click(3), click(4), click(5));
    await run({ spool, events: unsteady }, { batchSize: 2 });
    assert.ok(calls > 6);
    await assertAllBots(events, 5);
  });
}
