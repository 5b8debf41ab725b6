import assert from "node:assert/strict";
import { test } from "node:test";

import { createAddressLimit } from "./address-limit.ts";

test("an address is refused for the rest of ten seconds after too many requests, others are not", () => {
  const isWithin = createAddressLimit(3);
  const verdicts = [1, 2, 3, 4].map((ms) => isWithin("192.0.2.1", 50_000 + ms));
  assert.deepEqual(verdicts, [true, true, true, false]);
  assert.equal(isWithin("192.0.2.2", 50_005), true);
  assert.equal(isWithin("192.0.2.1", 59_999), false);
  assert.equal(isWithin("192.0.2.1", 60_002), true);
});

test("all addresses of an IPv6 /64 are one client, however they are written, and its neighbour is another", () => {
  const isWithin = createAddressLimit(2);
  const verdicts = ["2001:db8:0:7::1", "2001:DB8:0:7:ffff:ffff:ffff:ffff", "2001:db8:0:7:0:0:0:9%eth0"].map(
    (address) => isWithin(address, 50_000),
  );
  assert.deepEqual(verdicts, [true, true, false]);
  assert.equal(isWithin("2001:db8:0:8::1", 50_000), true);
});

test("clients of IPv4 behind a NAT64 are counted one by one", () => {
  const isWithin = createAddressLimit(1);
  assert.deepEqual(
    ["64:ff9b::c000:201", "64:ff9b::c000:202", "64:ff9b::192.0.2.1"].map((address) =>
      isWithin(address, 50_000),
    ),
    [true, true, false],
  );
});

test("what is no address is counted as it is", () => {
  const isWithin = createAddressLimit(1);
  assert.deepEqual(
    ["", "", "::zz", "::zz"].map((address) => isWithin(address, 50_000)),
    [true, false, true, false],
  );
});
