import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";

import { type Hostname, parseHostname } from "../domain/hostname.ts";
import { createCsr } from "./csr.ts";
import { newKeyPem } from "./jws.ts";

/** OpenSSL is the judge: whether the request is signed by the key in it, and what it says. */
function readByOpenssl(csr: Buffer): { isVerified: boolean; text: string } {
  const args = ["req", "-inform", "DER", "-verify", "-noout", "-text", "-pubkey"];
  const { stdout, stderr } = spawnSync("openssl", args, { input: csr, encoding: "utf8" });
  return { isVerified: stderr.includes("verify OK"), text: stdout };
}

// 253 characters, the longest there is: a common name could have 64.
const LONGEST = parseHostname(`${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(57)}.com`);

for (const name of [parseHostname("click.acme.com"), LONGEST]) {
  test(`OpenSSL finds a request for a name of ${name.length} characters well made and signed`, () => {
    const keyPem = newKeyPem();
    const { isVerified, text } = readByOpenssl(createCsr(name, keyPem));
    assert.ok(isVerified);
    const publicPem = createPublicKey(createPrivateKey(keyPem))
      .export({ type: "spki", format: "pem" })
      .toString();
    assert.ok(text.includes(publicPem));
    assert.match(text, /Subject: *\n/);
    assert.match(text, new RegExp(`Subject Alternative Name: *\n +DNS:${name}\n`));
    assert.match(text, /Signature Algorithm: ecdsa-with-SHA256/);
    assert.equal(text.match(/X509v3 /g)?.length, 1);
  });
}

test("OpenSSL refuses a request that was changed on the way", () => {
  const csr = createCsr("click.acme.com" as Hostname, newKeyPem());
  const changed = Buffer.from(csr.toString("latin1").replace("click", "clock"), "latin1");
  assert.equal(readByOpenssl(csr).isVerified, true);
  assert.equal(readByOpenssl(changed).isVerified, false);
});
