import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { readEventStream, type ServerSentEvent } from "./event-stream.ts";

function streamOf(text: string, cuts: readonly number[]): ReadableStream<Uint8Array> {
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other)];
  const chunks = places.map((start, index) => bytes.subarray(start, places[index + 1] ?? bytes.length));
  return ReadableStream.from(chunks.map((chunk) => new Uint8Array(chunk)));
}

async function read(body: ReadableStream<Uint8Array>): Promise<readonly ServerSentEvent[]> {
  const found: ServerSentEvent[] = [];
  for await (const event of readEventStream(body)) found.push(event);
  return found;
}

test("events come out as they went in, wherever the network cuts them", async () => {
  const anyLine = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, ""));
  const anyEvent = fc.record(
    { id: fc.nat().map(String), data: fc.option(anyLine, { nil: undefined }) },
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent), fc.array(fc.nat()), async (events, cuts) => {
      const text = events.map(
        ({ id, data }) => `id: ${id}\n${data === undefined ? "" : `data: ${data}\n`}\n`,
      );
      assert.deepEqual(await read(streamOf(text.join(""), cuts)), events);
    }),
  );
});

test("comments are passed over, and lines of data belong together", async () => {
  const found = await read(streamOf(": hello\n\nretry: 1\ndata: {\ndata:}\n\n", [5]));
  assert.deepEqual(found, [
    { id: undefined, data: undefined },
    { id: undefined, data: "{\n}" },
  ]);
});

test("an event without end is not kept in memory for ever", async () => {
  const endless = ReadableStream.from(
    (function* () {
      for (;;) yield new Uint8Array(65_536).fill(97);
    })(),
  );
  await assert.rejects(read(endless), /endless/);
});
