/** Readers that ask for much, and then read nothing of it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { openStore } from "../../src/store/open-store.ts";
import { startTestApi } from "../api/harness.ts";
import { openPaused } from "../api/paused-reply.ts";
import { recorded } from "../events/recorded.ts";

const EVENTS = 12_000;
const APPENDED_AT_ONCE = 2000;

test("a reply whose reader has stopped reading ends within minutes, and its place is free again", {
  timeout: 300_000,
}, async (t) => {
  await using api = await startTestApi("sqlite");
  const store = await openStore(api.location);
  const startMs = Date.now() - 1000;
  // More than the system takes for a client that doesn't read.
  const targetLinkUrl = `https://shop.example/${"x".repeat(3000)}`;
  for (let n = 0; n < EVENTS; n += APPENDED_AT_ONCE) {
    const events = Array.from({ length: APPENDED_AT_ONCE }, (_, k) =>
      recorded(n + k + 1, startMs, { type: "click", targetLinkUrl }),
    );
    await store.events.append(events);
  }
  await store.close();
  const kinds = ["/api/v1/events/message.ndjson?", "/api/v1/events/message?per_page=10000&"];
  const stalled = [...kinds, ...kinds, ...kinds, ...kinds].map((path) => openPaused(api, path));
  await Promise.all(stalled.map(({ began }) => began));
  const statuses = () =>
    Promise.all(kinds.map(async (path) => (await api.call("GET", `${path}event_ids=1`)).status));
  assert.deepEqual(await statuses(), [429, 429]);
  await t.waitFor(async () => assert.deepEqual(await statuses(), [200, 200]), {
    interval: 2000,
    timeout: 240_000,
  });
  for (const { asked } of stalled) asked.destroy();
});
