import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { planRenewal } from "./renewal.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ISSUED_MS = Date.UTC(2026, 0, 1);

const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyLife = fc.integer({ min: 2 * HOUR, max: 400 * DAY });
const anyAdvice = fc.record({
  startMs: fc.integer({ min: ISSUED_MS - 400 * DAY, max: ISSUED_MS + 800 * DAY }),
  lengthMs: fc.integer({ min: 1, max: 100 * DAY }),
  retryAfterMs: fc.integer({ min: 60_000, max: DAY }),
});

test("a certificate of 90 days is renewed in the days before its sixtieth", () => {
  const certificate = { issuedAtMs: ISSUED_MS, expiresAtMs: ISSUED_MS + 90 * DAY };
  const at = (random: number) =>
    (planRenewal(certificate, {}, { nowMs: ISSUED_MS, random }).renewAtMs - ISSUED_MS) / DAY;
  assert.equal(at(0), 60);
  assert.equal(at(0.5), 57);
});

test("without advice a certificate is renewed after 60 to 67 hundredths of its life", () => {
  fc.assert(
    fc.property(anyLife, anyRandom, (lifeMs, random) => {
      const certificate = { issuedAtMs: ISSUED_MS, expiresAtMs: ISSUED_MS + lifeMs };
      const { renewAtMs } = planRenewal(certificate, {}, { nowMs: ISSUED_MS, random });
      const part = (renewAtMs - ISSUED_MS) / lifeMs;
      assert.ok(part >= 0.599 && part <= 0.667, String(part));
    }),
  );
});

test("with advice it is renewed inside the window, and never later than with a tenth of its life left", () => {
  fc.assert(
    fc.property(anyLife, anyAdvice, anyRandom, (lifeMs, { startMs, lengthMs, retryAfterMs }, random) => {
      const certificate = { issuedAtMs: ISSUED_MS, expiresAtMs: ISSUED_MS + lifeMs };
      const endMs = startMs + lengthMs;
      const advice = { startMs, endMs, retryAfterMs };
      const plan = planRenewal(certificate, { advice }, { nowMs: ISSUED_MS, random });
      assert.ok(plan.renewAtMs <= certificate.expiresAtMs - Math.floor(lifeMs / 10));
      assert.ok(plan.renewAtMs < endMs);
      assert.ok(plan.renewAtMs >= Math.min(startMs, certificate.expiresAtMs - Math.floor(lifeMs / 10)));
      assert.equal(plan.askAgainAtMs, ISSUED_MS + retryAfterMs);
    }),
  );
});

test("the time in a window is chosen once, and again when the CA moves the window", () => {
  fc.assert(
    fc.property(anyAdvice, anyRandom, anyRandom, ({ startMs, lengthMs, retryAfterMs }, random, later) => {
      const certificate = { issuedAtMs: ISSUED_MS, expiresAtMs: ISSUED_MS + 2000 * DAY };
      const advice = { startMs, endMs: startMs + lengthMs, retryAfterMs };
      const former = planRenewal(certificate, { advice }, { nowMs: ISSUED_MS, random });
      const again = planRenewal(certificate, { advice, former }, { nowMs: ISSUED_MS + HOUR, random: later });
      assert.deepEqual(again, { ...former, askAgainAtMs: ISSUED_MS + HOUR + retryAfterMs });

      const urgent = { ...advice, startMs: ISSUED_MS - DAY, endMs: ISSUED_MS - HOUR };
      const moved = planRenewal(certificate, { advice: urgent, former }, { nowMs: ISSUED_MS, random: later });
      assert.ok(moved.renewAtMs < ISSUED_MS);
    }),
  );
});
