/** Builds what has to do with certificates of tracking domains: their order, renewal and end. Part of the composition root. */
import { randomBytes, randomInt } from "node:crypto";

import { type Config, certificatePolicy } from "./config.ts";
import type { Hostname } from "./domain/hostname.ts";
import { CERTIFICATE_KEY_PURPOSE, readPublication } from "./edge/certificate-file.ts";
import { readMachineId } from "./machine.ts";
import type { Logger } from "./ops/logger.ts";
import type { Store } from "./store/open-store.ts";
import { linkAuthority } from "./tls/authority.ts";
import { type CertificateWork, startCertificateWork } from "./tls/background.ts";
import { CertificateCounts } from "./tls/certificate-counts.ts";
import { type CertificateEvent, logEvent } from "./tls/certificate-events.ts";
import { createIssuer, type Issuer } from "./tls/issuer.ts";
import { preflight } from "./tls/preflight.ts";
import { seal, unseal } from "./token/sealed.ts";

export interface CertificateService {
  /** `undefined` where no certificates are ordered, or not on this machine. */
  readonly issuer: Issuer | undefined;
  /** `undefined` on machines without background work, and where something else ends TLS. */
  readonly work: CertificateWork | undefined;
  /** What this process has done. */
  readonly counts: CertificateCounts;
}

interface ServiceParts {
  readonly config: Config;
  readonly store: Store;
  readonly masterSecret: string;
  readonly log: Logger;
  /** Takes what is to be stopped. The issuer is left to the caller, who needs it to the last. */
  readonly up: <T extends { stop(): Promise<void> }>(part: T) => T;
  /** Hears of what people who run an installation want to know. Must not throw. */
  readonly onEvent?: (event: CertificateEvent) => void;
}

const ACCOUNT_KEY_PURPOSE = "acme account key";
const INTERVAL_MS = 5000;

/** Waits for the store, never for the CA. */
export async function startCertificates(parts: ServiceParts): Promise<CertificateService> {
  const { config, store } = parts;
  const log = parts.log.child({ area: "certificates" });
  const counts = new CertificateCounts();
  const onEvent = (event: CertificateEvent): void => {
    counts.count(event);
    logEvent(event, log, Date.now());
    parts.onEvent?.(event);
  };
  const policy = certificatePolicy(config);
  const mayOrder = config.roles.includes("api") || config.roles.includes("worker");
  const issuer = policy === "managed" && mayOrder ? await openIssuer(parts, onEvent, log) : undefined;
  const work =
    policy === "none" || !config.roles.includes("worker")
      ? undefined
      : parts.up(
          startCertificateWork({
            issuer,
            certificates: store.certificates,
            now: Date.now,
            onEvent,
            log,
            intervalMs: INTERVAL_MS,
          }),
        );
  return { issuer, work, counts };
}

/** Within this time of its publication every edge serves a certificate, on slow days too. */
const WITH_EDGES_AFTER_MS = 5000;

interface PublicationParts {
  readonly certificates: Pick<Store["certificates"], "material">;
  readonly certificateFolder: string;
}

/** Whether the domain has a certificate that an edge may not have yet: one that is still to be published, or was a moment ago. */
export async function hasNewCertificate(
  domain: Hostname,
  { certificates, certificateFolder }: PublicationParts,
): Promise<boolean> {
  const [stored] = await certificates.material([domain]);
  if (stored === undefined) return false;
  const publication = await readPublication(certificateFolder, domain);
  if (publication?.tag !== stored.tag) return true;
  return Math.abs(Date.now() - publication.writtenAtMs) < WITH_EDGES_AFTER_MS;
}

async function openIssuer(
  { config, store, masterSecret }: ServiceParts,
  onEvent: (event: CertificateEvent) => void,
  log: Logger,
): Promise<Issuer> {
  const sealFor = (purpose: string) => (keyPem: string) => seal(Buffer.from(keyPem), masterSecret, purpose);
  const openFor = (purpose: string) => (sealed: string) => unseal(sealed, masterSecret, purpose)?.toString();
  const { acmeEabKeyId: keyId, acmeEabHmacKey: macKey } = config;
  const ca = await linkAuthority({
    directory: config.acmeDirectory,
    accounts: store.acmeAccounts,
    contactEmail: config.acmeEmail,
    externalAccount: keyId === undefined || macKey === undefined ? undefined : { keyId, macKey },
    extraCa: config.caFile,
    sealKey: sealFor(ACCOUNT_KEY_PURPOSE),
    openKey: openFor(ACCOUNT_KEY_PURPOSE),
    nowMs: Date.now(),
  });
  const machine = readMachineId(config.dataDir);
  // The process before this one is gone, and what it was at is to be gone on with.
  await store.issuances.endLeases(machine);
  return createIssuer({
    store: store.issuances,
    leaseOwner: `${machine}.${randomBytes(4).toString("hex")}`,
    ca,
    preflight: (domain, authority) =>
      preflight(domain, authority, {
        cnameTarget: config.cnameTarget,
        dnsServers: config.dnsServers.length === 0 ? undefined : config.dnsServers,
        allowPrivate: config.probePrivate === "allow",
        port: config.publicHttpPort,
      }),
    ordersPerHour: config.acmeOrdersPerHour,
    sealKey: sealFor(CERTIFICATE_KEY_PURPOSE),
    openKey: openFor(CERTIFICATE_KEY_PURPOSE),
    now: Date.now,
    // Spreads renewals and repetitions; nothing depends on nobody guessing it.
    random: () => randomInt(2 ** 30) / 2 ** 30,
    onEvent,
    log,
  });
}
