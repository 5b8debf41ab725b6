import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ClickWindow, type WindowClick } from "./click-window.ts";
import { UNCLASSIFIED } from "./recorded-event.ts";

let lastId = 0n;

function click(over: Partial<WindowClick> = {}): WindowClick {
  lastId += 1n;
  return {
    eventId: lastId,
    type: "click",
    timestampMs: 0,
    sentAtMs: -1e9,
    link: 1,
    isUnsubscribe: false,
    isHoneypot: false,
    own: UNCLASSIFIED,
    isStored: false,
    found: 0,
    ...over,
  };
}

test("its memory is bounded, whoever clicks what and when", () => {
  const anyClick = fc.record({
    message: fc.nat(30),
    count: fc.integer({ min: 1, max: 4000 }),
    timestampMs: fc.oneof(fc.nat(60_000), fc.integer({ min: -(2 ** 52), max: 2 ** 52 })),
    isHoneypot: fc.boolean(),
    settles: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyClick, { maxLength: 30 }), (floods) => {
      const window = new ClickWindow();
      for (const { message, count, timestampMs, isHoneypot, settles } of floods) {
        for (let n = 0; n < count; n++) window.add(`${message}`, click({ timestampMs, isHoneypot, link: n }));
        // Within a batch, no message has more than it is judged at.
        assert.ok(window.size <= 31 * 256);
        if (settles) window.settle();
      }
      window.settle();
      assert.ok(window.size <= 31 * 64);
    }),
    { numRuns: 50 },
  );
});

test("of very many messages those that were clicked last are kept", () => {
  const window = new ClickWindow();
  for (let message = 0; message < 60_000; message++) {
    window.add(`${message}`, click());
    if (message % 2000 === 0) window.settle();
  }
  window.settle();
  assert.equal(window.size, 50_000);
  const again = click();
  assert.equal(window.add("1", again), again);
});

test("a click that comes again is the one that was there", () => {
  const window = new ClickWindow();
  const first = click();
  window.add("a", first);
  assert.equal(window.add("a", { ...first }), first);
  assert.equal(window.size, 1);
});

test("clicks that come out of order are judged in the order of time", () => {
  const window = new ClickWindow();
  const times = [400, 100, 300, 0, 200];
  for (const [link, timestampMs] of times.entries()) window.add("a", click({ link, timestampMs }));
  assert.equal(window.settle().size, 5);
});

test("a flood on one message does not hide that it is a burst", () => {
  const window = new ClickWindow();
  const flood = Array.from({ length: 3000 }, (_, n) => click({ timestampMs: n, link: n }));
  for (const one of flood) window.add("a", one);
  window.settle();
  assert.ok(flood.every(({ found }) => found !== 0));
});

test("nothing is left after clearing, and nothing is said twice", () => {
  const window = new ClickWindow();
  for (let link = 0; link < 5; link++) window.add("a", click({ link }));
  assert.equal(window.settle().size, 5);
  assert.equal(window.settle().size, 0);
  window.clear();
  assert.equal(window.size, 0);
});

test("a click from a machine whose clock is ahead hides no burst behind it", () => {
  const window = new ClickWindow();
  window.add("a", click({ timestampMs: 3_600_000 }));
  window.settle();
  const burst = Array.from({ length: 6 }, (_none, link) => click({ timestampMs: link * 100, link }));
  for (const one of burst) {
    window.add("a", one);
    window.settle();
  }
  assert.ok(burst.every(({ found }) => found !== 0));
});
