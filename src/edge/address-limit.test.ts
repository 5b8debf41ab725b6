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
