import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { answerProbe, isProbeNonce, newProbeNonce, readProbeAnswer } from "./probe-mac.ts";

const key = randomBytes(32);

test("an edge's answer tells the prober which host it was asked for", () => {
  for (const host of [
    "click.acme.com",
    "click.acme.com:8081",
    "127.0.0.1:80",
    "[::1]:8081",
    "CLICK.acme.com",
  ]) {
    const nonce = newProbeNonce();
    assert.deepEqual(readProbeAnswer(`${answerProbe(nonce, host, key)}\r\n`, nonce, key), { hostSeen: host });
  }
});

test("an answer to another nonce, for another host or under another key is not ours", () => {
  const nonce = newProbeNonce();
  const answer = answerProbe(nonce, "click.acme.com", key);
  assert.equal(readProbeAnswer(answer, newProbeNonce(), key), undefined);
  assert.equal(readProbeAnswer(answer.replace("acme", "evil"), nonce, key), undefined);
  assert.equal(readProbeAnswer(answer, nonce, randomBytes(32)), undefined);
});

test("a host that no Host header spells is refused although its MAC fits", () => {
  const nonce = newProbeNonce();
  for (const host of ["", "a b", "a\nb", "<script>", "a".repeat(300)]) {
    assert.equal(readProbeAnswer(answerProbe(nonce, host, key), nonce, key), undefined);
  }
});

test("reading an answer never throws", () => {
  const nonce = newProbeNonce();
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (body) =>
      assert.equal(readProbeAnswer(body, nonce, key), undefined),
    ),
  );
});

test("nonces are 32 hex characters and never the same", () => {
  assert.ok(isProbeNonce(newProbeNonce()));
  assert.notEqual(newProbeNonce(), newProbeNonce());
  for (const text of ["", "A".repeat(32), "0".repeat(31), "0".repeat(33), `${"0".repeat(32)}\n`])
    assert.ok(!isProbeNonce(text), text);
});
