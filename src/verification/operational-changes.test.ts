import assert from "node:assert/strict";
import { test } from "node:test";

import { domainAlerts } from "./operational-changes.ts";
import type { VerificationState } from "./verification-state.ts";

const STATE: VerificationState = {
  cnameStatus: "valid",
  complianceStatus: "valid",
  httpsWorks: true,
  blockedByOperator: false,
  consecutiveFailures: 0,
  firstFailureAtMs: undefined,
  waitingSinceMs: 0,
  lastCheckedAtMs: 0,
  nextCheckAtMs: 0,
};
const works = STATE;
const overHttp: VerificationState = { ...STATE, httpsWorks: false };
const broken: VerificationState = { ...STATE, cnameStatus: "invalid", httpsWorks: false };

for (const [name, from, to, alerts] of [
  ["stays as it is", works, { ...works, consecutiveFailures: 1 }, []],
  ["is no longer reached", works, broken, [{ kind: "domain_broken", problem: "verification" }]],
  ["is no longer reached over https", works, overHttp, [{ kind: "domain_broken", problem: "https" }]],
  ["is reached over https again", overHttp, works, [{ kind: "domain_recovered", problem: "https" }]],
  ["is reached again", broken, overHttp, [{ kind: "domain_recovered", problem: "verification" }]],
  [
    "is reached again with https",
    broken,
    works,
    [
      { kind: "domain_recovered", problem: "verification" },
      { kind: "domain_recovered", problem: "https" },
    ],
  ],
] as const) {
  test(`of a domain that ${name}, operators are told ${alerts.length === 0 ? "nothing" : "once each"}`, () => {
    assert.deepEqual(domainAlerts({ from, to }), alerts);
  });
}
