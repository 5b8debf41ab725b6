import assert from "node:assert/strict";
import { test } from "node:test";

import { issueCertificate } from "../../test/verification/certificates.ts";
import { AcmeError } from "./acme-error.ts";
import { readRenewalWindow, renewalId } from "./renewal-info.ts";

const HOUR = 3_600_000;
const window = (start: unknown, end: unknown, more = {}) => ({ suggestedWindow: { start, end }, ...more });

// The example of RFC 9773, appendix A.
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`;

test("a certificate is called what RFC 9773 calls its example", () => {
  assert.equal(renewalId(EXAMPLE), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
});

test("a certificate that does not say whose key signed it has no such name", () => {
  assert.equal(renewalId(issueCertificate({ commonName: "x", dnsNames: ["x.example"] }).cert), undefined);
});

test("a window has its times, its page and when to ask again", () => {
  const page = "https://ca.example/why";
  const answer = window("2026-01-02T04:00:00Z", "2026-01-03T04:00:00+01:00", { explanationURL: page });
  assert.deepEqual(readRenewalWindow(answer, 2 * HOUR), {
    startMs: Date.UTC(2026, 0, 2, 4),
    endMs: Date.UTC(2026, 0, 3, 3),
    retryAfterMs: 2 * HOUR,
    explanationUrl: page,
  });
});

test("asking again happens after a minute at the earliest and a day at the latest", () => {
  const answer = window("2026-01-02T04:00:00Z", "2026-01-03T04:00:00Z");
  assert.equal(readRenewalWindow(answer, 0).retryAfterMs, 60_000);
  assert.equal(readRenewalWindow(answer, 99 * HOUR).retryAfterMs, 24 * HOUR);
  assert.equal(readRenewalWindow(answer).retryAfterMs, 6 * HOUR);
});

for (const [what, answer] of [
  ["ends before it starts", window("2026-01-02T04:00:00Z", "2026-01-01T04:00:00Z")],
  ["has no end", window("2026-01-02T04:00:00Z", undefined)],
  ["has no dates", window(17, {})],
  ["is not there", {}],
  ["is a word", { suggestedWindow: "soon" }],
] as const)
  test(`a window that ${what} is refused`, () => {
    assert.throws(
      () => readRenewalWindow(answer),
      (error) => error instanceof AcmeError && error.type === "invalidResponse",
    );
  });

for (const page of ["javascript:alert(1)", "http://ca.example/", `https://ca.example/${"a".repeat(600)}`, 7])
  test(`a page at ${String(page).slice(0, 30)} is left out`, () => {
    const answer = window("2026-01-02T04:00:00Z", "2026-01-03T04:00:00Z", { explanationURL: page });
    assert.equal("explanationUrl" in readRenewalWindow(answer), false);
  });
