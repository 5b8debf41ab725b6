/** Ingest between a real spool and a real store. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";

import { newMessageId } from "../../src/domain/message-id.ts";
import { openSpool } from "../../src/edge/spool.ts";
import { SpoolReader } from "../../src/edge/spool-reader.ts";
import type { EventStore } from "../../src/events/event-store.ts";
import { type EnrichmentStep, type IngestOptions, startIngest } from "../../src/events/ingest.ts";
import { bareRecord, UNCLASSIFIED } from "../../src/events/recorded-event.ts";
import { openStore } from "../../src/store/open-store.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 23, 59, 59, 500);
const EVERYTHING = { subaccounts: "all", fromMs: 0, toMs: NOW_MS * 2, limit: 10_000 } as const;

async function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "waypost-ingest-"));
  const spoolFolder = join(folder, "spool");
  const store = await openStore({ kind: "sqlite", dir: folder });
  const spool = new SpoolReader(spoolFolder, (_, error) => assert.ifError(error));
  t.after(async () => {
    await spool.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  /** Two writers, and a midnight in the middle of what they write. */
  const write = async (count: number): Promise<void> => {
    for (const slot of [3, 8]) {
      const directory = join(spoolFolder, String(slot));
      mkdirSync(directory, { recursive: true });
      const writer = openSpool({ directory, slot, maxBytes: 2 ** 30 });
      await Promise.all(Array.from({ length: count / 2 }, (_, n) => writer.record(observed(n))));
      await writer.close(10_000);
    }
  };
  return { events: store.events, spool, write };
}

function observed(n: number) {
  return {
    type: "click",
    timestampMs: NOW_MS + n,
    subaccountId: 0,
    messageId: newMessageId(),
    rcptTo: "recipient@example.com",
    sentAtSeconds: 0,
    trackingDomain: "click.example.com",
    targetLinkUrl: `https://example.com/${n}`,
    targetLinkName: undefined,
    ipAddress: undefined,
    userAgent: undefined,
    acceptLanguage: undefined,
    purpose: undefined,
  } as const;
}

/** Ingest until the spool is empty, or until `isEnough`. */
async function ingest(
  spool: SpoolReader,
  options: Pick<IngestOptions, "events"> & Partial<IngestOptions>,
  isEnough = () => spool.depth() === 0,
): Promise<readonly object[]> {
  const warnings: object[] = [];
  const log = { warn: (fields: object) => warnings.push(fields) };
  const running = startIngest({ spool, log, idleMs: 1, ...options });
  while (!isEnough()) await nextTurn();
  await running.stop();
  return warnings;
}

test("all that is in the spools is stored once, and gone from them", async (t) => {
  const { events, spool, write } = await setUp(t);
  await write(2000);
  assert.deepEqual(await ingest(spool, { events, batchSize: 300 }), []);
  assert.equal(await events.count(EVERYTHING, 5000), 2000);
  assert.equal(spool.depth(), 0);
  await write(10);
  await ingest(spool, { events });
  assert.equal(await events.count(EVERYTHING, 5000), 2010);
});

test("what was stored but not removed, as after a crash, is stored once", async (t) => {
  const { events, spool, write } = await setUp(t);
  await write(600);
  await events.append(spool.readBatch(250).map(bareRecord));
  await ingest(spool, { events, batchSize: 100 });
  assert.equal(await events.count(EVERYTHING, 5000), 600);
});

test("while the store refuses, events wait in the spool; then all are stored", async (t) => {
  const { events, spool, write } = await setUp(t);
  await write(1000);
  let calls = 0;
  const failing: EventStore = {
    ...events,
    append: async (batch) => {
      calls += 1;
      // The second: while the batch before it is being removed and the one behind it is read.
      if (calls === 2) throw new Error("the disk is full");
      return events.append(batch);
    },
  };
  const warnings = await ingest(spool, { events: failing, batchSize: 300 });
  assert.equal(warnings.length, 1);
  assert.equal(await events.count(EVERYTHING, 5000), 1000);
});

test("stopped in the middle, ingest leaves the rest in the spool, and nothing in both halves lost", async (t) => {
  const { events, spool, write } = await setUp(t);
  await write(3000);
  await ingest(spool, { events, batchSize: 250 }, () => spool.depth() <= 2000);
  const stored = await events.count(EVERYTHING, 5000);
  assert.equal(stored + spool.depth(), 3000);
  assert.ok(stored < 3000);
});

test("what enrichment adds is stored, one step upon the other; when one fails, the events wait", async (t) => {
  const { events, spool, write } = await setUp(t);
  await write(20);
  let calls = 0;
  const name: EnrichmentStep = async (batch) => {
    calls += 1;
    if (calls === 1) throw new Error("not now");
    return { ...batch, events: batch.events.map((event) => ({ ...event, targetLinkName: "known" })) };
  };
  const label: EnrichmentStep = (batch) => ({
    ...batch,
    events: batch.events.map((event) => ({
      ...event,
      classification: { ...UNCLASSIFIED, isBot: event.targetLinkName === "known", reasons: ["named"] },
    })),
  });
  const warnings = await ingest(spool, { events, steps: [name, label] });
  assert.equal(warnings.length, 1);
  const found = await events.search(EVERYTHING);
  assert.equal(found.length, 20);
  assert.ok(found.every(({ targetLinkName }) => targetLinkName === "known"));
  assert.ok(found.every(({ classification }) => classification.isBot));
});

test("corrections are made once the batch that showed them is stored, and again when that failed", async (t) => {
  const { events, spool, write } = await setUp(t);
  await write(20);
  const classification = { ...UNCLASSIFIED, isBot: true, reasons: ["burst"] };
  const correct: EnrichmentStep = (batch) => ({
    ...batch,
    corrections: batch.events.map(({ eventId, timestampMs, type }) => ({
      ...{ eventId, timestampMs, type },
      classification,
    })),
  });
  let calls = 0;
  const failing: IngestOptions["events"] = {
    append: (batch) => events.append(batch),
    reclassify: async (changes) => {
      calls += 1;
      if (calls === 1) throw new Error("not now");
      return events.reclassify(changes);
    },
  };
  const warnings = await ingest(spool, { events: failing, steps: [correct] });
  assert.equal(warnings.length, 1);
  const found = await events.search(EVERYTHING);
  assert.equal(found.length, 20);
  assert.ok(found.every((event) => event.classification.isBot));
});

test("the API has its turns while a backlog is stored, and memory holds a few batches at most", async (t) => {
  const { events, spool, write } = await setUp(t);
  await write(4000);
  let [turns, open, mostOpen] = [0, 0, 0];
  const counting: EventStore = {
    ...events,
    append: async (batch) => {
      open += batch.length;
      mostOpen = Math.max(mostOpen, open);
      const added = await events.append(batch);
      open -= batch.length;
      return added;
    },
  };
  await ingest(spool, { events: counting, batchSize: 500 }, () => {
    turns += 1;
    return spool.depth() === 0;
  });
  assert.ok(turns >= 16, `${turns} turns`);
  assert.ok(mostOpen <= 500 + 250, `${mostOpen} events at once`);
});
