/** The control plane's side of the snapshot: follows the store's version and writes each new one for the edge. */
import { setTimeout as sleep } from "node:timers/promises";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { WellKnownFiles } from "../domain/well-known.ts";
import type { HostEntry } from "./snapshot.ts";
import { writeSnapshot } from "./snapshot-file.ts";

/** What the publisher needs of the store. */
export interface SnapshotSource {
  /** Grows with every change that an edge must see. Asked for often, so it must be cheap. */
  stateVersion(): Promise<number>;
  snapshotHosts(): Promise<{
    readonly version: number;
    readonly hosts: readonly {
      readonly domain: string;
      readonly owners: readonly SubaccountId[];
      readonly blocked: boolean;
      readonly files?: WellKnownFiles;
    }[];
  }>;
  sealedKeyRing(): Promise<string>;
}

export interface SnapshotPublisherOptions {
  readonly source: SnapshotSource;
  readonly path: string;
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

/** Publishes once before it resolves, so that an edge can start; after that failures are logged and tried again. */
export async function startSnapshotPublisher(options: SnapshotPublisherOptions): Promise<SnapshotPublisher> {
  const stopping = new AbortController();
  let published = await publish(options);
  const run = async () => {
    while (await pause(options.intervalMs ?? INTERVAL_MS, stopping.signal)) {
      try {
        if ((await options.source.stateVersion()) !== published.version) published = await publish(options);
      } catch (error) {
        options.log.warn(
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
  readonly version: number;
  readonly hosts: ReadonlyMap<string, HostEntry>;
  readonly sealedKeys: string;
}

async function publish({ source, path }: SnapshotPublisherOptions): Promise<Published> {
  const { version, hosts: rows } = await source.snapshotHosts();
  const hosts = new Map(rows.map(({ domain, ...entry }): [string, HostEntry] => [domain, entry]));
  const published = { version, hosts, sealedKeys: await source.sealedKeyRing() };
  await writeSnapshot(path, published);
  return published;
}

/** False once it is time to stop. */
async function pause(ms: number, stopping: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
  return !stopping.aborted;
}
