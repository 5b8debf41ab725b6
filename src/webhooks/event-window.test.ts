import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { type SourceEvent, sourceEvent } from "./event-source.ts";
import { EventWindow } from "./event-window.ts";

function stream() {
  const stored: SourceEvent[] = [];
  const reads: number[] = [];
  let failure: Error | undefined;
  return {
    reads,
    add: (count: number, over: Partial<SourceEvent> = {}) => {
      for (let n = 0; n < count; n += 1) {
        const position = stored.length + 1;
        stored.push(
          sourceEvent(
            { position, type: "click", subaccountId: 0, timestampMs: 0, rcptTo: "", ...over },
            position,
            String,
          ),
        );
      }
    },
    fail: (error: Error | undefined) => {
      failure = error;
    },
    source: {
      readAfter: async (position: number, limit: number) => {
        reads.push(position);
        await sleep(1);
        if (failure !== undefined) throw failure;
        return stored.filter((event) => event.position > position).slice(0, limit);
      },
    },
  };
}

function open(source: ReturnType<typeof stream>["source"], clock = () => 0) {
  const errors: unknown[] = [];
  const window = new EventWindow({ source, pollMs: 5, clock, onError: (error) => errors.push(error) });
  return { window, errors };
}

async function readAll(window: EventWindow, from = 0): Promise<readonly number[]> {
  const positions: number[] = [];
  for (;;) {
    const page = await window.after(positions.at(-1) ?? from);
    if (page.events.length === 0) return positions;
    positions.push(...page.events.map(({ position }) => position));
  }
}

test("fifty who follow the same events cost the store as many reads as one", async () => {
  const { source, reads, add } = stream();
  const { window } = open(source);
  add(2000);
  const all = await Promise.all(Array.from({ length: 50 }, () => readAll(window)));
  for (const positions of all)
    assert.deepEqual(
      positions,
      Array.from({ length: 2000 }, (_, n) => n + 1),
    );
  assert.ok(reads.length <= 6, `${reads.length} reads`);
  window.close();
});

test("who is at another place shares what the others have read", async () => {
  const { source, reads, add } = stream();
  const { window } = open(source);
  add(1000);
  await readAll(window);
  const before = reads.length;
  assert.deepEqual(
    await readAll(window, 333),
    Array.from({ length: 667 }, (_, n) => n + 334),
  );
  assert.equal(reads.length, before + 1, "only the end is read again");
  window.close();
});

test("what was read is not kept for long: it may have been erased since", async () => {
  const { source, reads, add } = stream();
  let nowMs = 0;
  const { window } = open(source, () => nowMs);
  add(10);
  await window.after(0);
  nowMs = 29_000;
  await window.after(0);
  assert.deepEqual(reads, [0]);
  nowMs = 31_000;
  await window.after(0);
  assert.deepEqual(reads, [0, 0]);
  window.close();
});

test("what may become something else is read again after half a second", async () => {
  const { source, reads, add } = stream();
  let nowMs = 0;
  const { window } = open(source, () => nowMs);
  add(9);
  add(1, { type: "link_unsubscribe", mayBecome: "click" });
  assert.equal((await window.after(0)).readAtMs, 0);
  nowMs = 500;
  assert.equal((await window.after(4)).readAtMs, 0);
  assert.deepEqual(reads, [0]);
  nowMs = 501;
  assert.equal((await window.after(0)).readAtMs, 501);
  assert.deepEqual(reads, [0, 0]);
  window.close();
});

test("who waits at the end is called when there is more, and only the end is looked at for all", async () => {
  const { source, reads, add } = stream();
  const { window } = open(source);
  const never = new AbortController().signal;
  const waiting = Promise.all(Array.from({ length: 20 }, () => window.waitFor(0, never)));
  await sleep(30);
  add(1);
  await waiting;
  assert.ok(reads.length < 20, `${reads.length} reads`);
  window.close();
});

test("a store that fails is asked again, and whoever waits goes on waiting", async () => {
  const { source, add, fail } = stream();
  const { window, errors } = open(source);
  fail(new Error("down"));
  const waiting = window.waitFor(0, new AbortController().signal);
  while (errors.length < 2) await sleep(5);
  fail(undefined);
  add(1);
  await waiting;
  window.close();
});

test("waiting ends when it is called off, at once when it was already", async () => {
  const { source } = stream();
  const { window } = open(source);
  const off = new AbortController();
  const waiting = window.waitFor(0, off.signal);
  off.abort();
  await waiting;
  await window.waitFor(0, off.signal);
  window.close();
});
