/** The CA that an installation is told to use: what it takes to be served by it, and what happens without one. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { freePort } from "../free-port.ts";
import { issueCertificate } from "../verification/certificates.ts";
import { type AcmeInstallation, DOMAINS, startAcmeInstallation, until } from "./acme-installation.ts";
import type { Fault } from "./fault-proxy.ts";

const DOMAIN = "click.acme.com";

const sslText = (port: number): string =>
  `Unable to reach https://${DOMAIN}:${port}. Please verify that your redirect is functioning and that your SSL certificate is valid.`;

/** What the API says without a word about certificates. */
async function seesNone(waypost: AcmeInstallation): Promise<void> {
  const { status, tls_certificate, uses_managed_certificate } = await waypost.show(DOMAIN);
  assert.deepEqual(
    [status.tls_status, tls_certificate, uses_managed_certificate],
    [undefined, undefined, undefined],
  );
  const action = (name: string) => waypost.call("POST", `${DOMAINS}/${DOMAIN}/certificate/${name}`);
  assert.equal((await action("check")).json.results.supportsManagedCertificate, false);
  for (const name of ["enable", "renew"]) {
    const { status: code, json } = await action(name);
    assert.equal(code, 400);
    assert.match(json.errors[0].description, /orders no certificates/);
  }
  assert.deepEqual(waypost.proxy.requests, []);
}

test("a CA whose terms nobody has agreed to is asked for nothing at all", async () => {
  await using waypost = await startAcmeInstallation("sqlite", { settings: { acmeTermsAgreed: "no" } });
  await waypost.add(DOMAIN);
  const { status, json } = await waypost.verify(DOMAIN);
  assert.equal(status, 400);
  assert.equal(json.errors[0].description, sslText(waypost.tlsPort));
  assert.equal((await waypost.show(DOMAIN)).status.verified, true);
  await seesNone(waypost);
});

test("no CA is asked for a name under localhost, which is refused at once", async () => {
  await using waypost = await startAcmeInstallation("sqlite", { settings: { cnameTarget: "localhost" } });
  const name = "click.localhost";
  await waypost.add(name);
  assert.equal((await waypost.verify(name)).status, 400);
  await until("a refusal", async () => (await waypost.show(name)).status.tls_status === "unavailable");
  assert.match((await waypost.lastCheck(name)).failure, /names under localhost exist on one machine only/);
  assert.equal((await waypost.call("POST", `${DOMAINS}/${name}/certificate/check`)).status, 403);
  assert.deepEqual(waypost.proxy.requests, []);
});

test("behind a proxy that ends TLS links use its https, and nothing is ordered", async (t) => {
  const port = await freePort();
  const authority = issueCertificate({ commonName: "The proxy's", isCa: true });
  const { cert, key } = issueCertificate({ commonName: "x", dnsNames: [DOMAIN], issuer: authority });
  const proxy = createServer({ cert, key }, (incoming, response) => {
    const { method, url, headers } = incoming;
    const passedOn = request(
      { host: "127.0.0.1", port: waypost.edgePort, method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    incoming.pipe(passedOn);
  }).listen(port, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => proxy.close());
  const folder = mkdtempSync(join(tmpdir(), "waypost-proxy-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, authority.cert);
  await using waypost: AcmeInstallation = await startAcmeInstallation("sqlite", {
    settings: { tls: "external", publicHttpsPort: String(port), caFile },
  });
  await waypost.add(DOMAIN);
  const { text } = await waypost.verifyUntilItPasses(DOMAIN);
  assert.equal(text, '{"results":{"verified":true,"cname_status":"valid","compliance_status":"valid"}}');
  const wrapped = await waypost.call("POST", "/api/v1/wrap", {
    body: {
      content: { html: '<a href="https://www.example.com/">x</a>' },
      recipients: [{ address: "ann@example.com" }],
      tracking_domain: DOMAIN,
    },
  });
  assert.match(wrapped.text, new RegExp(`https://${DOMAIN}:${port}/`));
  await seesNone(waypost);
});

test("a CA that wants an external account issues to an installation that has one, and tells another why not", async () => {
  const macKey = randomBytes(32).toString("base64url");
  const pebble = { externalAccounts: { "kid-1": macKey } };
  const settings = { acmeEabKeyId: "kid-1", acmeEabHmacKey: macKey };
  {
    await using waypost = await startAcmeInstallation("sqlite", { pebble, settings });
    await waypost.add(DOMAIN);
    await waypost.verifyUntilItPasses(DOMAIN);
    const { text } = await waypost.call("GET", "/api/v1/settings");
    assert.ok(text.includes("kid-1") && !text.includes(macKey));
  }
  await using waypost = await startAcmeInstallation("sqlite", { pebble });
  await waypost.add(DOMAIN);
  await until("a reason", async () => {
    assert.equal((await waypost.verify(DOMAIN)).status, 400);
    return (await waypost.show(DOMAIN)).tls_certificate.error_code === "service:internal";
  });
  assert.match(
    (await waypost.lastCheck(DOMAIN)).failure,
    /value for the '…' field\. Whoever runs .* WAYPOST_ACME_EAB_KEY_ID/,
  );
});

test("a CA that refuses three of ten good nonces issues all the same", async () => {
  await using waypost = await startAcmeInstallation("sqlite", { pebble: { nonceRejectPercent: 30 } });
  await waypost.add(DOMAIN);
  await waypost.verifyUntilItPasses(DOMAIN);
});

test("a verification answers after half a minute when the CA takes longer, and the certificate comes by itself", async () => {
  await using waypost = await startAcmeInstallation("sqlite");
  await waypost.add(DOMAIN);
  const released = Promise.withResolvers<void>();
  const hold: Fault = async ({ response, forward }) => {
    await Promise.race([released.promise, once(response, "close")]);
    if (response.destroyed) return;
    const { status, headers, body } = await forward();
    response.writeHead(status, headers).end(body);
  };
  waypost.proxy.inject("finalize", hold, Number.POSITIVE_INFINITY);
  const startedMs = Date.now();
  const { status, json } = await waypost.verify(DOMAIN);
  const tookMs = Date.now() - startedMs;
  assert.equal(status, 400);
  assert.equal(json.errors[0].description, sslText(waypost.tlsPort));
  assert.ok(tookMs >= 30_000 && tookMs < 60_000, `${tookMs} ms`);
  assert.equal((await waypost.lastCheck(DOMAIN)).certificate.outcome, "under_way");
  assert.equal((await waypost.show(DOMAIN)).status.tls_status, "pending");
  released.resolve();
  await until("a check over https that passes", async () => (await waypost.lastCheck(DOMAIN)).passed);
  assert.equal((await waypost.show(DOMAIN)).status.tls_status, "valid");
  assert.equal(waypost.proxy.count("newOrder"), 1);
});
