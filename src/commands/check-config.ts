/** `waypost check-config`: reads every setting, tries what can be tried, and says what `serve` would do. */
import { type Config, certificatePolicy, describeConfig, type LoadedConfig } from "../config.ts";
import { configWarnings } from "../config-warnings.ts";
import { AppError } from "../domain/errors.ts";
import { isLocalhost } from "../domain/hostname.ts";
import { checkEnrichmentFiles } from "../enrichment.ts";
import { NewerSchema } from "../store/migrate.ts";
import { StoreAway } from "../store/outage.ts";
import { resolveCnameTarget } from "./cname-target.ts";
import { printJson } from "./output.ts";
import { withStore } from "./with-store.ts";

export async function checkConfig(
  { config, warnings }: LoadedConfig,
  { json }: { readonly json?: true },
): Promise<void> {
  const settings = describeConfig(config);
  const warned = [...warnings, ...configWarnings(config)];
  const findings = {
    files: await describeFiles(config),
    store: await describeStore(config),
    certificates: { ok: true, text: describeCertificates(config) },
    cname_target: await describeTarget(config),
  };
  if (Object.values(findings).some(({ ok }) => !ok)) process.exitCode = 1;
  if (json) return printJson({ settings, warnings: warned, ...findings });
  for (const [name, value] of Object.entries(settings)) console.log(`${name}=${JSON.stringify(value)}`);
  for (const warning of warned) console.log(`warning: ${warning}`);
  console.log(`files: ${findings.files.text}`);
  console.log(`store: ${findings.store.text}`);
  console.log(`certificates: ${findings.certificates.text}`);
  console.log(`CNAME target: ${findings.cname_target.text}`);
}

interface Finding {
  /** False where `serve` would not do its work. */
  readonly ok: boolean;
  readonly text: string;
}

async function describeFiles(config: Config): Promise<Finding> {
  try {
    await checkEnrichmentFiles(config);
    return { ok: true, text: "can be used" };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ok: false, text: error.message };
  }
}

/** Looks, and changes nothing: `serve` creates a store and brings its schema up to date. */
async function describeStore(config: Config): Promise<Finding> {
  const name = config.databaseUrl === undefined ? `SQLite in ${config.dataDir}` : "PostgreSQL";
  try {
    return await withStore(config, async ({ installation }) => {
      const record = await installation.read();
      const made =
        record === undefined ? "is empty" : `was made ${new Date(record.createdAtMs).toISOString()}`;
      return { ok: true, text: `${name} answers and ${made}` };
    });
  } catch (error) {
    // None there yet, or one that `serve` brings up to date, is no obstacle.
    const ok = error instanceof AppError && !(error instanceof StoreAway || error instanceof NewerSchema);
    const message = error instanceof Error ? error.message : String(error);
    return { ok, text: error instanceof StoreAway ? message : `${name}: ${message}` };
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

async function describeTarget(config: Config): Promise<Finding> {
  const target = config.cnameTarget;
  if (isLocalhost(target)) return { ok: true, text: `${target} is this machine` };
  try {
    const addresses = await resolveCnameTarget(config);
    return { ok: true, text: `${target} has the addresses ${addresses.join(", ")}` };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : error;
    return { ok: false, text: `${target} does not resolve (${code}): no domain can be verified` };
  }
}
