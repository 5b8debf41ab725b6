import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { HostTable } from "./host-table.ts";

const host = fc.oneof(
  fc.domain(),
  fc.string({ unit: fc.constantFrom("a", "b", "."), minLength: 1, maxLength: 3 }),
);

test("a table of hosts answers as a Map of them would", () => {
  fc.assert(
    fc.property(fc.uniqueArray(host), fc.array(fc.oneof(host, fc.string())), (hosts, asked) => {
      // Position 0 is never a host's: files begin with something else.
      const bytes = Buffer.from(`\n${hosts.join("\n")}`);
      const table = new HostTable(bytes, hosts.length);
      const expected = new Map(
        hosts.map((name, index) => [name, { owners: [index], blocked: false }] as const),
      );
      let start = 1;
      for (const [name, entry] of expected) {
        table.add(start, start + name.length, table.addEntry(entry));
        table.add(start, start + name.length, 0);
        start += name.length + 1;
      }
      assert.equal(table.size, hosts.length);
      for (const name of [...hosts, ...asked]) assert.deepEqual(table.get(name), expected.get(name));
    }),
  );
});
