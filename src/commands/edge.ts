/** One edge worker, as `serve` starts it. */
import { join } from "node:path";

import type { Config } from "../config.ts";
import { CERTIFICATE_FOLDER, SNAPSHOT_FILE, SPOOL_FOLDER } from "../data-directory.ts";
import { runEdge } from "../edge-process.ts";
import { readWriterSlots } from "../machine.ts";
import { readMasterSecret } from "../master-secret.ts";
import { createLogger } from "../ops/logger.ts";
import { withHeartbeat } from "../supervised.ts";

const MEGABYTE = 1024 * 1024;
/** For two spools, twice during a restart. */
const SLOTS_PER_WORKER = 4;

export async function edge(config: Config): Promise<void> {
  // Until there is a worker nothing is under way that would have to be finished.
  const leave = (): void => process.exit();
  process.on("disconnect", leave);
  const slots = await withHeartbeat(readWriterSlots(config.dataDir));
  process.off("disconnect", leave);
  await runEdge({
    listen: config.edgeHttpListen,
    ...(config.edgeHttpsListen === undefined
      ? {}
      : {
          tls: {
            listen: config.edgeHttpsListen,
            certificateFolder: join(config.dataDir, CERTIFICATE_FOLDER),
          },
        }),
    snapshotPath: join(config.dataDir, SNAPSHOT_FILE),
    masterSecret: readMasterSecret(config.dataDir, config.secret),
    slots,
    spools: slots.count >= SLOTS_PER_WORKER * config.edgeWorkers ? 2 : 1,
    spoolDirectory: join(config.dataDir, SPOOL_FOLDER),
    maxSpoolBytes: Math.floor((config.spoolMaxMb * MEGABYTE) / config.edgeWorkers),
    commitDeadlineMs: config.edgeCommitDeadlineMs,
    trustedProxies: config.trustedProxies,
    ...(config.edgeMaxRequestsPerAddress === 0
      ? {}
      : { maxRequestsPerAddress: config.edgeMaxRequestsPerAddress }),
    log: createLogger({ level: config.logLevel, terminal: process.stdout.isTTY, part: "edge" }),
  });
}
