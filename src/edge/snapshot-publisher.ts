/** The control plane's side of the snapshot: follows the store's version and writes each new one for the edge. */
import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { WellKnownFiles } from "../domain/well-known.ts";
import { type PublishedCertificate, readPublication, writeCertificate } from "./certificate-file.ts";
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
  /** How long ago the file was known to be what the store says, in milliseconds of a clock that never steps. */
  ageMs(): number;
  stop(): Promise<void>;
}

/** A change is published within this time, by whichever process made it. */
const INTERVAL_MS = 250;

/** A store that is away, or a disk without room, is met with every try. */
const LOG_INTERVAL_MS = 10_000;

/**
 * Writing 100,000 hosts takes a while. Under a stream of changes it gets at most this part of the time: the pause
 * after each snapshot is as many times as long as its writing.
 */
const PAUSE_PER_PUBLISH = 4;

/**
 * Tries to publish before it resolves, so that an edge can start. Rejects when the store gives nothing to publish. What cannot be
 * written, on a disk without room, is logged and tried again: the spool on that disk needs a control process that empties it.
 */
export async function startSnapshotPublisher(options: SnapshotPublisherOptions): Promise<SnapshotPublisher> {
  const stopping = new AbortController();
  const { source, path, log, intervalMs = INTERVAL_MS } = options;
  const published: Published = { version: 0, hosts: new Map(), sealedKeys: "", file: "" };
  const logFailure = logSometimes(log);
  let currentMs: number | undefined;
  let tookMs = 0;
  /** What failed took its time, too. */
  const timed = async (work: () => Promise<void>): Promise<void> => {
    const startedMs = performance.now();
    try {
      await work();
      currentMs = performance.now();
    } catch (error) {
      logFailure(error);
    }
    tookMs = performance.now() - startedMs;
  };
  const first = await readChanges(published, source);
  await timed(() => write(published, first, options));
  const run = async () => {
    while (await pause(Math.max(intervalMs, tookMs * PAUSE_PER_PUBLISH), stopping.signal)) {
      await timed(async () => {
        if ((await source.stateVersion()) === published.version && (await isThere(published, path))) return;
        await write(published, await readChanges(published, source), options);
      });
    }
  };
  const running = run();
  return {
    hosts: () => published.hosts,
    sealedKeys: () => published.sealedKeys,
    ageMs: () => (currentMs === undefined ? snapshotFileAgeMs(path) : performance.now() - currentMs),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Of one that nobody has compared with the store since this process started, by its own time; infinite when there is none. */
export function snapshotFileAgeMs(path: string): number {
  const file = statSync(path, { throwIfNoEntry: false });
  return file === undefined ? Number.POSITIVE_INFINITY : Math.max(0, Date.now() - file.mtimeMs);
}

function logSometimes(log: SnapshotPublisherOptions["log"]): (error: unknown) => void {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (performance.now() - loggedMs < LOG_INTERVAL_MS) return;
    loggedMs = performance.now();
    log.warn(
      { err: error },
      "the snapshot for the edge could not be published, it goes on with the last one",
    );
  };
}

interface Published {
  version: number;
  hosts: ReadonlyMap<string, HostEntry>;
  sealedKeys: string;
  /** Which one it was that was written. */
  file: string;
}

/** Whoever damaged or removed the file: an edge that starts needs it, and the next change may be far away. */
async function isThere({ file }: Published, path: string): Promise<boolean> {
  return (await fileIdentity(path)) === file;
}

type Changes = Awaited<ReturnType<SnapshotSource["changedHosts"]>> & {
  readonly sealedKeys: string;
  readonly acmeThumbprint: string | undefined;
};

/** What changed since the last snapshot that was written. */
async function readChanges({ version }: Published, source: SnapshotSource): Promise<Changes> {
  const changed = await source.changedHosts(version);
  const sealedKeys = await source.sealedKeyRing();
  const acmeThumbprint = await source.acmeThumbprint();
  return { ...changed, sealedKeys, acmeThumbprint };
}

/** Writes the whole. What could not be written is read and written again. */
async function write(
  published: Published,
  changes: Changes,
  options: SnapshotPublisherOptions,
): Promise<void> {
  const { version, sealedKeys, acmeThumbprint } = changes;
  // Before the snapshot that names them.
  await publishCertificates(changes.hosts, options);
  // A host never goes away: deleted domains stay, as what they were.
  const hosts = new Map(published.hosts);
  for (const { domain, ...entry } of changes.hosts) hosts.set(domain, entry);
  await writeSnapshot(options.path, { version, hosts, sealedKeys, acmeThumbprint });
  Object.assign(published, { version, hosts, sealedKeys, file: await fileIdentity(options.path) });
}

const CERTIFICATES_AT_ONCE = 100;

/** Those that are there already stay: after a start that is nearly all. */
async function publishCertificates(
  hosts: readonly { readonly domain: string; readonly certificate?: string }[],
  { source, certificateFolder }: SnapshotPublisherOptions,
): Promise<void> {
  const missing: string[] = [];
  for (const { domain, certificate } of hosts) {
    if (certificate === undefined) continue;
    const publication = await readPublication(certificateFolder, domain);
    if (publication?.tag !== certificate) missing.push(domain);
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
