import assert from "node:assert/strict";
import { test } from "node:test";

import { parseHostname } from "../domain/hostname.ts";
import type { Issuance, NameToCertify, RenewalPlan } from "../domain/issuance.ts";
import { type NextStep, nextStep } from "./next-step.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
const DIRECTORY = "https://ca.example/directory";
const PLAN: RenewalPlan = { renewAtMs: NOW + 5 * DAY, window: undefined, askAgainAtMs: NOW + 1 * DAY };
const ISSUANCE: Issuance = {
  nextAttemptAtMs: NOW,
  failures: 0,
  problem: undefined,
  isRefused: false,
  order: undefined,
  plan: undefined,
};
const NAME: NameToCertify = {
  domain: parseHostname("click.example.com"),
  owner: 0,
  createdAtMs: NOW - 99 * DAY,
  isDeleted: false,
  isBlocked: false,
  secure: true,
  certificate: undefined,
  issuance: ISSUANCE,
};
const CERTIFICATE = {
  source: "acme",
  issuedAtMs: NOW - 55 * DAY,
  expiresAtMs: NOW + 35 * DAY,
  chainPem: "chain",
  directory: DIRECTORY,
} as const;
const CERTIFIED: NameToCertify = {
  ...NAME,
  certificate: CERTIFICATE,
  issuance: { ...ISSUANCE, plan: PLAN },
};

function step(name: NameToCertify, over: { nowMs?: number; isNeeded?: boolean } = {}): NextStep {
  return nextStep(name, { nowMs: NOW, directory: DIRECTORY, isNeeded: false, ...over });
}
const planned = (plan: Partial<RenewalPlan>): NameToCertify => ({
  ...CERTIFIED,
  issuance: { ...ISSUANCE, plan: { ...PLAN, ...plan } },
});
const STOP = { kind: "stop" } as const;
const FIRST = { kind: "order", isRenewal: false, replaces: undefined } as const;
const RENEWAL = { kind: "order", isRenewal: true, replaces: "chain" } as const;

test("a secure domain without a certificate gets one", () => {
  assert.deepEqual(step(NAME), FIRST);
});

test("nothing is ordered for a deleted domain, or one whose links use http, that has no certificate", () => {
  assert.deepEqual(step({ ...NAME, isDeleted: true }), STOP);
  assert.deepEqual(step({ ...NAME, secure: false }), STOP);
});

test("a certificate that its owner brought is left alone, lapsed or not", () => {
  const own = { ...CERTIFICATE, source: "own", directory: undefined } as const;
  for (const isNeeded of [true, false]) {
    assert.deepEqual(step({ ...CERTIFIED, certificate: own }, { isNeeded, nowMs: NOW + 99 * DAY }), STOP);
  }
});

test("a refused name is left alone, its renewal too", () => {
  const isRefused = true;
  assert.deepEqual(step({ ...NAME, issuance: { ...ISSUANCE, isRefused } }, { isNeeded: true }), STOP);
  assert.deepEqual(step({ ...CERTIFIED, issuance: { ...ISSUANCE, isRefused } }, { nowMs: NOW * 2 }), STOP);
});

test("a blocked domain waits, since its edge answers no challenge", () => {
  assert.deepEqual(step({ ...NAME, isBlocked: true }), { kind: "wait", untilMs: NOW + DAY });
});

test("a certificate is renewed when its time has come, and its CA asked in between", () => {
  assert.deepEqual(step(CERTIFIED), { kind: "wait", untilMs: NOW + DAY });
  assert.deepEqual(step(CERTIFIED, { nowMs: NOW + DAY }), { kind: "ask_window" });
  assert.deepEqual(step(CERTIFIED, { nowMs: NOW + 5 * DAY }), RENEWAL);
  assert.deepEqual(step(planned({ askAgainAtMs: undefined }), { nowMs: NOW + DAY }), {
    kind: "wait",
    untilMs: NOW + 5 * DAY,
  });
  assert.deepEqual(step({ ...CERTIFIED, issuance: ISSUANCE }), RENEWAL);
});

test("that a certificate is needed does not renew one that is there and in date", () => {
  assert.equal(step(CERTIFIED, { isNeeded: true }).kind, "wait");
});

test("another CA's certificate is renewed at its time, or at once when it does not work", () => {
  const other = { ...CERTIFIED, certificate: { ...CERTIFICATE, directory: "https://staging.example" } };
  assert.deepEqual(step(other), { kind: "wait", untilMs: NOW + 5 * DAY });
  const replacing = { ...RENEWAL, replaces: undefined };
  assert.deepEqual(step(other, { isNeeded: true }), replacing);
  assert.deepEqual(step(other, { nowMs: NOW + 5 * DAY }), replacing);
});

test("the certificate of a deleted domain is renewed while its links may be in use, and a month after it lapsed no more", () => {
  for (const unused of [{ isDeleted: true }, { secure: false }]) {
    const name = { ...CERTIFIED, ...unused };
    assert.deepEqual(step(name, { nowMs: NOW + 5 * DAY }), RENEWAL);
    assert.deepEqual(step(name, { nowMs: NOW + 64 * DAY }), RENEWAL);
    assert.deepEqual(step(name, { nowMs: NOW + 65 * DAY }), STOP);
  }
  assert.deepEqual(step(CERTIFIED, { nowMs: NOW + 65 * DAY }), RENEWAL);
});
