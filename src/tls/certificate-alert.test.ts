import assert from "node:assert/strict";
import { test } from "node:test";

import { parseHostname } from "../domain/hostname.ts";
import { certificateAlert } from "./certificate-alert.ts";
import type { CertificateEvent } from "./certificate-events.ts";

const DOMAIN = parseHostname("click.acme.com");
const EXPIRES = "2026-11-22T21:00:00.000Z";
const ENDING = { domain: DOMAIN, source: "own", expiresAtMs: Date.parse(EXPIRES) } as const;

test("people are told what keeps a certificate from working, and not that one works", () => {
  const cases: readonly (readonly [CertificateEvent, object | undefined])[] = [
    [{ kind: "certificate_issued", ...ENDING }, undefined],
    [{ kind: "certificate_renewed", ...ENDING }, undefined],
    [
      {
        kind: "certificate_failed",
        domain: DOMAIN,
        code: "acme:dns",
        setback: "invalid",
        wasOrdered: true,
        text: "The name does not resolve.",
        nextAttemptAtMs: undefined,
      },
      { problem: "acme:dns", reason: "The name does not resolve." },
    ],
    [
      { kind: "certificate_expiring", ...ENDING },
      { problem: "expiring", expiresAt: EXPIRES },
    ],
    [
      { kind: "certificate_lapsed", ...ENDING },
      { problem: "lapsed", expiresAt: EXPIRES },
    ],
  ];
  for (const [event, expected] of cases) {
    const { trackingDomain, reason, ...rest } = certificateAlert(event) ?? {};
    assert.deepEqual([event.kind, trackingDomain], [event.kind, expected && DOMAIN]);
    assert.deepEqual({ reason, ...rest }, { reason, ...expected });
  }
});
