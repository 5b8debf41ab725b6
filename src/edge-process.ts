/** An edge worker as a process: signals, the supervisor's channel, and what happens at a fatal error. */

import { type EdgeOptions, type EdgeStats, type EdgeWorker, startEdgeWorker } from "./edge/worker.ts";
import { startHeartbeat, tellSupervisor } from "./supervised.ts";

/**
 * How Node is started for an edge worker. Left to itself V8 lets the space for young objects grow to 100 MB under load, collects
 * the old ones for the first time when there are as many again, and knows nothing of the memory that hangs on them outside
 * (lmdb's, OpenSSL's). So it collects early and often. And where connections have lived long for a while it puts all later ones among the
 * old objects, short as they live, when their turn comes (measured: docs/edge-performance.md).
 */
export const EDGE_NODE_OPTIONS = [
  "--max-semi-space-size=8",
  "--initial-old-space-size=16",
  "--heap-growing-percent=10",
  "--no-parallel-scavenge",
  "--no-allocation-site-pretenuring",
] as const;

/** After this a worker that can't finish is ended all the same; the supervisor would kill it soon after. */
const STOP_WITHIN_MS = 9000;
const FATAL_FLUSH_MS = 2000;

/** Runs until SIGTERM, or until the supervisor is gone; then drains and ends the process. Rejects when it can't start. */
export async function runEdge(options: EdgeOptions): Promise<void> {
  const worker = await startEdgeWorker(options);
  endOnFatalErrors(worker, options);
  const isChild = process.send !== undefined;
  const heartbeat = isChild ? startHeartbeat(statsOnceReady(worker)) : undefined;

  const { promise: stopAsked, resolve: askToStop } = Promise.withResolvers<void>();
  process.on("SIGTERM", askToStop);
  process.on("disconnect", askToStop);
  // A terminal sends these to the whole process group; what to do about them is the supervisor's to say.
  process.on("SIGINT", isChild ? () => undefined : askToStop);
  process.on("SIGHUP", isChild ? () => undefined : askToStop);
  if (isChild && !process.connected) askToStop();
  await stopAsked;

  const late = setTimeout(() => process.exit(1), STOP_WITHIN_MS);
  await worker.stop();
  clearTimeout(late);
  clearInterval(heartbeat);
  if (process.connected) process.disconnect();
}

/** The worker's stats, and once it serves, that it does. */
function statsOnceReady(worker: EdgeWorker): () => EdgeStats {
  let isReady = false;
  return () => {
    const stats = worker.stats();
    if (!isReady && stats.snapshotVersion !== undefined) {
      isReady = true;
      tellSupervisor({ type: "ready" });
    }
    return stats;
  };
}

function endOnFatalErrors(worker: EdgeWorker, { log }: EdgeOptions): void {
  const end = async (error: unknown): Promise<void> => {
    log.error({ err: error }, "edge worker ends after an unexpected error");
    await worker.flush(FATAL_FLUSH_MS);
    process.exit(1);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}
