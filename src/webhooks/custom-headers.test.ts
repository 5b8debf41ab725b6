import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { AppError } from "../domain/errors.ts";
import { parseCustomHeaders } from "./custom-headers.ts";

function refusal(headers: Record<string, string | number>, hasAuth = false): string | undefined {
  try {
    parseCustomHeaders(headers, hasAuth);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === "invalid_format");
    return error.message;
  }
}

test("up to five headers are taken as they are, numbers as text", () => {
  const headers = { "x-api-key": "abcd", "X-Number": 5, a: "", "x-spaces": "a b\tc" };
  assert.deepEqual(parseCustomHeaders(headers, true), { ...headers, "X-Number": "5" });
  assert.equal(refusal({ a: "", b: "", c: "", d: "", e: "" }), undefined);
  assert.match(refusal({ a: "", b: "", c: "", d: "", e: "", f: "" }) ?? "", /at most 5 headers/);
});

test("names and values take 3000 bytes at most", () => {
  assert.equal(refusal({ abc: "x".repeat(2997) }), undefined);
  assert.match(refusal({ abc: "x".repeat(2998) }) ?? "", /at most 3000 bytes/);
});

test("a header that would change the request, or that is ours, is refused in any case", () => {
  for (const name of [
    "Connection",
    "transfer-encoding",
    "Host",
    "CONTENT-LENGTH",
    "content-type",
    "Trailer",
    "webhook-signature",
    "X-MessageSystems-Batch-ID",
    "x-waypost-replay",
  ])
    assert.match(refusal({ [name]: "x" }) ?? "", /must not set/, name);
});

test("Authorization is the owner's as long as auth_type does not write it", () => {
  assert.equal(refusal({ Authorization: "Bearer x" }), undefined);
  assert.match(refusal({ authorization: "Bearer x" }, true) ?? "", /must not set/);
});

test("a name in two spellings is one header", () => {
  assert.match(refusal({ "x-a": "1", "X-A": "2" }) ?? "", /twice/);
});

test("whatever is accepted cannot begin a second header or another request", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ unit: "binary" }), { maxKeys: 5 }), (headers) => {
      if (refusal(headers) !== undefined) return;
      for (const [name, value] of Object.entries(headers)) {
        assert.doesNotMatch(name, /[^\x21-\x7e]|[:()<>@,;\\"/[\]?={}]/);
        assert.doesNotMatch(value, /[^\t -~]/);
      }
    }),
  );
  assert.match(refusal({ "x-a": "1\r\nx-b: 2" }) ?? "", /cannot have/);
  assert.match(refusal({ "x-a: 1\r\nx-b": "2" }) ?? "", /no header name/);
});
