import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  createKeyRing,
  type KeyRing,
  keyRingAt,
  openSealedKeyRing,
  rotateKeyRing,
  sealKeyRing,
} from "./key-ring.ts";
import { seal, unseal } from "./sealed.ts";

const SECRET = "a master secret";

test("a sealed ring opens to the same ring, current key, retired keys and probe key", () => {
  const ring = rotateKeyRing(rotateKeyRing(createKeyRing()));
  assert.deepEqual(openSealedKeyRing(sealKeyRing(ring, SECRET), SECRET), ring);
});

test("a ring doesn't open with another secret or with a byte changed", () => {
  const text = sealKeyRing(createKeyRing(), SECRET);
  assert.equal(openSealedKeyRing(text, "another secret"), undefined);
  fc.assert(
    fc.property(fc.nat({ max: text.length - 2 }), (at) => {
      const damaged = text.slice(0, at) + (text[at] === "x" ? "y" : "x") + text.slice(at + 1);
      assert.equal(openSealedKeyRing(damaged, SECRET), undefined);
    }),
    { numRuns: 50 },
  );
});

test("opening a ring never throws, whatever the text is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(openSealedKeyRing(text, SECRET), undefined);
      assert.equal(openSealedKeyRing(`wp1.${text}`, SECRET), undefined);
    }),
  );
});

test("rotation makes a new current key and keeps every older one and the probe key", () => {
  const first = createKeyRing();
  const second = rotateKeyRing(first);
  assert.notDeepEqual(second.current.secret, first.current.secret);
  assert.deepEqual(second.keys.get(first.current.id), first.current);
  assert.deepEqual(second.probeKey, first.probeKey);
});

test("a ring of 255 keys refuses to rotate instead of dropping one", () => {
  let ring: KeyRing = createKeyRing();
  for (let i = 1; i < 255; i++) ring = rotateKeyRing(ring);
  assert.equal(ring.keys.size, 255);
  assert.throws(() => rotateKeyRing(ring), { name: "AppError", code: "resource_conflict" });
});

test("what was sealed for one purpose doesn't open for another", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = seal(Buffer.from(bytes), SECRET, "certificate");
      assert.deepEqual(unseal(text, SECRET, "certificate"), Buffer.from(bytes));
      assert.equal(unseal(text, SECRET, "key-ring"), undefined);
    }),
    { numRuns: 20 },
  );
});

test("a ring that a later version wrote is refused, not misread", () => {
  const later = seal(Buffer.from(JSON.stringify({ version: 2 })), SECRET, "key-ring");
  assert.equal(openSealedKeyRing(later, SECRET), undefined);
  const empty = { version: 1, current: 3, keys: [], probeKey: "" };
  assert.equal(
    openSealedKeyRing(seal(Buffer.from(JSON.stringify(empty)), SECRET, "key-ring"), SECRET),
    undefined,
  );
});

test("a new key seals from its time on, and opens at once", () => {
  const first = createKeyRing();
  const sealed = sealKeyRing(rotateKeyRing(first, 1000), "master secret");
  const ring = openSealedKeyRing(sealed, "master secret");
  assert.ok(ring !== undefined);
  assert.ok(ring.keys.has(2));
  assert.equal(keyRingAt(ring, 999).current.id, 1);
  assert.equal(keyRingAt(ring, 1000).current.id, 2);
});
