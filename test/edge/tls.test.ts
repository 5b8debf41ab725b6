import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { getCiphers } from "node:tls";

import type { HostEntry } from "../../src/edge/snapshot.ts";
import type { EdgeWorker } from "../../src/edge/worker.ts";
import { createAuthority } from "./authority.ts";
import { createInstallation, type Installation, TENANT } from "./installation.ts";
import { type Handshake, openssl, refusalOf, shakeHands } from "./tls-client.ts";

const authority = createAuthority();
const ca = authority.rootPem;
const HOST = "click.acme.com";
const BARE_HOST = "bare.acme.com";
const OTHER_HOST = "click.other.example";

let installation: Installation;
let worker: EdgeWorker;
let port: number;
let version = 0;
let caFile: string;
const hosts = new Map<string, HostEntry>();

before(async () => {
  installation = await createInstallation({ publish: false });
  caFile = join(installation.dataDir, "root.pem");
  await writeFile(caFile, authority.rootPem);
  for (const host of [HOST, OTHER_HOST])
    hosts.set(host, await installation.certify(host, authority.issue(host)));
  hosts.set(BARE_HOST, { owners: [TENANT], blocked: false });
  await publish();
  worker = await installation.startWorker({ tls: installation.tls });
  port = worker.tlsAddress?.port ?? 0;
});
after(() => installation[Symbol.asyncDispose]());

const shake = (servername: string, over: Partial<Handshake> = {}) =>
  shakeHands({ port, servername, ca, ...over });
const refusal = (servername: string, over: Partial<Handshake> = {}) =>
  refusalOf({ port, servername, ca, ...over });
async function publish(): Promise<void> {
  version += 1;
  await installation.publish(version, hosts);
}
/** Resolves once the worker has taken up what was published last. */
const taken = (t: TestContext): Promise<void> =>
  t.waitFor(() => assert.equal(worker.stats().snapshotVersion, version), { interval: 10, timeout: 60_000 });

test("a click over https is a redirect, on a chain that leads to the root", async () => {
  for (const name of [HOST, OTHER_HOST]) {
    const shown = await shake(name, { path: installation.clickPath() });
    assert.equal(shown.altNames, `DNS:${name}`);
    assert.equal(shown.protocol, "TLSv1.3");
    assert.equal(shown.status, 302);
    const intermediate = new X509Certificate(authority.intermediate.cert).fingerprint256;
    const root = new X509Certificate(authority.rootPem).fingerprint256;
    // The root is the client's own: it is not sent.
    assert.deepEqual(shown.chain.slice(1), [intermediate, root]);
  }
});

test("openssl sees the whole chain, and finds it good for the name", async () => {
  const args = ["-servername", HOST, "-verify_hostname", HOST, "-verify_return_error", "-CAfile", caFile];
  const { said, code } = await openssl(port, [...args, "-showcerts"]);
  assert.equal(code, 0, said);
  assert.match(said, /Verify return code: 0 \(ok\)/);
  assert.equal(said.match(/-----BEGIN CERTIFICATE-----/g)?.length, 2);
});

test("names are told apart without case and without a dot at the end", async () => {
  for (const name of ["CLICK.Acme.COM", "click.acme.com."]) {
    const { said, code } = await openssl(port, [
      "-servername",
      name,
      "-verify_hostname",
      HOST,
      "-CAfile",
      caFile,
    ]);
    assert.equal(code, 0);
    assert.match(said, new RegExp(`Verified peername: ${HOST.replaceAll(".", "\\.")}`), name);
  }
});

for (const [what, args] of [
  ["a name that nobody has", ["-servername", "unknown.example"]],
  ["a domain without a certificate", ["-servername", BARE_HOST]],
  ["a name above a domain's", ["-servername", "acme.com"]],
  ["a name under a domain's", ["-servername", `sub.${HOST}`]],
  ["an address instead of a name", ["-servername", "127.0.0.1"]],
  ["an IPv6 address instead of a name", ["-servername", "::1"]],
  ["a path instead of a name", ["-servername", "../snapshot"]],
  ["a name of 255 characters", ["-servername", `${"a".repeat(63)}.`.repeat(4).slice(0, 255)]],
  ["no name at all", ["-noservername"]],
] as const) {
  for (const protocol of ["-tls1_2", "-tls1_3"]) {
    test(`${what} gets an alert and no certificate (${protocol})`, async () => {
      const { said, code } = await openssl(port, [...args, protocol]);
      assert.equal(code, 1);
      assert.match(said, /alert handshake failure.*SSL alert number 40/);
      assert.doesNotMatch(said, /BEGIN CERTIFICATE/);
    });
  }
}

test("a client that speaks TLS 1.1 at most is refused with the alert for that", async () => {
  const ciphers = "DEFAULT@SECLEVEL=0";
  assert.equal(await refusal(HOST, { version: "TLSv1.1", ciphers }), "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
});

test("of the ciphers of TLS 1.2, only those with forward secrecy and authenticated encryption will do", async () => {
  const isGood = /^ecdhe-ecdsa-(aes128-gcm-sha256|aes256-gcm-sha384|chacha20-poly1305)$/;
  const older = getCiphers().filter((name) => !name.startsWith("tls_"));
  assert.equal(older.filter((name) => isGood.test(name)).length, 3);
  for (const name of older) {
    const ciphers = `${name.toUpperCase()}:@SECLEVEL=0`;
    const outcome = await refusal(HOST, { version: "TLSv1.2", ciphers });
    if (isGood.test(name)) assert.equal(outcome, `none: DNS:${HOST}`, name);
    else assert.match(outcome, /HANDSHAKE_FAILURE|ERR_SSL_NO_CIPHERS|ERR_SSL_NO_CIPHER_MATCH/, name);
  }
});

test("a protocol other than HTTP/1.1 is refused with the alert for that", async () => {
  const { said, code } = await openssl(port, ["-servername", HOST, "-alpn", "h2"]);
  assert.equal(code, 1);
  assert.match(said, /alert no application protocol/);
  const both = await openssl(port, ["-servername", HOST, "-alpn", "h2,http/1.1"]);
  assert.match(both.said, /ALPN protocol: http\/1\.1/);
});

test("a new certificate is shown to those who connect from then on, and disturbs no open connection", async (t) => {
  const host = "renewed.acme.com";
  hosts.set(host, await installation.certify(host, authority.issue(host)));
  await publish();
  await taken(t);
  const before = await shake(host);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const click = async (): Promise<{ status: number; localPort: number }> => {
    const headers = { host };
    const asked = request({ agent, port, servername: host, ca, path: installation.clickPath(), headers });
    asked.end();
    const [response] = await once(asked, "response");
    const { localPort } = response.socket;
    response.resume();
    await once(response, "end");
    return { status: response.statusCode, localPort };
  };
  const first = await click();
  assert.equal(first.status, 302);

  hosts.set(host, await installation.certify(host, authority.issue(host)));
  await publish();
  await taken(t);
  const renewed = await shake(host);
  assert.notEqual(renewed.chain[0], before.chain[0]);
  // Over the connection that was made with the former one.
  assert.deepEqual(await click(), first);
  agent.destroy();
});

test("a host whose file is ahead of the snapshot never lends its certificate to one that shared its former one", async (t) => {
  const [one, two] = ["one.shared.example", "two.shared.example"];
  const shared = authority.issue("*.shared.example");
  for (const host of [one, two]) hosts.set(host, await installation.certify(host, shared));
  await publish();
  await taken(t);
  // The control plane writes the file first, and the snapshot that names it a moment later.
  const entry = await installation.certify(one, authority.issue(one));
  assert.equal((await shake(one)).altNames, `DNS:${one}`);
  assert.equal((await shake(two)).altNames, "DNS:*.shared.example");
  hosts.set(one, entry);
  await publish();
  await taken(t);
  assert.equal((await shake(one)).altNames, `DNS:${one}`);
});

test("a wildcard certificate is one in memory for all hosts that have it", async (t) => {
  const shared = authority.issue("*.many.example");
  const names = Array.from({ length: 20 }, (_, i) => `n${i}.many.example`);
  for (const host of names) hosts.set(host, await installation.certify(host, shared));
  await publish();
  await taken(t);
  const before = worker.stats().counts.tls.contexts;
  for (const host of names) assert.equal((await shake(host)).altNames, "DNS:*.many.example");
  assert.equal(worker.stats().counts.tls.contexts, before + 1);
});

test("a hundred handshakes at once for a name that nobody asked for before are all served", async (t) => {
  const host = "cold.acme.com";
  hosts.set(host, await installation.certify(host, authority.issue(host)));
  await publish();
  await taken(t);
  const shown = await Promise.all(Array.from({ length: 100 }, () => shake(host)));
  assert.deepEqual(new Set(shown.map(({ altNames }) => altNames)), new Set([`DNS:${host}`]));
});

test("a worker keeps no more certificates in memory than it may, and serves all the same", async () => {
  const maxContexts = 4;
  await using small = await createInstallation({ publish: false });
  const names = Array.from({ length: 40 }, (_, i) => `n${i}.acme.com`);
  const entries = new Map<string, HostEntry>();
  for (const host of names) entries.set(host, await small.certify(host, authority.issue(host)));
  await small.publish(1, entries);
  const bounded = await small.startWorker({ tls: { ...small.tls, maxContexts } });
  for (const host of [...names, ...names.toReversed(), ...names]) {
    const shown = await shakeHands({ port: bounded.tlsAddress?.port ?? 0, servername: host, ca });
    assert.equal(shown.altNames, `DNS:${host}`);
    assert.ok(bounded.stats().counts.tls.contexts <= maxContexts);
  }
});
