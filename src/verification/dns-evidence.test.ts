import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { isSameName } from "./dns-evidence.ts";

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));

test("a name is the same in any case and with a trailing dot", () => {
  fc.assert(
    fc.property(name, fc.boolean(), (text, dot) => isSameName(text, text.toUpperCase() + (dot ? "." : ""))),
  );
});

test("a name with a label more in front or behind is another name", () => {
  fc.assert(
    fc.property(name, label, (text, extra) => {
      assert.ok(!isSameName(`${extra}.${text}`, text));
      assert.ok(!isSameName(`${text}.${extra}`, text));
      assert.ok(!isSameName(extra + text, text));
      assert.ok(!isSameName(text + extra, text));
    }),
  );
});

test("two names are the same exactly when their labels are", () => {
  fc.assert(fc.property(name, name, (a, b) => isSameName(a, b) === (a === b)));
});

test("a dot inside a label does not separate labels", () => {
  assert.equal(isSameName("edge\\.example.net", "edge.example.net"), false);
});
