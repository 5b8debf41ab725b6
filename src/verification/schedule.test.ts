import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import {
  CNAME_STATUSES,
  type CnameStatus,
  type ComplianceStatus,
  type Scheme,
} from "../domain/tracking-domain.ts";
import { LONGEST_DELAY_MS, nextState } from "./schedule.ts";
import type { CheckTrigger, VerificationState } from "./verification-state.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const T0 = Date.UTC(2026, 0, 1);

const NEW: VerificationState = {
  cnameStatus: "unverified",
  complianceStatus: "valid",
  httpsWorks: false,
  blockedByOperator: false,
  consecutiveFailures: 0,
  firstFailureAtMs: undefined,
  waitingSinceMs: T0,
  lastCheckedAtMs: undefined,
  nextCheckAtMs: T0 + MINUTE,
};
const VERIFIED: VerificationState = { ...NEW, cnameStatus: "valid" };

interface Step {
  readonly trigger?: CheckTrigger;
  readonly cnameStatus: CnameStatus;
  readonly complianceStatus?: ComplianceStatus;
  readonly nowMs: number;
  readonly random?: number;
}

function after(current: VerificationState, step: Step): VerificationState {
  const { trigger = "background", cnameStatus, complianceStatus = "valid", nowMs, random = 0 } = step;
  return nextState(current, {
    check: { trigger, scheme: "http", result: { cnameStatus, complianceStatus } },
    httpsWorks: false,
    nowMs,
    random,
  });
}

/** Lets every check come when the schedule says and fail; gives the times of those checks. */
function failUntilGivenUp(
  state: VerificationState,
  random = 0,
): { times: number[]; last: VerificationState } {
  const times: number[] = [];
  let current = state;
  while (current.nextCheckAtMs !== undefined && times.length < 1000) {
    const nowMs = current.nextCheckAtMs;
    times.push(nowMs);
    current = after(current, { cnameStatus: "pending", nowMs, random });
  }
  return { times, last: current };
}

describe("a domain that waits for verification", () => {
  test("is checked after 1, 5, 15 and 60 minutes, then hourly for 14 days, then no more", () => {
    const { times, last } = failUntilGivenUp(NEW);
    const gaps = times.map((time, i) => (time - (times[i - 1] ?? T0)) / MINUTE);
    assert.deepEqual(gaps.slice(0, 6), [1, 5, 15, 60, 60, 60]);
    assert.ok(gaps.slice(4).every((gap) => gap === 60));
    const lasted = (times.at(-1) ?? 0) - T0;
    assert.ok(lasted <= 14 * DAY && lasted > 14 * DAY - 2 * HOUR);
    assert.equal(last.cnameStatus, "pending");
    assert.equal(last.nextCheckAtMs, undefined);
  });

  test("becomes valid by a background check too, and is then checked daily", () => {
    const state = after(NEW, { cnameStatus: "valid", nowMs: T0 + MINUTE });
    assert.equal(state.cnameStatus, "valid");
    assert.equal(state.nextCheckAtMs, T0 + MINUTE + DAY);
    assert.equal(state.lastCheckedAtMs, T0 + MINUTE);
  });

  test("takes each check's status", () => {
    const pending = after(NEW, { cnameStatus: "pending", nowMs: T0 + MINUTE });
    const invalid = after(pending, { cnameStatus: "invalid", nowMs: T0 + 6 * MINUTE });
    assert.deepEqual([pending.cnameStatus, invalid.cnameStatus], ["pending", "invalid"]);
  });

  test("waits anew when somebody asks after it was given up", () => {
    const { last } = failUntilGivenUp(NEW);
    const nowMs = T0 + 30 * DAY;
    const asked = after(last, { trigger: "asked", cnameStatus: "pending", nowMs });
    assert.equal(asked.waitingSinceMs, nowMs);
    assert.equal(asked.nextCheckAtMs, nowMs + MINUTE);
  });

  test("does not wait longer because somebody asks meanwhile", () => {
    const asked = after(NEW, { trigger: "asked", cnameStatus: "pending", nowMs: T0 + 3 * DAY });
    assert.equal(asked.waitingSinceMs, T0);
    assert.equal(asked.nextCheckAtMs, T0 + 3 * DAY + HOUR);
  });
});

describe("a verified domain", () => {
  test("loses verification at once when an asked-for check fails", () => {
    const state = after(VERIFIED, { trigger: "asked", cnameStatus: "invalid", nowMs: T0 + DAY });
    assert.equal(state.cnameStatus, "invalid");
    assert.equal(state.waitingSinceMs, T0 + DAY);
    assert.equal(state.nextCheckAtMs, T0 + DAY + MINUTE);
  });

  test("survives single background failures and is looked at sooner while they last", () => {
    const once = after(VERIFIED, { cnameStatus: "invalid", nowMs: T0 });
    assert.equal(once.cnameStatus, "valid");
    assert.equal(once.consecutiveFailures, 1);
    assert.equal(once.nextCheckAtMs, T0 + 30 * MINUTE);
    const recovered = after(once, { cnameStatus: "valid", nowMs: T0 + 30 * MINUTE });
    assert.equal(recovered.consecutiveFailures, 0);
    assert.equal(recovered.firstFailureAtMs, undefined);
  });

  test("loses verification by the third background failure when the schedule sets the times", () => {
    let state = VERIFIED;
    let nowMs = T0;
    const statuses: CnameStatus[] = [];
    for (let i = 0; i < 3; i++) {
      state = after(state, { cnameStatus: "invalid", nowMs });
      statuses.push(state.cnameStatus);
      nowMs = state.nextCheckAtMs ?? 0;
    }
    assert.deepEqual(statuses, ["valid", "valid", "invalid"]);
    assert.equal(state.waitingSinceMs, T0 + HOUR);
    assert.equal(state.nextCheckAtMs, T0 + HOUR + MINUTE);
    assert.equal(state.consecutiveFailures, 0);
  });

  test("keeps verification through any number of failures within an hour", () => {
    let state = VERIFIED;
    for (let i = 0; i < 60; i++) state = after(state, { cnameStatus: "invalid", nowMs: T0 + i * MINUTE });
    assert.equal(state.cnameStatus, "valid");
    assert.equal(after(state, { cnameStatus: "invalid", nowMs: T0 + HOUR }).cnameStatus, "invalid");
  });

  test("keeps verification through two failures a day apart", () => {
    const once = after(VERIFIED, { cnameStatus: "invalid", nowMs: T0 });
    assert.equal(after(once, { cnameStatus: "invalid", nowMs: T0 + DAY }).cnameStatus, "valid");
  });

  test("forgets its background failures when an asked-for check passes", () => {
    const once = after(VERIFIED, { cnameStatus: "invalid", nowMs: T0 });
    assert.equal(
      after(once, { trigger: "asked", cnameStatus: "valid", nowMs: T0 + MINUTE }).consecutiveFailures,
      0,
    );
  });
});

test("https works exactly when the last passing check was made by it", () => {
  const check = (scheme: Scheme, cnameStatus: CnameStatus, trigger: CheckTrigger = "asked") => {
    const result = { cnameStatus, complianceStatus: "valid" } as const;
    const httpsWorks = scheme === "https" && cnameStatus === "valid";
    return { check: { trigger, scheme, result }, httpsWorks, nowMs: T0, random: 0 };
  };
  const secure = nextState(VERIFIED, check("https", "valid"));
  assert.equal(secure.httpsWorks, true);
  assert.equal(nextState(secure, check("http", "valid")).httpsWorks, false);
  assert.equal(nextState(secure, check("https", "invalid")).httpsWorks, false);
  assert.equal(nextState(secure, check("https", "invalid", "background")).httpsWorks, true);
});

test("a secure domain that is reached by http alone stays verified, and loses https at the third failure over an hour", () => {
  const check = (nowMs: number, trigger: CheckTrigger = "background") => {
    const result = { cnameStatus: "valid", complianceStatus: "valid" } as const;
    return { check: { trigger, scheme: "https", result }, httpsWorks: false, nowMs, random: 0 } as const;
  };
  const working: VerificationState = { ...VERIFIED, httpsWorks: true };
  let state = working;
  for (const [minutes, httpsWorks] of [
    [0, true],
    [30, true],
    [60, false],
  ] as const) {
    state = nextState(state, check(T0 + minutes * MINUTE));
    assert.deepEqual([state.cnameStatus, state.httpsWorks], ["valid", httpsWorks]);
  }
  assert.equal(state.consecutiveFailures, 0);
  assert.equal(state.nextCheckAtMs, T0 + 2 * HOUR);
  assert.equal(nextState(working, check(T0, "asked")).httpsWorks, false);
});

test("checks that fell together spread out: a delay grows by up to a tenth", () => {
  const next = (random: number) => after(VERIFIED, { cnameStatus: "valid", nowMs: T0, random }).nextCheckAtMs;
  assert.deepEqual([next(0), next(0.5)], [T0 + DAY, T0 + 1.05 * DAY]);
});

describe("a blocked domain", () => {
  test("keeps what is known of its DNS and is looked at daily", () => {
    for (const cnameStatus of CNAME_STATUSES) {
      const state = after({ ...NEW, cnameStatus }, { cnameStatus, complianceStatus: "blocked", nowMs: T0 });
      assert.equal(state.cnameStatus, cnameStatus);
      assert.equal(state.complianceStatus, "blocked");
      assert.equal(state.nextCheckAtMs, T0 + DAY);
    }
  });

  test("by policy is free again once the policy allows it", () => {
    const blocked: VerificationState = { ...VERIFIED, complianceStatus: "blocked" };
    assert.equal(after(blocked, { cnameStatus: "valid", nowMs: T0 }).complianceStatus, "valid");
  });

  test("by an operator stays blocked whatever a check says", () => {
    const blocked: VerificationState = { ...VERIFIED, complianceStatus: "blocked", blockedByOperator: true };
    for (const cnameStatus of CNAME_STATUSES) {
      assert.equal(after(blocked, { cnameStatus, nowMs: T0 }).complianceStatus, "blocked");
    }
  });
});

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const found = fc.constantFrom<CnameStatus>("pending", "invalid", "valid");
const steps = fc.array(
  fc.record({
    trigger: fc.constantFrom<CheckTrigger>("asked", "background"),
    cnameStatus: found,
    complianceStatus: fc.constantFrom<ComplianceStatus>("valid", "valid", "valid", "blocked"),
    gapMs: fc.integer({ min: 0, max: 3 * DAY }),
    random,
  }),
  { maxLength: 40 },
);

describe("whatever checks find", () => {
  test("the next check lies ahead, and never further than the longest delay", () => {
    fc.assert(
      fc.property(steps, (history) => {
        let state = NEW;
        let nowMs = T0;
        for (const step of history) {
          nowMs += step.gapMs;
          state = after(state, { ...step, nowMs });
          const next = state.nextCheckAtMs;
          if (next !== undefined) assert.ok(next >= nowMs + MINUTE && next <= nowMs + LONGEST_DELAY_MS);
        }
      }),
    );
  });

  test("a verified domain is never given up", () => {
    fc.assert(
      fc.property(steps, (history) => {
        let state = NEW;
        let nowMs = T0;
        for (const step of history) {
          nowMs += step.gapMs;
          state = after(state, { ...step, nowMs });
          assert.ok(state.cnameStatus !== "valid" || state.nextCheckAtMs !== undefined);
        }
      }),
    );
  });

  test("background failures never take verification away within an hour, nor before the third", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 2 * HOUR }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(gaps, (gapsMs) => {
        let state = VERIFIED;
        let nowMs = T0;
        for (const [index, gapMs] of gapsMs.entries()) {
          nowMs += index === 0 ? 0 : gapMs;
          state = after(state, { cnameStatus: "pending", nowMs });
          const mayLose = index >= 2 && nowMs - T0 >= HOUR;
          assert.equal(state.cnameStatus, mayLose ? "pending" : "valid");
          if (mayLose) return;
        }
      }),
    );
  });

  test("the waits of an unverified domain never get shorter, and end within 14 days", () => {
    fc.assert(
      fc.property(random, (chance) => {
        const { times, last } = failUntilGivenUp(NEW, chance);
        const gaps = times.map((time, i) => time - (times[i - 1] ?? T0));
        assert.ok(gaps.every((gap, i) => i < 2 || gap >= (gaps[i - 1] ?? 0)));
        assert.ok((times.at(-1) ?? 0) <= T0 + 14 * DAY);
        assert.equal(last.nextCheckAtMs, undefined);
      }),
      { numRuns: 20 },
    );
  });
});
