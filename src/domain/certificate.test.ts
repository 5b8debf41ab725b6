import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";

import { issueCertificate } from "../../test/verification/certificates.ts";
import { checkCertificate } from "./certificate.ts";
import type { Hostname } from "./hostname.ts";

const DOMAIN = "click.acme.com" as Hostname;
const NOW = Date.now();
const root = issueCertificate({ commonName: "Root", isCa: true });
const between = issueCertificate({ commonName: "Between", isCa: true, issuer: root });
const leaf = issueCertificate({ commonName: "whatever", dnsNames: [DOMAIN], issuer: between });

function check(certificate: string, privateKey = leaf.key, nowMs = NOW) {
  const checked = checkCertificate({ certificate, privateKey }, DOMAIN, nowMs);
  return checked.ok ? "ok" : `${checked.field} ${checked.problem}`;
}

test("a chain with its key is taken, without the root that clients have themselves", () => {
  const checked = checkCertificate(
    { certificate: `${leaf.cert}\n${between.cert} ${root.cert}`, privateKey: leaf.key },
    DOMAIN,
    NOW,
  );
  assert.ok(checked.ok);
  assert.equal(checked.certificate.chainPem.match(/BEGIN/g)?.length, 2);
  assert.equal(
    new X509Certificate(checked.certificate.chainPem).fingerprint256,
    new X509Certificate(leaf.cert).fingerprint256,
  );
  assert.match(checked.certificate.keyPem, /BEGIN PRIVATE KEY/);
  assert.match(checked.certificate.tag, /^[0-9a-f]{32}$/);
  assert.match(checked.certificate.issuer, /Between/);
});

test("a wildcard covers one label, and nothing but the alternative names counts", () => {
  const wildcard = issueCertificate({ commonName: "x", dnsNames: ["*.acme.com"] });
  assert.equal(check(wildcard.cert, wildcard.key), "ok");
  for (const names of [["*.click.acme.com"], ["acme.com"], ["cl*.acme.com"], ["*.com"], []]) {
    const other = issueCertificate({ commonName: DOMAIN, dnsNames: names });
    assert.equal(check(other.cert, other.key), "certificate wrong_name");
  }
});

test("what would not do is told apart", () => {
  assert.equal(check("nonsense"), "certificate not_pem");
  assert.equal(check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), "certificate not_pem");
  assert.equal(check(between.cert + leaf.cert), "certificate wrong_order");
  const stranger = issueCertificate({ commonName: "Between", isCa: true });
  const strangers = issueCertificate({ commonName: "x", dnsNames: [DOMAIN], issuer: stranger });
  assert.equal(check(strangers.cert + between.cert, strangers.key), "certificate wrong_order");
  assert.equal(check(leaf.cert.repeat(7)), "certificate too_many");
  assert.equal(check(leaf.cert, "nonsense"), "private_key bad_key");
  assert.equal(check(leaf.cert, between.key), "private_key key_mismatch");
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  assert.equal(
    check(leaf.cert, weak.export({ type: "pkcs8", format: "pem" }).toString()),
    "private_key unfit_key",
  );
  // Whoever may bring a key must not slow down the edge for everybody.
  const slow = generateKeyPairSync("rsa", { modulusLength: 4160 }).privateKey;
  assert.equal(
    check(leaf.cert, slow.export({ type: "pkcs8", format: "pem" }).toString()),
    "private_key unfit_key",
  );
  const encrypted = weak.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
  assert.equal(check(leaf.cert, encrypted.toString()), "private_key bad_key");
  const authority = issueCertificate({ commonName: "x", dnsNames: [DOMAIN], isCa: true });
  assert.equal(check(authority.cert, authority.key), "certificate is_authority");
  assert.equal(check(leaf.cert, leaf.key, NOW + 2 * 86_400_000), "certificate expired");
  assert.equal(check(leaf.cert, leaf.key, NOW - 3 * 86_400_000), "certificate not_yet_valid");
});
