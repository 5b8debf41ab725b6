/** Domains at every point of the way to a certificate, on a stage that orders them at a CA that is never there. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { parseHostname } from "../../src/domain/hostname.ts";
import { PRIMARY_ACCOUNT } from "../../src/domain/subaccount.ts";
import type { TestTls } from "../api/with-edge.ts";
import { issueCertificate } from "../verification/certificates.ts";
import type { Stage } from "./stage.ts";

const DAY_MS = 86_400_000;
const OWNER = "stage.1";
const AUTHORITY = issueCertificate({ commonName: "Example CA", isCa: true, notAfter: inDays(365) });

/** For an installation that orders certificates. Whoever disposes of it removes its file. */
export function orderingTls(): TestTls & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "waypost-stage-"));
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, AUTHORITY.cert);
  return {
    caFile,
    settings: { acmeTermsAgreed: "yes", acmeDirectory: "https://127.0.0.1:9/directory" },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** One with a certificate, one whose order is on its way, and one whose order failed. */
export async function addCertificates(stage: Stage): Promise<void> {
  await addSecure(stage, "shop.acme.com", "done");
  await bringAsOrdered(stage, "shop.acme.com");
  await addSecure(stage, "new.acme.com", "under way");
  await addSecure(stage, "promo.acme.com", "failed");
}

type Order = "done" | "under way" | "failed";

/** Verified over http. The order is this stage's, so that nobody else is at it. */
async function addSecure({ waypost, store }: Stage, name: string, order: Order): Promise<void> {
  await waypost.addVerifiedDomain(name);
  const domain = parseHostname(name);
  const nowMs = Date.now();
  await store.issuances.claim(domain, nowMs, { owner: OWNER, untilMs: nowMs + DAY_MS });
  await waypost.call("PUT", `/api/v1/tracking-domains/${name}`, { body: { secure: true } });
  if (order === "under way") return;
  const hasFailed = order === "failed";
  await store.issuances.settle(domain, OWNER, {
    nextAttemptAtMs: nowMs + DAY_MS,
    failures: hasFailed ? 1 : 0,
    problem: hasFailed ? { code: "acme:dns", text: "CAA records forbid it.", atMs: nowMs } : undefined,
    isRefused: false,
    plan: undefined,
  });
}

/** As if Waypost had got it by itself, and with links that use it. */
async function bringAsOrdered({ waypost, store }: Stage, name: string): Promise<void> {
  const { cert, key } = issueCertificate({
    commonName: name,
    dnsNames: [name],
    issuer: AUTHORITY,
    notAfter: inDays(61.5),
  });
  await waypost.call("PUT", `/api/v1/tracking-domains/${name}/certificate`, {
    body: { certificate: cert, private_key: key },
  });
  const facts = await store.certificates.find(name);
  const [material] = await store.certificates.material([name]);
  if (facts === undefined || material === undefined) throw new Error(`${name} has no certificate`);
  await store.certificates.put({ ...facts, ...material, source: "acme" }, PRIMARY_ACCOUNT, Date.now());
  await untilReachedOverHttps(waypost, name);
}

const HTTPS_TRIES = 20;

/** Every edge has the certificate a moment later. */
async function untilReachedOverHttps({ call }: Stage["waypost"], name: string): Promise<void> {
  for (let tries = 0; tries < HTTPS_TRIES; tries += 1) {
    await call("POST", `/api/v1/tracking-domains/${name}/verify`);
    const { json } = await call("GET", `/api/v1/tracking-domains/${name}/checks`);
    if (json.results.https_works === true) return;
    await sleep(250);
  }
  throw new Error(`${name} is not reached over https`);
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}
