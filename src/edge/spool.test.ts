import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import { CLICK as EVENT } from "../../test/edge/observed-click.ts";
import { EVENT_TYPES, REQUEST_PURPOSES } from "../domain/event.ts";
import { createEventIds } from "./event-id.ts";
import { openSpool, type Spool } from "./spool.ts";
import { copySpool } from "./spool-copy.ts";
import { openEnvironment } from "./spool-environment.ts";
import { SpoolKeeper } from "./spool-keeper.ts";
import { SpoolReader } from "./spool-reader.ts";
import { decodeEvent, encodeEvent, encodeId, type ObservedEvent } from "./spool-record.ts";
import { claimSlot, setAside } from "./spool-slot.ts";

const NOW = EVENT.timestampMs;
const ROOM = 64 * 1024 * 1024;

type TemporarySpool = Awaited<ReturnType<typeof temporarySpool>>;

async function temporarySpool() {
  const path = await mkdtemp(join(tmpdir(), "waypost-spool-"));
  const open: (Spool | SpoolReader | SpoolKeeper)[] = [];
  const locks: { release(): void }[] = [];
  return {
    path,
    write(slot: number, maxBytes = ROOM, maxPendingBytes?: number): Spool {
      const claimed = claimSlot(path, slot)!;
      locks.push(claimed);
      const spool = openSpool({
        ...claimed,
        maxBytes,
        ...(maxPendingBytes === undefined ? {} : { maxPendingBytes }),
      });
      open.push(spool);
      return spool;
    },
    /** Leaves the slots to others. */
    release(): void {
      for (const lock of locks.splice(0)) lock.release();
    },
    read(onDamaged: (slot: number) => void = () => assert.fail("a slot is damaged")): SpoolReader {
      const reader = new SpoolReader(path, onDamaged);
      open.push(reader);
      return reader;
    },
    async [Symbol.asyncDispose]() {
      for (const part of open) await part.close(30_000);
      for (const lock of locks) lock.release();
      await rm(path, { recursive: true });
    },
  };
}

const maybe = (text: fc.Arbitrary<string>) => fc.option(text, { nil: undefined });
const observed: fc.Arbitrary<ObservedEvent> = fc.record({
  type: fc.constantFrom(...EVENT_TYPES),
  timestampMs: fc.integer({ min: NOW, max: NOW + 1e9 }),
  subaccountId: fc.nat(),
  messageId: fc.constant(EVENT.messageId),
  rcptTo: fc.string({ unit: "grapheme" }),
  sentAtSeconds: fc.nat(),
  trackingDomain: fc.domain(),
  targetLinkUrl: maybe(fc.webUrl()),
  targetLinkName: maybe(fc.string()),
  ipAddress: maybe(fc.ipV6()),
  userAgent: maybe(fc.string()),
  acceptLanguage: maybe(fc.string()),
  purpose: fc.constantFrom(undefined, ...REQUEST_PURPOSES),
});

/** As it comes out: what there isn't has no key. */
function withoutGaps(event: ObservedEvent): object {
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined));
}

test("an event comes out of the spool as it went in", () => {
  fc.assert(
    fc.property(observed, fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (event, eventId) => {
      assert.deepEqual(decodeEvent(encodeId(eventId), encodeEvent(event)), {
        eventId,
        ...withoutGaps(event),
      });
    }),
  );
});

test("a row of before purposes were recorded is an event without one", () => {
  const cells: unknown[] = JSON.parse(encodeEvent({ ...EVENT, acceptLanguage: "en" }).toString());
  const row = Buffer.from(JSON.stringify(cells.slice(0, 13)));
  assert.deepEqual(decodeEvent(encodeId(1n), row), {
    eventId: 1n,
    ...withoutGaps({ ...EVENT, acceptLanguage: "en" }),
  });
});

test("a purpose that only a later version knows is none", () => {
  const cells: unknown[] = JSON.parse(encodeEvent({ ...EVENT, purpose: "prefetch" }).toString());
  const row = Buffer.from(JSON.stringify([...cells.slice(0, 13), "teleport"]));
  assert.equal(decodeEvent(encodeId(1n), row)?.purpose, undefined);
  assert.equal(decodeEvent(encodeId(1n), row)?.messageId, EVENT.messageId);
});

test("a row of another version, or of none, is no event and no error", () => {
  const rows = ["", "x", "{}", "null", "[]", '[2,"click"]', '[1,"nothing"]', '[1,"click",1,1,"x","y",1,"z"]'];
  for (const row of rows) assert.equal(decodeEvent(encodeId(1n), Buffer.from(row)), undefined);
});

test("a recorded event is there for ingest, until it is removed", async () => {
  await using spool = await temporarySpool();
  const writer = spool.write(3);
  const reader = spool.read();
  assert.deepEqual(reader.readBatch(10), []);
  assert.equal(await writer.record(EVENT), "stored");
  const batch = reader.readBatch(10);
  assert.deepEqual(
    batch.map(({ eventId: _, ...event }) => event),
    [withoutGaps(EVENT)],
  );
  assert.equal(reader.depth(), 1);
  assert.equal(reader.oldestMs(), NOW);
  await reader.remove(batch);
  assert.deepEqual(reader.readBatch(10), []);
  assert.equal(reader.depth(), 0);
  assert.equal(reader.oldestMs(), undefined);
});

test("the age of the spool is that of its oldest event, though ids run ahead of a clock that went back", async () => {
  await using spool = await temporarySpool();
  const writer = spool.write(0);
  const reader = spool.read();
  await writer.record({ ...EVENT, timestampMs: NOW + 3_600_000 });
  await reader.remove(reader.readBatch(1));
  await writer.record({ ...EVENT, timestampMs: NOW });
  assert.equal(reader.oldestMs(), NOW);
});

test("a copy has every slot but damaged ones, which it tells of", async () => {
  await using spool = await temporarySpool();
  await cutOffSlot(spool);
  await spool.write(1).record(EVENT);
  await using copy = await temporarySpool();
  const damaged: number[] = [];
  const files = await copySpool(spool.path, copy.path, (slot) => damaged.push(slot));
  assert.deepEqual([files, damaged], [["1/data.mdb"], [0]]);
  assert.equal(copy.read().readBatch(10).length, 1);
});

test("ingest gets the events of all workers, the oldest first, in batches", async () => {
  await using spool = await temporarySpool();
  const writers = [spool.write(1), spool.write(2)] as const;
  const reader = spool.read();
  const times = Array.from({ length: 100 }, (_, index) => NOW + index);
  await Promise.all(
    times.map((timestampMs, index) => writers[index % 2 === 0 ? 0 : 1].record({ ...EVENT, timestampMs })),
  );
  assert.equal(reader.depth(), 100);
  const seen: number[] = [];
  for (let batch = reader.readBatch(30); batch.length > 0; batch = reader.readBatch(30)) {
    assert.ok(batch.length <= 30);
    seen.push(...batch.map((event) => event.timestampMs));
    await reader.remove(batch);
  }
  assert.deepEqual(seen, times);
});

test("thousands of events at once are committed in a few groups, and none is lost", async () => {
  await using spool = await temporarySpool();
  const writer = spool.write(0);
  const outcomes = await Promise.all(Array.from({ length: 5000 }, () => writer.record(EVENT)));
  assert.ok(outcomes.every((outcome) => outcome === "stored"));
  const stats = writer.stats();
  assert.deepEqual([stats.storedEvents, stats.lostEvents, stats.pendingEvents], [5000, 0, 0]);
  assert.ok(stats.commits < 20);
  assert.equal(
    stats.commitLatencyCounts.reduce((sum, count) => sum + count),
    stats.commits,
  );
  const ids = spool
    .read()
    .readBatch(10_000)
    .map((event) => event.eventId);
  assert.equal(new Set(ids).size, 5000);
});

test("a slot's next writer goes on after its highest id, also when ingest took everything and the clock went back", async () => {
  await using spool = await temporarySpool();
  const first = claimSlot(spool.path, 7)!;
  const before = openSpool({ ...first, maxBytes: ROOM });
  const reader = spool.read();
  await before.record(EVENT);
  const [last] = reader.readBatch(1);
  await reader.remove([last!]);
  await before.close(30_000);
  first.release();

  await spool.write(7).record({ ...EVENT, timestampMs: NOW - 60_000 });
  assert.ok(reader.readBatch(1)[0]!.eventId > last!.eventId);
});

test("two writers never have the same slot", async () => {
  await using spool = await temporarySpool();
  spool.write(1);
  assert.equal(claimSlot(spool.path, 1), undefined);
});

test("a spool that has reached its size takes no more, counts the loss, and goes on once ingest has made room", async (t) => {
  await using spool = await temporarySpool();
  const writer = spool.write(0, 200 * 1024);
  const reader = spool.read();
  const long = { ...EVENT, userAgent: "x".repeat(1000) };
  const shares: number[] = [];
  while ((await writer.record(long)) === "stored") shares.push(writer.stats().usedShare);
  assert.ok(writer.stats().lostEvents >= 1);
  assert.ok((shares[0] ?? 1) < 0.3, "it says how much of its room it takes");
  assert.equal(writer.stats().usedShare, 1);
  while (reader.depth() > 0) await reader.remove(reader.readBatch(1000));
  assert.ok(writer.stats().usedShare < 0.3);
  await t.waitFor(async () => assert.equal(await writer.record(long), "stored"), {
    interval: 20,
    timeout: 60_000,
  });
});

test("the data file is longer than what is in it, and grows ahead of it", async (t) => {
  await using spool = await temporarySpool();
  const writer = spool.write(0);
  const path = join(spool.path, "0", "data.mdb");
  const long = { ...EVENT, userAgent: "x".repeat(50_000) };
  const sizes: number[] = [];
  for (let round = 1; round <= 3; round += 1) {
    const recorded = Array.from({ length: 100 }, () => writer.record(long));
    await Promise.all(recorded);
    await t.waitFor(
      async () => {
        // Looked at again with the next event.
        await writer.record(EVENT);
        const { size } = await stat(path);
        assert.ok(size >= round * recorded.length * 50_000 + 4_000_000);
        sizes.push(size);
      },
      { interval: 20, timeout: 60_000 },
    );
  }
  assert.ok((sizes.at(-1) ?? 0) > (sizes[0] ?? 0));
  assert.equal(spool.read().readBatch(400).length >= 300, true);
});

test("what waits for a slow disk is bounded, the rest is lost at once", async () => {
  await using spool = await temporarySpool();
  const writer = spool.write(0, ROOM, 1000);
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => writer.record(EVENT)));
  assert.ok(outcomes.includes("stored"));
  assert.ok(outcomes.includes("lost"));
  assert.equal(writer.stats().pendingEvents, 0);
});

test("a spool that is closing takes nothing new and gives what is pending to the disk", async () => {
  await using spool = await temporarySpool();
  const writer = spool.write(0);
  const pending = writer.record(EVENT);
  const closing = writer.close(30_000);
  assert.equal(await writer.record(EVENT), "lost");
  assert.equal(await pending, "stored");
  await closing;
  assert.equal(spool.read().depth(), 1);
});

test("rows that a newer version wrote stay for it, and don't hold up the others", async () => {
  await using spool = await temporarySpool();
  const directory = join(spool.path, "4");
  await mkdir(directory);
  const environment = openEnvironment(directory);
  const nextId = createEventIds(4);
  await environment.put(encodeId(nextId(NOW)), Buffer.from("[2]"));
  await environment.put(encodeId(nextId(NOW)), encodeEvent(EVENT));
  await environment.close();

  const reader = spool.read();
  const batch = reader.readBatch(1);
  assert.equal(batch.length, 1);
  await reader.remove(batch);
  assert.deepEqual(reader.readBatch(1), []);
});

/** Fills slot 0 and cuts its file off, as a copy that failed does. */
async function cutOffSlot(spool: TemporarySpool): Promise<void> {
  const writer = spool.write(0);
  for (let count = 0; count < 200; count += 1) void writer.record(EVENT);
  await writer.close(30_000);
  spool.release();
  await truncate(join(spool.path, "0", "data.mdb"), 12_288);
}

for (const [what, damage] of [
  [
    "is no spool",
    async ({ path }: TemporarySpool) => {
      await mkdir(join(path, "0"));
      await writeFile(join(path, "0", "data.mdb"), Buffer.alloc(16_384, 0x55));
    },
  ],
  ["was cut off", cutOffSlot],
] as const) {
  test(`a slot whose file ${what} is moved aside and counted, and the worker records in another one`, async () => {
    await using spool = await temporarySpool();
    await damage(spool);
    const damaged: unknown[] = [];
    const keeper = new SpoolKeeper({
      directory: spool.path,
      slots: { first: 0, count: 4 },
      maxBytes: ROOM,
      onUnavailable: () => assert.fail("there is a usable slot"),
      onDamaged: (slot, error) => damaged.push(slot, error),
    });
    assert.equal(await keeper.record(EVENT), "stored");
    assert.equal(keeper.stats().slot, 1);
    assert.equal(keeper.stats().damagedSlots, 1);
    await keeper.close(30_000);
    assert.equal(damaged[0], 0);
    assert.match(String(damaged[1]), /data\.mdb is damaged: .*; moved to damaged-0-\d+ beside it/);
    assert.equal(spool.read().readBatch(10).length, 1);
  });

  test(`a slot whose file ${what} doesn't keep ingest from the other slots`, async () => {
    await using spool = await temporarySpool();
    await damage(spool);
    await spool.write(1).record(EVENT);
    const damaged: number[] = [];
    const reader = spool.read((slot) => damaged.push(slot));
    assert.equal(reader.readBatch(10).length, 1);
    assert.equal(reader.depth(), 1);
    assert.deepEqual(damaged, [0]);
    assert.equal(reader.damagedSlots, 1);
    assert.ok((await readdir(spool.path)).some((name) => name.startsWith("damaged-0-")));
  });
}

test("a damaged file that a living writer has is left to it", async () => {
  await using spool = await temporarySpool();
  await cutOffSlot(spool);
  const held = claimSlot(spool.path, 0);
  const damaged: number[] = [];
  const reader = spool.read((slot) => damaged.push(slot));
  assert.deepEqual(reader.readBatch(10), []);
  held?.release();
  assert.deepEqual(damaged, [0]);
  assert.deepEqual(await readdir(spool.path), ["0"]);
});

test("a slot that was moved aside and used again is read again, without a restart", async () => {
  await using spool = await temporarySpool();
  const first = spool.write(0);
  await first.record(EVENT);
  const reader = spool.read();
  assert.equal(reader.readBatch(10).length, 1);
  await first.close(30_000);
  spool.release();
  const claimed = claimSlot(spool.path, 0)!;
  setAside(claimed, new Error("damaged"));
  claimed.release();
  const second = spool.write(0);
  await second.record({ ...EVENT, rcptTo: "another@example.com" });
  assert.deepEqual(
    reader.readBatch(10).map(({ rcptTo }) => rcptTo),
    ["another@example.com"],
  );
});

test("a worker without any spool counts what it loses and opens one as soon as it can", async (t) => {
  await using spool = await temporarySpool();
  const blocker = join(spool.path, "spool");
  await appendFile(blocker, "a file where a folder should be");
  let failures = 0;
  const keeper = new SpoolKeeper({
    directory: blocker,
    slots: { first: 0, count: 4 },
    maxBytes: ROOM,
    reopenMs: 20,
    onUnavailable: () => {
      failures += 1;
    },
    onDamaged: () => assert.fail("nothing is damaged"),
  });
  assert.equal(await keeper.record(EVENT), "lost");
  assert.ok(failures > 0);
  assert.equal(keeper.stats().slot, undefined);
  await rm(blocker);
  await t.waitFor(async () => assert.equal(await keeper.record(EVENT), "stored"), {
    interval: 20,
    timeout: 60_000,
  });
  assert.ok(keeper.stats().lostEvents >= 1);
  await keeper.close(30_000);
});
