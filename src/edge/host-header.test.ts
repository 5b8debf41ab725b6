import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { canonicalHost } from "./host-header.ts";

for (const [header, host] of [
  ["click.acme.com", "click.acme.com"],
  ["CLICK.Acme.COM", "click.acme.com"],
  ["click.acme.com:8081", "click.acme.com"],
  ["click.acme.com.", "click.acme.com"],
  ["click.acme.com.:80", "click.acme.com"],
  ["click.acme.com:", "click.acme.com"],
  [" click.acme.com ", "click.acme.com"],
  ["localhost", "localhost"],
  ["127.0.0.1:80", "127.0.0.1"],
  ["[::1]", "[::1]"],
  ["[2001:DB8::1]:8081", "[2001:db8::1]"],
] as const) {
  test(`the Host header ${JSON.stringify(header)} means ${host}`, () => {
    assert.equal(canonicalHost(header), host);
  });
}

for (const header of [
  undefined,
  "",
  ".",
  "..",
  "a b",
  "a..b",
  "a,b",
  "user@host",
  "a/b",
  "::1",
  "m\u00fcnchen.de",
]) {
  test(`the Host header ${JSON.stringify(header)} names nothing`, () => {
    assert.equal(canonicalHost(header), "");
  });
}

test("whatever a client writes into Host, the edge reads a plain name or nothing", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.domain(), fc.ipV6()), (header) => {
      const host = canonicalHost(header);
      assert.match(host, /^[a-z0-9_.[\]:-]*$/);
      assert.equal(canonicalHost(host), host);
    }),
  );
});
