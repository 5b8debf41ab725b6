import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";

import { printTable, toJson } from "./output.ts";

test("a table has as many rows as there are", (t) => {
  const lines: string[] = [];
  t.mock.method(console, "log", (line: string) => lines.push(line));
  const rows = Array.from({ length: 200_000 }, (_, index) => `${index}.example`);
  printTable(rows, [{ title: "DOMAIN", value: (domain) => domain }], "None.");
  assert.equal(lines.length, rows.length + 1);
  assert.equal(lines.at(-1), "199999.example");
});

test("a row whose columns have no room beside each other is shown as lines of its own, whole", (t) => {
  const lines: string[] = [];
  t.mock.method(console, "log", (line = "") => lines.push(stripVTControlCharacters(line)));
  const columns = [
    { title: "ID", value: ({ id }: { id: string }) => id },
    { title: "NAME", value: () => "a-name-that-is-longer-than-the-line.example", flexible: true },
    { title: "CREATED", value: () => "2026-11-29 14:00" },
  ] as const;
  printTable([{ id: "0123456789abcdef" }, { id: "fedcba9876543210" }], columns, "None.", 30);
  const name = "NAME     a-name-that-is-longer-than-the-line.example";
  assert.deepEqual(lines, [
    ...["ID       0123456789abcdef", name, "CREATED  2026-11-29 14:00"],
    "",
    ...["ID       fedcba9876543210", name, "CREATED  2026-11-29 14:00"],
  ]);
  lines.length = 0;
  printTable([{ id: "0123456789abcdef" }], columns, "None.", 50);
  assert.deepEqual(lines, [
    "ID                NAME            CREATED",
    "0123456789abcdef  a-name-…xample  2026-11-29 14:00",
  ]);
});

test("JSON has no character that moves a cursor or hides text, and is read back as it was", () => {
  const value = { label: "\u001b[2J\u007f\u009b\u00ad\u202e\u2028\u{e0001}\u00e9\u{1f600}" };
  assert.deepEqual(JSON.parse(toJson(value, 2)), value);
  assert.equal(toJson("\u009b\u{e0001}\u00e9"), String.raw`"\u009b\udb40\udc01é"`);
  assert.equal(toJson(undefined), "null");
});
