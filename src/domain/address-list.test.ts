import assert from "node:assert/strict";
import { test } from "node:test";

import { addressList, containsAddress, isAddressOrCidr } from "./address-list.ts";

test("an entry is one address or one CIDR, nothing else", () => {
  for (const good of ["192.0.2.1", "192.0.2.0/24", "::1", "2001:db8::/32", "0.0.0.0/0"]) {
    assert.ok(isAddressOrCidr(good), good);
  }
  for (const bad of [
    "",
    "192.0.2",
    "192.0.2.0/33",
    "192.0.2.0/",
    "2001:db8::/129",
    "a/8",
    "192.0.2.0/8/8",
    "10.0.0.0/1e1",
  ]) {
    assert.ok(!isAddressOrCidr(bad), bad);
  }
});

test("a list holds what its entries cover, in either spelling of IPv4", () => {
  const list = addressList(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]);
  for (const inside of ["192.0.2.200", "::ffff:192.0.2.200", "2001:db8::1", "198.51.100.7"]) {
    assert.ok(containsAddress(list, inside), inside);
  }
  for (const outside of ["192.0.3.1", "2001:db9::1", "198.51.100.8", "", "click.acme.com"]) {
    assert.ok(!containsAddress(list, outside), outside);
  }
});
