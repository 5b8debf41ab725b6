/** A tracking domain: the host name recipients see in links, its owner and what has been proved about it. */
import { type Hostname, isLocalhost } from "./hostname.ts";
import type { TlsFacts } from "./issuance.ts";
import type { SubaccountId } from "./subaccount.ts";

/** `unverified`: never checked. `pending`: not resolving yet. `invalid`: resolves, but not to us. `valid`: our edge answered through it. */
export const CNAME_STATUSES = ["unverified", "pending", "invalid", "valid"] as const;
export type CnameStatus = (typeof CNAME_STATUSES)[number];

export const COMPLIANCE_STATUSES = ["pending", "valid", "blocked"] as const;
export type ComplianceStatus = (typeof COMPLIANCE_STATUSES)[number];

export interface TrackingDomain {
  readonly domain: Hostname;
  readonly subaccountId: SubaccountId;
  readonly secure: boolean;
  readonly isDefault: boolean;
  readonly cnameStatus: CnameStatus;
  readonly complianceStatus: ComplianceStatus;
  /** Our edge was reached over TLS through it, and has not been found unreachable since. */
  readonly httpsWorks: boolean;
  readonly tls: TlsFacts;
}

export type Scheme = "http" | "https";

/** The ports recipients reach the edge at, and the ports it listens on. */
export interface EdgePorts {
  readonly publicHttp: number;
  readonly publicHttps: number;
  readonly listenHttp: number;
  readonly listenHttps: number | undefined;
}

export function isVerified(domain: TrackingDomain): boolean {
  return domain.cnameStatus === "valid";
}

/** Whether new links may use it. Links already sent work whatever this says. */
export function isUsableForNewLinks(domain: TrackingDomain): boolean {
  return isVerified(domain) && domain.complianceStatus !== "blocked";
}

/** The API's read-only `port`: it follows `secure`, whatever ports the edge is reached at. */
export function documentedPort(secure: boolean): 80 | 443 {
  return secure ? 443 : 80;
}

export function schemeOf(domain: Pick<TrackingDomain, "secure">): Scheme {
  return domain.secure ? "https" : "http";
}

/** What new links use: https only once it has been seen to work, until then http on the same domain. */
export function linkScheme(domain: Pick<TrackingDomain, "secure" | "httpsWorks">): Scheme {
  return domain.secure && domain.httpsWorks ? "https" : "http";
}

/** The port a recipient connects to. Names under localhost reach the edge itself, without whatever stands in front of it. */
export function edgePort(host: string, scheme: Scheme, ports: EdgePorts): number {
  if (scheme === "http") return isLocalhost(host) ? ports.listenHttp : ports.publicHttp;
  return isLocalhost(host) ? (ports.listenHttps ?? ports.publicHttps) : ports.publicHttps;
}

/** `http://click.acme.com`, with the port only where it is not the scheme's own. */
export function trackingOrigin(host: string, scheme: Scheme, ports: EdgePorts): string {
  const port = edgePort(host, scheme, ports);
  return port === documentedPort(scheme === "https") ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}
