/** `waypost check-config`: reads every setting, tries what can be tried, and says what `serve` would do. */
import { type Config, certificatePolicy, describeConfig, type LoadedConfig } from "../config.ts";
import { configWarnings } from "../config-warnings.ts";
import { AppError } from "../domain/errors.ts";
import { isLocalhost } from "../domain/hostname.ts";
import { checkEnrichmentFiles } from "../enrichment.ts";
import { resolveCnameTarget } from "./cname-target.ts";
import { withStore } from "./with-store.ts";

export async function checkConfig({ config, warnings }: LoadedConfig): Promise<void> {
  for (const [name, value] of Object.entries(describeConfig(config)))
    console.log(`${name}=${JSON.stringify(value)}`);
  for (const warning of [...warnings, ...configWarnings(config)]) console.log(`warning: ${warning}`);
  console.log(`files: ${await describeFiles(config)}`);
  console.log(`store: ${await describeStore(config)}`);
  console.log(`certificates: ${describeCertificates(config)}`);
  console.log(`CNAME target: ${config.cnameTarget} ${await describeTarget(config)}`);
}

async function describeFiles(config: Config): Promise<string> {
  try {
    await checkEnrichmentFiles(config);
    return "can be used";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    process.exitCode = 1;
    return error.message;
  }
}

/** Looks, and changes nothing: `serve` creates a store and brings its schema up to date. */
async function describeStore(config: Config): Promise<string> {
  const name = config.databaseUrl === undefined ? `SQLite in ${config.dataDir}` : "PostgreSQL";
  try {
    return await withStore(config, async ({ installation }) => {
      const record = await installation.read();
      const made =
        record === undefined ? "is empty" : `was made ${new Date(record.createdAtMs).toISOString()}`;
      return `${name} answers and ${made}`;
    });
  } catch (error) {
    if (error instanceof AppError) return `${name}: ${error.message}`;
    process.exitCode = 1;
    return `${name} does not answer: ${error instanceof Error ? error.message : error}`;
  }
}

function describeCertificates(config: Config): string {
  switch (certificatePolicy(config)) {
    case "managed":
      return `ordered at ${config.acmeDirectory} for secure tracking domains whose owners bring none`;
    case "own":
      return "only those that owners bring: WAYPOST_ACME_TERMS_AGREED is not yes, so none is ordered";
    case "none":
      return "none: WAYPOST_TLS is external";
  }
}

async function describeTarget(config: Config): Promise<string> {
  if (isLocalhost(config.cnameTarget)) return "is this machine";
  try {
    return `has the addresses ${(await resolveCnameTarget(config)).join(", ")}`;
  } catch (error) {
    process.exitCode = 1;
    return `does not resolve (${error instanceof Error && "code" in error ? error.code : error}): no domain can be verified`;
  }
}
