/** `waypost serve`: the supervisor and its children, which run this same command line as `control` and `edge`. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Config, describeConfig, type ListenAddress, type LoadedConfig } from "../config.ts";
import { configWarnings } from "../config-warnings.ts";
import { SNAPSHOT_FILE } from "../data-directory.ts";
import { AppError } from "../domain/errors.ts";
import { readSnapshot } from "../edge/snapshot-file.ts";
import { EDGE_NODE_OPTIONS } from "../edge-process.ts";
import { checkEnrichmentFiles } from "../enrichment.ts";
import { openInstallation } from "../installation.ts";
import { hasWriterSlots } from "../machine.ts";
import { readMasterSecret } from "../master-secret.ts";
import { createLogger, type Logger } from "../ops/logger.ts";
import { StoreAway } from "../store/outage.ts";
import { type ChildCommand, startSupervisor } from "../supervisor.ts";
import { withStore } from "./with-store.ts";

/**
 * Resolves when Waypost has stopped. Throws when another one has the data directory or the edge's ports, and for what would keep a
 * control process from ever starting (a store that doesn't fit, a file that cannot be used, a port that is taken): better said than
 * tried again and again. But an edge that knows what to answer answers; then the control process tries until they are mended, and logs why.
 */
export async function serve({ config, warnings }: LoadedConfig): Promise<void> {
  const log = createLogger({ level: config.logLevel, terminal: process.stdout.isTTY, part: "supervisor" });
  for (const warning of [...warnings, ...configWarnings(config)])
    log.warn({ warning }, "check the configuration");
  log.info(describeConfig(config), "starting");
  const canServe = await canEdgeServe(config);
  try {
    await checkEnrichmentFiles(config);
    await refuseWrongStore(config, log);
  } catch (error) {
    if (!canServe) throw error;
    log.error(
      { err: error },
      "this must be mended before all of Waypost can start; the edge serves with what it knows",
    );
  }
  const controlAddresses = [...(config.roles.includes("api") ? [config.apiListen] : []), config.opsListen];
  const child = (role: string): ChildCommand => ({
    file: process.argv[1] ?? join(import.meta.dirname, "../cli.ts"),
    args: [role],
  });
  const supervisor = await startSupervisor({
    dataDir: config.dataDir,
    addresses: [
      ...(config.roles.includes("edge") ? edgeAddresses(config) : []),
      ...(canServe ? [] : controlAddresses),
    ],
    control: child("control"),
    ...(config.roles.includes("edge") ? { edge: { ...child("edge"), nodeOptions: EDGE_NODE_OPTIONS } } : {}),
    edgeCount: config.edgeWorkers,
    log: (level, fields, message) => log[level](fields, message),
  });
  await supervisor.stopped;
}

/** Whether its workers have all that they need to answer, whatever becomes of the control process. */
async function canEdgeServe(config: Config): Promise<boolean> {
  const { dataDir, roles, secret } = config;
  if (!roles.includes("edge") || !hasWriterSlots(dataDir)) return false;
  const snapshot = await readSnapshot(join(dataDir, SNAPSHOT_FILE), readMasterSecret(dataDir, secret));
  return snapshot.ok;
}

function edgeAddresses({ edgeHttpListen, edgeHttpsListen }: Config): readonly ListenAddress[] {
  return edgeHttpsListen === undefined ? [edgeHttpListen] : [edgeHttpListen, edgeHttpsListen];
}

/** A store that is busy with another machine's migration may take an hour: nothing keeps the edge down for so long. */
const STORE_ANSWERS_WITHIN_MS = 5000;

/**
 * A secret or a schema that does not fit will not fit at the next try either: better to say so than to start a control
 * process again and again. A store that does not answer is no reason to stay down: the edge serves without it.
 */
async function refuseWrongStore(config: Config, log: Logger): Promise<void> {
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  const opening = withStore(
    config,
    (store) => openInstallation(store.installation, masterSecret, Date.now()),
    {},
  );
  // Looked at below unless it comes too late: then the control process meets the same.
  opening.catch(() => undefined);
  try {
    await Promise.race([opening, refuseLateAnswer()]);
  } catch (error) {
    if (error instanceof AppError && !(error instanceof StoreAway)) throw error;
    log.error({ err: error }, "the store does not answer, starting with what the edge knows");
  }
}

async function refuseLateAnswer(): Promise<never> {
  await sleep(STORE_ANSWERS_WITHIN_MS, undefined, { ref: false });
  throw new Error(`it has not answered for ${STORE_ANSWERS_WITHIN_MS / 1000} s`);
}
