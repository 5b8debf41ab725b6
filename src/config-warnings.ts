/** Settings that are valid and yet most likely not meant. */
import type { Config } from "./config.ts";
import { isLocalhost } from "./domain/hostname.ts";

const LOOPBACK = /^(127\.|::1$|localhost$)/;

export function configWarnings(config: Config): readonly string[] {
  return [
    ...(isLocalhost(config.cnameTarget)
      ? ["WAYPOST_CNAME_TARGET is not set: only names under localhost can be tracking domains that work"]
      : []),
    ...(config.databaseUrl !== undefined && config.secret === undefined
      ? ["WAYPOST_SECRET is not set: every machine that shares the database needs the same one"]
      : []),
    ...(config.tls === "external" && config.edgeHttpsListen !== undefined
      ? ["WAYPOST_TLS is external, and yet WAYPOST_EDGE_HTTPS_LISTEN is set: who shall end TLS?"]
      : []),
    ...(LOOPBACK.test(config.apiListen.host) || config.apiTlsCertFile !== undefined
      ? []
      : [
          "API AND CONSOLE LISTEN BEYOND THIS MACHINE WITHOUT TLS: keys and sessions cross the network in clear unless a proxy encrypts them. Set WAYPOST_API_TLS_CERT_FILE and WAYPOST_API_TLS_KEY_FILE, or listen on 127.0.0.1 behind a proxy",
        ]),
  ];
}
