/** Where the name leads that customers point their CNAME at, as verification would see it. */
import { lookup, Resolver } from "node:dns/promises";

import type { Config } from "../config.ts";

/** Asks `WAYPOST_DNS_SERVERS` where they are set. Rejects when it does not resolve. */
export async function resolveCnameTarget({ cnameTarget, dnsServers }: Config): Promise<readonly string[]> {
  if (dnsServers.length === 0)
    return (await lookup(cnameTarget, { all: true })).map(({ address }) => address);
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([...dnsServers]);
  return resolver.resolve4(cnameTarget).catch(() => resolver.resolve6(cnameTarget));
}
