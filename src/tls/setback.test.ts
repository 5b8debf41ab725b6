import assert from "node:assert/strict";
import { test } from "node:test";

import type { ProbeOutcome } from "../verification/evidence.ts";
import { AcmeError, localProblem } from "./acme-error.ts";
import { caaForbids, challengeLost, localName, noAddress, setbackOf } from "./setback.ts";

const DOMAIN = "click.acme.com";
/** In a challenge or an order; the others answer a request, and have its status. */
const inOrder = (type: string) => new AcmeError(type, "the CA's words");
const inReply = (type: string, status: number, retryAfterMs?: number) =>
  new AcmeError(type, "the CA's words", { status, retryAfterMs });

for (const [what, error, kind, code] of [
  [
    "a name that it doesn't issue for",
    inReply("rejectedIdentifier", 400),
    "refused",
    "acme:rejected_identifier",
  ],
  [
    "a kind of name that it doesn't issue for",
    inReply("unsupportedIdentifier", 400),
    "refused",
    "acme:rejected_identifier",
  ],
  ["a name without address", inOrder("dns"), "invalid", "acme:dns"],
  ["CAA records", inReply("caa", 403), "invalid", "acme:dns"],
  ["a server that it can't reach", inOrder("connection"), "invalid", "acme:unauthorized"],
  ["a wrong answer", inOrder("unauthorized"), "invalid", "acme:unauthorized"],
  ["another wrong answer", inOrder("incorrectResponse"), "invalid", "acme:unauthorized"],
  ["an account that is deactivated", inReply("unauthorized", 403), "internal", "service:internal"],
  ["an account that it doesn't know", inReply("accountDoesNotExist", 400), "internal", "service:internal"],
  [
    "an external account that is missing",
    inReply("externalAccountRequired", 403),
    "internal",
    "service:internal",
  ],
  ["a limit", inReply("rateLimited", 429, 7), "temporary", "acme:temporary"],
  ["its own failure", inReply("serverInternal", 500), "temporary", "acme:temporary"],
  ["being away", localProblem("unreachable", "connection refused"), "temporary", "acme:temporary"],
  ["slowness", localProblem("timeout", "no answer"), "temporary", "acme:temporary"],
  ["nonsense", localProblem("invalidResponse", "no JSON"), "internal", "service:internal"],
  [
    "an order that took too long",
    AbortSignal.abort(new DOMException("", "TimeoutError")).reason,
    "temporary",
    "acme:temporary",
  ],
  ["a bug of ours", new TypeError("x is undefined"), "internal", "service:internal"],
] as const) {
  test(`${what} at the CA is a setback of the kind ${kind}, and ${code} to the API`, () => {
    const setback = setbackOf(error, DOMAIN);
    assert.deepEqual([setback.kind, setback.code], [kind, code]);
    assert.ok(setback.fix);
  });
}

test("only what concerns every order makes all names wait", () => {
  for (const error of [inReply("rateLimited", 429, 7), inReply("serverInternal", 503, 7)]) {
    const { isOfWholeCa, retryAfterMs } = setbackOf(error, DOMAIN);
    assert.deepEqual([isOfWholeCa, retryAfterMs], [true, 7]);
  }
  assert.ok(!setbackOf(inReply("serverInternal", 500), DOMAIN).isOfWholeCa);
  assert.ok(!setbackOf(inOrder("connection"), DOMAIN).isOfWholeCa);
});

test("of a problem in parts the one about the name counts", () => {
  const error = new AcmeError("compound", "several", {
    subproblems: [
      { type: "dns", detail: "no such name", identifier: "other.acme.com" },
      { type: "rejectedIdentifier", detail: "on a list", identifier: DOMAIN },
    ],
  });
  assert.deepEqual(setbackOf(error, DOMAIN).kind, "refused");
  assert.match(setbackOf(error, DOMAIN).found, /on a list\.$/);
});

test("a bug of ours says nothing of itself to tenants", () => {
  assert.doesNotMatch(JSON.stringify(setbackOf(new Error("secret detail"), DOMAIN)), /secret/);
});

for (const [outcome, found] of [
  [{ kind: "redirected", status: 301 }, "(203.0.113.7) answers it with HTTP status 301."],
  [{ kind: "http_error", status: 404 }, "(203.0.113.7) answers it with HTTP status 404."],
  [{ kind: "wrong_answer" }, "(203.0.113.7) answers it with something else."],
  [{ kind: "timed_out" }, "could not be reached at 203.0.113.7."],
  [{ kind: "unreachable", reason: "ECONNREFUSED" }, "could not be reached at 203.0.113.7."],
  [
    { kind: "forbidden_address", address: "10.0.0.7" },
    "has the address 10.0.0.7, which is not reachable from the Internet.",
  ],
] as const satisfies readonly (readonly [ProbeOutcome, string])[]) {
  test(`a challenge that is ${outcome.kind.replace("_", " ")} costs no order and says where and what to change`, () => {
    const setback = challengeLost(DOMAIN, { endpoint: "", address: "203.0.113.7", outcome, tookMs: 1 });
    assert.deepEqual([setback.kind, setback.code], ["unready", "acme:unauthorized"]);
    assert.ok(setback.found.endsWith(`since click.acme.com ${found}`), setback.found);
    assert.ok(setback.fix);
  });
}

test("what our own look at DNS finds costs no order and is the name's to change", () => {
  assert.equal(noAddress(DOMAIN, "edge.example.net").fix, "It should be a CNAME to edge.example.net.");
  const refused = caaForbids(DOMAIN, { kind: "refused", at: "acme.com", reason: "other_authority" }, [
    "ca.example",
  ]);
  assert.match(
    refused.found,
    /^No certificate was ordered for click\.acme\.com: .* CAA 0 issue "ca\.example"\.$/,
  );
  const unanswered = caaForbids(DOMAIN, { kind: "unanswered", at: "com" }, []);
  assert.match(unanswered.found, /gave no answer about the CAA records of com/);
  for (const { kind, code } of [refused, unanswered, noAddress(DOMAIN, "x")]) {
    assert.deepEqual([kind, code], ["unready", "acme:dns"]);
  }
  assert.equal(localName("click.localhost").kind, "refused");
});
