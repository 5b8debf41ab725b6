/** A control process whose store is away when it starts, or a newer version's, waits for it, and says so where somebody will look. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Config } from "../config.ts";
import { SNAPSHOT_FILE, SPOOL_FOLDER } from "../data-directory.ts";
import { snapshotFileAgeMs } from "../edge/snapshot-publisher.ts";
import { SpoolReader } from "../edge/spool-reader.ts";
import type { EdgeStatsBook } from "../ops/edge-stats.ts";
import type { Logger } from "../ops/logger.ts";
import { createMetrics } from "../ops/metrics.ts";
import { createOpsServer } from "../ops/server.ts";
import { NewerSchema } from "../store/migrate.ts";
import { isOutage, StoreAway } from "../store/outage.ts";
import { withStore } from "./with-store.ts";

const RETRY_MS = 2000;

export interface AwaitStoreDeps {
  readonly config: Config;
  readonly log: Logger;
  /** Of the edge, which serves meanwhile. */
  readonly edgeStats: EdgeStatsBook;
  readonly stopping: AbortSignal;
}

/** Resolves when the store is one to work with, or answers what does not pass by itself, or when it is time to stop. */
export async function awaitStore({ config, log, edgeStats, stopping }: AwaitStoreDeps): Promise<void> {
  let obstacle = await obstacleOf(config);
  if (obstacle === undefined) return;
  log.error({ err: obstacle.error }, "the store cannot be used, waiting for it");
  const spool = new SpoolReader(join(config.dataDir, SPOOL_FOLDER), (slot, error) =>
    log.error({ slot, err: error }, "a spool cannot be read"),
  );
  const ops = createOpsServer({
    notReady: async () => [obstacle?.reason ?? "starting"],
    metrics: createMetrics({
      spool,
      snapshotAgeMs: () => snapshotFileAgeMs(join(config.dataDir, SNAPSHOT_FILE)),
      workers: () => edgeStats.current(performance.now()),
      certificates: { summary: () => undefined, counts: { orders: {}, failures: {} } },
      now: Date.now,
    }),
    isServed: () => false,
  });
  await ops.listen(config.opsListen);
  while (!stopping.aborted && obstacle !== undefined) {
    await sleep(RETRY_MS, undefined, { signal: stopping }).catch(() => undefined);
    obstacle = stopping.aborted ? undefined : await obstacleOf(config);
  }
  await ops.stop();
  await spool.close();
}

interface Obstacle {
  readonly error: unknown;
  /** For /readyz. */
  readonly reason: string;
}

async function obstacleOf(config: Config): Promise<Obstacle | undefined> {
  try {
    await withStore(config, async () => undefined);
    return undefined;
  } catch (error) {
    if (error instanceof NewerSchema) return { error, reason: error.message };
    // Anything else is an answer, and nothing that passes by itself.
    const isAway = error instanceof StoreAway || isOutage(error);
    return isAway ? { error, reason: "the store does not answer" } : undefined;
  }
}
