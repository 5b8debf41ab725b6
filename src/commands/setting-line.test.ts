import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEnv } from "node:util";

import fc from "fast-check";

import { AppError } from "../domain/errors.ts";
import { settingLine } from "./setting-line.ts";

test("a plain value stands in a configuration file as it is, another one in quotes", () => {
  for (const [value, line] of [
    ["0.0.0.0:443", "X=0.0.0.0:443"],
    [
      "postgres://u:p@db.example/waypost?sslmode=require",
      "X=postgres://u:p@db.example/waypost?sslmode=require",
    ],
    ["/srv/way post", "X='/srv/way post'"],
    ["a#b", "X='a#b'"],
    ["it's", "X=`it's`"],
    ["it's a `tick`", 'X="it\'s a `tick`"'],
    ["", "X="],
  ] as const) {
    assert.equal(settingLine("X", value), line);
  }
});

test("every value is read back from between other lines as it was written, or refused", () => {
  const awkward = fc.string({ unit: fc.constantFrom(..."ab #'\"`\\n$={}\n\r\t") });
  fc.assert(
    fc.property(fc.oneof(fc.string(), awkward), awkward, (value, other) => {
      try {
        const lines = [`A='1'`, settingLine("X", value), "# It's a comment", settingLine("Y", other), "Z=3"];
        assert.deepEqual({ ...parseEnv(lines.join("\n")) }, { A: "1", X: value, Y: other, Z: "3" });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        assert.match(`${value}${other}`, /['"`\r\0]/);
      }
    }),
    { numRuns: 5000 },
  );
});
