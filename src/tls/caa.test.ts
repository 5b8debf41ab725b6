import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { judgeCaa } from "./caa.ts";

const ca = { identities: ["ca.example"], accountUrl: "https://ca.example/acct/1" };
const anyRecord = fc.record({
  critical: fc.constantFrom<unknown>(0, 1, 128, 255, "x"),
  issue: fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(";", "other.example", "other.example; a=b")),
});

test("whatever records hold, judging them does not throw", () => {
  fc.assert(fc.property(fc.array(fc.oneof(anyRecord, fc.object())), (records) => void judgeCaa(records, ca)));
});

test("records that name others never permit, however many there are", () => {
  const namesOther = anyRecord.filter(({ issue }) => !issue.toLowerCase().includes("ca.example"));
  fc.assert(
    fc.property(fc.array(namesOther, { minLength: 1 }), (records) => {
      assert.notEqual(judgeCaa(records, ca), undefined);
    }),
  );
});

test("a record that names the CA permits among any others that are not critical", () => {
  const others = anyRecord.map(({ issue }) => ({ critical: 0, issue }));
  const ours = fc.constantFrom(
    "ca.example",
    " CA.EXAMPLE ;",
    "ca.example; x=y",
    "ca.example;validationmethods=http-01",
  );
  fc.assert(
    fc.property(fc.array(others), ours, fc.array(others), (before, issue, after) => {
      assert.equal(judgeCaa([...before, { critical: 0, issue }, ...after], ca), undefined);
    }),
  );
});
