import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { DnsEvidence, Evidence, ProbeOutcome } from "./evidence.ts";
import { explain, pointsElsewhere, requiredDnsRecord, summarize } from "./findings.ts";

const DOMAIN = "click.acme.com";
const TARGET = "edge.example.net";

const FOUND: DnsEvidence = {
  cnameChain: [DOMAIN, TARGET],
  cnameOutcome: "found",
  cnameMatches: true,
  addresses: ["192.0.2.10"],
  addressOutcome: "found",
  targetAddresses: ["192.0.2.10"],
  addressesMatch: true,
};
const ABSENT: DnsEvidence = {
  cnameChain: [DOMAIN],
  cnameOutcome: "no_such_name",
  cnameMatches: false,
  addresses: [],
  addressOutcome: "no_such_name",
  targetAddresses: ["192.0.2.10"],
  addressesMatch: false,
};

interface Case {
  readonly dns?: Partial<DnsEvidence> | undefined;
  readonly outcome?: ProbeOutcome;
  readonly looksProxied?: boolean;
}

function evidenceOf({ dns, outcome = { kind: "no_address" }, looksProxied = false }: Case): Evidence {
  const probe = { endpoint: `http://${DOMAIN}:80`, address: "203.0.113.7", outcome, tookMs: 1 };
  return { dns: dns === undefined ? undefined : { ...ABSENT, ...dns }, probe, looksProxied };
}

function summaryOf(of: Case): string | undefined {
  return summarize(explain(DOMAIN, evidenceOf(of), TARGET));
}

function codesOf(of: Case): string[] {
  return explain(DOMAIN, evidenceOf(of), TARGET).map((finding) => finding.code);
}

describe("the record to create", () => {
  test("is a CNAME from the domain to the installation's target", () => {
    assert.deepEqual(requiredDnsRecord(DOMAIN, TARGET), {
      type: "CNAME",
      name: DOMAIN,
      short_name: "click",
      value: TARGET,
    });
  });

  test("is none for a name under localhost", () => {
    assert.equal(requiredDnsRecord("click.localhost", TARGET), undefined);
  });

  test("is none while the installation has no target: it would lead to whoever looks it up", () => {
    assert.equal(requiredDnsRecord(DOMAIN, "localhost"), undefined);
    const evidence = evidenceOf({ dns: { addressOutcome: "no_such_name", cnameOutcome: "no_such_name" } });
    assert.equal(
      summarize(explain(DOMAIN, evidence, "localhost")),
      "This installation has no public name yet that a CNAME could point to. Whoever runs it has to set WAYPOST_CNAME_TARGET. Until then only names under localhost can be verified.",
    );
  });
});

describe("what a person reads", () => {
  const answered: ProbeOutcome = { kind: "answered", hostSeen: DOMAIN };

  for (const [what, of, summary] of [
    [
      "another address",
      { dns: { addresses: ["203.0.113.7"], addressOutcome: "found", cnameOutcome: "no_data" } },
      "click.acme.com points to 203.0.113.7. It should be a CNAME to edge.example.net.",
    ],
    [
      "another target",
      { dns: { cnameChain: [DOMAIN, "old.example.org"], cnameOutcome: "found" } },
      "click.acme.com is a CNAME to old.example.org. It should be a CNAME to edge.example.net.",
    ],
    [
      "a look-alike target",
      { dns: { cnameChain: [DOMAIN, "t.edge.example.net.attacker.net"], cnameOutcome: "found" } },
      "click.acme.com is a CNAME to t.edge.example.net.attacker.net. It should be a CNAME to edge.example.net.",
    ],
    [
      "a target with a stranger's name appended",
      { dns: { cnameChain: [DOMAIN, "edge.example.net.attacker.net"], cnameOutcome: "found" } },
      "click.acme.com is a CNAME to edge.example.net.attacker.net. It should be a CNAME to edge.example.net.",
    ],
    [
      "a target with the zone appended",
      { dns: { cnameChain: [DOMAIN, "edge.example.net.acme.com"] } },
      'click.acme.com is a CNAME to edge.example.net.acme.com. The zone\'s own name was appended to the value, as happens when it has no dot at the end. It should be a CNAME to edge.example.net. Try the value "edge.example.net.", with the dot.',
    ],
    [
      "a loop",
      { dns: { cnameChain: [DOMAIN, "a.acme.com", DOMAIN], cnameOutcome: "loop" } },
      "click.acme.com leads in a circle: click.acme.com → a.acme.com → click.acme.com. It should be a CNAME to edge.example.net.",
    ],
    [
      "no name",
      { dns: {} },
      "click.acme.com does not exist in DNS. A record that was just created can take a while to be seen everywhere. Create a CNAME record with the name click.acme.com and the value edge.example.net.",
    ],
    [
      "no records",
      { dns: { addressOutcome: "no_data", cnameOutcome: "no_data" } },
      "click.acme.com has neither a CNAME nor an address. A record that was just created can take a while to be seen everywhere. Create a CNAME record with the name click.acme.com and the value edge.example.net.",
    ],
    [
      "a failing name server",
      { dns: { addressOutcome: "server_failure", cnameOutcome: "server_failure" } },
      "The name servers answered the question for click.acme.com with an error. That is usually a broken delegation or DNSSEC signature. Check the zone at your DNS provider.",
    ],
    [
      "a silent name server behind an alias",
      { dns: { cnameChain: [DOMAIN, "links.acme.com"], addressOutcome: "silent", cnameOutcome: "silent" } },
      "No name server answered the question for links.acme.com in time. Check that the zone's name servers are up, and try again.",
    ],
    [
      "a target without an address",
      { dns: { ...FOUND, addresses: [], addressOutcome: "no_data" } },
      "click.acme.com is a CNAME to edge.example.net. edge.example.net itself has no address that could be found. Whoever runs this installation has to give it one.",
    ],
    [
      "an expired certificate",
      { dns: FOUND, outcome: { kind: "tls_failed", reason: "CERT_HAS_EXPIRED" } },
      'The TLS handshake with http://click.acme.com:80 (203.0.113.7) failed: the certificate has expired. Install a certificate for click.acme.com that browsers trust, or set "secure" to false.',
    ],
    [
      "a refused connection",
      { dns: FOUND, outcome: { kind: "unreachable", reason: "ECONNREFUSED" } },
      "http://click.acme.com:80 (203.0.113.7) could not be reached: the connection was refused. Check that the address is right and that no firewall is in the way.",
    ],
    [
      "a private address",
      { dns: FOUND, outcome: { kind: "forbidden_address", address: "10.0.0.7" } },
      'click.acme.com has the address 10.0.0.7, which is not reachable from the Internet. It needs public addresses only. On a private network the operator sets WAYPOST_PROBE_PRIVATE to "allow".',
    ],
    [
      "another tenant's host",
      { dns: FOUND, outcome: { kind: "foreign_host", hostSeen: "click.other.com" } },
      "A proxy passes requests for http://click.acme.com:80 on with the host name click.other.com. That name belongs to somebody else here, so links of yours would be refused on it. Let the proxy send the host name click.acme.com.",
    ],
    [
      "a blocked domain",
      { outcome: { kind: "not_tried", reason: "the domain is blocked" } },
      "http://click.acme.com:80 was not tried: the domain is blocked.",
    ],
  ] as const satisfies readonly (readonly [string, Case, string])[]) {
    test(`of ${what} says what was found, why it fails and what to change`, () => {
      assert.equal(summaryOf(of), summary);
    });
  }

  test("of a verified domain names no problem", () => {
    assert.equal(summaryOf({ dns: FOUND, outcome: answered }), undefined);
    assert.deepEqual(codesOf({ dns: FOUND, outcome: answered }), ["cname_matches", "probe_answered"]);
  });

  test("of an indirect CNAME names the way", () => {
    const dns = { ...FOUND, cnameChain: [DOMAIN, "links.acme.com", TARGET] };
    const [finding] = explain(DOMAIN, evidenceOf({ dns, outcome: answered }), TARGET);
    assert.equal(finding?.found, "click.acme.com is a CNAME to edge.example.net, by way of links.acme.com.");
  });

  test("of a flattened record names no problem", () => {
    const dns = { ...FOUND, cnameMatches: false, cnameChain: [DOMAIN], cnameOutcome: "no_data" } as const;
    assert.deepEqual(codesOf({ dns, outcome: answered }), ["addresses_match", "probe_answered"]);
  });

  test("of a domain behind a proxy names no problem, but the proxy", () => {
    const dns = { addresses: ["203.0.113.7"], addressOutcome: "found" } as const;
    const of: Case = { dns, outcome: { kind: "answered", hostSeen: "origin.acme.com" }, looksProxied: true };
    assert.deepEqual(codesOf(of), ["behind_proxy", "probe_answered", "host_rewritten"]);
    assert.equal(summaryOf(of), undefined);
  });

  test("of a name under localhost speaks of the probe alone", () => {
    assert.deepEqual(codesOf({ outcome: answered }), ["probe_answered"]);
  });
});

test("a domain points elsewhere when DNS or who answers says so, and not when nobody is reached", () => {
  const isElsewhere = (of: Case) => pointsElsewhere(explain(DOMAIN, evidenceOf(of), TARGET));
  const addresses = ["203.0.113.7"];
  for (const of of [
    { dns: { cnameChain: [DOMAIN, "other.example.net"] } },
    { dns: { cnameChain: [DOMAIN, `${TARGET}.acme.com`] } },
    { dns: { addresses } },
    { dns: FOUND, outcome: { kind: "wrong_answer" } },
  ] as const)
    assert.equal(isElsewhere(of), true, JSON.stringify(of));
  for (const of of [
    {},
    { dns: {} },
    { dns: FOUND, outcome: { kind: "timed_out" } },
    { dns: { addresses }, looksProxied: true },
  ] as const)
    assert.equal(isElsewhere(of), false, JSON.stringify(of));
});
