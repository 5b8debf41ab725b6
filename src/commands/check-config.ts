/** `waypost check-config`: reads every setting, tries what can be tried, and says what `serve` would do. */
import { lookup, Resolver } from "node:dns/promises";

import { type Config, describeConfig, type LoadedConfig } from "../config.ts";
import { configWarnings } from "../config-warnings.ts";
import { isLocalhost } from "../domain/hostname.ts";
import { withStore } from "./with-store.ts";

export async function checkConfig({ config, warnings }: LoadedConfig): Promise<void> {
  for (const [name, value] of Object.entries(describeConfig(config)))
    console.log(`${name}=${JSON.stringify(value)}`);
  for (const warning of [...warnings, ...configWarnings(config)]) console.log(`warning: ${warning}`);
  await withStore(config, async () => {
    console.log(
      `store: ${config.databaseUrl === undefined ? `SQLite in ${config.dataDir}` : "PostgreSQL"} answers`,
    );
  });
  console.log(`CNAME target: ${config.cnameTarget} ${await describeTarget(config)}`);
}

async function describeTarget(config: Config): Promise<string> {
  if (isLocalhost(config.cnameTarget)) return "is this machine";
  try {
    return `has the addresses ${(await resolve(config)).join(", ")}`;
  } catch (error) {
    process.exitCode = 1;
    return `does not resolve (${error instanceof Error && "code" in error ? error.code : error}): no domain can be verified`;
  }
}

async function resolve({ cnameTarget, dnsServers }: Config): Promise<readonly string[]> {
  if (dnsServers.length === 0)
    return (await lookup(cnameTarget, { all: true })).map(({ address }) => address);
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([...dnsServers]);
  return resolver.resolve4(cnameTarget).catch(() => resolver.resolve6(cnameTarget));
}
