/** Certificates with real processes: what a kill, a second machine and a curious reader of files and logs do to them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { parseHostname } from "../../src/domain/hostname.ts";
import { CERTIFICATE_KEY_PURPOSE } from "../../src/edge/certificate-file.ts";
import { openStore, type StoreLocation } from "../../src/store/open-store.ts";
import { unseal } from "../../src/token/sealed.ts";
import type { Answer } from "../api/harness.ts";
import { startDnsServer } from "../dns-server.ts";
import { freePort } from "../free-port.ts";
import { createTestDatabase } from "../postgres.ts";
import { type Exchange, type FaultProxy, startFaultProxy } from "../tls/fault-proxy.ts";
import { startPebble } from "../tls/pebble.ts";
import { createInstallation, type Installation, type WaypostProcess } from "./waypost-process.ts";
import { DOMAINS, KEY, until } from "./wrapped-link.ts";

const SECRET = "e2e-secret-that-is-long-enough-for-us";
const CNAME_TARGET = "edge.waypost.example";
const DOMAIN = parseHostname("click.acme.com");

interface Ground extends AsyncDisposable {
  readonly proxy: FaultProxy;
  /** For every machine. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A CA that validates at the edge of this installation. */
async function prepare({ ports }: Installation): Promise<Ground> {
  await using started = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "waypost-ca-"));
  started.defer(() => rmSync(folder, { recursive: true }));
  const dns = await startDnsServer({
    [CNAME_TARGET]: { a: ["127.0.0.1"] },
    [DOMAIN]: { cname: CNAME_TARGET },
  });
  started.defer(() => dns.close());
  const pebble = await startPebble({ httpPort: ports.edge, dnsServer: dns.address });
  started.defer(() => pebble.stop());
  const proxy = await startFaultProxy(pebble);
  started.defer(() => proxy.close());
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, `${pebble.caPem}${await pebble.rootPem()}`);
  const tlsPort = await freePort();
  const settings = {
    WAYPOST_API_KEY: KEY,
    WAYPOST_SECRET: SECRET,
    WAYPOST_LOG_LEVEL: "trace",
    WAYPOST_CNAME_TARGET: CNAME_TARGET,
    WAYPOST_DNS_SERVERS: dns.address,
    WAYPOST_PROBE_PRIVATE: "allow",
    WAYPOST_PUBLIC_HTTP_PORT: String(ports.edge),
    WAYPOST_PUBLIC_HTTPS_PORT: String(tlsPort),
    WAYPOST_EDGE_HTTPS_LISTEN: `127.0.0.1:${tlsPort}`,
    WAYPOST_CA_FILE: caFile,
    WAYPOST_ACME_DIRECTORY: proxy.directoryUrl,
    WAYPOST_ACME_TERMS_AGREED: "yes",
  };
  const all = started.move();
  return { proxy, settings, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const call = (waypost: WaypostProcess, method: string, path: string, body?: object): Promise<Answer> =>
  waypost.call(method, path, { key: KEY, ...(body === undefined ? {} : { body }) });
const add = (waypost: WaypostProcess) => call(waypost, "POST", DOMAINS, { domain: DOMAIN, secure: true });
const verify = (waypost: WaypostProcess) => call(waypost, "POST", `${DOMAINS}/${DOMAIN}/verify`);
const tlsStatus = async (waypost: WaypostProcess): Promise<string> =>
  (await call(waypost, "GET", `${DOMAINS}/${DOMAIN}`)).json.results.status.tls_status;

/** Asks again like a person would: on a machine without idle cores a probe can miss its five seconds. */
async function verifyUntil(
  met: Promise<void>,
  waypost: WaypostProcess,
): Promise<{ readonly asked: Promise<Answer> }> {
  for (let tries = 0; tries < 10; tries += 1) {
    const asked = verify(waypost);
    if (await Promise.race([met.then(() => true), asked.then(() => false)])) return { asked };
  }
  throw new Error("no verification got so far");
}
const verifyUntilItPasses = (waypost: WaypostProcess): Promise<void> =>
  until(async () => (await verify(waypost)).status === 200, "the domain is verified");

/** Keeps the next request that would end an order until its client is gone. Resolves when there is one. */
function holdFinalize(proxy: FaultProxy): Promise<void> {
  const met = Promise.withResolvers<void>();
  proxy.inject("finalize", async ({ response }: Exchange) => {
    met.resolve();
    await once(response, "close");
  });
  return met.promise;
}

test("a process that is killed in the middle of an order goes on with the same one when it is back", async (t) => {
  const installation = await createInstallation(t);
  await using ground = await prepare(installation);
  const { proxy, settings } = ground;
  const first = await installation.serve(settings);
  await add(first);
  const held = holdFinalize(proxy);
  const { asked } = await verifyUntil(held, first);
  await Promise.all([assert.rejects(asked), first.killAll()]);

  const second = await installation.serve(settings);
  await until(async () => (await tlsStatus(second)) === "valid", "the certificate is there");
  assert.equal(proxy.count("newOrder"), 1);
  await verifyUntilItPasses(second);
  assert.equal(proxy.count("newOrder"), 1);
  assert.equal(await second.stop(), 0);
});

test("a process that is stopped in the middle of an order stops in time, answers who waits, and leaves the order to the next", async (t) => {
  const installation = await createInstallation(t);
  await using ground = await prepare(installation);
  const { proxy, settings } = ground;
  const first = await installation.serve(settings);
  await add(first);
  const held = holdFinalize(proxy);
  const { asked } = await verifyUntil(held, first);
  const startedMs = Date.now();
  const [answer, code] = await Promise.all([asked, first.stop()]);
  assert.equal(answer.status, 400);
  assert.equal(code, 0);
  assert.ok(Date.now() - startedMs < 8000);
  const second = await installation.serve(settings);
  await until(async () => (await tlsStatus(second)) === "valid", "the certificate is there");
  assert.equal(proxy.count("newOrder"), 1);
});

test("two machines that are asked for the same name at once place one order", async (t) => {
  const shared = await createTestDatabase();
  t.after(() => shared.drop());
  const database = { WAYPOST_DATABASE_URL: shared.url };
  const one = await createInstallation(t, database);
  const other = await createInstallation(t, database);
  await using ground = await prepare(one);
  const { proxy, settings } = ground;
  const first = await one.serve(settings);
  const second = await other.serve({ ...settings, WAYPOST_ROLES: "api,worker" });
  await add(first);
  await until(async () => {
    const answers = await Promise.all([first, second, first, second].map(verify));
    return answers.every(({ status }) => status === 200);
  }, "every call says that the domain is verified");
  assert.equal(proxy.count("newOrder"), 1);
  assert.deepEqual(
    new Set(proxy.requests.filter(({ resource }) => resource === "certificate").map(({ path }) => path)).size,
    1,
  );
});

test("certificates are listed and renewed from the command line", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const none = "No tracking domain is secure.";
  await using ground = await prepare(installation);
  const waypost = await installation.serve(ground.settings);
  assert.ok((await installation.run("certs", "list")).stdout.startsWith(none));
  await call(waypost, "POST", DOMAINS, { domain: "waiting.acme.com", secure: true });
  await add(waypost);
  await verifyUntilItPasses(waypost);
  const { stdout } = await installation.run("certs", "list");
  assert.match(
    stdout,
    /^DOMAIN +CERTIFICATE +RENEWED BY +EXPIRES\nwaiting\.acme\.com +ordered once verified +Waypost/,
  );
  assert.match(stdout, /\nclick\.acme\.com +valid +Waypost +20\d\d-\d\d-\d\d\n$/);
  const renewed = await installation.run("certs", "renew", DOMAIN);
  assert.equal(renewed.code, 0, renewed.stderr);
  assert.match(renewed.stdout, /renewal initiated for click\.acme\.com/);
  await until(async () => ground.proxy.count("certificate") === 2, "another one is there");
  const refused = await installation.run("certs", "renew", "nobody.acme.com");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Resource not found: nobody\.acme\.com/);
  const listed = JSON.parse((await installation.run("certs", "list", "--json")).stdout);
  const order = listed.map(({ domain }: { domain: string }) => domain);
  assert.deepEqual(order, ["waiting.acme.com", DOMAIN], "in the order of the table");
});

test("no key stands in a log, a reply or a file, and no file of keys can be read by others", async (t) => {
  const installation = await createInstallation(t);
  await using ground = await prepare(installation);
  const { settings } = ground;
  const waypost = await installation.serve(settings);
  await add(waypost);
  await verifyUntilItPasses(waypost);
  const answers = [await verify(waypost)];
  for (const path of ["", "/checks", "/certificate"]) {
    answers.push(await call(waypost, "GET", `${DOMAINS}/${DOMAIN}${path}`));
  }
  answers.push(await call(waypost, "GET", DOMAINS));
  assert.equal(await tlsStatus(waypost), "valid");
  await waypost.stop();

  const secrets = await keysOf(
    { kind: "sqlite", dir: installation.dataDir },
    settings["WAYPOST_ACME_DIRECTORY"],
  );
  const isLeak = (text: string) =>
    text.includes("PRIVATE KEY") || secrets.some((secret) => text.includes(secret));
  for (const { text } of answers) assert.ok(!isLeak(text));
  assert.ok(!isLeak(waypost.output()));
  assert.match(waypost.output(), /certificate issued/);
  for (const entry of readdirSync(installation.dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = readFileSync(path, "latin1");
    assert.ok(!isLeak(content), path);
    if (content.includes("wp1.")) assert.equal(statSync(path).mode & 0o007, 0, path);
  }
});

/** Every line of the account's key and of the certificate's, as PEM has them. */
async function keysOf(location: StoreLocation, directory = ""): Promise<readonly string[]> {
  const store = await openStore(location, { existing: true });
  try {
    const unexpected = () => assert.fail("there is an account");
    const account = await store.acmeAccounts.use(directory, unexpected, Date.now());
    const [certificate] = await store.certificates.material([DOMAIN]);
    const keys = [
      unseal(account.sealedKey, SECRET, "acme account key"),
      unseal(certificate?.sealedKey ?? "", SECRET, CERTIFICATE_KEY_PURPOSE),
    ].map((key) => key?.toString() ?? "");
    for (const key of keys) assert.match(key, /BEGIN PRIVATE KEY/);
    return keys.flatMap((key) => key.split("\n").filter((line) => line !== "" && !line.startsWith("-----")));
  } finally {
    await store.close();
  }
}
