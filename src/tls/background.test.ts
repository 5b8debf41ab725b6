import assert from "node:assert/strict";
import { test } from "node:test";

import { parseHostname } from "../domain/hostname.ts";
import { type CertificateWorkDeps, startCertificateWork } from "./background.ts";
import { CertificateCounts } from "./certificate-counts.ts";
import { type CertificateEvent, logEvent } from "./certificate-events.ts";

const DOMAIN = parseHostname("click.acme.com");
const ENDING = { domain: DOMAIN, source: "own", expiresAtMs: Date.UTC(2026, 1, 1) } as const;
const SUMMARY = {
  byState: { valid: 1, expired: 0, unavailable: 0, failed: 0, pending: 0 },
  nextExpiryMs: 7,
};

/** Each list is what one look finds; after the last there is nothing. `seen` resolves at the look after them. */
function setUp(
  over: Partial<CertificateWorkDeps["certificates"]> = {},
  issuer?: CertificateWorkDeps["issuer"],
) {
  const events: CertificateEvent[] = [];
  const errors: string[] = [];
  const deps: CertificateWorkDeps = {
    issuer,
    certificates: {
      lapse: async () => [],
      takeExpiryWarnings: async () => [],
      summarize: async () => SUMMARY,
      ...over,
    },
    now: Date.now,
    onEvent: (event) => events.push(event),
    log: { error: (_, message) => errors.push(message) },
    intervalMs: 1,
  };
  return { deps, events, errors };
}

test("what ends and what will end is told once, and the summary kept for whoever asks", async () => {
  const third = Promise.withResolvers<void>();
  let looks = 0;
  const { deps, events } = setUp({
    lapse: async () => {
      looks += 1;
      if (looks === 3) third.resolve();
      return looks === 1 ? [ENDING] : [];
    },
    takeExpiryWarnings: async () => (looks === 1 ? [ENDING] : []),
  });
  const work = startCertificateWork(deps);
  assert.equal(work.summary(), undefined);
  await third.promise;
  assert.deepEqual(work.summary(), SUMMARY);
  await work.stop();
  assert.deepEqual(events, [
    { kind: "certificate_lapsed", ...ENDING },
    { kind: "certificate_expiring", ...ENDING },
  ]);
});

test("a store that fails is complained about, and asked again", async () => {
  const again = Promise.withResolvers<void>();
  let looks = 0;
  const { deps, errors } = setUp({
    lapse: async () => {
      looks += 1;
      if (looks === 1) throw new Error("down");
      again.resolve();
      return [];
    },
  });
  const work = startCertificateWork(deps);
  await again.promise;
  await work.stop();
  assert.deepEqual(errors, ["certificates could not be looked after"]);
});

test("due names are taken up round after round while rounds are full, and with pauses else", async () => {
  const rounds: number[] = [];
  const done = Promise.withResolvers<void>();
  const { deps } = setUp(
    {},
    {
      advanceDue: async (limit) => {
        rounds.push(limit);
        if (rounds.length === 4) done.resolve();
        return rounds.length < 3 ? limit : 0;
      },
    },
  );
  const work = startCertificateWork(deps);
  await done.promise;
  await work.stop();
  assert.ok(rounds.length >= 4 && rounds.every((limit) => limit === rounds[0]));
});

test("events are counted by what they say, and each has its line with the right urgency", () => {
  const failed = {
    kind: "certificate_failed",
    domain: DOMAIN,
    code: "acme:dns",
    setback: "unready",
    wasOrdered: false,
    text: "It has no address.",
    nextAttemptAtMs: 70,
  } as const;
  const issued = { kind: "certificate_issued", domain: DOMAIN, expiresAtMs: 0 } as const;
  const counts = new CertificateCounts();
  const lines: string[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log = { info: at("info"), warn: at("warn"), error: at("error") };
  for (const event of [
    issued,
    { ...issued, kind: "certificate_renewed" },
    failed,
    { ...failed, wasOrdered: true, nextAttemptAtMs: undefined },
    { kind: "certificate_expiring", ...ENDING },
    { kind: "certificate_lapsed", ...ENDING },
  ] as const) {
    counts.count(event);
    logEvent(event, log, 10);
  }
  assert.deepEqual(counts.orders, { issued: 1, renewed: 1, failed: 1 });
  assert.equal(counts.failures["acme:dns"], 2);
  assert.deepEqual(lines, [
    'info certificate issued {"domain":"click.acme.com","expiresAt":"1970-01-01T00:00:00.000Z"}',
    'info certificate renewed {"domain":"click.acme.com","expiresAt":"1970-01-01T00:00:00.000Z"}',
    'warn certificate could not be had {"domain":"click.acme.com","code":"acme:dns","reason":"It has no address.","retryInMs":60}',
    'warn certificate could not be had {"domain":"click.acme.com","code":"acme:dns","reason":"It has no address."}',
    'warn a certificate that its owner brought ends soon {"domain":"click.acme.com","expiresAt":"2026-02-01T00:00:00.000Z"}',
    'error certificate has ended: new links of the tracking domain go back to http {"domain":"click.acme.com","source":"own"}',
  ]);
});
