/** What an edge needs to run, in a folder of its own: a snapshot, a key ring and links sealed with it. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { EngagementEvent } from "../../src/domain/event.ts";
import { type MessageId, newMessageId } from "../../src/domain/message-id.ts";
import { CERTIFICATE_KEY_PURPOSE, writeCertificate } from "../../src/edge/certificate-file.ts";
import type { EdgeLimits } from "../../src/edge/server.ts";
import type { HostEntry } from "../../src/edge/snapshot.ts";
import { writeSnapshot } from "../../src/edge/snapshot-file.ts";
import { SpoolReader } from "../../src/edge/spool-reader.ts";
import { type EdgeOptions, type EdgeWorker, startEdgeWorker } from "../../src/edge/worker.ts";
import { createKeyRing, type KeyRing, sealKeyRing } from "../../src/token/key-ring.ts";
import { sealLink } from "../../src/token/link-token.ts";
import { seal } from "../../src/token/sealed.ts";

export const TARGET = "https://shop.example/a?b=1";
export const TENANT = 5;
const SECRET = "a master secret that is long enough for tests";

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface Installation extends AsyncDisposable {
  readonly dataDir: string;
  readonly keys: KeyRing;
  /** Options of a worker on a free loopback port. */
  readonly edgeOptions: EdgeOptions;
  /** For a worker that speaks TLS on a free port too. */
  readonly tls: NonNullable<EdgeOptions["tls"]>;
  /** Hands the edge a certificate and its key, as the control plane does. The host has it once this entry is published. */
  certify(host: string, pair: { readonly cert: string; readonly key: string }): Promise<HostEntry>;
  publish(version: number, hosts?: ReadonlyMap<string, HostEntry>): Promise<void>;
  startWorker(over?: Partial<EdgeOptions> & { readonly limits?: Partial<EdgeLimits> }): Promise<EdgeWorker>;
  /** A click's path. Each message id has its own. */
  clickPath(messageId?: MessageId): string;
  openPath(): string;
  /** Everything in the spool; it stays there. */
  recorded(): Promise<readonly EngagementEvent[]>;
}

/** With a published snapshot, unless that is what the test is about. Disposing stops the workers it started. */
export async function createInstallation({ publish = true, secret = SECRET } = {}): Promise<Installation> {
  const dataDir = await mkdtemp(join(tmpdir(), "waypost-edge-"));
  const keys = createKeyRing();
  const workers: EdgeWorker[] = [];
  const facts = { subaccountId: TENANT, rcptTo: "ann@example.com", sentAtSeconds: 1_790_000_000 };
  const edgeOptions: EdgeOptions = {
    listen: { host: "127.0.0.1", port: 0 },
    snapshotPath: join(dataDir, "snapshot"),
    masterSecret: secret,
    spoolDirectory: join(dataDir, "spool"),
    maxSpoolBytes: 256 * 1024 * 1024,
    commitDeadlineMs: 5000,
    trustedProxies: [],
    log: SILENT,
  };
  const certificateFolder = join(dataDir, "certificates");
  const installation: Installation = {
    dataDir,
    keys,
    edgeOptions,
    tls: { listen: { host: "127.0.0.1", port: 0 }, certificateFolder },
    certify: async (domain, { cert, key }) => {
      const tag = createHash("sha256").update(cert).digest("hex").slice(0, 32);
      const sealedKey = seal(Buffer.from(key), secret, CERTIFICATE_KEY_PURPOSE);
      await writeCertificate(certificateFolder, { domain, tag, chainPem: cert, sealedKey });
      return { owners: [TENANT], blocked: false, certificate: tag };
    },
    publish: (version, hosts = new Map([["click.acme.com", { owners: [TENANT], blocked: false }]])) =>
      writeSnapshot(edgeOptions.snapshotPath, { version, hosts, sealedKeys: sealKeyRing(keys, secret) }),
    startWorker: async (over = {}) => {
      const worker = await startEdgeWorker({ ...edgeOptions, ...over });
      workers.push(worker);
      return worker;
    },
    clickPath: (messageId = newMessageId()) =>
      `/e/${sealLink({ ...facts, type: "click", messageId, target: TARGET, linkName: "shop" }, keys)}`,
    openPath: () => `/e/${sealLink({ ...facts, type: "open", messageId: newMessageId() }, keys)}`,
    recorded: async () => {
      const reader = new SpoolReader(edgeOptions.spoolDirectory, (slot, error) => {
        throw new Error(`slot ${slot} is damaged`, { cause: error });
      });
      try {
        return reader.readBatch(10_000_000);
      } finally {
        await reader.close();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      await rm(dataDir, { recursive: true });
    },
  };
  if (publish) await installation.publish(1);
  return installation;
}
