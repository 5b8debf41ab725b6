/** One edge worker: snapshot, spool and server joined. `edge-process.ts` makes a process of it. */
import type { Server as HttpsServer } from "node:https";

import { addressList } from "../domain/address-list.ts";
import { createAddressLimit } from "./address-limit.ts";
import { createCounters, type EdgeCounters, type EdgeCounts } from "./counters.ts";
import type { EdgeHandler } from "./exchange.ts";
import { createEdgeHandler } from "./handler.ts";
import { type EdgeLimits, type EdgeServer, type ListenAddress, startEdgeServer } from "./server.ts";
import { followSnapshot, type SnapshotFollower } from "./snapshot-follower.ts";
import type { SlotRange } from "./spool-slot.ts";
import { Spools, type SpoolsStats } from "./spools.ts";
import { followTicketKeys, tlsOptions } from "./tls.ts";

/** Constant messages, variables as fields; nothing about a single click. */
export interface EdgeLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface EdgeOptions {
  readonly listen: ListenAddress;
  /** HTTPS, with the certificates in a folder. */
  readonly tls?: {
    readonly listen: ListenAddress;
    readonly certificateFolder: string;
    /** Of certificates in memory. */
    readonly maxContexts?: number;
  };
  readonly snapshotPath: string;
  readonly masterSecret: string;
  readonly spoolDirectory: string;
  /** Per worker. */
  readonly maxSpoolBytes: number;
  /** Default: the first {@link DEFAULT_SLOTS}. Machines that share an event store need ranges of their own. */
  readonly slots?: SlotRange;
  /** How many the worker writes in turn; each takes a slot. Default: {@link DEFAULT_SPOOLS}. */
  readonly spools?: number;
  readonly commitDeadlineMs: number;
  /** Addresses and CIDRs whose forwarding headers count. */
  readonly trustedProxies: readonly string[];
  /** Requests that one address may make in ten seconds; default: any number. */
  readonly maxRequestsPerAddress?: number;
  readonly limits?: Partial<EdgeLimits>;
  readonly lossReportMs?: number;
  readonly log: EdgeLog;
}

export interface EdgeStats {
  /** `undefined` until there has been a snapshot: every reply is then a 503. */
  readonly snapshotVersion: number | undefined;
  readonly counts: EdgeCounts;
  readonly spool: SpoolsStats;
}

export interface EdgeWorker {
  readonly address: ListenAddress;
  readonly tlsAddress: ListenAddress | undefined;
  stats(): EdgeStats;
  /** Takes no new connections, finishes what is under way and writes what is pending: 7 s at most. */
  stop(): Promise<void>;
  /** For the end of a process that can't go on: what is pending to disk, within the deadline. */
  flush(deadlineMs: number): Promise<void>;
}

const DEFAULT_SPOOLS = 2;
/** Enough for the workers of one machine, twice during a restart. */
const DEFAULT_SLOTS: SlotRange = { first: 0, count: 64 };
/** How long a client may go on using an open connection while the worker drains. */
const DRAIN_IDLE_MS = 2000;
const FLUSH_MS = 3000;
/** How often a loss is looked for, and said: never once per click. */
const LOSS_REPORT_MS = 10_000;

/**
 * Resolves once it listens, with the snapshot loaded if there is a good one. Rejects when it can't listen; a
 * spool that can't be opened doesn't keep it from redirecting.
 */
export async function startEdgeWorker(options: EdgeOptions): Promise<EdgeWorker> {
  const { log } = options;
  const counters = createCounters();
  const follower = await followSnapshot({
    path: options.snapshotPath,
    masterSecret: options.masterSecret,
    onLoaded: ({ version, hosts }) => log.info({ version, hosts: hosts.size }, "snapshot loaded"),
    onProblem: (problem) => {
      // On a first start there is none yet; the control process is about to write it.
      if (problem === "missing") log.info({}, "waiting for the first snapshot");
      else log.error({ problem }, "snapshot not usable");
    },
  });
  const spool = new Spools({
    count: options.spools ?? DEFAULT_SPOOLS,
    directory: options.spoolDirectory,
    slots: options.slots ?? DEFAULT_SLOTS,
    maxBytes: options.maxSpoolBytes,
    onUnavailable: (error) => log.error({ err: error }, "spool not available, clicks are not recorded"),
    onDamaged: (slot, error) => log.error({ slot, err: error }, "a damaged spool was moved aside"),
  });
  const lossReport = reportLosses(spool, options);
  const state = { isStopping: false };
  const handler = createEdgeHandler({
    snapshot: follower.current,
    record: (event) => spool.record(event),
    counters,
    now: Date.now,
    commitDeadlineMs: options.commitDeadlineMs,
    ...(options.trustedProxies.length > 0 ? { trustedProxies: addressList(options.trustedProxies) } : {}),
    ...(options.maxRequestsPerAddress === undefined
      ? {}
      : { isWithinLimit: createAddressLimit(options.maxRequestsPerAddress) }),
    isStopping: () => state.isStopping,
  });
  try {
    const { tls: _, ...plain } = options;
    const server = await startEdgeServer({ ...plain, handler, counters });
    const secure = await startTls({ options, handler, counters, follower }).catch(async (error: unknown) => {
      await server.stop(0);
      throw error;
    });
    return workerOf({ server, secure, follower, spool, lossReport, counters, state });
  } catch (error) {
    follower.stop();
    await spool.close(0);
    lossReport.end();
    throw error;
  }
}

interface TlsParts {
  readonly options: EdgeOptions;
  readonly handler: EdgeHandler;
  readonly counters: EdgeCounters;
  readonly follower: SnapshotFollower;
}

async function startTls({ options, handler, counters, follower }: TlsParts): Promise<EdgeServer | undefined> {
  const { tls, masterSecret, log, limits } = options;
  if (tls === undefined) return undefined;
  const started = await startEdgeServer({
    listen: tls.listen,
    handler,
    counters,
    ...(limits === undefined ? {} : { limits }),
    tls: tlsOptions({
      ...tls,
      masterSecret,
      snapshot: follower.current,
      counters: counters.tls,
      log,
    }),
  });
  const stopRotation = followTicketKeys(started.server as HttpsServer, masterSecret, Date.now);
  return {
    ...started,
    stop: async (idleMs) => {
      stopRotation();
      await started.stop(idleMs);
    },
  };
}

interface WorkerParts {
  readonly server: EdgeServer;
  readonly secure: EdgeServer | undefined;
  readonly follower: SnapshotFollower;
  readonly spool: Spools;
  readonly lossReport: LossReport;
  readonly counters: EdgeCounts;
  readonly state: { isStopping: boolean };
}

function workerOf({ server, secure, follower, spool, lossReport, counters, state }: WorkerParts): EdgeWorker {
  return {
    address: server.address,
    tlsAddress: secure?.address,
    stats: () => ({
      snapshotVersion: follower.current()?.version,
      counts: counters,
      spool: spool.stats(),
    }),
    stop: async () => {
      state.isStopping = true;
      await Promise.all([server.stop(DRAIN_IDLE_MS), secure?.stop(DRAIN_IDLE_MS)]);
      follower.stop();
      await spool.close(FLUSH_MS);
      lossReport.end();
    },
    flush: async (deadlineMs) => {
      await spool.close(deadlineMs);
      lossReport.end();
    },
  };
}

interface LossReport {
  /** Looks once more: what waited for a disk without room is lost when the spool is closed. */
  end(): void;
}

/** Says what was lost since the last look, and why. */
function reportLosses(spool: Spools, { log, maxSpoolBytes, lossReportMs }: EdgeOptions): LossReport {
  let told = 0;
  const look = (): void => {
    const { lostEvents, failure } = spool.stats();
    if (lostEvents > told) {
      log.error(
        { lost: lostEvents - told, reason: failure ?? "the spool is at its limit", maxSpoolBytes },
        "events were lost: there was no room for them",
      );
    }
    told = lostEvents;
  };
  const timer = setInterval(look, lossReportMs ?? LOSS_REPORT_MS).unref();
  return {
    end: () => {
      clearInterval(timer);
      look();
    },
  };
}
