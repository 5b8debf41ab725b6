import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";

import { gatherDnsEvidence } from "../../src/verification/dns-evidence.ts";
import type { DnsEvidence } from "../../src/verification/evidence.ts";
import { type DnsEntry, type DnsServer, startDnsServer } from "../dns-server.ts";

const TARGET = "edge.example.net";
const EDGE: Record<string, DnsEntry> = { [TARGET]: { a: ["192.0.2.10"], aaaa: ["2001:db8::10"] } };

async function serve(t: TestContext, names: Record<string, DnsEntry>): Promise<DnsServer> {
  const server = await startDnsServer({ ...EDGE, ...names });
  t.after(() => server.close());
  return server;
}

function look(
  server: DnsServer,
  domain: string,
  over: { cnameTarget?: string; budgetMs?: number } = {},
): Promise<DnsEvidence> {
  return gatherDnsEvidence(domain, {
    cnameTarget: TARGET,
    servers: [server.address],
    budgetMs: 3000,
    ...over,
  });
}

async function lookAt(t: TestContext, names: Record<string, DnsEntry>): Promise<DnsEvidence> {
  return look(await serve(t, names), "click.acme.com");
}

describe("DNS evidence", () => {
  test("a CNAME to the target matches, and so do its addresses", async (t) => {
    assert.deepEqual(await lookAt(t, { "click.acme.com": { cname: TARGET } }), {
      cnameChain: ["click.acme.com", TARGET],
      cnameOutcome: "found",
      cnameMatches: true,
      addresses: ["192.0.2.10", "2001:db8::10"],
      addressOutcome: "found",
      targetAddresses: ["192.0.2.10", "2001:db8::10"],
      addressesMatch: true,
    });
  });

  test("a CNAME that leads to the target by way of other names matches", async (t) => {
    const evidence = await lookAt(t, {
      "click.acme.com": { cname: "links.acme.com" },
      "links.acme.com": { cname: "Tracking.Agency.Example" },
      "tracking.agency.example": { cname: "EDGE.example.NET" },
    });
    assert.deepEqual(evidence.cnameChain, [
      "click.acme.com",
      "links.acme.com",
      "tracking.agency.example",
      TARGET,
    ]);
    assert.equal(evidence.cnameMatches, true);
  });

  test("a chain that passes through the target matches when the target is an alias itself", async (t) => {
    const evidence = await lookAt(t, {
      "click.acme.com": { cname: TARGET },
      [TARGET]: { cname: "lb-7.cloud.example" },
      "lb-7.cloud.example": { a: ["192.0.2.77"] },
    });
    assert.equal(evidence.cnameMatches, true);
    assert.deepEqual(evidence.addresses, ["192.0.2.77"]);
    assert.equal(evidence.addressesMatch, true);
  });

  test("a flattened record is recognised by the target's addresses", async (t) => {
    const evidence = await lookAt(t, { "click.acme.com": { a: ["192.0.2.10"] } });
    assert.deepEqual(evidence.cnameChain, ["click.acme.com"]);
    assert.equal(evidence.cnameOutcome, "no_data");
    assert.equal(evidence.cnameMatches, false);
    assert.equal(evidence.addressesMatch, true);
  });

  test("addresses match only when every one of them is the target's", async (t) => {
    const evidence = await lookAt(t, { "click.acme.com": { a: ["192.0.2.10", "192.0.2.99"] } });
    assert.equal(evidence.addressesMatch, false);
  });

  for (const lookAlike of [
    "t.edge.example.net.attacker.net",
    "edge.example.net.attacker.net",
    "notedge.example.net",
    "x.edge.example.net",
    "example.net",
  ]) {
    test(`a CNAME to ${lookAlike} is not one to ${TARGET}`, async (t) => {
      const evidence = await lookAt(t, {
        "click.acme.com": { cname: lookAlike },
        [lookAlike]: { a: ["192.0.2.66"] },
      });
      assert.deepEqual(evidence.cnameChain, ["click.acme.com", lookAlike]);
      assert.equal(evidence.cnameMatches, false);
      assert.equal(evidence.addressesMatch, false);
    });
  }

  test("a name that does not exist is told from one that has no addresses", async (t) => {
    const missing = await lookAt(t, {});
    assert.equal(missing.cnameOutcome, "no_such_name");
    assert.equal(missing.addressOutcome, "no_such_name");
    const empty = await lookAt(t, { "click.acme.com": {} });
    assert.equal(empty.cnameOutcome, "no_data");
    assert.equal(empty.addressOutcome, "no_data");
    assert.equal(empty.addressesMatch, false);
  });

  test("a CNAME to a name that does not exist keeps the chain as evidence", async (t) => {
    const evidence = await lookAt(t, { "click.acme.com": { cname: "gone.example.org" } });
    assert.deepEqual(evidence.cnameChain, ["click.acme.com", "gone.example.org"]);
    assert.equal(evidence.cnameOutcome, "no_such_name");
    assert.equal(evidence.addressOutcome, "no_such_name");
  });

  for (const fails of ["servfail", "refused"] as const) {
    test(`a server that answers ${fails} is a server failure`, async (t) => {
      const evidence = await lookAt(t, { "click.acme.com": { fails } });
      assert.equal(evidence.cnameOutcome, "server_failure");
      assert.equal(evidence.addressOutcome, "server_failure");
    });
  }

  test("a server that says nothing costs no more than the budget", async (t) => {
    const server = await serve(t, { "click.acme.com": { fails: "silent" } });
    const startedAt = performance.now();
    const evidence = await look(server, "click.acme.com", { budgetMs: 1000 });
    assert.ok(performance.now() - startedAt < 8000);
    assert.equal(evidence.cnameOutcome, "silent");
    assert.equal(evidence.addressOutcome, "silent");
    assert.deepEqual(evidence.targetAddresses, ["192.0.2.10", "2001:db8::10"]);
  });

  test("a lost packet is asked for again", async (t) => {
    const server = await serve(t, {
      "click.acme.com": ({ earlier }) => (earlier === 0 ? { fails: "silent" } : { cname: TARGET }),
    });
    const evidence = await look(server, "click.acme.com");
    assert.equal(evidence.cnameMatches, true);
    assert.equal(evidence.addressOutcome, "found");
  });

  test("a server that is not there is silent", async () => {
    const server = await startDnsServer({});
    await server.close();
    const evidence = await look(server, "click.acme.com", { budgetMs: 500 });
    assert.equal(evidence.addressOutcome, "silent");
  });

  test("an answer too long for UDP is fetched by TCP", async (t) => {
    const server = await serve(t, { "click.acme.com": { a: ["192.0.2.10"], truncated: true } });
    const evidence = await look(server, "click.acme.com");
    assert.deepEqual(evidence.addresses, ["192.0.2.10"]);
    assert.ok(server.queries.some((query) => query.name === "click.acme.com" && query.transport === "tcp"));
  });

  test("a chain that goes in a circle is named a loop", async (t) => {
    const evidence = await lookAt(t, {
      "click.acme.com": { cname: "a.acme.com" },
      "a.acme.com": { cname: "b.acme.com" },
      "b.acme.com": { cname: "a.acme.com" },
    });
    assert.equal(evidence.cnameOutcome, "loop");
    assert.deepEqual(evidence.cnameChain, ["click.acme.com", "a.acme.com", "b.acme.com", "a.acme.com"]);
    assert.deepEqual(evidence.addresses, []);
  });

  test("a name that is its own alias is a loop", async (t) => {
    const evidence = await lookAt(t, { "click.acme.com": { cname: "click.acme.com" } });
    assert.equal(evidence.cnameOutcome, "loop");
  });

  test("a chain of more than ten aliases is too long", async (t) => {
    const names = Object.fromEntries(
      Array.from({ length: 14 }, (_, i) => [
        i === 0 ? "click.acme.com" : `n${i}.acme.com`,
        { cname: `n${i + 1}.acme.com` },
      ]),
    );
    const server = await serve(t, names);
    const evidence = await look(server, "click.acme.com");
    assert.equal(evidence.cnameOutcome, "too_long");
    assert.equal(evidence.cnameChain.length, 11);
    assert.equal(server.queries.filter((query) => query.type === "CNAME").length, 10);
  });

  test("two checks in a row ask twice: nothing is cached", async (t) => {
    const server = await serve(t, {
      "click.acme.com": ({ earlier }) => ({ a: [earlier === 0 ? "192.0.2.1" : "192.0.2.2"] }),
    });
    assert.deepEqual((await look(server, "click.acme.com")).addresses, ["192.0.2.1"]);
    assert.deepEqual((await look(server, "click.acme.com")).addresses, ["192.0.2.2"]);
  });

  test("no more than sixteen addresses of a kind are looked at", async (t) => {
    const a = Array.from({ length: 300 }, (_, i) => `192.0.2.${i % 250}`);
    const evidence = await lookAt(t, { "click.acme.com": { a, truncated: true } });
    assert.equal(evidence.addresses.length, 16);
  });

  test("a target under localhost has the loopback addresses without being asked for", async (t) => {
    const server = await serve(t, { "click.acme.com": { a: ["127.0.0.1"] } });
    const evidence = await look(server, "click.acme.com", { cnameTarget: "localhost" });
    assert.deepEqual(evidence.targetAddresses, ["127.0.0.1", "::1"]);
    assert.equal(evidence.addressesMatch, true);
    assert.ok(!server.queries.some((query) => query.name === "localhost"));
  });

  test("a name under localhost needs no DNS", async (t) => {
    const server = await serve(t, {});
    const evidence = await look(server, "click.localhost", { cnameTarget: "localhost" });
    assert.deepEqual(evidence.addresses, ["127.0.0.1", "::1"]);
    assert.deepEqual(server.queries, []);
  });

  test("a name with the greatest length DNS allows is looked up", async (t) => {
    const long = `${["a", "b", "c"].map((letter) => letter.repeat(63)).join(".")}.${"d".repeat(61)}`;
    const server = await serve(t, { [long]: { a: ["192.0.2.10"] } });
    assert.deepEqual((await look(server, long)).addresses, ["192.0.2.10"]);
  });
});
