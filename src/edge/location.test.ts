import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { locationOf } from "./location.ts";

const webAddress = fc.webUrl({ withQueryParameters: true, withFragments: true });

test("a target that a header can carry stays as the sender wrote it, to the byte", () => {
  fc.assert(
    fc.property(webAddress, (target) => {
      assert.equal(locationOf(target), target);
    }),
  );
});

for (const [target, location] of [
  ["https://shop.example/?a=1&b=%20#x", "https://shop.example/?a=1&b=%20#x"],
  ["HTTPS://shop.example", "HTTPS://shop.example"],
  ["https://shop.example/a b", "https://shop.example/a%20b"],
  ["https://shop.example/caf\u00e9", "https://shop.example/caf%C3%A9"],
  ["https://shop.example/\u{1f600}", "https://shop.example/%F0%9F%98%80"],
  ["https://shop.example/\ud800", "https://shop.example/%EF%BF%BD"],
  [" https://shop.example/a\r\n/b\t", "https://shop.example/a/b"],
  ["https://shop.example/\u0000", "https://shop.example/"],
  ["https://shop.example/\u0001x", "https://shop.example/%01x"],
] as const) {
  test(`the target ${JSON.stringify(target)} becomes the Location ${location}`, () => {
    assert.equal(locationOf(target), location);
  });
}

for (const target of [
  "javascript:alert(1)",
  "//evil.example/",
  "/path",
  "",
  "http:",
  "http://",
  "http:///x",
  "ftp://a/",
]) {
  test(`${JSON.stringify(target)} is no target to redirect to`, () => {
    assert.equal(locationOf(target), undefined);
  });
}

test("no target puts a byte into a header that doesn't belong there", () => {
  const anyTarget = fc.oneof(fc.string({ unit: "binary" }), fc.string()).map((rest) => `http://a${rest}`);
  fc.assert(
    fc.property(anyTarget, (target) => {
      assert.match(locationOf(target) ?? "", /^[!-~]*$/);
    }),
  );
});
