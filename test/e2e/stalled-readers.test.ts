/** Readers that ask for much, and then read nothing of it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { startTestApi } from "../api/harness.ts";
import { openPaused, storeLongEvents } from "../api/paused-reply.ts";

test("a reply whose reader has stopped reading ends within minutes, and its place is free again", {
  timeout: 300_000,
}, async (t) => {
  await using api = await startTestApi("sqlite");
  await storeLongEvents(api);
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
