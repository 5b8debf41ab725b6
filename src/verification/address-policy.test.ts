import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { isPublicUnicast, mayReach } from "./address-policy.ts";

const FORBIDDEN = [
  ["loopback", "127.0.0.1"],
  ["loopback beyond the first address", "127.255.255.254"],
  ["this host", "0.0.0.0"],
  ["private (10/8)", "10.1.2.3"],
  ["private (172.16/12)", "172.31.255.255"],
  ["private (192.168/16)", "192.168.0.1"],
  ["carrier-grade NAT", "100.64.0.1"],
  ["link-local, cloud metadata", "169.254.169.254"],
  ["the agent of an Azure host", "168.63.129.16"],
  ["the agent of an Azure host, IPv4-mapped", "::ffff:168.63.129.16"],
  ["benchmarking", "198.18.0.1"],
  ["documentation", "203.0.113.7"],
  ["multicast", "224.0.0.1"],
  ["reserved", "240.0.0.1"],
  ["broadcast", "255.255.255.255"],
  ["IPv6 loopback", "::1"],
  ["IPv6 unspecified", "::"],
  ["IPv6 link-local", "fe80::1"],
  ["IPv6 link-local with a zone", "fe80::1%eth0"],
  ["IPv6 unique local, cloud metadata", "fd00:ec2::254"],
  ["IPv6 site-local", "fec0::1"],
  ["IPv6 multicast", "ff02::1"],
  ["IPv6 documentation", "2001:db8::1"],
  ["IPv6 documentation, the newer prefix", "3fff::1"],
  ["IPv6 discard", "100::1"],
  ["Teredo", "2001:0:53aa:64c::1"],
  ["IPv4-mapped loopback", "::ffff:127.0.0.1"],
  ["IPv4-mapped private, in hex", "::ffff:a00:1"],
  ["IPv4-compatible loopback", "::127.0.0.1"],
  ["IPv4-translated", "::ffff:0:127.0.0.1"],
  ["NAT64 of a private address", "64:ff9b::a00:1"],
  ["NAT64 of the metadata address", "64:ff9b::169.254.169.254"],
  ["NAT64 for local use", "64:ff9b:1::808:808"],
  ["6to4 of loopback", "2002:7f00:1::1"],
  ["6to4 of a private address", "2002:c0a8:1::1"],
  ["segment routing", "5f00::1"],
  ["not assigned", "4000::1"],
  ["not an address", "metadata.google.internal"],
  ["an address in octal", "0177.0.0.1"],
  ["an address as a number", "2130706433"],
  ["nothing", ""],
] as const;

describe("addresses that may be reached", () => {
  for (const [what, address] of FORBIDDEN) {
    test(`an address that is ${what} is not reached (${address})`, () => {
      assert.equal(mayReach("click.acme.com", address, false), false);
    });
  }

  for (const address of [
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
  ]) {
    test(`a public address is reached (${address})`, () => {
      assert.equal(mayReach("click.acme.com", address, false), true);
    });
  }

  test("private addresses are reached where the operator allows it, and text that is no address never is", () => {
    assert.equal(mayReach("click.acme.com", "10.1.2.3", true), true);
    assert.equal(mayReach("click.acme.com", "::1", true), true);
    assert.equal(mayReach("click.acme.com", "2130706433", true), false);
  });

  test("names under localhost reach loopback and nothing else that is private", () => {
    assert.equal(mayReach("click.localhost", "127.0.0.1", false), true);
    assert.equal(mayReach("click.localhost", "::1", false), true);
    assert.equal(mayReach("click.localhost", "10.0.0.1", false), false);
    assert.equal(mayReach("localhost.acme.com", "127.0.0.1", false), false);
  });

  test("an IPv4 address is judged the same in every IPv6 coat", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a, b, c, d] = address.split(".").map(Number) as [number, number, number, number];
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const expected = isPublicUnicast(address);
        assert.equal(isPublicUnicast(`::ffff:${hex}`), expected);
        assert.equal(isPublicUnicast(`64:ff9b::${hex}`), expected);
        assert.equal(isPublicUnicast(`2002:${hex}::1`), expected);
      }),
    );
  });

  test("any text is judged without throwing", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()),
        (text) => typeof mayReach("a.example", text, false) === "boolean",
      ),
    );
  });
});
