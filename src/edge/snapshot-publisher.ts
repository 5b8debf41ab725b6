/** The control plane's side of the snapshot: follows the store's version and writes each new one for the edge. */
import { setTimeout as sleep } from "node:timers/promises";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { WellKnownFiles } from "../domain/well-known.ts";
import { type PublishedCertificate, publishedTag, writeCertificate } from "./certificate-file.ts";
import { fileIdentity } from "./file-identity.ts";
import type { HostEntry } from "./snapshot.ts";
import { writeSnapshot } from "./snapshot-file.ts";

/** What the publisher needs of the store. */
export interface SnapshotSource {
  /** Grows with every change that an edge must see. Asked for often, so it must be cheap. */
  stateVersion(): Promise<number>;
  /** The hosts that changed after a version; 0: all. */
  changedHosts(since: number): Promise<{
    readonly version: number;
    readonly hosts: readonly {
      readonly domain: string;
      readonly owners: readonly SubaccountId[];
      readonly blocked: boolean;
      readonly certificate?: string;
      readonly files?: WellKnownFiles;
    }[];
  }>;
  /** Of these domains, those that have one. */
  certificates(domains: readonly string[]): Promise<readonly PublishedCertificate[]>;
  sealedKeyRing(): Promise<string>;
  /** Of the ACME account in use, when there is one. */
  acmeThumbprint(): Promise<string | undefined>;
}

export interface SnapshotPublisherOptions {
  readonly source: SnapshotSource;
  readonly path: string;
  /** Of the certificates' files. */
  readonly certificateFolder: string;
  readonly log: { warn(fields: object, message: string): void };
  readonly intervalMs?: number;
}

export interface SnapshotPublisher {
  /** The hosts as last published. */
  hosts(): ReadonlyMap<string, HostEntry>;
  /** The key ring as last published: what is sealed with a key of it, every edge here can open. */
  sealedKeys(): string;
  stop(): Promise<void>;
}

/** A change is published within this time, by whichever process made it. */
const INTERVAL_MS = 250;

/**
 * Writing 100,000 hosts takes a while. Under a stream of changes it gets at most this part of the time: the pause
 * after each snapshot is as many times as long as its writing.
 */
const PAUSE_PER_PUBLISH = 4;

/** Publishes once before it resolves, so that an edge can start; after that failures are logged and tried again. */
export async function startSnapshotPublisher(options: SnapshotPublisherOptions): Promise<SnapshotPublisher> {
  const stopping = new AbortController();
  const { source, path, log, intervalMs = INTERVAL_MS } = options;
  const published: Published = { version: 0, hosts: new Map(), sealedKeys: "", file: "" };
  let lastMs = await publish(published, options);
  const run = async () => {
    while (await pause(Math.max(intervalMs, lastMs * PAUSE_PER_PUBLISH), stopping.signal)) {
      try {
        const isCurrent =
          (await source.stateVersion()) === published.version && (await isThere(published, path));
        lastMs = isCurrent ? 0 : await publish(published, options);
      } catch (error) {
        log.warn(
          { err: error },
          "the snapshot for the edge could not be published, it goes on with the last one",
        );
      }
    }
  };
  const running = run();
  return {
    hosts: () => published.hosts,
    sealedKeys: () => published.sealedKeys,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

interface Published {
  version: number;
  readonly hosts: Map<string, HostEntry>;
  sealedKeys: string;
  /** Which one it was that was written. */
  file: string;
}

/** Whoever damaged or removed the file: an edge that starts needs it, and the next change may be far away. */
async function isThere({ file }: Published, path: string): Promise<boolean> {
  return (await fileIdentity(path)) === file;
}

/** Takes up what has changed and writes the whole. Returns how long that took, in milliseconds. */
async function publish(published: Published, options: SnapshotPublisherOptions): Promise<number> {
  const startedMs = performance.now();
  const { source, path } = options;
  const { version, hosts } = await source.changedHosts(published.version);
  // Before the snapshot that names them.
  await publishCertificates(hosts, options);
  const sealedKeys = await source.sealedKeyRing();
  const acmeThumbprint = await source.acmeThumbprint();
  // A host never goes away: deleted domains stay, as what they were.
  for (const { domain, ...entry } of hosts) published.hosts.set(domain, entry);
  await writeSnapshot(path, { version, hosts: published.hosts, sealedKeys, acmeThumbprint });
  published.sealedKeys = sealedKeys;
  published.file = await fileIdentity(path);
  // Only now: what could not be written is read and written again.
  published.version = version;
  return performance.now() - startedMs;
}

const CERTIFICATES_AT_ONCE = 100;

/** Those that are there already stay: after a start that is nearly all. */
async function publishCertificates(
  hosts: readonly { readonly domain: string; readonly certificate?: string }[],
  { source, certificateFolder }: SnapshotPublisherOptions,
): Promise<void> {
  const missing: string[] = [];
  for (const { domain, certificate } of hosts) {
    if (certificate !== undefined && (await publishedTag(certificateFolder, domain)) !== certificate)
      missing.push(domain);
  }
  for (let from = 0; from < missing.length; from += CERTIFICATES_AT_ONCE) {
    const certificates = await source.certificates(missing.slice(from, from + CERTIFICATES_AT_ONCE));
    for (const certificate of certificates) await writeCertificate(certificateFolder, certificate);
  }
}

/** False once it is time to stop. */
async function pause(ms: number, stopping: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
  return !stopping.aborted;
}
