/** `waypost serve`: the supervisor and its children, which run this same command line as `control` and `edge`. */
import { join } from "node:path";

import { describeConfig, type LoadedConfig } from "../config.ts";
import { configWarnings } from "../config-warnings.ts";
import { readMasterSecret } from "../master-secret.ts";
import { createLogger } from "../ops/logger.ts";
import { type ChildCommand, startSupervisor } from "../supervisor.ts";

/** Resolves when Waypost has stopped. Throws when another one has the data directory or a port is taken. */
export async function serve(
  { config, warnings }: LoadedConfig,
  childArguments: readonly string[],
): Promise<void> {
  const log = createLogger({ level: config.logLevel, terminal: process.stdout.isTTY, part: "supervisor" });
  for (const warning of [...warnings, ...configWarnings(config)])
    log.warn({ warning }, "check the configuration");
  log.info(describeConfig(config), "starting");
  // Made before the children start: they read it, each for itself.
  readMasterSecret(config.dataDir, config.secret);
  const child = (role: string): ChildCommand => ({
    file: process.argv[1] ?? join(import.meta.dirname, "../cli.ts"),
    args: [role, ...childArguments],
  });
  const supervisor = await startSupervisor({
    dataDir: config.dataDir,
    addresses: [config.apiListen, config.edgeHttpListen, config.opsListen],
    control: child("control"),
    edge: child("edge"),
    edgeCount: config.edgeWorkers,
    log: (level, fields, message) => log[level](fields, message),
  });
  await supervisor.stopped;
}
