import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { REQUEST_PURPOSES } from "../domain/event.ts";
import { requestPurpose } from "./request-purpose.ts";

const SAID: readonly (readonly [header: string, value: string, purpose: string | undefined])[] = [
  ["sec-purpose", "prefetch", "prefetch"],
  ["sec-purpose", "prefetch;anonymous-client-ip", "prefetch"],
  ["sec-purpose", "prefetch;prerender", "prerender"],
  ["sec-purpose", "prefetch; prerender;preview", "prerender"],
  ["purpose", "prefetch", "prefetch"],
  ["purpose", "Prefetch", "prefetch"],
  ["purpose", "preview", "preview"],
  ["x-purpose", "preview", "preview"],
  ["x-moz", "prefetch", "prefetch"],
  ["sec-purpose", "navigate", undefined],
  ["sec-purpose", "", undefined],
];

for (const [header, value, purpose] of SAID) {
  test(`a request with ${header}: ${value} is ${purpose === undefined ? "like any other" : `a ${purpose}`}`, () => {
    assert.equal(requestPurpose({ [header]: value }), purpose);
  });
}

test("a request without any of the headers is an ordinary one", () => {
  assert.equal(requestPurpose({ "user-agent": "prefetch", accept: "*/*" }), undefined);
});

test("whatever the headers hold, the purpose is a known one or none", () => {
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.constantFrom("prefetch;", ";prerender"));
  const names = fc.constantFrom("sec-purpose", "purpose", "x-purpose", "x-moz");
  fc.assert(
    fc.property(fc.dictionary(names, value), (headers) => {
      const purpose = requestPurpose(headers as Record<string, string>);
      assert.ok(purpose === undefined || REQUEST_PURPOSES.includes(purpose));
    }),
  );
});
