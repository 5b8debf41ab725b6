import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { AcmeError, parseRetryAfter, readProblem } from "./acme-error.ts";

const URN = "urn:ietf:params:acme:error:";
const NOW = Date.UTC(2026, 0, 1);

test("a problem keeps its type, its parts and the wait that the CA asks for", () => {
  const subproblem = { type: `${URN}caa`, detail: "no", identifier: { type: "dns", value: "a.example" } };
  const error = readProblem(
    { type: `${URN}rejectedIdentifier`, detail: "not this one", subproblems: [subproblem, "junk"] },
    { status: 403, retryAfterMs: 5000 },
  );
  assert.equal(error.message, "rejectedIdentifier: not this one");
  assert.deepEqual(
    { ...error },
    {
      name: "AcmeError",
      type: "rejectedIdentifier",
      detail: "not this one",
      status: 403,
      retryAfterMs: 5000,
      subproblems: [{ type: "caa", detail: "no", identifier: "a.example" }],
    },
  );
  assert.equal(error.isTemporary, false);
});

for (const [type, status, isTemporary] of [
  ["rateLimited", 429, true],
  ["serverInternal", 500, true],
  ["connection", undefined, true],
  ["unreachable", undefined, true],
  ["malformed", 502, true],
  ["unknown", 429, true],
  ["caa", undefined, false],
  ["unauthorized", 403, false],
  ["rejectedIdentifier", 400, false],
  ["invalidResponse", 200, false],
] as const)
  test(`${type} with status ${status} is ${isTemporary ? "" : "not "}worth trying again later`, () => {
    assert.equal(new AcmeError(type, "x", { status }).isTemporary, isTemporary);
  });

test("a compound problem is as lasting as its most lasting part", () => {
  const compound = (...types: string[]) =>
    readProblem({ type: `${URN}compound`, subproblems: types.map((type) => ({ type: URN + type })) });
  assert.equal(compound("dns", "connection").isTemporary, true);
  assert.equal(compound("dns", "caa").isTemporary, false);
});

test("a reply without a problem document has the type that its status means", () => {
  assert.equal(readProblem(undefined, { status: 429 }).type, "rateLimited");
  assert.equal(readProblem("<html>", { status: 503 }).type, "serverInternal");
  assert.equal(readProblem({ type: "about:blank" }, { status: 400 }).type, "unknown");
});

test("tokens and keys that a CA repeats are left out of its words", () => {
  const token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";
  const detail = `Invalid response from http://click.acme.com/.well-known/acme-challenge/${token}: 404`;
  const { message } = readProblem({ type: `${URN}unauthorized`, detail });
  assert.equal(
    message,
    "unauthorized: Invalid response from http://click.acme.com/.well-known/acme-challenge/…: 404",
  );
});

test("whatever a CA says becomes one bounded line", () => {
  fc.assert(
    fc.property(fc.anything(), fc.string({ unit: "binary", maxLength: 5000 }), (junk, text) => {
      for (const document of [
        junk,
        { type: junk, detail: text, subproblems: junk },
        { detail: text, subproblems: [{ detail: text, identifier: { value: text } }] },
      ]) {
        const error = readProblem(document);
        assert.ok(error.message.length <= 600);
        assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u);
        assert.match(error.type, /^[A-Za-z][A-Za-z0-9]*$/);
        for (const part of error.subproblems) assert.ok(part.detail.length <= 500);
      }
    }),
  );
});

test("Retry-After is seconds or a date, bounded, and anything else is nothing", () => {
  assert.equal(parseRetryAfter("120", NOW), 120_000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 00:01:00 GMT", NOW), 60_000);
  assert.equal(parseRetryAfter("Wed, 31 Dec 2025 00:00:00 GMT", NOW), 0);
  assert.equal(parseRetryAfter("9".repeat(400), NOW), 31 * 24 * 3_600_000);
  for (const junk of [undefined, "", "soon", "-5", "1.5e3 "])
    assert.equal(parseRetryAfter(junk, NOW), undefined);
});
