import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";

import { bindExternalAccount, newKeyPem, readAccountKey, signRequest } from "./jws.ts";

const key = readAccountKey(newKeyPem());
const decode = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());

test("a request is signed over its header and payload with the account's key", () => {
  const url = "https://ca.example/order";
  const jws = JSON.parse(signRequest(key, { nonce: "n1", url, kid: "https://ca.example/acct/1" }, { a: 1 }));
  assert.deepEqual(Object.keys(jws).sort(), ["payload", "protected", "signature"]);
  assert.deepEqual(decode(jws.protected), {
    alg: "ES256",
    kid: "https://ca.example/acct/1",
    nonce: "n1",
    url,
  });
  assert.deepEqual(decode(jws.payload), { a: 1 });
  const publicKey = createPublicKey(key.privateKey);
  const isSigned = (text: string) =>
    verify(
      "sha256",
      Buffer.from(text),
      { key: publicKey, dsaEncoding: "ieee-p1363" },
      Buffer.from(jws.signature, "base64url"),
    );
  assert.ok(isSigned(`${jws.protected}.${jws.payload}`));
  assert.ok(!isSigned(`${jws.protected}.`));
});

test("a request that only reads has an empty payload, and one without an account shows the public key alone", () => {
  const jws = JSON.parse(signRequest(key, { nonce: "n1", url: "https://ca.example/" }));
  assert.equal(jws.payload, "");
  assert.deepEqual(decode(jws.protected).jwk, key.publicJwk);
  assert.deepEqual(Object.keys(key.publicJwk), ["crv", "kty", "x", "y"]);
});

test("an external account's key vouches for ours", () => {
  const url = "https://ca.example/new-account";
  const macKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
  const binding = bindExternalAccount(key, { keyId: "kid-1", macKey }, url) as Record<string, string>;
  assert.deepEqual(decode(binding["protected"]!), { alg: "HS256", kid: "kid-1", url });
  assert.deepEqual(decode(binding["payload"]!), key.publicJwk);
  const mac = createHmac("sha256", Buffer.from(macKey, "base64url"));
  mac.update(`${binding["protected"]}.${binding["payload"]}`);
  assert.equal(binding["signature"], mac.digest("base64url"));
});

for (const [what, pem] of [
  [
    "an RSA key",
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
  ],
  [
    "a P-384 key",
    generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ type: "pkcs8", format: "pem" }),
  ],
  ["a key that is cut off", newKeyPem().slice(0, 120)],
  ["something else", "hunter2hunter2"],
] as const)
  test(`${what} is refused as an account's key, and not quoted`, () => {
    assert.throws(
      () => readAccountKey(pem.toString()),
      (error: Error) => {
        const body = pem.toString().split("\n")[1] ?? pem.toString();
        return (
          error.message.includes("P-256") &&
          !JSON.stringify([error.message, error.stack, error.cause]).includes(body)
        );
      },
    );
  });
