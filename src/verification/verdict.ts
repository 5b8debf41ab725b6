/** What a check's evidence amounts to: the status it gives the domain and the text a caller of verify reads. Pure. */
import type { CnameStatus } from "../domain/tracking-domain.ts";
import { isSameName } from "./dns-evidence.ts";
import type { DnsEvidence, ProbeEvidence } from "./evidence.ts";

export interface Verdict {
  readonly cnameStatus: Exclude<CnameStatus, "unverified">;
  /** The specification's text for error 1404; `undefined` when the domain is valid. */
  readonly failureText: string | undefined;
}

/** `dns` is `undefined` for names under localhost, which need none. */
export function judge(domain: string, dns: DnsEvidence | undefined, probe: ProbeEvidence): Verdict {
  const { outcome } = probe;
  switch (outcome.kind) {
    case "answered":
      return { cnameStatus: "valid", failureText: undefined };
    case "http_error":
      return {
        cnameStatus: "invalid",
        failureText: `Received the HTTP Error ${outcome.status} during verification of ${domain}.`,
      };
    case "no_address":
    case "not_tried":
      return {
        cnameStatus: leadsElsewhere(dns) ? "invalid" : "pending",
        failureText: unreachable(probe.endpoint),
      };
    case "foreign_host":
    case "redirected":
    case "wrong_answer":
    case "forbidden_address":
    case "tls_failed":
    case "unreachable":
    case "timed_out":
      return { cnameStatus: "invalid", failureText: unreachable(probe.endpoint) };
  }
}

/**
 * True when the probe passed by a way that DNS does not show: the name leads elsewhere, or Host was rewritten.
 * Such a domain works, and shows where to look when it stops working.
 */
export function looksProxied(domain: string, dns: DnsEvidence | undefined, probe: ProbeEvidence): boolean {
  if (probe.outcome.kind !== "answered" && probe.outcome.kind !== "foreign_host") return false;
  const dnsLeadsToUs = dns === undefined || dns.cnameMatches || dns.addressesMatch;
  return !dnsLeadsToUs || !isSameName(probe.outcome.hostSeen, domain);
}

/** A name without addresses is waited for, unless its CNAME already says that waiting will not help. */
function leadsElsewhere(dns: DnsEvidence | undefined): boolean {
  if (dns === undefined || dns.cnameMatches || dns.cnameChain.length === 1) return false;
  return dns.cnameOutcome !== "silent" && dns.cnameOutcome !== "server_failure";
}

function unreachable(endpoint: string): string {
  const certificate = endpoint.startsWith("https:") ? " and that your SSL certificate is valid" : "";
  return `Unable to reach ${endpoint}. Please verify that your redirect is functioning${certificate}.`;
}
