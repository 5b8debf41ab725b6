import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";

import type { ProbeEvidence } from "../../src/verification/evidence.ts";
import { type ProbeOptions, type ProbeTarget, probe, probeChallenge } from "../../src/verification/probe.ts";
import { freePort } from "../free-port.ts";
import { issueCertificate } from "./certificates.ts";
import { edge, PROBE_KEY, serveHttp, serveHttps, serveTcp, type TestServer } from "./web-servers.ts";

const DOMAIN = "click.acme.com";

function ask(
  server: Pick<TestServer, "port">,
  over: Partial<ProbeTarget> & Partial<ProbeOptions> = {},
): Promise<ProbeEvidence> {
  const { probeKey = PROBE_KEY, timeoutMs = 3000, mayReach = () => true, extraCa, ...target } = over;
  return probe(
    { domain: DOMAIN, scheme: "http", port: server.port, addresses: ["127.0.0.1"], ...target },
    { probeKey, timeoutMs, mayReach, extraCa },
  );
}

describe("the probe", () => {
  test("passes when our edge answers, and says where and as what it was asked", async (t) => {
    const server = await serveHttp(t, edge);
    const { tookMs, ...evidence } = await ask(server);
    assert.deepEqual(evidence, {
      endpoint: `http://${DOMAIN}:${server.port}`,
      address: "127.0.0.1",
      outcome: { kind: "answered", hostSeen: DOMAIN },
    });
    assert.ok(tookMs >= 0);
    const [request] = server.requests;
    assert.equal(request?.headers.host, `${DOMAIN}:${server.port}`);
    assert.match(request?.url ?? "", /^\/\.well-known\/waypost\/[0-9a-f]{32}$/);
    assert.equal(server.requests.length, 1);
  });

  test("asks with a new nonce each time, so an answer recorded earlier never passes", async (t) => {
    let recorded: string | undefined;
    const server = await serveHttp(t, (request, response) => {
      if (recorded !== undefined) return response.end(recorded);
      const end = response.end.bind(response);
      response.end = (body) => {
        recorded = String(body);
        return end(body);
      };
      return edge(request, response);
    });
    assert.equal((await ask(server)).outcome.kind, "answered");
    assert.deepEqual((await ask(server)).outcome, { kind: "wrong_answer" });
  });

  test("an edge of another installation does not pass", async (t) => {
    const server = await serveHttp(t, edge);
    const evidence = await ask(server, { probeKey: Buffer.alloc(32, 8) });
    assert.deepEqual(evidence.outcome, { kind: "wrong_answer" });
  });

  for (const body of [
    "",
    "<h1>This domain is parked</h1>",
    "click.acme.com 00",
    `${DOMAIN} ${"0".repeat(64)}`,
  ]) {
    test(`a page that says "${body.slice(0, 30)}" does not pass`, async (t) => {
      const server = await serveHttp(t, (_, response) => response.end(body));
      assert.deepEqual((await ask(server)).outcome, { kind: "wrong_answer" });
    });
  }

  for (const status of [400, 403, 404, 500, 503]) {
    test(`HTTP status ${status} is reported`, async (t) => {
      const server = await serveHttp(t, (_, response) => response.writeHead(status).end());
      assert.deepEqual((await ask(server)).outcome, { kind: "http_error", status });
    });
  }

  for (const status of [301, 302, 303, 307, 308]) {
    test(`a redirect with status ${status} is not followed, not even to our edge`, async (t) => {
      const real = await serveHttp(t, edge);
      const server = await serveHttp(t, (request, response) => {
        response.writeHead(status, { location: `http://127.0.0.1:${real.port}${request.url}` }).end();
      });
      assert.deepEqual((await ask(server)).outcome, { kind: "redirected", status });
      assert.equal(real.connections(), 0);
    });
  }
});

describe("a probe of a hostile server", () => {
  test("stops reading an endless body soon after 4 KiB", async (t) => {
    let written = 0;
    const server = await serveHttp(t, (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write("x".repeat(1024))) written += 1024;
      };
      response.on("drain", more);
      more();
    });
    const evidence = await ask(server, { timeoutMs: 30_000 });
    assert.deepEqual(evidence.outcome, { kind: "wrong_answer" });
    assert.ok(evidence.tookMs < 15_000);
    const [socket] = server.sockets;
    await new Promise<void>((resolve) =>
      socket?.closed === false ? socket.once("close", () => resolve()) : resolve(),
    );
    assert.ok(written < 20_000_000, `${written} bytes were taken`);
  });

  test("a true answer with more than 4 KiB around it does not pass", async (t) => {
    const server = await serveHttp(t, (request, response) => {
      response.write(" ".repeat(5000));
      edge(request, response);
    });
    assert.deepEqual((await ask(server)).outcome, { kind: "wrong_answer" });
  });

  for (const [what, talk] of [
    ["nothing", () => {}],
    [
      "headers one byte at a time",
      drip("HTTP/1.1 200 OK\r\nx-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ],
    ["interim replies for ever", drip("HTTP/1.1 100 Continue\r\n\r\n", { atOnce: true })],
  ] as const) {
    test(`gives up in time on a server that sends ${what}`, async (t) => {
      const server = await serveTcp(t, (socket) => {
        socket.resume();
        talk(socket);
      });
      const evidence = await ask(server, { timeoutMs: 300 });
      assert.deepEqual(evidence.outcome, { kind: "timed_out" });
      assert.ok(evidence.tookMs >= 250 && evidence.tookMs < 10_000, `${evidence.tookMs} ms`);
    });
  }

  test("gives up in time on a body that comes one byte at a time", async (t) => {
    const server = await serveHttp(t, (_, response) => {
      response.write("c");
      const timer = setInterval(() => response.write("c"), 20);
      response.on("close", () => clearInterval(timer));
    });
    const evidence = await ask(server, { timeoutMs: 300 });
    assert.deepEqual(evidence.outcome, { kind: "timed_out" });
    assert.ok(evidence.tookMs < 10_000);
  });

  for (const [what, bytes] of [
    [
      "more headers than it reads",
      `HTTP/1.1 200 OK\r\n${"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1000)}\r\n`,
    ],
    ["a banner of another protocol", "220 mail.acme.com ESMTP\r\n"],
    [
      "a switch to another protocol",
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
    ["bytes that are no text", "\0\x01\x02\xff".repeat(100)],
  ] as const) {
    test(`a server that answers with ${what} does not pass`, async (t) => {
      const server = await serveTcp(t, (socket) => {
        socket.once("data", () => socket.write(bytes, "latin1"));
      });
      assert.deepEqual((await ask(server)).outcome, { kind: "wrong_answer" });
    });
  }

  for (const [what, bytes, outcome] of [
    ["before its reply is unreachable", "", { kind: "unreachable", reason: "ECONNRESET" }],
    [
      "within its headers is unreachable",
      "HTTP/1.1 200 OK\r\ncontent-",
      { kind: "unreachable", reason: "ECONNRESET" },
    ],
    [
      "within its body does not pass",
      "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nclick",
      { kind: "wrong_answer" },
    ],
  ] as const) {
    test(`a server that hangs up ${what}`, async (t) => {
      const server = await serveTcp(t, (socket) => {
        socket.once("data", () => socket.end(bytes));
      });
      assert.deepEqual((await ask(server)).outcome, outcome);
    });
  }
});

describe("the addresses a probe connects to", () => {
  test("without an address nothing is tried", async () => {
    const evidence = await ask({ port: 1 }, { addresses: [] });
    assert.deepEqual(evidence.outcome, { kind: "no_address" });
    assert.equal(evidence.address, undefined);
  });

  test("a refused connection is reported with its reason", async () => {
    const evidence = await ask({ port: await freePort() });
    assert.deepEqual(evidence.outcome, { kind: "unreachable", reason: "ECONNREFUSED" });
    assert.equal(evidence.address, "127.0.0.1");
  });

  test("when the first address refuses, the second is tried", async (t) => {
    const server = await serveHttp(t, edge, { address: "127.0.0.2" });
    const evidence = await ask(server, { addresses: ["127.0.0.3", "127.0.0.2"] });
    assert.equal(evidence.outcome.kind, "answered");
    assert.equal(evidence.address, "127.0.0.2");
  });

  test("a third address is not tried", async (t) => {
    const server = await serveHttp(t, edge, { address: "127.0.0.2" });
    const evidence = await ask(server, { addresses: ["127.0.0.3", "127.0.0.4", "127.0.0.2"] });
    assert.deepEqual(evidence.outcome, { kind: "unreachable", reason: "ECONNREFUSED" });
    assert.equal(server.connections(), 0);
  });

  test("an address that answers wrongly is the last one tried", async (t) => {
    const wrong = await serveHttp(t, (_, response) => response.writeHead(500).end(), {
      address: "127.0.0.2",
    });
    const right = await serveHttp(t, edge, { address: "127.0.0.3", port: wrong.port });
    const evidence = await ask(wrong, { addresses: ["127.0.0.2", "127.0.0.3"] });
    assert.deepEqual(evidence.outcome, { kind: "http_error", status: 500 });
    assert.equal(right.connections(), 0);
  });

  for (const addresses of [["127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]]) {
    test(`no connection is made when a forbidden address is among ${addresses.join(", ")}`, async (t) => {
      const first = await serveHttp(t, edge, { address: "127.0.0.1" });
      const second = await serveHttp(t, edge, { address: "127.0.0.2", port: first.port });
      const evidence = await ask(first, { addresses, mayReach: (_, address) => address !== "127.0.0.2" });
      assert.deepEqual(evidence.outcome, { kind: "forbidden_address", address: "127.0.0.2" });
      assert.equal(first.connections() + second.connections(), 0);
    });
  }

  test("an IPv6 address is reached", async (t) => {
    const server = await serveHttp(t, edge, { address: "::1" });
    const evidence = await ask(server, { addresses: ["::1"] });
    assert.equal(evidence.outcome.kind, "answered");
    assert.equal(evidence.address, "::1");
  });
});

describe("a probe of the challenge's path", () => {
  const thumbprint = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";
  const challenge = (server: Pick<TestServer, "port">, over: { mayReach?: () => boolean } = {}) =>
    probeChallenge(
      { domain: DOMAIN, scheme: "http", port: server.port, addresses: ["127.0.0.1"] },
      { thumbprint, timeoutMs: 3000, mayReach: () => true, ...over },
    );

  for (const [what, end, outcome] of [
    ["the answer of our account", "", { kind: "answered", hostSeen: DOMAIN }],
    ["white space behind it", "\r\n ", { kind: "answered", hostSeen: DOMAIN }],
    ["another account's answer", "x", { kind: "wrong_answer" }],
  ] as const) {
    test(`has the outcome ${outcome.kind} for ${what}`, async (t) => {
      const server = await serveHttp(t, (request, response) => {
        response.end(`${request.url?.split("/").at(-1)}.${thumbprint}${end}`);
      });
      assert.deepEqual((await challenge(server)).outcome, outcome);
      assert.deepEqual((await challenge(server)).outcome, outcome);
      const [first, second] = server.requests.map(({ url = "" }) => url);
      assert.match(first ?? "", /^\/\.well-known\/acme-challenge\/[A-Za-z0-9_-]{43}$/);
      assert.notEqual(first, second);
    });
  }

  test("connects to no address that it may not reach", async (t) => {
    const server = await serveHttp(t, edge);
    const { outcome } = await challenge(server, { mayReach: () => false });
    assert.equal(outcome.kind, "forbidden_address");
    assert.equal(server.connections(), 0);
  });
});

describe("a probe by https", () => {
  const authority = issueCertificate({ commonName: "Test CA", isCa: true });
  const good = issueCertificate({ commonName: DOMAIN, dnsNames: [DOMAIN], issuer: authority });

  async function askHttps(
    t: TestContext,
    tls: { cert: string; key: string },
    extraCa: string | undefined = authority.cert,
  ): Promise<{ evidence: ProbeEvidence; server: TestServer }> {
    const server = await serveHttps(t, edge, { tls });
    return { server, evidence: await ask(server, { scheme: "https", extraCa }) };
  }

  test("passes with a certificate for the domain from a trusted authority, naming the domain in SNI", async (t) => {
    const names: string[] = [];
    const server = await serveHttps(t, edge, {
      tls: {
        ...good,
        SNICallback: (name, done) => {
          names.push(name);
          done(null);
        },
      },
    });
    const evidence = await ask(server, { scheme: "https", extraCa: authority.cert });
    assert.deepEqual(evidence.outcome, { kind: "answered", hostSeen: DOMAIN });
    assert.equal(evidence.endpoint, `https://${DOMAIN}:${server.port}`);
    assert.deepEqual(names, [DOMAIN]);
  });

  test("fails with a self-signed certificate, and sends no request", async (t) => {
    const { evidence, server } = await askHttps(
      t,
      issueCertificate({ commonName: DOMAIN, dnsNames: [DOMAIN] }),
    );
    assert.deepEqual(evidence.outcome, { kind: "tls_failed", reason: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    assert.equal(server.requests.length, 0);
  });

  test("fails with a certificate from an authority nobody trusts", async (t) => {
    const server = await serveHttps(t, edge, { tls: good });
    const evidence = await ask(server, { scheme: "https" });
    assert.equal(evidence.outcome.kind, "tls_failed");
    assert.equal(server.requests.length, 0);
  });

  test("fails with a certificate for another name", async (t) => {
    const other = issueCertificate({ commonName: "x", dnsNames: ["click.other.com"], issuer: authority });
    const { evidence } = await askHttps(t, other);
    assert.deepEqual(evidence.outcome, { kind: "tls_failed", reason: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  test("fails with an expired certificate", async (t) => {
    const notAfter = new Date(Date.now() - 60_000);
    const { evidence } = await askHttps(
      t,
      issueCertificate({ commonName: DOMAIN, dnsNames: [DOMAIN], issuer: authority, notAfter }),
    );
    assert.deepEqual(evidence.outcome, { kind: "tls_failed", reason: "CERT_HAS_EXPIRED" });
  });

  test("fails where the port speaks plain HTTP", async (t) => {
    const server = await serveHttp(t, edge);
    const evidence = await ask(server, { scheme: "https" });
    assert.equal(evidence.outcome.kind, "tls_failed");
  });

  test("gives up in time on a handshake that never ends", async (t) => {
    const server = await serveTcp(t, (socket) => socket.resume());
    const evidence = await ask(server, { scheme: "https", timeoutMs: 300 });
    assert.deepEqual(evidence.outcome, { kind: "timed_out" });
    assert.ok(evidence.tookMs < 10_000);
  });
});

/** Writes `text` byte by byte, or again and again as a whole, until the connection ends. */
function drip(text: string, { atOnce = false } = {}): (socket: Socket) => void {
  return (socket) => {
    let sent = 0;
    const timer = setInterval(() => socket.write(atOnce ? text : (text[sent++ % text.length] ?? "")), 10);
    socket.on("close", () => clearInterval(timer));
  };
}
