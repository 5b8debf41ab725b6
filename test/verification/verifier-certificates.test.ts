/** Verifications of secure domains where Waypost orders the certificates. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { CertificateEvidence } from "../../src/verification/evidence.ts";
import type { CertificateSupply, VerifierDeps } from "../../src/verification/verifier.ts";
import type { DnsEntry } from "../dns-server.ts";
import { freePort } from "../free-port.ts";
import { issueCertificate } from "./certificates.ts";
import { CNAME_TARGET, setUp } from "./verifier-setup.ts";
import { edge, serveHttp, serveTcp } from "./web-servers.ts";

const DOMAIN = "click.acme.com";
const EDGE_ADDRESS = "127.0.0.2";
/** A certificate that the edge may not have yet. */
const NEW = { hasNewCertificate: async () => true } as const;
const authority = issueCertificate({ commonName: "Test CA", isCa: true });

/** An HTTPS server that has no certificate until it is given one, as the edge. */
async function serveWithoutCertificate(t: TestContext) {
  let connections = 0;
  const server = createServer({}, edge).listen(0, EDGE_ADDRESS);
  server.on("connection", () => connections++);
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  const { cert, key } = issueCertificate({ commonName: "x", issuer: authority, dnsNames: [DOMAIN] });
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    install: () => server.setSecureContext({ cert, key }),
    connections: () => connections,
  };
}

async function setUpSecure(
  t: TestContext,
  supply: Partial<CertificateSupply>,
  { names = {}, ...over }: Partial<VerifierDeps> & { readonly names?: Record<string, DnsEntry> } = {},
) {
  const http = await serveHttp(t, edge, { address: EDGE_ADDRESS });
  const https = await serveWithoutCertificate(t);
  const unexpected = () => assert.fail("not this call");
  const setup = await setUp(t, {
    names: { [DOMAIN]: { cname: CNAME_TARGET }, ...names },
    ports: { publicHttp: http.port, publicHttps: https.port, listenHttp: 0, listenHttps: 0 },
    extraCa: authority.cert,
    certificates: { obtain: unexpected, request: unexpected, ...supply },
    certificateWaitMs: 4321,
    ...over,
  });
  return { ...setup, http, https, domain: setup.store.add(DOMAIN, { secure: true }) };
}

function sslText(port: number): string {
  return `Unable to reach https://${DOMAIN}:${port}. Please verify that your redirect is functioning and that your SSL certificate is valid.`;
}

describe("verifying a secure domain whose certificate is Waypost's to order", () => {
  test("waits for the certificate and for the edge that serves it, and uses https", async (t) => {
    const waits: number[] = [];
    const obtain = async (_: string, waitMs: number): Promise<CertificateEvidence> => {
      waits.push(waitMs);
      setTimeout(https.install, 600);
      return { kind: "issued" };
    };
    const { verifier, store, https, domain } = await setUpSecure(t, { obtain }, NEW);
    const result = await verifier.verify(domain, "asked");
    assert.equal(result.kind, "verified");
    assert.deepEqual(waits, [4321]);
    assert.equal(store.state(DOMAIN)?.httpsWorks, true);
    const [check] = store.checks(DOMAIN);
    assert.equal(check?.failure, undefined);
    assert.deepEqual(check?.evidence.certificate, { kind: "issued" });
    assert.equal(check?.evidence.httpProbe, undefined);
  });

  for (const [what, certificate, failure] of [
    [
      "that is not there yet",
      { kind: "under_way" },
      "A certificate for click.acme.com is being ordered. New links use http until it is there. Nothing has to be done: the domain is looked at again by itself.",
    ],
    [
      "that may not be ordered yet",
      { kind: "postponed", limit: "registrable_domain", untilMs: Date.UTC(2026, 1, 3) },
      "No certificate for click.acme.com can be ordered yet. Certificate authorities limit the new names under one domain in a week. Nothing has to be done: it is ordered after 2026-02-03T00:00:00.000Z.",
    ],
    [
      "that could not be had",
      {
        kind: "failed",
        code: "acme:dns",
        found: "Its CAA record forbids it.",
        fix: "Change it.",
        nextAttemptAtMs: 7,
      },
      "Its CAA record forbids it. Change it.",
    ],
  ] as const satisfies readonly (readonly [string, CertificateEvidence, string])[]) {
    test(`without one ${what} answers with the text about the certificate, stays verified and says why`, async (t) => {
      const { verifier, store, https, domain } = await setUpSecure(t, { obtain: async () => certificate });
      const result = await verifier.verify(domain, "asked");
      assert.equal(result.kind === "failed" && result.failure, sslText(https.port));
      assert.equal(store.state(DOMAIN)?.cnameStatus, "valid");
      assert.equal(store.state(DOMAIN)?.httpsWorks, false);
      const [check] = store.checks(DOMAIN);
      assert.equal(check?.failure, failure);
      assert.deepEqual(check?.evidence.certificate, certificate);
      assert.equal(check?.evidence.httpProbe?.outcome.kind, "answered");
    });
  }

  test("in the background does not wait, and takes no certificate for one that is served", async (t) => {
    const { verifier, store, domain } = await setUpSecure(t, { request: async () => ({ kind: "issued" }) });
    const result = await verifier.verify(domain, "background");
    assert.equal(result.kind, "failed");
    assert.equal(store.state(DOMAIN)?.httpsWorks, false);
    assert.match(store.checks(DOMAIN)[0]?.failure ?? "", /^The TLS handshake with .* failed/);
  });

  test("leaves one that is its owner's alone, and says what to do about it", async (t) => {
    const { verifier, store, https, domain } = await setUpSecure(t, { obtain: async () => undefined });
    const result = await verifier.verify(domain, "asked");
    assert.equal(result.kind === "failed" && result.failure, sslText(https.port));
    const [check] = store.checks(DOMAIN);
    assert.equal(check?.evidence.certificate, undefined);
    assert.match(check?.failure ?? "", /Install a certificate for click\.acme\.com/);
  });

  test("orders nothing when https works", async (t) => {
    const { verifier, https, domain } = await setUpSecure(t, {});
    https.install();
    assert.equal((await verifier.verify(domain, "asked")).kind, "verified");
    assert.equal((await verifier.verify(domain, "background")).kind, "verified");
  });

  test("orders nothing where no request arrives over http", async (t) => {
    const port = await freePort();
    const ports = { publicHttp: port, publicHttps: port, listenHttp: 0, listenHttps: 0 };
    const unexpected = () => assert.fail("not this call");
    const { verifier, store } = await setUp(t, {
      names: { [DOMAIN]: { cname: CNAME_TARGET } },
      ports,
      certificates: { obtain: unexpected, request: unexpected },
    });
    const domain = store.add(DOMAIN, { secure: true });
    assert.equal((await verifier.verify(domain, "asked")).kind, "failed");
    assert.equal((await verifier.verify(domain, "background")).kind, "failed");
  });
});

describe("verifying a secure domain whose certificate its owner has brought", () => {
  const OWN = { obtain: async () => undefined, request: async () => undefined } as const;

  test("waits until the edge serves one that is new", async (t) => {
    const { verifier, store, https, domain } = await setUpSecure(t, OWN, NEW);
    setTimeout(https.install, 600);
    assert.equal((await verifier.verify(domain, "asked")).kind, "verified");
    assert.equal(store.state(DOMAIN)?.httpsWorks, true);
    assert.equal(store.checks(DOMAIN)[0]?.evidence.httpProbe, undefined);
  });

  test("gives up when no edge serves it in time, and says what is wrong", async (t) => {
    const { verifier, store, https, domain } = await setUpSecure(t, OWN, { ...NEW, servedWithinMs: 2000 });
    const result = await verifier.verify(domain, "asked");
    assert.equal(result.kind === "failed" && result.failure, sslText(https.port));
    assert.ok(https.connections() > 2, `${https.connections()} looks`);
    const [check] = store.checks(DOMAIN);
    assert.equal(check?.evidence.probe.outcome.kind, "tls_failed");
    assert.equal(check?.evidence.httpProbe?.outcome.kind, "answered");
  });

  test("looks once more and does not wait when there is none, or the edge has had it for long", async (t) => {
    const { verifier, https, domain } = await setUpSecure(t, OWN, { servedWithinMs: 60_000 });
    assert.equal((await verifier.verify(domain, "asked")).kind, "failed");
    assert.equal(https.connections(), 2);
  });

  test("waits as little for one that Waypost had long ago, which a proxy in front does not serve", async (t) => {
    const obtain = async () => ({ kind: "issued" }) as const;
    const { verifier, https, domain } = await setUpSecure(t, { obtain }, { servedWithinMs: 60_000 });
    assert.equal((await verifier.verify(domain, "asked")).kind, "failed");
    assert.equal(https.connections(), 2);
  });

  test("does not wait in the background", async (t) => {
    const { verifier, https, domain } = await setUpSecure(t, OWN, { ...NEW, servedWithinMs: 60_000 });
    assert.equal((await verifier.verify(domain, "background")).kind, "failed");
    assert.equal(https.connections(), 1);
  });

  test("waits once for all who ask at once", async (t) => {
    const { verifier, store, https, domain } = await setUpSecure(t, OWN, NEW);
    setTimeout(https.install, 600);
    const results = await Promise.all([verifier.verify(domain, "asked"), verifier.verify(domain, "asked")]);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ["verified", "verified"],
    );
    assert.equal(store.checks(DOMAIN).length, 1);
  });

  test("ends with what is known when the process stops", async (t) => {
    const { verifier, store, https, domain } = await setUpSecure(t, OWN, { ...NEW, servedWithinMs: 60_000 });
    const verified = verifier.verify(domain, "asked");
    await until(() => https.connections() > 2);
    await verifier.stop();
    assert.equal((await verified).kind, "failed");
    assert.equal(store.checks(DOMAIN)[0]?.evidence.probe.outcome.kind, "tls_failed");
    const looks = https.connections();
    assert.equal((await verifier.verify(domain, "asked")).kind, "failed");
    assert.equal(https.connections(), looks + 1);
  });

  test("takes a place among the checks for each look, and leaves it to others in between", async (t) => {
    const busy = "busy.acme.com";
    const silentAddress = "127.0.0.3";
    const { verifier, store, http, https, domain } = await setUpSecure(t, OWN, {
      ...NEW,
      names: { [busy]: { a: [silentAddress] } },
      servedWithinMs: 60_000,
      limits: { maxRunning: 1, maxWaiting: 10 },
      timeoutMs: 1000,
    });
    const reached = Promise.withResolvers<void>();
    await serveTcp(t, () => reached.resolve(), { address: silentAddress, port: http.port });
    const verified = verifier.verify(domain, "asked");
    await until(() => https.connections() > 2);
    const other = verifier.verify(store.add(busy), "asked");
    await reached.promise;
    const looks = https.connections();
    assert.equal((await other).kind, "failed");
    assert.equal(https.connections(), looks);
    https.install();
    assert.equal((await verified).kind, "verified");
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(10);
}
