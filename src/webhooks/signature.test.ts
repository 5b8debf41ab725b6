import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { newSigningSecret, rotate, signatureHeaders } from "./signature.ts";

test("the example of the standard is signed as it says", () => {
  // https://github.com/standard-webhooks/standard-webhooks, the values that its libraries test themselves with.
  const headers = signatureHeaders(
    {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      body: Buffer.from('{"test": 2432232314}'),
      nowMs: 1_614_265_330_999,
    },
    { current: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
  );
  assert.deepEqual(headers, {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("a secret is 32 random bytes, never the same twice", () => {
  const secrets = Array.from({ length: 100 }, newSigningSecret);
  assert.equal(new Set(secrets).size, 100);
  for (const secret of secrets) {
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.equal(Buffer.from(secret.slice(6), "base64").length, 32);
  }
});

test("after a rotation both secrets sign until the overlap ends, the new one first", () => {
  const old = { current: newSigningSecret() };
  const rotated = rotate(old, 60_000, 1_000_000);
  const signature = (secrets: Parameters<typeof signatureHeaders>[1], nowMs: number) =>
    signatureHeaders({ id: "a", body: Buffer.from("[]"), nowMs }, secrets)["webhook-signature"];
  const byNew = (nowMs: number) => signature({ current: rotated.current }, nowMs);
  assert.equal(signature(rotated, 1_059_999), `${byNew(1_059_999)} ${signature(old, 1_059_999)}`);
  assert.equal(signature(rotated, 1_060_000), byNew(1_060_000));
});

test("a second rotation ends the first secret, and one without overlap ends the old one at once", () => {
  const first = { current: newSigningSecret() };
  const second = rotate(first, 60_000, 0);
  assert.equal(rotate(second, 60_000, 1).previous?.secret, second.current);
  assert.equal(rotate(second, 0, 1).previous, undefined);
});

test("another id, time, body or secret is another signature", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uint8Array(), fc.nat(), (id, bytes, seconds) => {
      const secrets = { current: newSigningSecret() };
      const of = (signed: Partial<Parameters<typeof signatureHeaders>[0]>, by = secrets) =>
        signatureHeaders({ id, body: Buffer.from(bytes), nowMs: seconds * 1000, ...signed }, by)[
          "webhook-signature"
        ];
      const all = [
        of({}),
        of({ id: `${id}x` }),
        of({ nowMs: (seconds + 1) * 1000 }),
        of({ body: Buffer.concat([Buffer.from(bytes), Buffer.of(0)]) }),
        of({}, { current: newSigningSecret() }),
      ];
      assert.equal(new Set(all).size, all.length);
    }),
  );
});
