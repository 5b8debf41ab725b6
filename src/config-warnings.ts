/** Settings that are valid and yet most likely not meant. */
import { type Config, SPECIFIED_SUPPORT_EMAIL } from "./config.ts";
import { isLocalhost } from "./domain/hostname.ts";

const LOOPBACK = /^(127\.|::1$|localhost$)/;

export function configWarnings(config: Config): readonly string[] {
  return [
    ...(isLocalhost(config.cnameTarget)
      ? ["WAYPOST_CNAME_TARGET is not set: only names under localhost can be tracking domains that work"]
      : []),
    ...(config.supportEmail === SPECIFIED_SUPPORT_EMAIL && !isLocalhost(config.cnameTarget)
      ? [
          `WAYPOST_SUPPORT_EMAIL is not set: customers whose domain is restricted are told to write to ${SPECIFIED_SUPPORT_EMAIL}`,
        ]
      : []),
    ...(config.databaseUrl !== undefined && config.secret === undefined
      ? ["WAYPOST_SECRET is not set: every machine that shares the database needs the same one"]
      : []),
    ...(config.tls === "external" && config.edgeHttpsListen !== undefined
      ? ["WAYPOST_TLS is external, and yet WAYPOST_EDGE_HTTPS_LISTEN is set: who shall end TLS?"]
      : []),
    ...certificateWarnings(config),
    ...(!config.roles.includes("api") ||
    LOOPBACK.test(config.apiListen.host) ||
    config.apiTlsCertFile !== undefined
      ? []
      : [
          "API AND CONSOLE LISTEN BEYOND THIS MACHINE WITHOUT TLS: keys and sessions cross the network in clear unless a proxy encrypts them. Set WAYPOST_API_TLS_CERT_FILE and WAYPOST_API_TLS_KEY_FILE, or listen on 127.0.0.1 behind a proxy",
        ]),
  ];
}

function certificateWarnings(config: Config): readonly string[] {
  const { tls, acmeTermsAgreed, edgeHttpsListen, publicHttpPort, roles } = config;
  if (tls === "external") {
    return acmeTermsAgreed === "yes"
      ? ["WAYPOST_TLS is external: no certificates are ordered, though WAYPOST_ACME_TERMS_AGREED is set"]
      : [];
  }
  if (acmeTermsAgreed === "no") {
    return edgeHttpsListen === undefined
      ? []
      : [
          "WAYPOST_ACME_TERMS_AGREED is not set: no certificates are ordered, each secure domain needs one that its owner brings",
        ];
  }
  return [
    ...(edgeHttpsListen === undefined && roles.includes("edge")
      ? [
          "WAYPOST_EDGE_HTTPS_LISTEN is off: the edge of this machine serves none of the certificates that are ordered",
        ]
      : []),
    ...(publicHttpPort === 80
      ? []
      : ["WAYPOST_PUBLIC_HTTP_PORT is not 80: public CAs validate domains at port 80 and no other"]),
  ];
}
