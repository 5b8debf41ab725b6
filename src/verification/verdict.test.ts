import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { DnsEvidence, ProbeEvidence, ProbeOutcome } from "./evidence.ts";
import { judge, looksProxied } from "./verdict.ts";

const DOMAIN = "test.messagesystems.com";
const UNREACHABLE =
  "Unable to reach http://test.messagesystems.com:80. Please verify that your redirect is functioning.";
const UNREACHABLE_BY_HTTPS =
  "Unable to reach https://test.messagesystems.com:443. Please verify that your redirect is functioning and that your SSL certificate is valid.";

const FOUND: DnsEvidence = {
  cnameChain: [DOMAIN, "edge.example.net"],
  cnameOutcome: "found",
  cnameMatches: true,
  addresses: ["192.0.2.10"],
  addressOutcome: "found",
  targetAddresses: ["192.0.2.10"],
  addressesMatch: true,
};
const ABSENT: DnsEvidence = {
  ...FOUND,
  cnameChain: [DOMAIN],
  cnameOutcome: "no_such_name",
  cnameMatches: false,
  addresses: [],
  addressOutcome: "no_such_name",
  addressesMatch: false,
};
const ELSEWHERE: DnsEvidence = {
  ...FOUND,
  cnameChain: [DOMAIN],
  cnameMatches: false,
  cnameOutcome: "no_data",
  addresses: ["192.0.2.66"],
  addressesMatch: false,
};

function probed(outcome: ProbeOutcome, endpoint = `http://${DOMAIN}:80`): ProbeEvidence {
  return { endpoint, address: "192.0.2.10", outcome, tookMs: 5 };
}

const ANSWERED = probed({ kind: "answered", hostSeen: DOMAIN });

describe("the verdict", () => {
  test("a domain is valid when our edge answered, whatever DNS shows", () => {
    for (const dns of [FOUND, ELSEWHERE, ABSENT, undefined]) {
      assert.deepEqual(judge(DOMAIN, dns, ANSWERED), { cnameStatus: "valid", failureText: undefined });
    }
  });

  test("a domain is not valid by DNS alone", () => {
    const verdict = judge(DOMAIN, FOUND, probed({ kind: "wrong_answer" }));
    assert.deepEqual(verdict, { cnameStatus: "invalid", failureText: UNREACHABLE });
  });

  for (const outcome of [
    { kind: "redirected", status: 301 },
    { kind: "wrong_answer" },
    { kind: "forbidden_address", address: "10.0.0.1" },
    { kind: "unreachable", reason: "ECONNREFUSED" },
    { kind: "timed_out" },
    { kind: "foreign_host", hostSeen: "click.other.com" },
  ] as const) {
    test(`a probe that ended in ${outcome.kind} is "Unable to reach"`, () => {
      assert.deepEqual(judge(DOMAIN, FOUND, probed(outcome)), {
        cnameStatus: "invalid",
        failureText: UNREACHABLE,
      });
    });
  }

  test("by https the text speaks of the certificate too", () => {
    const probe = probed({ kind: "tls_failed", reason: "CERT_HAS_EXPIRED" }, `https://${DOMAIN}:443`);
    assert.equal(judge(DOMAIN, FOUND, probe).failureText, UNREACHABLE_BY_HTTPS);
  });

  test("an HTTP error is named", () => {
    const { cnameStatus, failureText } = judge(DOMAIN, FOUND, probed({ kind: "http_error", status: 502 }));
    assert.equal(cnameStatus, "invalid");
    assert.equal(failureText, "Received the HTTP Error 502 during verification of test.messagesystems.com.");
  });

  for (const outcome of ["no_such_name", "no_data", "server_failure", "silent"] as const) {
    test(`a name without addresses is pending when DNS said ${outcome}`, () => {
      const dns = { ...ABSENT, cnameOutcome: outcome, addressOutcome: outcome };
      assert.deepEqual(judge(DOMAIN, dns, probed({ kind: "no_address" })), {
        cnameStatus: "pending",
        failureText: UNREACHABLE,
      });
    });
  }

  test("a CNAME to our target is pending while the target has no address", () => {
    const dns = { ...FOUND, addresses: [], addressOutcome: "no_data" } as const;
    assert.equal(judge(DOMAIN, dns, probed({ kind: "no_address" })).cnameStatus, "pending");
  });

  test("a CNAME that leads elsewhere, or in a circle, is invalid even without an address", () => {
    for (const cnameOutcome of ["no_such_name", "found", "loop", "too_long"] as const) {
      const dns = { ...ABSENT, cnameChain: [DOMAIN, "gone.example.org"], cnameOutcome };
      assert.equal(judge(DOMAIN, dns, probed({ kind: "no_address" })).cnameStatus, "invalid", cnameOutcome);
    }
  });

  test("a CNAME whose end could not be asked for is pending", () => {
    for (const cnameOutcome of ["silent", "server_failure"] as const) {
      const dns = { ...ABSENT, cnameChain: [DOMAIN, "links.acme.com"], cnameOutcome };
      assert.equal(judge(DOMAIN, dns, probed({ kind: "no_address" })).cnameStatus, "pending", cnameOutcome);
    }
  });
});

describe("a domain looks proxied", () => {
  test("when it works although DNS leads elsewhere", () => {
    assert.equal(looksProxied(DOMAIN, ELSEWHERE, ANSWERED), true);
    assert.equal(looksProxied(DOMAIN, FOUND, ANSWERED), false);
    assert.equal(looksProxied(DOMAIN, { ...FOUND, cnameMatches: false }, ANSWERED), false);
  });

  test("when Host was rewritten", () => {
    const rewritten = probed({ kind: "answered", hostSeen: "origin.acme.com" });
    assert.equal(looksProxied(DOMAIN, FOUND, rewritten), true);
    assert.equal(looksProxied(DOMAIN, undefined, rewritten), true);
  });

  test("never on the ground of a failed probe", () => {
    assert.equal(looksProxied(DOMAIN, ELSEWHERE, probed({ kind: "wrong_answer" })), false);
  });
});
