/** Certificates that Waypost orders, from the API to the handshake, on both databases. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { connect, type PeerCertificate } from "node:tls";

import { onBothDatabases } from "../api/harness.ts";
import { CNAME_TARGET } from "../api/with-edge.ts";
import { issueCertificate } from "../verification/certificates.ts";
import { startReceiver } from "../webhooks/receiver.ts";
import { type AcmeInstallation, DOMAINS, startAcmeInstallation, until } from "./acme-installation.ts";
import { dropRequest, problem } from "./fault-proxy.ts";

const REFUSED = "refused.acme.com";
const REFUSED_TOO = "told.acme.com";

onBothDatabases("managed certificates", (database) => {
  let waypost: AcmeInstallation;
  before(async () => {
    waypost = await startAcmeInstallation(database, { pebble: { blocklist: [REFUSED, REFUSED_TOO] } });
    waypost.proxy.caaIdentities = ["ca.example"];
    // What has never run is slow, and a probe has five seconds.
    await waypost.add("first.acme.com");
    await waypost.verifyUntilItPasses("first.acme.com");
  });
  after(() => waypost[Symbol.asyncDispose]());

  const action = (domain: string, name: string) =>
    waypost.call("POST", `${DOMAINS}/${domain}/certificate/${name}`);
  const sslText = (domain: string) =>
    `Unable to reach https://${domain}:${waypost.tlsPort}. Please verify that your redirect is functioning and that your SSL certificate is valid.`;
  /** How many orders the work made the CA take. */
  const orders = async (work: () => Promise<unknown>): Promise<number> => {
    const before = waypost.proxy.count("newOrder");
    await work();
    return waypost.proxy.count("newOrder") - before;
  };
  const served = (domain: string): Promise<PeerCertificate> =>
    new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: waypost.tlsPort, servername: domain, ca: waypost.rootPem };
      const socket = connect(options, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
      socket.on("error", reject);
    });
  const linkOf = async (domain: string): Promise<string> => {
    const { json } = await waypost.call("POST", "/api/v1/wrap", {
      body: {
        content: { html: '<a href="https://www.example.com/">x</a>' },
        recipients: [{ address: "ann@example.com" }],
        tracking_domain: domain,
      },
    });
    return /href="([^"]+)"/.exec(json.results.messages[0].content.html)?.[1] ?? "";
  };

  test("one verify call of a secure domain gets a certificate, and links use https", async () => {
    await waypost.add("click.acme.com");
    assert.deepEqual((await waypost.show("click.acme.com")).status, {
      verified: false,
      cname_status: "unverified",
      compliance_status: "valid",
      tls_status: "unknown",
    });
    const placed = await orders(async () => {
      const { status, json } = await waypost.verify("click.acme.com");
      assert.equal(status, 200, JSON.stringify(json));
      assert.deepEqual(json.results, {
        verified: true,
        cname_status: "valid",
        compliance_status: "valid",
        tls_status: "valid",
      });
    });
    assert.equal(placed, 1);
    assert.equal((await served("click.acme.com")).subjectaltname, "DNS:click.acme.com");
    assert.match(await linkOf("click.acme.com"), /^https:\/\/click\.acme\.com:/);
    const shown = await waypost.show("click.acme.com");
    assert.equal(shown.uses_managed_certificate, true);
    assert.equal(shown.tls_certificate.error_code, null);
    assert.ok(Date.parse(shown.tls_certificate.expires_at) > Date.now());
    const { json } = await waypost.call("GET", `${DOMAINS}/click.acme.com/certificate`);
    assert.equal(json.results.source, "acme");
    const check = await waypost.lastCheck("click.acme.com");
    assert.deepEqual(check.certificate, { outcome: "issued" });
    assert.equal(check.passed, true);
    assert.equal(await orders(() => waypost.verify("click.acme.com")), 0);
  });

  test("verify calls at once place one order", async () => {
    await waypost.add("many.acme.com");
    const placed = await orders(async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => waypost.verify("many.acme.com")));
      assert.ok(answers.every(({ status }) => status === 200));
    });
    assert.equal(placed, 1);
  });

  test("a plain http domain's replies are the specification's, byte for byte", async () => {
    await waypost.add("plain.acme.com", { secure: false });
    const { text } = await waypost.verify("plain.acme.com");
    assert.equal(text, '{"results":{"verified":true,"cname_status":"valid","compliance_status":"valid"}}');
    const { text: shown } = await waypost.call("GET", `${DOMAINS}/plain.acme.com`);
    assert.equal(
      shown,
      '{"results":{"port":80,"domain":"plain.acme.com","secure":false,"default":false,"status":{"verified":true,"cname_status":"valid","compliance_status":"valid"}}}',
    );
  });

  test("a domain that becomes secure gets a certificate by itself, and its links follow", async () => {
    await waypost.addVerifiedDomain("later.acme.com");
    await waypost.call("PUT", `${DOMAINS}/later.acme.com`, { body: { secure: true } });
    assert.match(await linkOf("later.acme.com"), /^http:/);
    await until("https links", async () => (await linkOf("later.acme.com")).startsWith("https:"), 120_000);
    assert.equal((await waypost.show("later.acme.com")).status.tls_status, "valid");
  });

  test("enable makes a verified domain secure and starts the order", async () => {
    await waypost.add("enabled.acme.com", { secure: false });
    const early = await action("enabled.acme.com", "enable");
    assert.equal(early.status, 400);
    assert.equal(
      early.json.errors[0].message,
      "Domain must be verified before enabling managed certificates",
    );
    await waypost.verify("enabled.acme.com");
    assert.equal(await orders(() => action("enabled.acme.com", "check")), 0);
    assert.deepEqual((await action("enabled.acme.com", "check")).json, {
      results: { domain: "enabled.acme.com", supportsManagedCertificate: true },
    });
    const { status, json } = await action("Enabled.acme.com", "enable");
    assert.equal(status, 200);
    assert.deepEqual(json, {
      results: { message: "Certificate issuance initiated for enabled.acme.com" },
    });
    await until(
      "a certificate",
      async () => (await waypost.show("enabled.acme.com")).status.tls_status === "valid",
    );
    const { port, secure } = await waypost.show("enabled.acme.com");
    assert.deepEqual([port, secure], [443, true]);
    assert.equal((await action("nobody.acme.com", "enable")).status, 404);
    assert.equal((await action("nobody.acme.com", "check")).status, 404);
  });

  test("a certificate is replaced by another at once when somebody asks, and https goes on", async () => {
    await waypost.add("again.acme.com", { secure: false });
    await waypost.verify("again.acme.com");
    assert.match((await action("again.acme.com", "renew")).json.errors[0].description, /not secure/);
    await waypost.call("PUT", `${DOMAINS}/again.acme.com`, { body: { secure: true } });
    await waypost.verifyUntilItPasses("again.acme.com");
    const first = (await served("again.acme.com")).fingerprint256;
    const placed = await orders(async () => {
      const answers = await Promise.all([1, 2, 3].map(() => action("again.acme.com", "renew")));
      for (const { status, json } of answers) {
        assert.equal(status, 200, JSON.stringify(json));
        assert.equal(json.results.message, "Certificate renewal initiated for again.acme.com");
      }
      await until(
        "another certificate",
        async () => (await served("again.acme.com")).fingerprint256 !== first,
      );
    });
    assert.equal(placed, 1);
    assert.match(await linkOf("again.acme.com"), /^https:/);
    assert.equal((await action("nobody.acme.com", "renew")).status, 404);
  });

  test("CAA records that forbid the CA cost no order, and say what to add", async () => {
    await waypost.add("caa.acme.com");
    waypost.dns.zone.set("caa.acme.com", { a: ["127.0.0.1"], caa: [[0, "issue", "other.example"]] });
    const placed = await orders(async () => {
      const { status, json } = await waypost.verify("caa.acme.com");
      assert.equal(status, 400);
      assert.deepEqual(json.errors, [
        {
          code: "1404",
          message: "request to remote endpoint failed",
          description: sslText("caa.acme.com"),
        },
      ]);
      const checked = await action("caa.acme.com", "check");
      assert.equal(checked.status, 400);
      assert.equal(checked.json.errors[0].message, "Certificate eligibility check failed");
      assert.match(checked.json.errors[0].description, /add the record: caa\.acme\.com\. CAA 0 issue/);
    });
    assert.equal(placed, 0);
    const check = await waypost.lastCheck("caa.acme.com");
    assert.match(check.failure, /add the record: caa\.acme\.com\. CAA 0 issue "ca\.example"/);
    assert.equal(check.certificate.error_code, "acme:dns");
    assert.ok(Date.parse(check.certificate.next_attempt_at) > Date.now());
    assert.deepEqual(
      check.findings.find(({ code }: { code: string }) => code === "certificate_failed").ok,
      false,
    );
    const shown = await waypost.show("caa.acme.com");
    assert.equal(shown.status.verified, true);
    assert.equal(shown.status.tls_status, "failed");
    assert.deepEqual(shown.tls_certificate, { issued_at: null, expires_at: null, error_code: "acme:dns" });
    assert.match(await linkOf("caa.acme.com"), /^http:/);

    waypost.dns.zone.set("caa.acme.com", { a: ["127.0.0.1"], caa: [[0, "issue", "ca.example"]] });
    assert.equal((await waypost.verify("caa.acme.com")).json.results.tls_status, "valid");
  });

  test("a forgotten IPv6 address that leads elsewhere costs no order, and is named", async () => {
    const parked = createServer((_request, response) => response.end("for sale"));
    await new Promise<void>((resolve) => parked.listen(waypost.edgePort, "::1", resolve));
    await waypost.add("forgotten.acme.com");
    waypost.dns.zone.set("forgotten.acme.com", { a: ["127.0.0.1"], aaaa: ["::1"] });
    const placed = await orders(() => waypost.verify("forgotten.acme.com"));
    assert.equal(placed, 0);
    const { failure, certificate } = await waypost.lastCheck("forgotten.acme.com");
    assert.match(failure, /\(::1\) answers it with something else\./);
    assert.equal(certificate.error_code, "acme:unauthorized");
    await new Promise((resolve) => parked.close(resolve));
  });

  test("a name that the CA refuses is not asked for again until its owner asks", async () => {
    await waypost.add(REFUSED);
    assert.equal(await orders(() => waypost.verify(REFUSED)), 1);
    const shown = await waypost.show(REFUSED);
    assert.equal(shown.status.tls_status, "unavailable");
    assert.equal(shown.tls_certificate.error_code, "acme:rejected_identifier");
    const check = await waypost.lastCheck(REFUSED);
    assert.match(check.failure, /^The certificate authority refuses to issue for refused\.acme\.com/);
    assert.equal(check.certificate.next_attempt_at, undefined);
    const placed = await orders(async () => {
      const { status, json } = await action(REFUSED, "check");
      assert.equal(status, 403);
      assert.equal(
        json.errors[0].message,
        "Domain is not eligible for managed certificates due to Let's Encrypt policies",
      );
    });
    assert.equal(placed, 0);
    assert.equal(await orders(() => waypost.verify(REFUSED)), 1);
  });

  test("a certificate that cannot be had is told to operational webhooks, once however often it is tried", async (t) => {
    const target = await startReceiver();
    t.after(() => target[Symbol.asyncDispose]());
    const body = {
      name: "pager",
      kind: "operational",
      events: ["certificate_failing"],
      target: target.url,
    };
    const created = await waypost.call("POST", "/api/v1/webhooks", { body });
    assert.equal(created.status, 200, JSON.stringify(created.json));
    await waypost.add(REFUSED_TOO);
    for (let tries = 0; tries < 2; tries += 1) await waypost.verify(REFUSED_TOO);
    await until("it is told", () => target.deliveredIds().length > 0);
    const told = target.batches.flatMap(({ events }) => events);
    assert.equal(told.length, 1);
    const { type, tracking_domain, problem: code, reason } = told[0] ?? {};
    assert.deepEqual(
      { type, tracking_domain, code },
      { type: "certificate_failing", tracking_domain: REFUSED_TOO, code: "acme:rejected_identifier" },
    );
    assert.match(String(reason), /^The certificate authority refuses to issue for told\.acme\.com/);
  });

  test("a certificate that its owner brought is not replaced, and is succeeded by one of ours when it is removed", async () => {
    await waypost.add("own.acme.com");
    const { cert, key } = issueCertificate({ commonName: "x", dnsNames: ["own.acme.com"] });
    await waypost.call("PUT", `${DOMAINS}/own.acme.com/certificate`, {
      body: { certificate: cert, private_key: key },
    });
    const placed = await orders(async () => {
      // Nobody trusts it, which is its owner's to mend.
      assert.equal((await waypost.verify("own.acme.com")).status, 400);
      assert.equal((await action("own.acme.com", "check")).json.results.supportsManagedCertificate, false);
      assert.equal((await action("own.acme.com", "enable")).status, 400);
      assert.equal((await action("own.acme.com", "renew")).status, 400);
    });
    assert.equal(placed, 0);
    const shown = await waypost.show("own.acme.com");
    assert.equal(shown.uses_managed_certificate, false);
    assert.equal(shown.status.tls_status, "valid");
    await waypost.call("DELETE", `${DOMAINS}/own.acme.com/certificate`);
    await until(
      "a certificate of ours",
      async () => {
        const { uses_managed_certificate, status } = await waypost.show("own.acme.com");
        return uses_managed_certificate && status.tls_status === "valid";
      },
      120_000,
    );
  });

  test("a CA that fails for a while is asked again by itself, with the same order", async () => {
    await waypost.add("patient.acme.com");
    waypost.proxy.inject("finalize", problem(500, "serverInternal"), 30);
    const placed = await orders(async () => {
      const { status, json } = await waypost.verify("patient.acme.com");
      assert.equal(status, 400);
      assert.equal(json.errors[0].description, sslText("patient.acme.com"));
    });
    assert.equal(placed, 1);
    assert.equal((await waypost.show("patient.acme.com")).tls_certificate.error_code, "acme:temporary");
    waypost.proxy.inject("finalize", problem(500, "serverInternal"), 0);
    assert.equal(await orders(() => waypost.verify("patient.acme.com")), 0);
    assert.equal((await waypost.show("patient.acme.com")).status.tls_status, "valid");
  });

  test("a CA that cannot be reached is said to be the reason, and verification stays", async () => {
    await waypost.add("offline.acme.com");
    waypost.proxy.inject("newOrder", dropRequest, 100);
    assert.equal((await waypost.verify("offline.acme.com")).status, 400);
    waypost.proxy.inject("newOrder", dropRequest, 0);
    const { status, tls_certificate } = await waypost.show("offline.acme.com");
    assert.deepEqual(
      [status.verified, status.tls_status, tls_certificate.error_code],
      [true, "failed", "acme:temporary"],
    );
    assert.equal((await waypost.verify("offline.acme.com")).status, 200);
  });

  test("a proxy in front may ask for which names it may get certificates", async () => {
    const ask = async (domain: string) => (await waypost.ops(`/internal/tls/ask?domain=${domain}`)).status;
    await waypost.add("asked.acme.com");
    await until("the edge knows it", async () => (await ask("asked.acme.com")) === 200);
    assert.equal(await ask("ASKED.acme.com."), 200);
    for (const name of ["unknown.acme.com", "acme.com", CNAME_TARGET, "", "%00", "a".repeat(5000)]) {
      assert.equal(await ask(name), 404, name);
    }
    assert.equal((await waypost.ops("/internal/tls/ask")).status, 404);
    // Its links go on working, and so does their https.
    await waypost.call("DELETE", `${DOMAINS}/asked.acme.com`);
    assert.equal(await ask("asked.acme.com"), 200);
  });

  test("the metrics count orders and failures, and name no domain", async () => {
    const { text } = await waypost.ops("/metrics");
    assert.match(text, /waypost_certificate_orders_total\{outcome="issued"\} [1-9]/);
    assert.match(text, /waypost_certificate_failures_total\{reason="acme:rejected_identifier"\} 4/);
    assert.match(text, /waypost_certificates\{state="valid"\} \d/);
    assert.doesNotMatch(text, /acme\.com/);
  });
});
