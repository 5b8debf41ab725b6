import assert from "node:assert/strict";
import { test } from "node:test";

import { printTable, toJson } from "./output.ts";

test("a table has as many rows as there are", (t) => {
  const lines: string[] = [];
  t.mock.method(console, "log", (line: string) => lines.push(line));
  const rows = Array.from({ length: 200_000 }, (_, index) => `${index}.example`);
  printTable(rows, [{ title: "DOMAIN", value: (domain) => domain }], "None.");
  assert.equal(lines.length, rows.length + 1);
  assert.equal(lines.at(-1), "199999.example");
});

test("JSON has no character that moves a cursor or hides text, and is read back as it was", () => {
  const value = { label: "\u001b[2J\u007f\u009b\u00ad\u202e\u2028\u{e0001}\u00e9\u{1f600}" };
  assert.deepEqual(JSON.parse(toJson(value, 2)), value);
  assert.equal(toJson("\u009b\u{e0001}\u00e9"), String.raw`"\u009b\udb40\udc01é"`);
  assert.equal(toJson(undefined), "null");
});
