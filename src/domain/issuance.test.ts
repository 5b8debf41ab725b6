import assert from "node:assert/strict";
import { test } from "node:test";

import { type TlsFacts, tlsStatus } from "./issuance.ts";

const NONE: TlsFacts = { certificate: undefined, error: undefined, isRefused: false };
const certificate = { source: "acme", issuedAtMs: 100, expiresAtMs: 200 } as const;

test("a certificate's status is what a person would call it", () => {
  assert.equal(tlsStatus(NONE, false, 150), "unknown");
  assert.equal(tlsStatus(NONE, true, 150), "pending");
  assert.equal(tlsStatus({ ...NONE, error: "acme:dns" }, true, 150), "failed");
  assert.equal(
    tlsStatus({ ...NONE, error: "acme:rejected_identifier", isRefused: true }, true, 150),
    "unavailable",
  );
  assert.equal(tlsStatus({ ...NONE, certificate }, false, 199), "valid");
  assert.equal(tlsStatus({ ...NONE, certificate }, true, 200), "expired");
});

test("a renewal that fails does not hide that the certificate is still valid, nor that it has lapsed", () => {
  const failing = { certificate, error: "acme:temporary", isRefused: true } as const;
  assert.equal(tlsStatus(failing, true, 150), "valid");
  assert.equal(tlsStatus(failing, true, 200), "expired");
});
