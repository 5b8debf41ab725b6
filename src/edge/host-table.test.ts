import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { HostTable, tableBytes } from "./host-table.ts";

const host = fc.oneof(
  fc.domain(),
  fc.string({ unit: fc.constantFrom("a", "b", "."), minLength: 1, maxLength: 3 }),
);

test("a table of hosts answers as a Map of them would", () => {
  fc.assert(
    fc.property(fc.uniqueArray(host), fc.array(fc.oneof(host, fc.string())), (hosts, asked) => {
      // Position 0 is never a host's: files begin with something else.
      const bytes = Buffer.from(`\n${hosts.join("\n")}`);
      const table = new HostTable(bytes, hosts.length, new ArrayBuffer(tableBytes(hosts.length)));
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

/** Without a seed, as anybody can compute it: the place of a name in a table of so many bits. */
function unseededPlace(name: string, bits: number): number {
  let hash = 0;
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x9e3779b1);
  return hash >>> (32 - bits);
}

function tableOf(names: readonly string[]): HostTable {
  const table = new HostTable(
    Buffer.from(`\n${names.join("\n")}`),
    names.length,
    new ArrayBuffer(tableBytes(names.length)),
  );
  const entry = table.addEntry({ owners: [1], blocked: false });
  let start = 1;
  for (const name of names) {
    table.add(start, start + name.length, entry);
    start += name.length + 1;
  }
  return table;
}

test("names that a tenant chose to collide are found about as fast as any", () => {
  const count = 500;
  const chosen: string[] = [];
  for (let number = 0; chosen.length < count; number += 1) {
    const name = `x${number}.example.com`;
    if (unseededPlace(name, 10) === 0) chosen.push(name);
  }
  const others = Array.from({ length: count }, (_, number) => `y${number * 1000}.example.com`);
  const duration = (table: HostTable, names: readonly string[]): number => {
    const started = performance.now();
    for (let round = 0; round < 200; round += 1) for (const name of names) table.get(name);
    return performance.now() - started;
  };
  const [chosenTable, otherTable] = [tableOf(chosen), tableOf(others)];
  // The best of a few: the machine does other things too. All in one place would be a hundred times slower.
  const best = (table: HostTable, names: readonly string[]) =>
    Math.min(...Array.from({ length: 5 }, () => duration(table, names)));
  assert.ok(best(chosenTable, chosen) < 10 * best(otherTable, others));
});
