/** `waypost serve`: the supervisor and its children, which run this same command line as `control` and `edge`. */
import { join } from "node:path";

import { type Config, describeConfig, type ListenAddress, type LoadedConfig } from "../config.ts";
import { configWarnings } from "../config-warnings.ts";
import { AppError } from "../domain/errors.ts";
import { EDGE_NODE_OPTIONS } from "../edge-process.ts";
import { checkEnrichmentFiles } from "../enrichment.ts";
import { openInstallation } from "../installation.ts";
import { readMasterSecret } from "../master-secret.ts";
import { createLogger, type Logger } from "../ops/logger.ts";
import { type ChildCommand, startSupervisor } from "../supervisor.ts";
import { withStore } from "./with-store.ts";

/** Resolves when Waypost has stopped. Throws when another one has the data directory or a port is taken. */
export async function serve({ config, warnings }: LoadedConfig): Promise<void> {
  const log = createLogger({ level: config.logLevel, terminal: process.stdout.isTTY, part: "supervisor" });
  for (const warning of [...warnings, ...configWarnings(config)])
    log.warn({ warning }, "check the configuration");
  log.info(describeConfig(config), "starting");
  await checkEnrichmentFiles(config);
  await refuseWrongStore(config, log);
  const child = (role: string): ChildCommand => ({
    file: process.argv[1] ?? join(import.meta.dirname, "../cli.ts"),
    args: [role],
  });
  const supervisor = await startSupervisor({
    dataDir: config.dataDir,
    addresses: [
      ...(config.roles.includes("api") ? [config.apiListen] : []),
      ...(config.roles.includes("edge") ? edgeAddresses(config) : []),
      config.opsListen,
    ],
    control: child("control"),
    ...(config.roles.includes("edge") ? { edge: { ...child("edge"), nodeOptions: EDGE_NODE_OPTIONS } } : {}),
    edgeCount: config.edgeWorkers,
    log: (level, fields, message) => log[level](fields, message),
  });
  await supervisor.stopped;
}

function edgeAddresses({ edgeHttpListen, edgeHttpsListen }: Config): readonly ListenAddress[] {
  return edgeHttpsListen === undefined ? [edgeHttpListen] : [edgeHttpListen, edgeHttpsListen];
}

/**
 * A secret or a schema that does not fit will not fit at the next try either: better to say so than to start a control
 * process again and again. A store that does not answer is no reason to stay down: the edge serves without it.
 */
async function refuseWrongStore(config: Config, log: Logger): Promise<void> {
  const masterSecret = readMasterSecret(config.dataDir, config.secret);
  try {
    await withStore(config, (store) => openInstallation(store.installation, masterSecret, Date.now()), {});
  } catch (error) {
    if (error instanceof AppError) throw error;
    log.error({ err: error }, "the store does not answer, starting with what the edge knows");
  }
}
