import assert from "node:assert/strict";
import { test } from "node:test";

import { createIssuer, type IssuerDeps } from "./issuer.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

/** An issuer with nothing to do, whose every look at the store is noted. */
function setUp() {
  const calls: string[] = [];
  const unexpected = () => assert.fail("not this call");
  const setup = { calls, nowMs: NOW_MS, isPaused: false };
  const issuer = createIssuer({
    store: {
      ...{ want: unexpected, renew: unexpected, claim: unexpected, find: unexpected },
      ...{ startOrder: unexpected, noteOrder: unexpected, settle: unexpected, complete: unexpected },
      mendTimes: async (nowMs) => void calls.push(`mend ${nowMs - NOW_MS}`),
      ordersSince: async () => [],
      claimDue: async () => {
        calls.push("claim");
        return [];
      },
    },
    ca: {
      directory: "https://ca.example/directory",
      usedSinceMs: 0,
      connect: unexpected,
      disconnect: unexpected,
      pause: unexpected,
      pausedUntil: async () => (setup.isPaused ? setup.nowMs + MINUTE : 0),
    },
    leaseOwner: "m1.a",
    preflight: unexpected,
    ordersPerHour: 300,
    sealKey: unexpected,
    openKey: unexpected,
    now: () => setup.nowMs,
    random: () => 0,
    onEvent: unexpected,
    log: { error: unexpected },
  } satisfies IssuerDeps);
  return Object.assign(setup, { issuer });
}

test("times that a wrong clock has left are mended before the first claim, and every hour", async () => {
  const setup = setUp();
  for (const minutes of [0, 1, 59, 60, 61]) {
    setup.nowMs = NOW_MS + minutes * MINUTE;
    await setup.issuer.advanceDue(8);
  }
  assert.deepEqual(setup.calls, [
    "mend 0",
    "claim",
    "claim",
    "claim",
    `mend ${60 * MINUTE}`,
    "claim",
    "claim",
  ]);
});

test("a clock that is right again has its times mended at once, a CA's pause or not", async () => {
  const setup = setUp();
  const yearsMs = 10 * 365 * 24 * 60 * MINUTE;
  setup.nowMs = NOW_MS + yearsMs;
  setup.isPaused = true;
  await setup.issuer.advanceDue(8);
  setup.nowMs = NOW_MS;
  await setup.issuer.advanceDue(8);
  assert.deepEqual(setup.calls, [`mend ${yearsMs}`, "mend 0"]);
});
