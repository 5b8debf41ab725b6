import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { AppError } from "./errors.ts";
import { canonicalHostname, domainOfAddress, isLocalhost, nameInZone, parseHostname } from "./hostname.ts";

const INVALID_CHARACTERS = "Error domain name contains invalid characters or spaces for domain: ";
const TOO_SHORT = "Error domain name length too short for domain: ";
const NO_DOT = "Error domain name contains no '.'(s) for domain: ";
const SYNTAX = "Error validating domain name syntax for domain: ";

for (const [given, stored] of [
  ["click.acme.com", "click.acme.com"],
  ["Click.ACME.com", "click.acme.com"],
  ["click.acme.com.", "click.acme.com"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["faß.example", "xn--fa-hia.example"],
  ["click。acme。com", "click.acme.com"],
  ["a.io", "a.io"],
  ["1.acme.com", "1.acme.com"],
  [`${"a".repeat(63)}.com`, `${"a".repeat(63)}.com`],
] as const) {
  test(`'${given}' is stored as '${stored}'`, () => assert.equal(parseHostname(given), stored));
}

for (const [name, reason] of [
  ["example*&#.domain.com", INVALID_CHARACTERS],
  ["my click.acme.com", INVALID_CHARACTERS],
  [" click.acme.com", INVALID_CHARACTERS],
  ["click_1.acme.com", INVALID_CHARACTERS],
  ["click.acme.com\n", INVALID_CHARACTERS],
  ["click\u00a0.acme.com", INVALID_CHARACTERS],
  ["click\ud800.acme.com", INVALID_CHARACTERS],
  ["http://click.acme.com", INVALID_CHARACTERS],
  ["click.acme.com:80", INVALID_CHARACTERS],
  ["[::1]", INVALID_CHARACTERS],
  ["ex", TOO_SHORT],
  ["", TOO_SHORT],
  ["a.b.", TOO_SHORT],
  ["exampledomaincom", NO_DOT],
  ["example..domain.com", SYNTAX],
  ["example.com..", SYNTAX],
  [".example.com", SYNTAX],
  ["-click.acme.com", SYNTAX],
  ["click-.acme.com", SYNTAX],
  [`${"a".repeat(64)}.com`, SYNTAX],
  [`${"a.".repeat(127)}com`, SYNTAX],
  ["192.0.2.1", SYNTAX],
  ["0x7f.1", SYNTAX],
  ["click.acme.123", SYNTAX],
  ["xn--a.example", SYNTAX],
] as const) {
  test(`'${name.slice(0, 40)}' is refused with the specification's text`, () => {
    assert.throws(() => parseHostname(name), new AppError("invalid_format", `${reason}'${name}'`));
  });
}

test("a stored name parses to itself", () => {
  fc.assert(
    fc.property(fc.domain(), (name) => {
      let stored: string;
      try {
        stored = parseHostname(name);
      } catch {
        return;
      }
      assert.equal(parseHostname(stored), stored);
      assert.equal(canonicalHostname(stored.toUpperCase()), stored);
    }),
  );
});

test("whatever is sent as a name is parsed or refused, and nothing else happens", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      try {
        const stored = parseHostname(text);
        assert.match(stored, /^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
        assert.ok(stored.length <= 253);
      } catch (error) {
        assert.ok(error instanceof AppError, `${error}`);
      }
      canonicalHostname(text);
    }),
  );
});

test("a name in a path finds its domain in any case and script, and stays itself when it is no name", () => {
  assert.equal(canonicalHostname("BÜCHER.example."), "xn--bcher-kva.example");
  assert.equal(canonicalHostname("Not A Name"), "not a name");
});

test("localhost and the names under it are loopback, look-alikes are not", () => {
  assert.ok(isLocalhost("localhost") && isLocalhost("click.localhost"));
  assert.ok(!isLocalhost("mylocalhost") && !isLocalhost("localhost.acme.com"));
});

test("the domain of an address is what follows its last @", () => {
  assert.equal(domainOfAddress('"a@b"@Acme.com'), "acme.com");
  assert.equal(domainOfAddress("nobody"), undefined);
  assert.equal(domainOfAddress("nobody@"), undefined);
});

test("a name is written inside its zone without the zone's part", () => {
  for (const [domain, name] of [
    ["click.acme.com", "click"],
    ["go.news.acme.co.uk", "go.news"],
    ["acme.com", "@"],
    ["shop.github.io", "@"],
  ] as const) {
    assert.equal(nameInZone(domain), name, domain);
  }
});
