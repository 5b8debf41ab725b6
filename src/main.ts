/**
 * The composition root of the control process: every part is built here, in the order of what it needs, and stopped in
 * the reverse order. The edge is another process, and shares nothing with this one but files in the data directory.
 */
import { randomInt } from "node:crypto";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { hashApiKey, newApiKey, shortApiKey } from "./api/api-key.ts";
import { createAuthenticator } from "./api/authentication.ts";
import { GRANTS } from "./api/grants.ts";
import { createRoutes } from "./api/routes.ts";
import { createApi } from "./api/server.ts";
import { createNamePolicy } from "./compliance/restricted-names.ts";
import type { Config } from "./config.ts";
import type { Hostname } from "./domain/hostname.ts";
import { PRIMARY_ACCOUNT } from "./domain/subaccount.ts";
import type { EdgePorts } from "./domain/tracking-domain.ts";
import { servesTenant } from "./edge/snapshot.ts";
import { type SnapshotPublisher, startSnapshotPublisher } from "./edge/snapshot-publisher.ts";
import { SpoolReader } from "./edge/spool-reader.ts";
import { startIngest } from "./events/ingest.ts";
import { openInstallation } from "./installation.ts";
import { readMasterSecret } from "./master-secret.ts";
import { EdgeStatsBook } from "./ops/edge-stats.ts";
import type { Logger } from "./ops/logger.ts";
import { createMetrics } from "./ops/metrics.ts";
import { createOpsServer, type OpsServer } from "./ops/server.ts";
import { openStore, type Store } from "./store/open-store.ts";
import { storeLocation } from "./store-location.ts";
import { type KeyRing, keyRingAt, openSealedKeyRing } from "./token/key-ring.ts";
import { startScheduler } from "./verification/scheduler.ts";
import { createVerifier, type Verifier } from "./verification/verifier.ts";

export interface Control {
  readonly apiAddress: AddressInfo;
  readonly opsAddress: AddressInfo;
  /** The first key, when this start made it up: nobody has seen it yet. */
  readonly generatedKey: string | undefined;
  /** Takes what the edge workers of this machine report. */
  readonly edgeStats: EdgeStatsBook;
  stop(): Promise<void>;
}

interface Stoppable {
  stop(): Promise<void>;
}

/** Where the parts meet in the data directory. */
export const SNAPSHOT_FILE = "snapshot";
export const SPOOL_FOLDER = "spool";

const VERIFICATION_INTERVAL_MS = 5_000;

/** Starts everything but the edge. What has started is stopped again when a later part fails. */
export async function startControl(config: Config, log: Logger): Promise<Control> {
  const edgeStats = new EdgeStatsBook();
  const started: Stoppable[] = [];
  const stop = async () => {
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  const up = <T extends Stoppable>(part: T): T => {
    started.push(part);
    return part;
  };
  try {
    const masterSecret = readMasterSecret(config.dataDir, config.secret);
    const store = await openStore(storeLocation(config));
    up({ stop: () => store.close() });
    const keys = await openInstallation(store.installation, masterSecret, Date.now());
    const generatedKey = await createFirstKey(store, config);
    const snapshot = up(
      await startSnapshotPublisher({
        source: snapshotSource(store),
        path: join(config.dataDir, SNAPSHOT_FILE),
        log,
      }),
    );
    const spool = new SpoolReader(join(config.dataDir, SPOOL_FOLDER), (slot, error) =>
      log.error({ slot, err: error }, "a spool cannot be read, its events wait until it can"),
    );
    up({ stop: () => spool.close() });
    up(startIngest({ spool, events: store.events, log: log.child({ part: "ingest" }) }));
    const policy = createNamePolicy({ ownNames: [config.cnameTarget], restricted: config.restrictedDomains });
    const isRestricted = (domain: Hostname) => policy.isRestricted(domain);
    const verifier = createDomainVerifier({ config, store, keys, snapshot, isRestricted, log });
    up(
      startScheduler({
        store: store.verification,
        verifier,
        now: Date.now,
        log,
        intervalMs: VERIFICATION_INTERVAL_MS,
      }),
    );
    const api = up(
      await createApi({
        routes: createRoutes({
          store,
          keys: createKeyRingSource({ masterSecret, keys, snapshot }),
          isRestricted,
          verify: (domain) => verifier.verify(domain, "asked"),
          ports: edgePorts(config),
          cnameTarget: config.cnameTarget,
          supportEmail: config.supportEmail,
          now: Date.now,
        }),
        authenticate: createAuthenticator(store.apiKeys),
        subaccounts: store.subaccounts,
        trustedProxies: config.trustedProxies,
        log: log.child({ part: "api" }),
      }),
    );
    const ops = up(createOperations({ store, spool, edgeStats }));
    const opsAddress = await ops.listen(config.opsListen);
    const apiAddress = await api.listen(config.apiListen);
    return { apiAddress, opsAddress, generatedKey, edgeStats, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function edgePorts(config: Config): EdgePorts {
  return {
    publicHttp: config.publicHttpPort,
    publicHttps: config.publicHttpsPort,
    listenHttp: config.edgeHttpListen.port,
    listenHttps: undefined,
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

function snapshotSource(store: Store): Parameters<typeof startSnapshotPublisher>[0]["source"] {
  return {
    stateVersion: () => store.trackingDomains.stateVersion(),
    snapshotHosts: () => store.trackingDomains.snapshotHosts(),
    sealedKeyRing: async () => {
      const installation = await store.installation.read();
      if (installation === undefined) throw new Error("the store has lost its installation record");
      return installation.sealedKeyRing;
    },
  };
}

interface VerifierParts {
  readonly config: Config;
  readonly store: Store;
  readonly keys: KeyRing;
  readonly snapshot: SnapshotPublisher;
  readonly isRestricted: (domain: Hostname) => boolean;
  readonly log: Logger;
}

function createDomainVerifier({ config, store, keys, snapshot, isRestricted, log }: VerifierParts): Verifier {
  return createVerifier({
    store: store.verification,
    isRestricted,
    isForeignHost: async (host, domain) => {
      const owner = snapshot.hosts().get(domain)?.owners[0] ?? PRIMARY_ACCOUNT;
      return !servesTenant(snapshot.hosts().get(host), owner);
    },
    probeKey: keys.probeKey,
    cnameTarget: config.cnameTarget,
    ports: edgePorts(config),
    dnsServers: config.dnsServers.length === 0 ? undefined : config.dnsServers,
    allowPrivate: config.probePrivate === "allow",
    log: log.child({ part: "verification" }),
    now: Date.now,
    // Spreads checks over time; nothing depends on nobody guessing it.
    random: () => randomInt(2 ** 30) / 2 ** 30,
    onChange: () => undefined,
  });
}

/** Makes the first API key on the first start. Returns it when it was made up here, so that somebody can be told. */
async function createFirstKey(store: Store, config: Config): Promise<string | undefined> {
  const key = config.apiKey ?? newApiKey();
  const created = await store.apiKeys.createFirst(
    {
      hash: hashApiKey(key),
      shortKey: shortApiKey(key),
      label: "First key",
      grants: GRANTS,
      validIps: [],
      subaccountId: undefined,
    },
    Date.now(),
  );
  return created !== undefined && config.apiKey === undefined ? key : undefined;
}

function createOperations(parts: {
  readonly store: Store;
  readonly spool: SpoolReader;
  readonly edgeStats: EdgeStatsBook;
}): OpsServer {
  const { store, spool, edgeStats } = parts;
  const workers = () => edgeStats.current(Date.now());
  return createOpsServer({
    notReady: () => whyNotReady(store, edgeStats),
    metrics: createMetrics({ spool, workers, now: Date.now }),
  });
}

async function whyNotReady(store: Store, edgeStats: EdgeStatsBook): Promise<readonly string[]> {
  const isServing = edgeStats.current(Date.now()).some(({ stats }) => stats.snapshotVersion !== undefined);
  const answers = await store.trackingDomains.stateVersion().then(
    () => true,
    () => false,
  );
  return [
    ...(answers ? [] : ["the store does not answer"]),
    ...(isServing ? [] : ["no edge worker serves on this machine yet"]),
  ];
}
