/** What happens to a certificate that was ordered as time goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { parseHostname } from "../../src/domain/hostname.ts";
import { CERTIFICATE_KEY_PURPOSE } from "../../src/edge/certificate-file.ts";
import { readMasterSecret } from "../../src/master-secret.ts";
import { openStore } from "../../src/store/open-store.ts";
import { newKeyPem } from "../../src/tls/jws.ts";
import { renewalId } from "../../src/tls/renewal-info.ts";
import { seal } from "../../src/token/sealed.ts";
import { onBothDatabases } from "../api/harness.ts";
import { type AcmeInstallation, DOMAINS, startAcmeInstallation, until } from "./acme-installation.ts";
import { dropRequest, problem } from "./fault-proxy.ts";

const DAY = 86_400_000;
const DOMAIN = "click.acme.com";

/** A window of the CA's, in days from now. */
function suggest(waypost: AcmeInstallation, fromDays: number, toDays: number): void {
  const [start, end] = [fromDays, toDays].map((days) => new Date(Date.now() + days * DAY).toISOString());
  waypost.proxy.renewal = { body: { suggestedWindow: { start, end } } };
}

async function issuedAt(waypost: AcmeInstallation, domain = DOMAIN): Promise<string> {
  return (await waypost.show(domain)).tls_certificate.issued_at;
}

async function chainOf(waypost: AcmeInstallation): Promise<string> {
  const store = await openStore({ kind: "sqlite", dir: waypost.dataDir }, { existing: true });
  try {
    return (await store.certificates.material([DOMAIN]))[0]?.chainPem ?? "";
  } finally {
    await store.close();
  }
}

/** What `certificate_failing` events say, oldest first. */
async function alerts(waypost: AcmeInstallation) {
  const store = await openStore({ kind: "sqlite", dir: waypost.dataDir }, { existing: true });
  try {
    const events = await store.operationalEvents.readAfter(0, 100);
    return events.filter(({ kind }) => kind === "certificate_failing").map(({ fields }) => fields);
  } finally {
    await store.close();
  }
}

onBothDatabases("a CA with renewal information", (database) => {
  test("has a certificate renewed when it says so, and learns which one is replaced", async () => {
    await using waypost = await startAcmeInstallation(database);
    suggest(waypost, -2, -1);
    await waypost.add(DOMAIN);
    await waypost.verifyUntilItPasses(DOMAIN);
    const first = database === "sqlite" ? await chainOf(waypost) : undefined;
    const isRenewal = ({ resource, payload }: (typeof waypost.proxy.requests)[number]) =>
      resource === "newOrder" && payload?.["replaces"] !== undefined;
    await until("a renewal", () => waypost.proxy.requests.some(isRenewal));
    // Every certificate would be renewed at once else.
    suggest(waypost, 100, 101);
    if (first !== undefined) {
      assert.equal(waypost.proxy.requests.find(isRenewal)?.payload?.["replaces"], renewalId(first));
    }
    await until("the renewal is counted", async () =>
      /orders_total\{outcome="renewed"\} 1/.test((await waypost.ops("/metrics")).text),
    );
    assert.equal((await waypost.verifyUntilItPasses(DOMAIN)).json.results.tls_status, "valid");
  });
});

test("a certificate is renewed after two thirds of its life, and https goes on", async () => {
  await using waypost = await startAcmeInstallation("sqlite", { pebble: { validitySeconds: 36 } });
  await waypost.add(DOMAIN);
  await waypost.verifyUntilItPasses(DOMAIN);
  const first = await issuedAt(waypost);
  await until("a renewal", async () => (await issuedAt(waypost)) !== first);
  const tookMs = Date.parse(await issuedAt(waypost)) - Date.parse(first);
  assert.ok(tookMs > 18_000 && tookMs < 36_000, `${tookMs} ms`);
  assert.equal((await waypost.verifyUntilItPasses(DOMAIN)).json.results.tls_status, "valid");
});

test("a certificate that could not be renewed lapses: new links go back to http at once, and return with the CA", async () => {
  await using waypost = await startAcmeInstallation("sqlite", { pebble: { validitySeconds: 15 } });
  await waypost.add(DOMAIN);
  await waypost.verifyUntilItPasses(DOMAIN);
  waypost.proxy.inject("newOrder", dropRequest, 10_000);
  const linkOf = async () => {
    const body = {
      content: { html: '<a href="https://www.example.com/">x</a>' },
      recipients: [{ address: "ann@example.com" }],
      tracking_domain: DOMAIN,
    };
    return (await waypost.call("POST", "/api/v1/wrap", { body })).json.results.messages[0].content.html;
  };
  assert.match(await linkOf(), /href="https:/);
  await until("links over http", async () => (await linkOf()).includes('href="http:'));
  const reasonShown = async () => (await waypost.show(DOMAIN)).tls_certificate.error_code;
  await until("why is shown", async () => (await reasonShown()) === "acme:temporary");
  const { status } = await waypost.show(DOMAIN);
  await until("those who run it are told", async () =>
    (await alerts(waypost)).some(({ reason }) =>
      /has ended: new links of the tracking domain use http/.test(String(reason)),
    ),
  );
  assert.equal(status.verified, true);
  assert.equal(status.tls_status, "expired");
  waypost.proxy.inject("newOrder", dropRequest, 0);
  assert.equal((await waypost.verifyUntilItPasses(DOMAIN)).json.results.tls_status, "valid");
  assert.match(await linkOf(), /href="https:/);
});

test("a CA's limit is waited out by every name, as long as the CA asks", async () => {
  await using waypost = await startAcmeInstallation("sqlite");
  await waypost.add(DOMAIN);
  await waypost.add("other.acme.com");
  waypost.proxy.inject("newOrder", problem(429, "rateLimited", { "retry-after": "1800" }));
  assert.equal((await waypost.verify(DOMAIN)).status, 400);
  assert.equal((await waypost.show(DOMAIN)).tls_certificate.error_code, "acme:temporary");
  const asked = waypost.proxy.count("newOrder");
  for (const domain of [DOMAIN, "other.acme.com"]) {
    assert.equal((await waypost.verify(domain)).status, 400);
    const { certificate, failure } = await waypost.lastCheck(domain);
    assert.equal(certificate.outcome, "postponed");
    assert.equal(certificate.limit, "ca_asked");
    const inMs = Date.parse(certificate.next_attempt_at) - Date.now();
    assert.ok(inMs > 1_700_000 && inMs <= 1_800_000, `${inMs} ms`);
    assert.match(failure, /asked to be left alone/);
  }
  assert.equal(waypost.proxy.count("newOrder"), asked);
});

test("orders of all names together keep the pace, and the rest waits", async () => {
  await using waypost = await startAcmeInstallation("sqlite", { settings: { acmeOrdersPerHour: "2" } });
  const names = ["a.acme.com", "b.acme.com", "c.acme.com"];
  for (const name of names) await waypost.add(name);
  const statuses: number[] = [];
  for (const name of names) statuses.push((await waypost.verify(name)).status);
  assert.deepEqual(statuses, [200, 200, 400]);
  assert.equal((await waypost.lastCheck("c.acme.com")).certificate.limit, "orders_per_hour");
  assert.equal((await waypost.show("c.acme.com")).status.tls_status, "pending");
});

test("a name that the CA refuses takes few of the orders that all share, however often its owner asks", async () => {
  await using waypost = await startAcmeInstallation("sqlite", { pebble: { blocklist: [DOMAIN] } });
  await waypost.add(DOMAIN);
  for (let tries = 0; tries < 6; tries += 1) assert.equal((await waypost.verify(DOMAIN)).status, 400);
  assert.equal(waypost.proxy.count("newOrder"), 4);
  assert.equal((await waypost.lastCheck(DOMAIN)).certificate.limit, "failed_validations");
});

test("an order that a former CA has is not waited for: that CA may be gone", async () => {
  await using waypost = await startAcmeInstallation("sqlite");
  await waypost.add(DOMAIN);
  const gone = new URL("/order/1", waypost.proxy.directoryUrl);
  gone.port = "1";
  const domain = parseHostname(DOMAIN);
  const store = await openStore({ kind: "sqlite", dir: waypost.dataDir }, { existing: true });
  const nowMs = Date.now();
  const order = { id: "1", domain, registrableDomain: "acme.com", subaccountId: 0, isRenewal: false };
  await store.issuances.want(domain, { asked: false, nowMs: nowMs + DAY });
  await store.issuances.claim(domain, nowMs, { owner: "gone.1", untilMs: nowMs + DAY });
  const secret = readMasterSecret(waypost.dataDir, undefined);
  const sealedKey = seal(Buffer.from(newKeyPem()), secret, CERTIFICATE_KEY_PURPOSE);
  const placed = { ...order, directory: gone.origin, sealedKey };
  assert.equal(await store.issuances.startOrder(placed, "gone.1", nowMs, () => undefined), "started");
  assert.equal(await store.issuances.noteOrder(domain, "gone.1", { url: gone.href, nowMs }), true);
  await store.issuances.endLeases("gone");
  await store.close();
  assert.equal((await waypost.verify(DOMAIN)).json.results?.tls_status, "valid");
});

test("the certificate of a deleted domain goes on being renewed while the name leads here", async () => {
  await using waypost = await startAcmeInstallation("sqlite");
  await waypost.add(DOMAIN);
  await waypost.verifyUntilItPasses(DOMAIN);
  const first = await chainOf(waypost);
  await waypost.call("DELETE", `${DOMAINS}/${DOMAIN}`);
  const store = await openStore({ kind: "sqlite", dir: waypost.dataDir }, { existing: true });
  assert.equal(await store.issuances.renew(parseHostname(DOMAIN), Date.now()), true);
  await store.close();
  await until("a renewal", async () => (await chainOf(waypost)) !== first);
});
