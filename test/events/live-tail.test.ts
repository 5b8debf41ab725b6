/** The live tail on a real store. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { EventFilter } from "../../src/events/event-filter.ts";
import type { EventStore } from "../../src/events/event-store.ts";
import { LiveTail, type LiveTailOptions, type TailStep } from "../../src/events/live-tail.ts";
import { openStore } from "../../src/store/open-store.ts";
import { recorded } from "./recorded.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const COUNTED_POLL_MS = 20;
const ALL: EventFilter = { subaccounts: "all" };
const log = { warn: (fields: object) => assert.fail(JSON.stringify(fields)) };

async function setUp(
  t: TestContext,
  optionsFor: (events: EventStore) => Partial<LiveTailOptions> = () => ({}),
): Promise<{ events: EventStore; tail: LiveTail }> {
  const dir = mkdtempSync(join(tmpdir(), "waypost-tail-"));
  const store = await openStore({ kind: "sqlite", dir });
  const tail = new LiveTail({ events: store.events, log, pollMs: 5, ...optionsFor(store.events) });
  t.after(async () => {
    await tail.stop();
    await store.close();
    rmSync(dir, { recursive: true });
  });
  return { events: store.events, tail };
}

/** With a count of how often the store was read. */
async function setUpCounted(t: TestContext) {
  let reads = 0;
  const parts = await setUp(t, (store) => ({
    pollMs: COUNTED_POLL_MS,
    events: {
      ...store,
      readAfter: (position, limit) => {
        reads += 1;
        return store.readAfter(position, limit);
      },
    },
  }));
  return { ...parts, reads: () => reads };
}

function event(id: number, type: "click" | "open" = "click") {
  return recorded(id, NOW_MS, { type });
}

/** Reads until so many events have come; the last step's position with them. */
async function read(
  steps: AsyncGenerator<TailStep, void>,
  count: number,
): Promise<{ ids: number[]; position: number }> {
  const ids: number[] = [];
  while (ids.length < count) {
    const { value, done } = await steps.next();
    if (done === true || value === undefined) throw new Error(`the tail ended after ${ids.length} events`);
    ids.push(...value.events.map((stored) => Number(stored.event.eventId)));
    if (ids.length >= count) return { ids, position: value.position };
  }
  return { ids, position: 0 };
}

test("listeners get what is stored from when they begin, each what it wants, by one poller", async (t) => {
  const { events, tail, reads } = await setUpCounted(t);
  await events.append([event(1)]);
  const listen = (filter: EventFilter) => tail.listen({ filter, after: undefined, heartbeatMs: 5000 });
  const all = Array.from({ length: 5 }, () => listen(ALL));
  const opens = listen({ ...ALL, types: ["open"] });
  for (const steps of [...all, opens]) assert.deepEqual((await steps.next()).value?.events, []);
  const reading = Promise.all([...all.map((steps) => read(steps, 3)), read(opens, 1)]);
  await events.append([event(2), event(3, "open"), event(4)]);
  const found = await reading;
  for (const { ids } of found.slice(0, 5)) assert.deepEqual(ids, [2, 3, 4]);
  assert.deepEqual(found[5]?.ids, [3]);

  const before = reads();
  const startedMs = performance.now();
  const next = Promise.all(all.map((steps) => read(steps, 1)));
  await events.append([event(5)]);
  await next;
  const polls = Math.ceil((performance.now() - startedMs) / COUNTED_POLL_MS) + 2;
  assert.ok(reads() - before <= polls, `${reads() - before} reads in ${polls} polls`);
});

test("a listener whose client has gone ends at once, and the others go on", async (t) => {
  const { events, tail } = await setUp(t);
  const client = new AbortController();
  const listen = (signal?: AbortSignal) =>
    tail.listen({ filter: ALL, after: undefined, heartbeatMs: 600_000, ...(signal && { signal }) });
  const [gone, other] = [listen(client.signal), listen()];
  for (const steps of [gone, other]) await steps.next();
  const [last, next] = [gone.next(), read(other, 1)];
  client.abort();
  assert.deepEqual((await last).value?.events ?? [], []);
  assert.deepEqual(await gone.next(), { done: true, value: undefined });
  await events.append([event(1)]);
  assert.deepEqual((await next).ids, [1]);
});

test("who comes back from a position gets each event after it once, while others listen and events come", async (t) => {
  const { events, tail } = await setUp(t);
  await events.append(Array.from({ length: 2500 }, (_, n) => event(n)));
  const other = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 5000 });
  await other.next();
  const others = read(other, 500);
  const missed = tail.listen({ filter: ALL, after: 1000, heartbeatMs: 5000 });
  const reading = read(missed, 2000);
  for (let n = 2500; n < 3000; n += 50) {
    await events.append(Array.from({ length: 50 }, (_, k) => event(n + k)));
  }
  assert.deepEqual(
    (await reading).ids,
    Array.from({ length: 2000 }, (_, n) => 1000 + n),
  );
  assert.deepEqual(
    (await others).ids,
    Array.from({ length: 500 }, (_, n) => 2500 + n),
  );
});

test("who comes back from a position behind which all was erased waits for what comes next", async (t) => {
  const { events, tail, reads } = await setUpCounted(t);
  await events.append([event(1), event(2), event(3)]);
  const other = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 5000 });
  await other.next();
  const others = read(other, 1);
  await events.append([event(4)]);
  assert.deepEqual((await others).ids, [4]);
  await events.erase(event(1).rcptTo, "all");

  const missed = tail.listen({ filter: ALL, after: 1, heartbeatMs: 5000 });
  const reading = read(missed, 1);
  const before = reads();
  const startedMs = performance.now();
  await sleep(200);
  const polls = Math.ceil((performance.now() - startedMs) / COUNTED_POLL_MS) + 3;
  assert.ok(reads() - before <= polls, `${reads() - before} reads in ${polls} polls`);
  await events.append([event(5)]);
  assert.deepEqual((await reading).ids, [5]);
});

test("without events there is a heartbeat, whose position passes the events that were not wanted", async (t) => {
  const { events, tail } = await setUp(t);
  const opens = tail.listen({ filter: { ...ALL, types: ["open"] }, after: 0, heartbeatMs: 40 });
  await opens.next();
  await events.append([event(1), event(2)]);
  for (;;) {
    const { value } = await opens.next();
    assert.deepEqual(value?.events, []);
    if (value?.position === 2) break;
  }
});

test("a listener that does not read is let go once too much waits for it; the others go on", async (t) => {
  const { events, tail } = await setUp(t, () => ({ maxWaiting: 50 }));
  const slow = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 5000 });
  const quick = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 5000 });
  for (const steps of [slow, quick]) await steps.next();
  // From here on it is one of the listeners.
  const first = slow.next();
  for (let n = 0; n < 100; n += 10) {
    const ten = read(quick, 10);
    await events.append(Array.from({ length: 10 }, (_, k) => event(n + k)));
    await ten;
  }
  assert.ok(((await first).value?.events.length ?? 0) > 0);
  const rest = await slow.next();
  if (rest.done !== true) assert.equal((await slow.next()).done, true);
});

test("a position from beyond the end counts as the end, and keeps nothing from the others", async (t) => {
  const { events, tail } = await setUp(t);
  await events.append([event(1)]);
  const beyond = tail.listen({ filter: ALL, after: 999_999_999_999_999, heartbeatMs: 5000 });
  const other = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 5000 });
  assert.deepEqual((await beyond.next()).value, { position: 1, events: [] });
  await other.next();
  const both = [read(beyond, 1), read(other, 1)];
  await events.append([event(2)]);
  for (const { ids } of await Promise.all(both)) assert.deepEqual(ids, [2]);
});

test("nothing is kept for a listener that has stopped reading, which goes on from where it got to", async (t) => {
  const { events, tail } = await setUp(t, () => ({ maxWaiting: 5 }));
  const stalled = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 5000 });
  await stalled.next();
  const first = stalled.next();
  await events.append([event(1)]);
  assert.deepEqual((await first).value?.position, 1);
  const other = tail.listen({ filter: ALL, after: 1, heartbeatMs: 5000 });
  await other.next();
  for (let n = 2; n < 22; n += 2) {
    const two = read(other, 2);
    await events.append([event(n), event(n + 1)]);
    await two;
  }
  assert.equal((await stalled.next()).done, true);
  const again = tail.listen({ filter: ALL, after: 1, heartbeatMs: 5000 });
  assert.equal((await read(again, 20)).ids.length, 20);
});

test("stopping ends all listeners, also one that waits, and one that has not begun", async (t) => {
  const { tail } = await setUp(t);
  const waiting = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 60_000 });
  const idle = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 60_000 });
  for (const steps of [waiting, idle]) await steps.next();
  const ended = waiting.next();
  await tail.stop();
  await ended;
  assert.equal((await waiting.next()).done, true);
  assert.equal((await idle.next()).done, true);
});

test("while the store fails nobody is sent away, and nothing is lost", async (t) => {
  let failing = false;
  let warnings = 0;
  const { events, tail } = await setUp(t, (store) => ({
    events: {
      ...store,
      readAfter: async (position, limit) => {
        if (failing) throw new Error("not now");
        return store.readAfter(position, limit);
      },
    },
    log: {
      warn: () => {
        warnings += 1;
        if (warnings === 2) failing = false;
      },
    },
  }));
  const steps = tail.listen({ filter: ALL, after: undefined, heartbeatMs: 5000 });
  await steps.next();
  const reading = read(steps, 1);
  failing = true;
  await events.append([event(1)]);
  assert.deepEqual((await reading).ids, [1]);
});
