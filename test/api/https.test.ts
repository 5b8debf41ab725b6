import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";

import { CERTIFICATE_FOLDER } from "../../src/data-directory.ts";
import { type CertificateOptions, issueCertificate } from "../verification/certificates.ts";
import { onBothDatabases } from "./harness.ts";
import { CNAME_TARGET, startTestInstallation, type TestInstallation } from "./with-edge.ts";

const DOMAINS = "/api/v1/tracking-domains";
const authority = issueCertificate({ commonName: "Test CA", isCa: true });
const certificateFor = (...dnsNames: string[]) => certificate({ dnsNames });
const certificate = (options: Partial<CertificateOptions>) =>
  issueCertificate({ commonName: "x", issuer: authority, ...options });

onBothDatabases("https", (database) => {
  const folder = mkdtempSync(join(tmpdir(), "waypost-https-"));
  let waypost: TestInstallation;

  before(async () => {
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, authority.cert);
    waypost = await startTestInstallation(database, { caFile });
  });
  after(async () => {
    await waypost[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const one = (domain: string) => `${DOMAINS}/${domain}`;
  const verify = (domain: string) => waypost.call("POST", `${one(domain)}/verify`);
  const addSecure = async (domain: string): Promise<void> => {
    waypost.dns.zone.set(domain, { cname: CNAME_TARGET });
    await waypost.call("POST", DOMAINS, { body: { domain, secure: true } });
  };
  const bring = (domain: string, { cert, key } = certificateFor(domain)) =>
    waypost.call("PUT", `${one(domain)}/certificate`, { body: { certificate: cert, private_key: key } });
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
  /** The names in the certificate that the edge shows, or the alert it sends. */
  const shown = (servername: string, ca: readonly string[] = [authority.cert]): Promise<string> =>
    new Promise((resolve) => {
      const socket: TLSSocket = connect(
        {
          host: "127.0.0.1",
          port: waypost.tlsPort,
          servername,
          ca: [...ca],
          checkServerIdentity: () => undefined,
        },
        () => {
          resolve(socket.getPeerCertificate().subjectaltname ?? "none");
          socket.destroy();
        },
      );
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  /** The edge follows within a second. */
  const becomesShown = async (servername: string, names: string): Promise<void> => {
    for (let tries = 0; tries < 2400 && (await shown(servername)) !== names; tries += 1) await sleep(25);
    assert.equal(await shown(servername), names);
  };
  const bringLive = async (domain: string, pair = certificateFor(domain), names = `DNS:${domain}`) => {
    await bring(domain, pair);
    await becomesShown(domain, names);
  };
  const click = (url: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const { hostname, pathname } = new URL(url);
      const options = { host: "127.0.0.1", port: waypost.tlsPort, servername: hostname, ca: authority.cert };
      const asked = request({ ...options, path: pathname, headers: { host: hostname } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.on("error", reject);
      asked.end();
    });

  test("a domain with a certificate of its own is verified over https, and its links use it", async () => {
    await addSecure("own.acme.com");
    const refused = await verify("own.acme.com");
    assert.equal(
      refused.json.errors[0].description,
      `Unable to reach https://own.acme.com:${waypost.tlsPort}. Please verify that your redirect is functioning and that your SSL certificate is valid.`,
    );
    // It is reached, though not over https: mail goes out with http meanwhile.
    const status = (await waypost.call("GET", one("own.acme.com"))).json.results.status;
    assert.equal(status.verified, true);
    assert.match(await linkOf("own.acme.com"), /^http:/);

    await bringLive("own.acme.com");
    assert.equal((await verify("own.acme.com")).json.results.verified, true);
    const link = await linkOf("own.acme.com");
    assert.ok(link.startsWith(`https://own.acme.com:${waypost.tlsPort}/e/`));
    assert.equal(await click(link), 302);
    assert.equal((await waypost.visit(link.replace("https:", "http:"))).status, 302);
    const checks = (await waypost.call("GET", `${one("own.acme.com")}/checks`)).json.results.checks;
    assert.equal(checks[0].passed, true);
    assert.equal(checks.at(-1).http_probe.outcome, "answered");
  });

  test("whether new links of a secure domain use https is a filter of the list, and stands beside its checks", async () => {
    await addSecure("filter-one.example");
    await addSecure("filter-two.example");
    await waypost.call("POST", DOMAINS, { body: { domain: "filter-plain.example" } });
    await bringLive("filter-one.example");
    for (const domain of ["filter-one.example", "filter-two.example"]) await verify(domain);
    await addSecure("filter-unverified.example");
    const listed = async (httpsWorks: string): Promise<readonly string[]> => {
      const { json } = await waypost.call("GET", `${DOMAINS}?https_works=${httpsWorks}`);
      const names: readonly string[] = json.results.map(({ domain }: { domain: string }) => domain);
      return names.filter((name) => name.startsWith("filter-"));
    };
    assert.deepEqual(await listed("true"), ["filter-one.example"]);
    assert.deepEqual(await listed("false"), ["filter-two.example"]);
    for (const [domain, expected] of [
      ["filter-one.example", true],
      ["filter-two.example", false],
      ["filter-plain.example", undefined],
      ["filter-unverified.example", undefined],
    ] as const) {
      const { json } = await waypost.call("GET", `${one(domain)}/checks`);
      assert.equal(json.results.https_works, expected, domain);
    }
    assert.equal((await waypost.call("GET", `${DOMAINS}?https_works=maybe`)).status, 400);
  });

  test("a verify call right after a certificate was brought waits until the edge has it", async () => {
    await addSecure("at-once.acme.com");
    await bring("at-once.acme.com", certificateFor("at-once.acme.com"));
    assert.equal((await verify("at-once.acme.com")).json.results.verified, true);
    assert.match(await linkOf("at-once.acme.com"), /^https:/);
  });

  test("a verify call that waits for the edge ends with what is known when the process stops", async () => {
    await using other = await startTestInstallation(database, { caFile: join(folder, "ca.pem") });
    const domain = "untrusted.acme.com";
    other.dns.zone.set(domain, { cname: CNAME_TARGET });
    await other.call("POST", DOMAINS, { body: { domain, secure: true } });
    const { cert, key } = issueCertificate({ commonName: "x", dnsNames: [domain] });
    const body = { certificate: cert, private_key: key };
    await other.call("PUT", `${one(domain)}/certificate`, { body });
    const startedMs = performance.now();
    const verified = other.call("POST", `${one(domain)}/verify`);
    await sleep(1000);
    await other.control.stop();
    assert.equal((await verified).status, 400);
    const tookMs = performance.now() - startedMs;
    // Without the stop it would wait for five seconds.
    assert.ok(tookMs < 5000, `${tookMs} ms`);
  });

  test("a new certificate takes the place of the old one, and one that is removed puts links back to http", async () => {
    await addSecure("turn.acme.com");
    await bringLive("turn.acme.com");
    await verify("turn.acme.com");
    const wildcard = certificateFor("*.acme.com", "other.example");
    await bringLive("turn.acme.com", wildcard, "DNS:*.acme.com, DNS:other.example");
    const { json } = await waypost.call("GET", `${one("turn.acme.com")}/certificate`);
    assert.equal(json.results.source, "own");
    assert.match(json.results.issuer, /Test CA/);
    assert.equal((await waypost.call("DELETE", `${one("turn.acme.com")}/certificate`)).status, 204);
    assert.match(await linkOf("turn.acme.com"), /^http:/);
    assert.equal((await waypost.call("GET", `${one("turn.acme.com")}/certificate`)).status, 404);
    assert.equal((await waypost.call("DELETE", `${one("turn.acme.com")}/certificate`)).status, 404);
  });

  test("a host without a certificate gets an alert, never another one's certificate; names are told apart without case", async () => {
    await addSecure("alone.acme.com");
    await bringLive("alone.acme.com");
    await addSecure("without.acme.com");
    assert.equal(await shown("ALONE.Acme.com"), "DNS:alone.acme.com");
    for (const name of ["without.acme.com", "unknown.example", "acme.com", "sub.alone.acme.com", ""]) {
      assert.match(await shown(name), /HANDSHAKE_FAILURE|UNRECOGNIZED_NAME/i, name);
    }
  });

  test("a deleted domain's links go on working over https", async () => {
    await addSecure("gone.acme.com");
    await bringLive("gone.acme.com");
    await verify("gone.acme.com");
    const link = await linkOf("gone.acme.com");
    await waypost.nextSnapshot(() => waypost.call("DELETE", one("gone.acme.com")));
    assert.equal(await click(link), 302);
  });

  test("a certificate that would not do is refused with what is wrong, and nothing changes", async () => {
    await addSecure("strict.acme.com");
    const good = certificateFor("strict.acme.com");
    for (const [pair, text] of [
      [certificateFor("other.acme.com"), /'certificate' does not cover/],
      [certificate({ dnsNames: ["strict.acme.com"], notAfter: new Date(Date.now() - 1000) }), /has expired/],
      [{ ...good, key: certificateFor("strict.acme.com").key }, /'private_key' is not the key/],
      [{ ...good, cert: "nonsense" }, /'certificate' must be certificates in PEM form/],
    ] as const) {
      const { status, text: body } = await bring("strict.acme.com", pair);
      assert.equal(status, 422);
      assert.match(body, text);
      assert.doesNotMatch(body, /PRIVATE KEY|nonsense/);
    }
    assert.equal((await waypost.call("GET", `${one("strict.acme.com")}/certificate`)).status, 404);
    assert.equal((await bring("nobody.acme.com")).status, 404);
  });

  test("another tenant neither sees nor changes a certificate", async () => {
    const { json } = await waypost.call("POST", "/api/v1/subaccounts", { body: { name: "Other" } });
    const headers = { "x-msys-subaccount": String(json.results.subaccount_id) };
    await addSecure("mine.acme.com");
    await bring("mine.acme.com");
    const path = `${one("mine.acme.com")}/certificate`;
    const { cert, key } = certificateFor("mine.acme.com");
    const body = { certificate: cert, private_key: key };
    assert.equal((await waypost.call("GET", path, { headers })).status, 404);
    assert.equal((await waypost.call("PUT", path, { headers, body })).status, 404);
    assert.equal((await waypost.call("DELETE", path, { headers })).status, 404);
  });

  test("no key stands on disk unsealed, and nobody else may read what is there", async () => {
    await addSecure("sealed.acme.com");
    const pair = certificateFor("sealed.acme.com");
    await bringLive("sealed.acme.com", pair);
    const certificates = join(waypost.dataDir, CERTIFICATE_FOLDER);
    assert.equal(statSync(certificates).mode & 0o777, 0o700);
    assert.equal(statSync(join(certificates, "sealed.acme.com")).mode & 0o777, 0o600);
    const secretLine = pair.key.split("\n")[1] ?? "";
    for (const entry of readdirSync(waypost.dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = readFileSync(join(entry.parentPath, entry.name), "latin1");
      assert.ok(!content.includes(secretLine) && !content.includes("BEGIN PRIVATE KEY"), entry.name);
    }
  });

  test("a certificate's file that is damaged concerns its host alone, until it is mended", async () => {
    await addSecure("torn.acme.com");
    await bring("torn.acme.com");
    const path = join(waypost.dataDir, CERTIFICATE_FOLDER, "torn.acme.com");
    for (let tries = 0; tries < 2400 && !existsSync(path); tries += 1) await sleep(25);
    // Before anybody connects.
    writeFileSync(path, "x");
    await sleep(500);
    assert.match(await shown("torn.acme.com"), /HANDSHAKE_FAILURE/i);
    await bringLive("torn.acme.com");
  });
});
