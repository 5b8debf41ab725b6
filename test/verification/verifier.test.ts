import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { AppError } from "../../src/domain/errors.ts";
import { parseHostname } from "../../src/domain/hostname.ts";
import { freePort } from "../free-port.ts";
import { issueCertificate } from "./certificates.ts";
import { CNAME_TARGET, setUp } from "./verifier-setup.ts";
import { edge, proxyTo, serveHttp, serveHttps, serveTcp } from "./web-servers.ts";

const DOMAIN = "click.acme.com";
const MINUTE = 60_000;
const EDGE_ADDRESS = { address: "127.0.0.2" };
const ALIAS = { cname: CNAME_TARGET };

function unreachable(port: number): string {
  return `Unable to reach http://${DOMAIN}:${port}. Please verify that your redirect is functioning.`;
}

describe("verifying a domain", () => {
  test("that is a CNAME to the target and reaches our edge succeeds, and keeps the evidence", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    const { verifier, store, changes } = await setUp(t, { names: { [DOMAIN]: ALIAS }, port: server.port });
    const domain = store.add(DOMAIN);
    const result = await verifier.verify(domain, "asked");
    assert.equal(result.kind, "verified");
    assert.equal(store.state(DOMAIN)?.cnameStatus, "valid");
    const [check] = store.checks(DOMAIN);
    assert.deepEqual(check?.result, { cnameStatus: "valid", complianceStatus: "valid" });
    assert.equal(check?.failure, undefined);
    assert.equal(check?.evidence.looksProxied, false);
    assert.deepEqual(check?.evidence.dns?.cnameChain, [DOMAIN, CNAME_TARGET]);
    assert.deepEqual(
      changes.map(({ from, to }) => [from.cnameStatus, to.cnameStatus]),
      [["unverified", "valid"]],
    );
  });

  test("with a flattened record succeeds and does not look proxied", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    const { verifier, store } = await setUp(t, {
      names: { [DOMAIN]: { a: ["127.0.0.2"] } },
      port: server.port,
    });
    assert.equal((await verifier.verify(store.add(DOMAIN), "asked")).kind, "verified");
    assert.equal(store.checks(DOMAIN)[0]?.evidence.looksProxied, false);
  });

  test("behind a CDN with addresses of its own succeeds and looks proxied", async (t) => {
    const origin = await serveHttp(t, edge, EDGE_ADDRESS);
    const cdn = await serveHttp(t, proxyTo(origin, DOMAIN), { address: "127.0.0.9", port: origin.port });
    const { verifier, store } = await setUp(t, { names: { [DOMAIN]: { a: [cdn.address] } }, port: cdn.port });
    assert.equal((await verifier.verify(store.add(DOMAIN), "asked")).kind, "verified");
    assert.equal(store.checks(DOMAIN)[0]?.evidence.looksProxied, true);
  });

  test("behind a proxy that sends a Host nobody owns succeeds and looks proxied", async (t) => {
    const origin = await serveHttp(t, edge, EDGE_ADDRESS);
    const proxy = await serveHttp(t, proxyTo(origin, "Origin.Acme.com:8081"), { address: "127.0.0.9" });
    const asked: string[] = [];
    const { verifier, store } = await setUp(t, {
      names: { [DOMAIN]: { a: [proxy.address] } },
      port: proxy.port,
      isForeignHost: async (host) => asked.push(host) < 0,
    });
    assert.equal((await verifier.verify(store.add(DOMAIN), "asked")).kind, "verified");
    assert.deepEqual(asked, ["origin.acme.com"]);
    assert.equal(store.checks(DOMAIN)[0]?.evidence.looksProxied, true);
  });

  test("behind a proxy that sends another tenant's Host fails: links would be refused there", async (t) => {
    const origin = await serveHttp(t, edge, EDGE_ADDRESS);
    const proxy = await serveHttp(t, proxyTo(origin, "click.other.com"), { address: "127.0.0.9" });
    const { verifier, store } = await setUp(t, {
      names: { [DOMAIN]: { a: [proxy.address] } },
      port: proxy.port,
      isForeignHost: async (host, domain) => host === "click.other.com" && domain === DOMAIN,
    });
    const result = await verifier.verify(store.add(DOMAIN), "asked");
    assert.equal(result.kind === "failed" && result.failure, unreachable(proxy.port));
    assert.equal(store.state(DOMAIN)?.cnameStatus, "invalid");
  });

  test("that is a CNAME to something else fails and says what to change", async (t) => {
    const parked = await serveHttp(t, (_, response) => response.end("parked"), { address: "127.0.0.5" });
    const { verifier, store } = await setUp(t, {
      names: {
        [DOMAIN]: { cname: "t.edge.example.net.attacker.net" },
        "t.edge.example.net.attacker.net": { a: ["127.0.0.5"] },
      },
      port: parked.port,
    });
    const result = await verifier.verify(store.add(DOMAIN), "asked");
    assert.equal(result.kind === "failed" && result.failure, unreachable(parked.port));
    assert.equal(store.state(DOMAIN)?.cnameStatus, "invalid");
    assert.equal(
      store.checks(DOMAIN)[0]?.failure,
      `${DOMAIN} is a CNAME to t.edge.example.net.attacker.net. It should be a CNAME to ${CNAME_TARGET}.`,
    );
  });

  test("whose server answers with an HTTP error fails with that error", async (t) => {
    const server = await serveHttp(t, (_, response) => response.writeHead(404).end(), EDGE_ADDRESS);
    const { verifier, store } = await setUp(t, { names: { [DOMAIN]: ALIAS }, port: server.port });
    const result = await verifier.verify(store.add(DOMAIN), "asked");
    assert.equal(
      result.kind === "failed" && result.failure,
      "Received the HTTP Error 404 during verification of click.acme.com.",
    );
  });

  for (const [what, names, status] of [
    ["does not exist", {}, "pending"],
    ["has no records", { [DOMAIN]: {} }, "pending"],
    ["DNS answers with SERVFAIL for", { [DOMAIN]: { fails: "servfail" } }, "pending"],
    ["DNS says nothing about", { [DOMAIN]: { fails: "silent" } }, "pending"],
    ["is a loop", { [DOMAIN]: { cname: "a.acme.com" }, "a.acme.com": { cname: DOMAIN } }, "invalid"],
    ["is a CNAME to a name that is gone", { [DOMAIN]: { cname: "gone.example.org" } }, "invalid"],
  ] as const) {
    test(`that ${what} is ${status}, and no connection is made`, async (t) => {
      const server = await serveHttp(t, edge, EDGE_ADDRESS);
      const { verifier, store } = await setUp(t, { names, port: server.port, timeoutMs: 800 });
      const startedAt = performance.now();
      const result = await verifier.verify(store.add(DOMAIN), "asked");
      assert.ok(performance.now() - startedAt < 4500);
      assert.equal(result.kind === "failed" && result.failure, unreachable(server.port));
      assert.equal(store.state(DOMAIN)?.cnameStatus, status);
      assert.equal(server.connections(), 0);
    });
  }

  test("with a truncated DNS answer succeeds by TCP", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    const names = { [DOMAIN]: { a: ["127.0.0.2"], truncated: true } };
    const { verifier, store } = await setUp(t, { names, port: server.port });
    assert.equal((await verifier.verify(store.add(DOMAIN), "asked")).kind, "verified");
  });

  test("that has only an IPv6 address succeeds", async (t) => {
    const server = await serveHttp(t, edge, { address: "::1" });
    const { verifier, store } = await setUp(t, { names: { [DOMAIN]: { aaaa: ["::1"] } }, port: server.port });
    assert.equal((await verifier.verify(store.add(DOMAIN), "asked")).kind, "verified");
  });

  test("takes its time limit for DNS and probe together", async (t) => {
    const silent = await serveTcp(t, (socket) => socket.resume(), EDGE_ADDRESS);
    const names = {
      [DOMAIN]: ({ type }: { type: string }) =>
        type === "CNAME" ? ({ fails: "silent" } as const) : { a: ["127.0.0.2"] },
    };
    const { verifier, store } = await setUp(t, { names, port: silent.port, timeoutMs: 3000 });
    const startedAt = performance.now();
    const result = await verifier.verify(store.add(DOMAIN), "asked");
    const tookMs = performance.now() - startedAt;
    assert.equal(result.kind, "failed");
    assert.equal(store.checks(DOMAIN)[0]?.evidence.probe.outcome.kind, "timed_out");
    assert.ok(tookMs > 2500 && tookMs < 5900, `${tookMs} ms`);
  });

  test("under localhost asks no name server", async (t) => {
    const server = await serveHttp(t, edge);
    const { verifier, store, dns } = await setUp(t, {
      port: server.port,
      allowPrivate: false,
      cnameTarget: "localhost",
    });
    assert.equal((await verifier.verify(store.add("click.localhost"), "asked")).kind, "verified");
    assert.deepEqual(dns.queries, []);
    assert.equal(store.checks("click.localhost")[0]?.evidence.looksProxied, false);
  });

  test("by https needs a certificate for it", async (t) => {
    const authority = issueCertificate({ commonName: "Test CA", isCa: true });
    const tls = issueCertificate({ commonName: DOMAIN, dnsNames: [DOMAIN], issuer: authority });
    const server = await serveHttps(t, edge, { ...EDGE_ADDRESS, tls });
    const options = { names: { [DOMAIN]: ALIAS }, port: server.port };
    const trusting = await setUp(t, { ...options, extraCa: authority.cert });
    assert.equal(
      (await trusting.verifier.verify(trusting.store.add(DOMAIN, { secure: true }), "asked")).kind,
      "verified",
    );

    const { verifier, store } = await setUp(t, options);
    const result = await verifier.verify(store.add(DOMAIN, { secure: true }), "asked");
    assert.equal(
      result.kind === "failed" && result.failure,
      `Unable to reach https://${DOMAIN}:${server.port}. Please verify that your redirect is functioning and that your SSL certificate is valid.`,
    );
    assert.equal(store.checks(DOMAIN)[0]?.scheme, "https");
  });

  test("that nobody has, or that was deleted during the check, is not found", async (t) => {
    const { verifier, store } = await setUp(t, {
      names: { [DOMAIN]: ALIAS },
      port: await freePort(),
    });
    assert.deepEqual(await verifier.verify(parseHostname("unknown.acme.com"), "asked"), {
      kind: "not_found",
    });
    const verifying = verifier.verify(store.add(DOMAIN), "asked");
    await Promise.resolve();
    store.remove(DOMAIN);
    assert.deepEqual(await verifying, { kind: "not_found" });
  });
});

describe("a verifier that may not reach private addresses", () => {
  for (const address of ["127.0.0.2", "10.0.0.7", "169.254.169.254", "192.168.1.1"]) {
    test(`does not connect to ${address}`, async (t) => {
      const server = await serveHttp(t, edge, EDGE_ADDRESS);
      const { verifier, store } = await setUp(t, {
        names: { [DOMAIN]: { a: [address] } },
        port: server.port,
        allowPrivate: false,
      });
      const result = await verifier.verify(store.add(DOMAIN), "asked");
      assert.equal(result.kind === "failed" && result.failure, unreachable(server.port));
      assert.deepEqual(store.checks(DOMAIN)[0]?.evidence.probe.outcome, {
        kind: "forbidden_address",
        address,
      });
      assert.equal(server.connections(), 0);
    });
  }

  for (const aaaa of ["::1", "::ffff:127.0.0.2", "64:ff9b::7f00:2", "2002:7f00:2::1", "fd00::1"]) {
    test(`does not connect to ${aaaa}`, async (t) => {
      const server = await serveHttp(t, edge, { address: "::1" });
      const { verifier, store } = await setUp(t, {
        names: { [DOMAIN]: { aaaa: [aaaa] } },
        port: server.port,
        allowPrivate: false,
      });
      await verifier.verify(store.add(DOMAIN), "asked");
      assert.equal(store.checks(DOMAIN)[0]?.evidence.probe.outcome.kind, "forbidden_address");
      assert.equal(server.connections(), 0);
    });
  }

  test("does not connect when a private address hides behind a public one", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    const { verifier, store } = await setUp(t, {
      names: { [DOMAIN]: { a: ["8.8.8.8", "127.0.0.2"] } },
      port: server.port,
      allowPrivate: false,
    });
    await verifier.verify(store.add(DOMAIN), "asked");
    assert.equal(store.checks(DOMAIN)[0]?.evidence.probe.outcome.kind, "forbidden_address");
    assert.equal(server.connections(), 0);
  });
});

test("a name that changes its address between check and connect is connected to where it was checked", async (t) => {
  const checked = await serveHttp(t, edge, EDGE_ADDRESS);
  const rebound = await serveHttp(t, edge, { address: "127.0.0.3", port: checked.port });
  const { verifier, store, dns } = await setUp(t, {
    names: {
      [DOMAIN]: ({ type, earlier }) => ({ a: [type === "A" && earlier === 0 ? "127.0.0.2" : "127.0.0.3"] }),
    },
    port: checked.port,
  });
  assert.equal((await verifier.verify(store.add(DOMAIN), "asked")).kind, "verified");
  assert.equal(dns.queries.filter(({ name, type }) => name === DOMAIN && type === "A").length, 1);
  assert.deepEqual([checked.connections(), rebound.connections()], [1, 0]);
});

describe("a blocked domain", () => {
  for (const [what, over, isRestricted] of [
    ["an operator", { blockedByOperator: true, complianceStatus: "blocked" }, false],
    ["policy", {}, true],
  ] as const) {
    test(`by ${what} is neither looked up nor connected to`, async (t) => {
      const server = await serveHttp(t, edge, EDGE_ADDRESS);
      const { verifier, store, dns } = await setUp(t, {
        names: { [DOMAIN]: ALIAS },
        port: server.port,
        isRestricted: () => isRestricted,
      });
      const result = await verifier.verify(store.add(DOMAIN, { cnameStatus: "valid", ...over }), "asked");
      assert.equal(result.kind, "blocked");
      assert.equal(store.state(DOMAIN)?.complianceStatus, "blocked");
      assert.equal(store.state(DOMAIN)?.cnameStatus, "valid");
      assert.deepEqual(dns.queries, []);
      assert.equal(server.connections(), 0);
      assert.equal(store.checks(DOMAIN)[0]?.evidence.probe.outcome.kind, "not_tried");
    });
  }

  test("by policy is checked again once the policy allows it", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    let restricted = true;
    const { verifier, store, changes } = await setUp(t, {
      names: { [DOMAIN]: ALIAS },
      port: server.port,
      isRestricted: () => restricted,
    });
    const domain = store.add(DOMAIN);
    await verifier.verify(domain, "background");
    restricted = false;
    assert.equal((await verifier.verify(domain, "background")).kind, "verified");
    assert.deepEqual(
      changes.map(({ to }) => [to.complianceStatus, to.cnameStatus]),
      [
        ["blocked", "unverified"],
        ["valid", "valid"],
      ],
    );
  });
});

describe("many calls", () => {
  test("for one domain share one check", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    const { verifier, store } = await setUp(t, { names: { [DOMAIN]: ALIAS }, port: server.port });
    const domain = store.add(DOMAIN);
    const results = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(domain, "asked")));
    assert.ok(results.every(({ kind }) => kind === "verified"));
    assert.equal(server.requests.length, 1);
    await verifier.verify(domain, "asked");
    assert.equal(server.requests.length, 2);
  });

  test("for many domains run a bounded number of checks at once and answer them all", async (t) => {
    let open = 0;
    let mostOpen = 0;
    const server = await serveHttp(t, (request, response) => {
      mostOpen = Math.max(mostOpen, ++open);
      setTimeout(() => {
        // Before the reply: with that the check may end, and the next one begin.
        open -= 1;
        edge(request, response);
      }, 20);
    });
    // Under localhost: a name server in this process would be too busy to answer so many in time.
    const names = Array.from({ length: 200 }, (_, i) => `c${i}.localhost`);
    const { verifier, store } = await setUp(t, {
      port: server.port,
      cnameTarget: "localhost",
      timeoutMs: 20_000,
    });
    const results = await Promise.all(names.map((name) => verifier.verify(store.add(name), "asked")));
    assert.ok(results.every(({ kind }) => kind === "verified"));
    assert.ok(mostOpen <= 64, `${mostOpen} at once`);
  });

  test("beyond what may wait are refused at once", async (t) => {
    const { verifier, store } = await setUp(t, { names: {}, timeoutMs: 50 });
    const results = await Promise.allSettled(
      Array.from({ length: 1200 }, (_, i) => verifier.verify(store.add(`c${i}.acme.com`), "asked")),
    );
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 1200 - 1064);
    assert.ok(refused.every(({ reason }) => reason instanceof AppError && reason.code === "unavailable"));
  });
});

describe("a verified domain that stops working", () => {
  test("is lost at once when somebody asks, with one log line and one change", async (t) => {
    const { verifier, store, lines, changes } = await setUp(t, { names: {} });
    await verifier.verify(store.add(DOMAIN, { cnameStatus: "valid" }), "asked");
    assert.equal(store.state(DOMAIN)?.cnameStatus, "pending");
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [["warn", "tracking domain lost verification"]],
    );
    assert.equal(lines[0]?.fields["domain"], DOMAIN);
    assert.equal(changes.length, 1);
  });

  test("survives two background failures, is lost by the third over an hour, and recovers by itself", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    const setup = await setUp(t, { names: {}, port: server.port });
    const { verifier, store, dns, lines, changes } = setup;
    const domain = store.add(DOMAIN, { cnameStatus: "valid" });
    for (let i = 0; i < 3; i++) {
      const result = await verifier.verify(domain, "background");
      assert.equal(result.kind, "failed");
      assert.equal(store.state(DOMAIN)?.cnameStatus, i < 2 ? "valid" : "pending");
      setup.nowMs = store.state(DOMAIN)?.nextCheckAtMs ?? 0;
    }
    dns.zone.set(DOMAIN, ALIAS);
    await verifier.verify(domain, "background");
    assert.deepEqual(
      lines.map(({ message }) => message),
      [
        "verified tracking domain failed a check",
        "verified tracking domain failed a check",
        "tracking domain lost verification",
        "tracking domain verified",
      ],
    );
    assert.deepEqual(
      changes.map(({ to }) => to.cnameStatus),
      ["pending", "valid"],
    );
  });

  test("is said to have recovered when the next check passes", async (t) => {
    const server = await serveHttp(t, edge, EDGE_ADDRESS);
    const setup = await setUp(t, { names: {}, port: server.port });
    const domain = setup.store.add(DOMAIN, { cnameStatus: "valid" });
    await setup.verifier.verify(domain, "background");
    setup.dns.zone.set(DOMAIN, ALIAS);
    setup.nowMs += 30 * MINUTE;
    await setup.verifier.verify(domain, "background");
    assert.deepEqual(
      setup.lines.map(({ message }) => message),
      ["verified tracking domain failed a check", "tracking domain recovered"],
    );
    assert.deepEqual(setup.changes, []);
  });
});
