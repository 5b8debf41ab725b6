import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { CLICK as EVENT } from "../../test/edge/observed-click.ts";
import { slotOfEventId } from "./event-id.ts";
import { openEnvironment } from "./spool-environment.ts";
import { SpoolReader } from "./spool-reader.ts";
import { claimSlot } from "./spool-slot.ts";
import { Spools } from "./spools.ts";

const WAIT = { interval: 20, timeout: 60_000 };

async function openSpools(over: Partial<ConstructorParameters<typeof Spools>[0]> = {}) {
  const directory = await mkdtemp(join(tmpdir(), "waypost-spools-"));
  const spools = new Spools({
    count: 2,
    directory,
    slots: { first: 0, count: 4 },
    maxBytes: 64 * 1024 * 1024,
    onUnavailable: () => undefined,
    onDamaged: () => assert.fail("nothing is damaged"),
    ...over,
  });
  return {
    spools,
    directory,
    async [Symbol.asyncDispose]() {
      await spools.close(30_000);
      await rm(directory, { recursive: true });
    },
  };
}

/** Holds the write lock of a slot, as a commit does that waits for its disk. */
async function holdSlot(directory: string, slot: number): Promise<() => Promise<void>> {
  const environment = openEnvironment(join(directory, String(slot)));
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const done = environment.transaction(async () => {
    begin();
    await held;
  });
  await begun;
  return async () => {
    release();
    await done;
    await environment.close();
  };
}

test("events are committed in one spool while the other one waits for its disk, and come out of both", async () => {
  await using open = await openSpools();
  const { spools, directory } = open;
  const release = await holdSlot(directory, 0);
  const stuck = spools.record({ ...EVENT, rcptTo: "stuck@example.com" });
  // A group collects for a turn of the event loop; from then on its commit is under way.
  await sleep(20);
  for (let number = 0; number < 5; number += 1) assert.equal(await spools.record(EVENT), "stored");
  assert.equal(spools.stats().pendingEvents, 1);
  await release();
  assert.equal(await stuck, "stored");

  const reader = new SpoolReader(directory, () => assert.fail("a slot is damaged"));
  const read = reader.readBatch(10);
  await reader.close();
  assert.equal(read.length, 6);
  assert.equal(new Set(read.map(({ eventId }) => eventId)).size, 6);
});

test("a spool whose disk hangs gets no more than what came before that showed", async () => {
  await using open = await openSpools();
  const { spools, directory } = open;
  const release = await holdSlot(directory, 0);
  const all: Promise<string>[] = [];
  for (let turn = 0; turn < 60; turn += 1) {
    const { commits } = spools.stats();
    for (let number = 0; number < 30; number += 1) all.push(spools.record(EVENT));
    // That the one hangs shows by the other's commits, however long they take.
    for (let looks = 0; looks < 200 && spools.stats().commits === commits; looks += 1) await sleep(5);
  }
  const { pendingEvents } = spools.stats();
  assert.ok(pendingEvents < 600, `${pendingEvents} of ${all.length} events wait`);
  await release();
  assert.deepEqual([...new Set(await Promise.all(all))], ["stored"]);
});

test("when both disks hang, events wait in the memory of both before any is lost", async () => {
  const maxPendingBytes = 64 * 1024;
  await using open = await openSpools({ maxPendingBytes });
  const { spools, directory } = open;
  const releases = [await holdSlot(directory, 0), await holdSlot(directory, 1)];
  const large = { ...EVENT, targetLinkUrl: `https://shop.example/${"x".repeat(3000)}` };
  const all: Promise<string>[] = [];
  while (spools.stats().lostEvents === 0) {
    all.push(spools.record(large));
    await sleep(2);
  }
  assert.ok(
    spools.stats().pendingEvents * 3000 > 1.4 * maxPendingBytes,
    `${spools.stats().pendingEvents} waited`,
  );
  for (const release of releases) await release();
  assert.equal((await Promise.all(all)).filter((outcome) => outcome === "lost").length, 1);
});

test("closing keeps to its deadline, and says when a commit still hangs", async () => {
  await using open = await openSpools();
  const release = await holdSlot(open.directory, 0);
  void open.spools.record(EVENT);
  await sleep(20);
  const startedMs = performance.now();
  await open.spools.close(300);
  assert.ok(performance.now() - startedMs < 10_000, `${performance.now() - startedMs} ms`);
  assert.equal(claimSlot(open.directory, 0), undefined);
  claimSlot(open.directory, 1)?.release();
  await release();
});

test("events that come one by one fill the spools alike, and the statistics are those of all", async () => {
  await using open = await openSpools();
  for (let number = 0; number < 6; number += 1) await open.spools.record(EVENT);
  const reader = new SpoolReader(open.directory, () => assert.fail("a slot is damaged"));
  const slots = reader.readBatch(10).map(({ eventId }) => slotOfEventId(eventId));
  await reader.close();
  assert.deepEqual(slots.toSorted(), [0, 0, 0, 1, 1, 1]);
  const stats = open.spools.stats();
  assert.deepEqual(stats.slots, [0, 1]);
  assert.equal(stats.storedEvents, 6);
  assert.equal(stats.commits, 6);
  assert.equal(
    stats.commitLatencyCounts.reduce((sum, count) => sum + count, 0),
    6,
  );
});

test("one spool that can't be opened leaves the events to the other, and says so", async () => {
  const problems: unknown[] = [];
  await using open = await openSpools({
    slots: { first: 0, count: 1 },
    onUnavailable: (error) => problems.push(error),
  });
  for (let number = 0; number < 3; number += 1) assert.equal(await open.spools.record(EVENT), "stored");
  assert.equal(open.spools.stats().lostEvents, 0);
  assert.deepEqual(open.spools.stats().slots, [0]);
  assert.match(String(problems[0]), /all 1 spool slots from 0 on are in use/);
});

test("the second spool is opened once there is a slot for it", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "waypost-slots-"));
  const taken = claimSlot(directory, 1);
  await using open = await openSpools({ directory, slots: { first: 0, count: 2 }, reopenMs: 20 });
  assert.deepEqual(open.spools.stats().slots, [0]);
  taken?.release();
  await t.waitFor(() => assert.deepEqual(open.spools.stats().slots, [0, 1]), WAIT);
});

test("a spool that is full leaves the events to the other until both are", async () => {
  await using open = await openSpools({ maxBytes: 2 * 256 * 1024 });
  const outcomes = new Set<string>();
  const large = { ...EVENT, targetLinkUrl: `https://shop.example/${"x".repeat(3000)}` };
  for (let number = 0; number < 2000 && !outcomes.has("lost"); number += 1) {
    const group = await Promise.all(Array.from({ length: 10 }, () => open.spools.record(large)));
    for (const outcome of group) outcomes.add(outcome);
    // Sizes are looked at from time to time.
    await sleep(15);
  }
  assert.deepEqual([...outcomes], ["stored", "lost"]);
  assert.ok(open.spools.stats().usedShare > 0.9, `${open.spools.stats().usedShare} is used`);
});
