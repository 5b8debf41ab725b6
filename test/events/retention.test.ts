import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import type { MessageId } from "../../src/domain/message-id.ts";
import { UNCLASSIFIED } from "../../src/events/recorded-event.ts";
import { startRetention } from "../../src/events/retention.ts";
import { openStore } from "../../src/store/open-store.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 22, 12);
const silent = { info: () => {}, warn: () => {} };

test("a day's file goes once all of it is past the retention, at the start and then as time passes", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "waypost-retention-"));
  const { events, close } = await openStore({ kind: "sqlite", dir });
  t.after(async () => {
    await close();
    rmSync(dir, { recursive: true });
  });
  await events.append(
    [0, 1, 2, 3].map((daysAgo) => ({
      eventId: BigInt(daysAgo),
      type: "open",
      timestampMs: NOW_MS - daysAgo * DAY_MS,
      subaccountId: 0,
      messageId: "000443ee14578172be22" as MessageId,
      rcptTo: "recipient@example.com",
      sentAtSeconds: 0,
      trackingDomain: "click.example.com",
      classification: UNCLASSIFIED,
    })),
  );
  const days = () => readdirSync(join(dir, "events")).filter((name) => /^\d.*\.db$/.test(name));

  let nowMs = NOW_MS;
  const drops: number[] = [];
  const waiting: (() => void)[] = [];
  const counted = {
    dropBefore: async (timestampMs: number) => {
      drops.push(await events.dropBefore(timestampMs));
      nowMs += DAY_MS;
      if (drops.length === 3) for (const resolve of waiting) resolve();
      return drops.at(-1) ?? 0;
    },
  };
  const third = new Promise<void>((resolve) => waiting.push(resolve));
  const retention = startRetention({
    what: "events",
    dated: counted,
    days: 2,
    now: () => nowMs,
    log: silent,
    intervalMs: 1,
  });
  await third;
  await retention.stop();
  assert.deepEqual(drops.slice(0, 3), [1, 1, 1]);
  assert.ok(!days().some((name) => name < "2026-11-22"));
});

test("a drop that fails is said and tried again, and stopping ends it", async () => {
  const said: string[] = [];
  let calls = 0;
  const { promise: again, resolve } = Promise.withResolvers<void>();
  const events = {
    dropBefore: async () => {
      calls += 1;
      if (calls === 1) throw new Error("a long report is reading");
      resolve();
      return 4;
    },
  };
  const log = {
    info: (_: object, message: string) => said.push(message),
    warn: (_: object, message: string) => said.push(message),
  };
  const retention = startRetention({
    what: "events",
    dated: events,
    days: 1,
    now: () => NOW_MS,
    log,
    retryMs: 1,
  });
  await again;
  await retention.stop();
  assert.deepEqual(said, [
    "days past their retention could not be dropped, trying again later",
    "days past their retention were dropped",
  ]);
  assert.equal(calls, 2);
});
