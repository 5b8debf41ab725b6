/**
 * The composition root of the control process: every part is built here, in the order of what it needs, and stopped in
 * the reverse order. The edge is another process, and shares nothing with this one but files in the data directory.
 */
import { randomInt } from "node:crypto";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { startAuditRetention } from "./api/audit-retention.ts";
import { type Authenticate, createAuthenticator } from "./api/authentication.ts";
import { loadConsole } from "./api/console-files.ts";
import type { ManagedCertificates } from "./api/managed-certificates.ts";
import type { RecipientDeps } from "./api/recipients.ts";
import type { Route } from "./api/route.ts";
import { createRoutes } from "./api/routes.ts";
import { createApi } from "./api/server.ts";
import { limitPerTenant } from "./api/tenant-limit.ts";
import { type CertificateService, hasNewCertificate, startCertificates } from "./certificate-service.ts";
import { createNamePolicy } from "./compliance/restricted-names.ts";
import { type Config, certificatePolicy, listSettings } from "./config.ts";
import { configWarnings } from "./config-warnings.ts";
import { CERTIFICATE_FOLDER, METRICS_FOLDER, SNAPSHOT_FILE, SPOOL_FOLDER } from "./data-directory.ts";
import { canonicalHostname, type Hostname, isLocalhost } from "./domain/hostname.ts";
import type { RecordOperationalEvent } from "./domain/operational-event.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "./domain/subaccount.ts";
import type { EdgePorts } from "./domain/tracking-domain.ts";
import { CERTIFICATE_KEY_PURPOSE } from "./edge/certificate-file.ts";
import { servesTenant } from "./edge/snapshot.ts";
import { type SnapshotPublisher, startSnapshotPublisher } from "./edge/snapshot-publisher.ts";
import { SpoolReader } from "./edge/spool-reader.ts";
import { openEnrichment } from "./enrichment.ts";
import { eraseRecipient } from "./events/erasure.ts";
import { startIngest } from "./events/ingest.ts";
import { LiveTail } from "./events/live-tail.ts";
import { createPrivateRecorder } from "./events/message-recorder.ts";
import { PrivacyRules } from "./events/privacy-rules.ts";
import { startRetention } from "./events/retention.ts";
import { createFirstKey, type FirstKey } from "./first-key.ts";
import { openInstallation } from "./installation.ts";
import { holdWriterSlots, readMachineId } from "./machine.ts";
import { readMasterSecret } from "./master-secret.ts";
import { type MetricsIndex, startMetricsIndex } from "./metrics/metrics-index.ts";
import { createOperationalReports, type OperationalReports } from "./operational-reports.ts";
import { EdgeStatsBook } from "./ops/edge-stats.ts";
import type { Logger } from "./ops/logger.ts";
import { createMetrics } from "./ops/metrics.ts";
import { createOperationalRecorder } from "./ops/operational-events.ts";
import { createOpsServer, type OpsServer } from "./ops/server.ts";
import { startSpoolWatch } from "./ops/spool-watch.ts";
import { openStore, type Store } from "./store/open-store.ts";
import { isOutage } from "./store/outage.ts";
import { storeLocation } from "./store-location.ts";
import type { Issuer } from "./tls/issuer.ts";
import { type KeyRing, keyRingAt, openSealedKeyRing } from "./token/key-ring.ts";
import { privacyKeys } from "./token/pseudonym.ts";
import { seal } from "./token/sealed.ts";
import { startScheduler } from "./verification/scheduler.ts";
import { createVerifier, type StoppableVerifier, type Verifier } from "./verification/verifier.ts";
import { packageVersion } from "./version.ts";
import { WebhookParts } from "./webhook-parts.ts";

export interface Control {
  /** `undefined` on a machine without the API. */
  readonly apiAddress: AddressInfo | undefined;
  readonly opsAddress: AddressInfo;
  /** A made-up first key that nobody has been shown yet. */
  readonly firstKey: FirstKey | undefined;
  /** Takes what the edge workers of this machine report. */
  readonly edgeStats: EdgeStatsBook;
  stop(): Promise<void>;
}

interface Stoppable {
  stop(): Promise<void>;
}

const VERIFICATION_INTERVAL_MS = 5_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** From the sources as from `dist/`. */
const CONSOLE_FOLDER = join(import.meta.dirname, "../dist/console");

/** Starts everything but the edge. What has started is stopped again when a later part fails. */
export async function startControl(
  config: Config,
  log: Logger,
  edgeStats = new EdgeStatsBook(),
): Promise<Control> {
  const started: Stoppable[] = [];
  const stop = async () => {
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  const up: Up = (part) => {
    started.push(part);
    return part;
  };
  try {
    const { dataDir } = config;
    const masterSecret = readMasterSecret(dataDir, config.secret);
    const store = await openStore(storeLocation(config), { onFatal: crash });
    up({ stop: () => store.close() });
    up(await holdWriterSlots(store.machines, dataDir));
    const keys = await openInstallation(store.installation, masterSecret, Date.now());
    const firstKey = await createFirstKey(store, config, log);
    const snapshot = up(await startPublishing({ config, store, log }));
    const privacy = createPrivacyRules(config, store, keys);
    const spool = await startIngesting({ config, store, privacy, log, up });
    const isRestricted = createRestriction(config);
    const { record, reports } = startOperationalEvents({ config, store, edgeStats, log, up });
    const onEvent = reports.certificateChanged;
    const certificates = await startCertificates({ config, store, masterSecret, log, up, onEvent });
    const { issuer } = certificates;
    const verifier = domainVerifier({ config, store, keys, snapshot, issuer, isRestricted, reports, log });
    const webhooks = up(new WebhookParts({ config, store, masterSecret }));
    if (config.roles.includes("worker")) {
      startBackgroundWork({ config, store, verifier, log, up });
      up(webhooks.startDelivering({ machine: readMachineId(dataDir), privacy, record, log }));
    }
    const authenticate = createAuthentication(config, store);
    const tail = new LiveTail({ events: store.events, log });
    const routes = createApiRoutes({
      config,
      store,
      metrics: startMetrics({ config, store, log, up }),
      authenticate,
      verifier,
      issuer,
      webhooks,
      tail,
      privacy,
      isRestricted,
      masterSecret,
      keys: createKeyRingSource({ masterSecret, keys, snapshot }),
    });
    const withApi = config.roles.includes("api");
    let isApiOpen = !withApi;
    const operations = { config, store, spool, snapshot, certificates, edgeStats, webhooks };
    const ops = up(createOperations({ ...operations, isApiOpen: () => isApiOpen }));
    const opsAddress = await ops.listen(config.opsListen);
    const apiAddress = withApi
      ? await serveApi({ config, store, routes, authenticate, tail, log, up })
      : undefined;
    isApiOpen = true;
    // Stopped first of all: calls that wait for a certificate, or for an edge to serve it, end with what is known.
    if (issuer !== undefined) up(issuer);
    up(verifier);
    return { apiAddress, opsAddress, firstKey, edgeStats, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function createPrivacyRules({ privacyMode }: Config, { privacy }: Store, keys: KeyRing): PrivacyRules {
  return new PrivacyRules({ store: privacy, keys: privacyKeys(keys), installation: privacyMode });
}

/** What happens to the installation: the one way in, and those who watch for it. */
function startOperationalEvents(parts: {
  config: Config;
  store: Store;
  edgeStats: EdgeStatsBook;
  log: Logger;
  up: Up;
}): { readonly record: RecordOperationalEvent; readonly reports: OperationalReports } {
  const { config, store, edgeStats } = parts;
  const log = parts.log.child({ area: "operational" });
  const { operationalEvents } = store;
  const { record } = parts.up(createOperationalRecorder({ store: operationalEvents, log, now: Date.now }));
  const workers = () => edgeStats.current(performance.now());
  parts.up(startSpoolWatch({ workers, machine: readMachineId(config.dataDir), record }));
  return { record, reports: createOperationalReports({ store, record, log }) };
}

/** Nothing works without the store's thread: the process ends loudly, and the supervisor starts a fresh one. */
function crash(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

type Up = <T extends Stoppable>(part: T) => T;

/** Reads the spools of this machine, and moves their events to the store. */
async function startIngesting(parts: {
  config: Config;
  store: Store;
  privacy: PrivacyRules;
  log: Logger;
  up: Up;
}): Promise<SpoolReader> {
  const { config, store, privacy, log, up } = parts;
  const spool = new SpoolReader(join(config.dataDir, SPOOL_FOLDER), (slot, error) =>
    log.error({ slot, err: error }, "a spool cannot be read"),
  );
  up({ stop: () => spool.close() });
  const ingestLog = log.child({ area: "ingest" });
  const { steps, startOver } = up(await openEnrichment({ config, store, privacy, log: ingestLog }));
  up(startIngest({ spool, events: store.events, steps, onFailure: startOver, log: ingestLog }));
  return spool;
}

function createAuthentication(config: Config, store: Store): Authenticate {
  return createAuthenticator({
    keys: store.apiKeys,
    findSession: (idHash) =>
      store.sessions.use(idHash, { nowMs: Date.now(), idleMs: config.sessionIdleMinutes * MINUTE_MS }),
  });
}

/** Only where the API is: nobody else asks. */
function startMetrics(parts: {
  config: Config;
  store: Store;
  log: Logger;
  up: Up;
}): Pick<MetricsIndex, "ask"> {
  const { config, store, log, up } = parts;
  if (!config.roles.includes("api")) return { ask: () => Promise.reject(new Error("no API, no metrics")) };
  return up(
    startMetricsIndex({
      folder: join(config.dataDir, METRICS_FOLDER),
      stores: store,
      retentionDays: config.eventRetentionDays,
      now: Date.now,
      log: log.child({ area: "metrics" }),
    }),
  );
}

function startBackgroundWork(parts: {
  config: Config;
  store: Store;
  verifier: Verifier;
  log: Logger;
  up: Up;
}): void {
  const { config, store, verifier, up } = parts;
  const retention = { now: Date.now, log: parts.log.child({ area: "retention" }) };
  up(startRetention({ ...retention, what: "events", dated: store.events, days: config.eventRetentionDays }));
  const { messageRetentionDays: days } = config;
  up(startRetention({ ...retention, what: "message facts", dated: store.messages, days }));
  const { auditTrail } = store;
  up(startAuditRetention({ ...retention, auditTrail, days: config.auditRetentionDays }));
  const intervalMs = VERIFICATION_INTERVAL_MS;
  up(startScheduler({ store: store.verification, verifier, now: Date.now, log: parts.log, intervalMs }));
}

async function serveApi(parts: {
  config: Config;
  store: Store;
  routes: readonly Route[];
  authenticate: Authenticate;
  tail: LiveTail;
  log: Logger;
  up: Up;
}): Promise<AddressInfo> {
  const { config, store, routes, authenticate, tail, log, up } = parts;
  const { apiTlsCertFile: certFile, apiTlsKeyFile: keyFile } = config;
  const console = loadConsole(CONSOLE_FOLDER);
  if (console === undefined) log.warn({}, "there is no console: `npm run build` builds it");
  const api = await createApi({
    routes,
    authenticate,
    auditTrail: store.auditTrail,
    now: Date.now,
    console,
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    subaccounts: store.subaccounts,
    trustedProxies: config.trustedProxies,
    isOutage,
    log: log.child({ area: "api" }),
  });
  const address = await up(api).listen(config.apiListen);
  // Behind the API, so that it stops before: the API waits for its streams to end.
  up(tail);
  return address;
}

function createRestriction(config: Config): (domain: Hostname) => boolean {
  const policy = createNamePolicy({ ownNames: [config.cnameTarget], restricted: config.restrictedDomains });
  // A name under localhost is this very machine to every recipient: fine for a try, never for mail.
  const isLocalInstallation = isLocalhost(config.cnameTarget);
  return (domain) => policy.isRestricted(domain) || (isLocalhost(domain) && !isLocalInstallation);
}

function edgePorts(config: Config): EdgePorts {
  return {
    publicHttp: config.publicHttpPort,
    publicHttps: config.publicHttpsPort,
    listenHttp: config.edgeHttpListen.port,
    listenHttps: config.edgeHttpsListen?.port,
  };
}

/** The key ring of the last published snapshot, as it seals now: a rotation is taken up without a restart. */
function createKeyRingSource(parts: {
  readonly masterSecret: string;
  readonly keys: KeyRing;
  readonly snapshot: SnapshotPublisher;
}): () => KeyRing {
  let opened = { sealed: "", ring: parts.keys };
  return () => {
    const sealed = parts.snapshot.sealedKeys();
    if (sealed !== opened.sealed) {
      opened = { sealed, ring: openSealedKeyRing(sealed, parts.masterSecret) ?? opened.ring };
    }
    return keyRingAt(opened.ring, Date.now() / 1000);
  };
}

function startPublishing(parts: { config: Config; store: Store; log: Logger }): Promise<SnapshotPublisher> {
  const { config, store, log } = parts;
  return startSnapshotPublisher({
    source: snapshotSource(store),
    path: join(config.dataDir, SNAPSHOT_FILE),
    certificateFolder: join(config.dataDir, CERTIFICATE_FOLDER),
    log,
  });
}

function snapshotSource(store: Store): Parameters<typeof startSnapshotPublisher>[0]["source"] {
  return {
    stateVersion: () => store.trackingDomains.stateVersion(),
    changedHosts: (since) => store.trackingDomains.changedHosts(since),
    certificates: (domains) => store.certificates.material(domains),
    acmeThumbprint: () => store.acmeAccounts.thumbprint(),
    sealedKeyRing: async () => {
      const installation = await store.installation.read();
      if (installation === undefined) throw new Error("the store has lost its installation record");
      return installation.sealedKeyRing;
    },
  };
}

function createApiRoutes(parts: {
  readonly config: Config;
  readonly store: Store;
  readonly authenticate: Authenticate;
  readonly tail: LiveTail;
  readonly privacy: PrivacyRules;
  readonly keys: () => KeyRing;
  readonly masterSecret: string;
  readonly isRestricted: (domain: Hostname) => boolean;
  readonly verifier: Verifier;
  readonly issuer: Issuer | undefined;
  readonly webhooks: WebhookParts;
  readonly metrics: Pick<MetricsIndex, "ask">;
}): readonly Route[] {
  const { config, store, authenticate, tail, keys, masterSecret, isRestricted, issuer } = parts;
  const version = packageVersion();
  return createRoutes({
    store,
    authenticate,
    messages: createPrivateRecorder(store.messages, parts.privacy),
    tail,
    privacy: parts.privacy,
    eraseRecipient: recipientEraser(store, parts.privacy),
    keys,
    sealKey: (keyPem) => seal(Buffer.from(keyPem), masterSecret, CERTIFICATE_KEY_PURPOSE),
    isRestricted,
    verify: limitPerTenant((domain) => parts.verifier.verify(domain, "asked")),
    certificatePolicy: certificatePolicy(config),
    managedCertificates: issuer && manageCertificates(issuer),
    webhooks: parts.webhooks.forApi(),
    metrics: parts.metrics,
    ports: edgePorts(config),
    honeypot: config.honeypotLink === "on",
    cnameTarget: config.cnameTarget,
    supportEmail: config.supportEmail,
    sessionLifetimeMs: config.sessionHours * HOUR_MS,
    version,
    settings: { version, settings: [...listSettings(config)], warnings: [...configWarnings(config)] },
    now: Date.now,
  });
}

function recipientEraser(store: Store, rules: PrivacyRules): RecipientDeps["erase"] {
  const erase = limitPerTenant((person: { readonly address: string; readonly scope: SubaccountId | "all" }) =>
    eraseRecipient(person.address, person.scope, { ...store, rules, now: Date.now }),
  );
  return (address, scope, tenant) => erase({ address, scope }, tenant);
}

/** For the API: looks at domains take their time, and no tenant may have all of it. */
function manageCertificates(issuer: Issuer): ManagedCertificates {
  const judge = limitPerTenant(({ domain, anew }: { domain: Hostname; anew: boolean }) =>
    issuer.judge(domain, { anew }),
  );
  return {
    judge: (domain, tenant, { anew }) => judge({ domain, anew }, tenant),
    obtain: (domain, waitMs) => issuer.obtain(domain, waitMs),
    renew: (domain) => issuer.renew(domain),
  };
}

interface VerifierParts {
  readonly config: Config;
  readonly store: Store;
  readonly keys: KeyRing;
  readonly snapshot: SnapshotPublisher;
  readonly issuer: Issuer | undefined;
  readonly isRestricted: (domain: Hostname) => boolean;
  readonly reports: OperationalReports;
  readonly log: Logger;
}

function domainVerifier(parts: VerifierParts): StoppableVerifier {
  const { config, store, keys, snapshot, issuer, isRestricted, reports, log } = parts;
  const { certificates } = store;
  const certificateFolder = join(config.dataDir, CERTIFICATE_FOLDER);
  return createVerifier({
    store: store.verification,
    certificates: issuer,
    isRestricted,
    isForeignHost: async (host, domain) => {
      const owner = snapshot.hosts().get(domain)?.owners[0] ?? PRIMARY_ACCOUNT;
      return !servesTenant(snapshot.hosts().get(host), owner);
    },
    hasNewCertificate: (domain) => hasNewCertificate(domain, { certificates, certificateFolder }),
    probeKey: keys.probeKey,
    cnameTarget: config.cnameTarget,
    ports: edgePorts(config),
    dnsServers: config.dnsServers.length === 0 ? undefined : config.dnsServers,
    allowPrivate: config.probePrivate === "allow",
    extraCa: config.caFile,
    log: log.child({ area: "verification" }),
    now: Date.now,
    // Spreads checks over time; nothing depends on nobody guessing it.
    random: () => randomInt(2 ** 30) / 2 ** 30,
    onChange: reports.domainChanged,
  });
}

function createOperations(parts: {
  readonly config: Config;
  readonly store: Store;
  readonly spool: SpoolReader;
  readonly snapshot: SnapshotPublisher;
  readonly certificates: CertificateService;
  readonly edgeStats: EdgeStatsBook;
  readonly webhooks: WebhookParts;
  readonly isApiOpen: () => boolean;
}): OpsServer {
  const { config, store, spool, snapshot, certificates, edgeStats, webhooks, isApiOpen } = parts;
  const { work, counts } = certificates;
  const workers = () => edgeStats.current(performance.now());
  return createOpsServer({
    notReady: async () => [
      ...(isApiOpen() ? [] : ["the API does not listen yet"]),
      ...(await whyNotReady(store, config.roles.includes("edge") ? edgeStats : undefined)),
    ],
    isServed: (domain) => snapshot.hosts().get(canonicalHostname(domain))?.blocked === false,
    metrics: createMetrics({
      spool,
      snapshotAgeMs: snapshot.ageMs,
      workers,
      certificates: { summary: () => work?.summary(), counts },
      ...(config.roles.includes("worker") ? { webhooks: webhooks.counts } : {}),
      now: Date.now,
    }),
  });
}

async function whyNotReady(store: Store, edgeStats: EdgeStatsBook | undefined): Promise<readonly string[]> {
  const workers = edgeStats?.current(performance.now());
  const isServing = workers?.some(({ stats }) => stats.snapshotVersion !== undefined) ?? true;
  const answers = await store.trackingDomains.stateVersion().then(
    () => true,
    () => false,
  );
  return [
    ...(answers ? [] : ["the store does not answer"]),
    ...(isServing ? [] : ["no edge worker serves on this machine yet"]),
  ];
}
