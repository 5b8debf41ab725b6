/** A control process whose store is away when it starts waits for it, and says so where somebody will look. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Config } from "../config.ts";
import { SPOOL_FOLDER } from "../data-directory.ts";
import { SpoolReader } from "../edge/spool-reader.ts";
import type { EdgeStatsBook } from "../ops/edge-stats.ts";
import type { Logger } from "../ops/logger.ts";
import { createMetrics } from "../ops/metrics.ts";
import { createOpsServer } from "../ops/server.ts";
import { isOutage } from "../store/outage.ts";
import { withStore } from "./with-store.ts";

const RETRY_MS = 2000;

export interface AwaitStoreDeps {
  readonly config: Config;
  readonly log: Logger;
  /** Of the edge, which serves meanwhile. */
  readonly edgeStats: EdgeStatsBook;
  readonly stopping: AbortSignal;
}

/** Resolves when the store answers, whatever it answers, or when it is time to stop. */
export async function awaitStore({ config, log, edgeStats, stopping }: AwaitStoreDeps): Promise<void> {
  const failure = await outageOf(config);
  if (failure === undefined) return;
  log.error({ err: failure }, "the store does not answer, waiting for it");
  const spool = new SpoolReader(join(config.dataDir, SPOOL_FOLDER), (slot, error) =>
    log.error({ slot, err: error }, "a spool cannot be read, its events wait until it can"),
  );
  const ops = createOpsServer({
    notReady: async () => ["the store does not answer"],
    metrics: createMetrics({
      spool,
      workers: () => edgeStats.current(performance.now()),
      certificates: { summary: () => undefined, counts: { orders: {}, failures: {} } },
      now: Date.now,
    }),
    isServed: () => false,
  });
  await ops.listen(config.opsListen);
  do {
    await sleep(RETRY_MS, undefined, { signal: stopping }).catch(() => undefined);
  } while (!stopping.aborted && (await outageOf(config)) !== undefined);
  await ops.stop();
  await spool.close();
}

async function outageOf(config: Config): Promise<unknown> {
  try {
    await withStore(config, async () => undefined);
    return undefined;
  } catch (error) {
    // PostgreSQL's is told with its reason behind it. Anything else is an answer, and nothing that passes by itself.
    const isAway = isOutage(error) || (error instanceof Error && isOutage(error.cause));
    return isAway ? error : undefined;
  }
}
