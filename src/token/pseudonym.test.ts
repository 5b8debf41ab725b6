import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { createKeyRing, openSealedKeyRing, rotateKeyRing, sealKeyRing } from "./key-ring.ts";
import { erasedHashOf, isPseudonym, privacyKeys, pseudonymOf } from "./pseudonym.ts";

const ring = createKeyRing();
const keys = privacyKeys(ring);
const anyAddress = fc.emailAddress();

test("a person is the same pseudonym however the address is spelled, and nobody else is", () => {
  fc.assert(
    fc.property(anyAddress, anyAddress, (one, other) => {
      const pseudonym = pseudonymOf(one, keys);
      assert.equal(pseudonymOf(one.toUpperCase(), keys), pseudonym);
      assert.equal(pseudonymOf(other, keys) === pseudonym, one.toLowerCase() === other.toLowerCase());
    }),
  );
});

test("a pseudonym keeps the domain, says what it is, and is its own pseudonym", () => {
  assert.match(pseudonymOf("Ann@Example.com", keys), /^pseudonym-[0-9a-f]{32}@example\.com$/);
  fc.assert(
    fc.property(anyAddress, (address) => {
      const pseudonym = pseudonymOf(address, keys);
      assert.ok(isPseudonym(pseudonym) && !isPseudonym(address));
      assert.equal(pseudonymOf(pseudonym, keys), pseudonym);
      assert.equal(pseudonym.split("@").at(-1), address.toLowerCase().split("@").at(-1));
    }),
  );
});

test("rotating and sealing the key ring changes no pseudonym and no hash; another installation's are others", () => {
  const secret = "a-secret-that-is-long-enough-for-tests";
  const rotated = openSealedKeyRing(sealKeyRing(rotateKeyRing(rotateKeyRing(ring)), secret), secret);
  assert.ok(rotated);
  const later = privacyKeys(rotated);
  const elsewhere = privacyKeys(createKeyRing());
  fc.assert(
    fc.property(anyAddress, (address) => {
      assert.equal(pseudonymOf(address, later), pseudonymOf(address, keys));
      assert.equal(erasedHashOf(address, later), erasedHashOf(address.toUpperCase(), keys));
      assert.notEqual(pseudonymOf(address, elsewhere), pseudonymOf(address, keys));
      assert.notEqual(erasedHashOf(address, elsewhere), erasedHashOf(address, keys));
      assert.ok(!pseudonymOf(address, keys).includes(erasedHashOf(address, keys)), "nor is one the other");
    }),
  );
});

test("a pseudonym is HMAC-SHA256 of the address under a key of its own, as others can compute it with the key ring", () => {
  const info = "waypost privacy v1 pseudonym";
  const key = Buffer.from(hkdfSync("sha256", ring.current.secret, "", info, 32));
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (text) => {
      const address = `${text}@example.com`.toLowerCase();
      const hex = createHmac("sha256", key).update(address).digest("hex");
      assert.equal(pseudonymOf(address, keys), `pseudonym-${hex.slice(0, 32)}@example.com`);
    }),
  );
});
