/** A control process whose store is away when it starts waits for it, and says so where somebody will look. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Config } from "../config.ts";
import type { Logger } from "../ops/logger.ts";
import { createOpsServer } from "../ops/server.ts";
import { isOutage } from "../store/outage.ts";
import { withStore } from "./with-store.ts";

const RETRY_MS = 2000;

/** Resolves when the store answers, whatever it answers, or when it is time to stop. */
export async function awaitStore(config: Config, log: Logger, stopping: AbortSignal): Promise<void> {
  const failure = await outageOf(config);
  if (failure === undefined) return;
  log.error({ err: failure }, "the store does not answer, waiting for it");
  const ops = createOpsServer({
    notReady: async () => ["the store does not answer"],
    metrics: () => Promise.reject(new Error("there is nothing to measure yet")),
    isServed: () => false,
  });
  await ops.listen(config.opsListen);
  do {
    await sleep(RETRY_MS, undefined, { signal: stopping }).catch(() => undefined);
  } while (!stopping.aborted && (await outageOf(config)) !== undefined);
  await ops.stop();
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
