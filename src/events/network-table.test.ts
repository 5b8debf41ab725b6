import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import { test } from "node:test";

import fc from "fast-check";

import { NetworkTable } from "./network-table.ts";

function tableOf(...networks: readonly string[]): NetworkTable<string> {
  const table = new NetworkTable<string>();
  for (const network of networks) table.add(network, network);
  return table;
}

test("the most specific network decides, in whatever order they were listed", () => {
  for (const networks of [
    ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"],
    ["10.1.2.3", "10.1.0.0/16", "10.0.0.0/8"],
  ]) {
    const table = tableOf(...networks);
    assert.equal(table.find("10.1.2.3"), "10.1.2.3");
    assert.equal(table.find("10.1.2.4"), "10.1.0.0/16");
    assert.equal(table.find("10.2.0.1"), "10.0.0.0/8");
    assert.equal(table.find("11.0.0.1"), undefined);
  }
});

test("of a network that is listed twice the first says what it is", () => {
  const table = new NetworkTable<number>();
  table.add("192.0.2.0/24", 1);
  table.add("192.0.2.99/24", 2);
  assert.equal(table.find("192.0.2.5"), 1);
});

test("IPv6 is found in every spelling of it", () => {
  const table = tableOf("2001:db8::/32", "::ffff:192.0.2.0/120");
  for (const address of ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1", "2001:db8:1:2:3:4:5:6", "2001:db8::1%eth0"])
    assert.equal(table.find(address), "2001:db8::/32");
  assert.equal(table.find("2001:db9::1"), undefined);
  assert.equal(table.find("::ffff:192.0.2.7"), "::ffff:192.0.2.0/120");
});

test("the whole of a family is a network too", () => {
  const table = tableOf("0.0.0.0/0", "::/0");
  assert.equal(table.find("255.255.255.255"), "0.0.0.0/0");
  assert.equal(table.find("ffff::"), "::/0");
});

test("what is no address is in no network", () => {
  const table = tableOf("0.0.0.0/0", "::/0");
  const almost = fc
    .array(fc.constantFrom("0", "1", "01", "255", "256", "999", ".", "..", ":", " ", "a", "%"), {
      maxLength: 9,
    })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), (text) => {
      assert.equal(table.find(text) !== undefined, isIP(text) !== 0);
    }),
    { numRuns: 5000 },
  );
});

test("an address is in a network exactly when Node's own list says so", () => {
  const v4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }));
  const v6 = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 }));
  // Near to each other, else hardly an address would be in a network.
  const near = fc.constantFrom("10.1.2.3", "10.1.2.200", "10.9.0.1", "2001:db8::1", "2001:db8:ff::7", "::1");
  fc.assert(
    fc.property(fc.oneof(v4, v6), fc.oneof(near, fc.ipV4(), fc.ipV6()), ([network, prefix], address) => {
      const family = (text: string) => (isIP(text) === 4 ? "ipv4" : "ipv6");
      fc.pre(family(network) === family(address));
      const list = new BlockList();
      list.addSubnet(network, prefix, family(network));
      const found = tableOf(`${network}/${prefix}`).find(address) !== undefined;
      assert.equal(found, list.check(address, family(address)));
    }),
    { numRuns: 2000 },
  );
});
