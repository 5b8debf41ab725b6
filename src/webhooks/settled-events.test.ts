import assert from "node:assert/strict";
import { test } from "node:test";

import { SettledEvents } from "./settled-events.ts";

function open(settleMs = 12_000) {
  const stream = { last: 100, nowMs: 0, looks: 0 };
  const source = {
    last: async () => {
      stream.looks += 1;
      return stream.last;
    },
  };
  return { stream, settled: new SettledEvents({ source, settleMs, clock: () => stream.nowMs }) };
}

test("an event is settled when the stream has ended behind it for so long", async () => {
  const { stream, settled } = open();
  assert.equal(await settled.has(100), false, "nothing is known yet");
  stream.nowMs = 5000;
  stream.last = 200;
  assert.equal(await settled.has(150), false);
  stream.nowMs = 11_999;
  assert.equal(await settled.has(100), false);
  stream.nowMs = 12_000;
  assert.equal(await settled.has(100), true);
  assert.equal(await settled.has(101), false);
  stream.nowMs = 17_000;
  assert.equal(await settled.has(200), true);
  assert.equal(await settled.has(201), false);
});

test("the end of the stream is looked at once a second at most, however many ask, and not for what is settled", async () => {
  const { stream, settled } = open();
  for (stream.nowMs = 0; stream.nowMs < 10_000; stream.nowMs += 250)
    await Promise.all(Array.from({ length: 20 }, () => settled.has(50)));
  assert.equal(stream.looks, 10);
  stream.nowMs = 100_000;
  assert.equal(await settled.has(50), true);
  assert.equal(stream.looks, 10);
});

test("a store that does not answer has settled nothing, and is asked again", async () => {
  let isDown = true;
  const source = {
    last: async () => {
      if (isDown) throw new Error("down");
      return 7;
    },
  };
  const settled = new SettledEvents({ source, settleMs: 0, clock: () => 0 });
  await assert.rejects(settled.has(7), /down/);
  isDown = false;
  assert.equal(await settled.has(7), true);
});
