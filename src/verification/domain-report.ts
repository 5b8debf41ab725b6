/** `GET …/tracking-domains/{domain}/checks`: what checks saw and what to change, in the API's key names. */
import type { Scheme, TrackingDomain } from "../domain/tracking-domain.ts";
import type { DnsEvidence, ProbeEvidence } from "./evidence.ts";
import { type DnsRecord, explain, type Finding, requiredDnsRecord } from "./findings.ts";
import type { CheckTrigger, DomainCheck, VerificationStore } from "./verification-state.ts";

export interface DomainReport {
  readonly domain: string;
  /** The record to create; `null` for names under localhost, which need none. */
  readonly record: DnsRecord | null;
  /** The newest first. */
  readonly checks: readonly CheckReport[];
}

export interface CheckReport {
  /** ISO 8601, UTC. */
  readonly checked_at: string;
  readonly trigger: CheckTrigger;
  readonly scheme: Scheme;
  readonly cname_status: string;
  readonly compliance_status: string;
  /** Why it failed, in a person's words; `null` when it passed. */
  readonly failure: string | null;
  readonly looks_proxied: boolean;
  readonly findings: readonly Finding[];
  readonly dns: object | null;
  readonly probe: object;
}

export interface ReportDeps {
  readonly store: Pick<VerificationStore, "listChecks">;
  readonly cnameTarget: string;
}

/** As many as the store keeps of a domain. */
const MAX_CHECKS = 50;

export async function reportOn(
  { domain }: Pick<TrackingDomain, "domain">,
  { store, cnameTarget }: ReportDeps,
): Promise<DomainReport> {
  const checks = await store.listChecks(domain, MAX_CHECKS);
  return {
    domain,
    record: requiredDnsRecord(domain, cnameTarget) ?? null,
    checks: checks.map((check) => checkToWire(domain, check, cnameTarget)),
  };
}

function checkToWire(domain: string, check: DomainCheck, cnameTarget: string): CheckReport {
  const { result, evidence } = check;
  return {
    checked_at: new Date(check.checkedAtMs).toISOString(),
    trigger: check.trigger,
    scheme: check.scheme,
    cname_status: result.cnameStatus,
    compliance_status: result.complianceStatus,
    failure: check.failure ?? null,
    looks_proxied: evidence.looksProxied,
    findings: explain(domain, evidence, cnameTarget),
    dns: evidence.dns === undefined ? null : dnsToWire(evidence.dns),
    probe: probeToWire(evidence.probe),
  };
}

function dnsToWire(dns: DnsEvidence): object {
  return {
    cname_chain: dns.cnameChain,
    cname_outcome: dns.cnameOutcome,
    cname_matches: dns.cnameMatches,
    addresses: dns.addresses,
    address_outcome: dns.addressOutcome,
    target_addresses: dns.targetAddresses,
    addresses_match: dns.addressesMatch,
  };
}

function probeToWire({ endpoint, address, outcome, tookMs }: ProbeEvidence): object {
  return {
    endpoint,
    address: address ?? null,
    outcome: outcome.kind,
    ...("status" in outcome ? { http_status: outcome.status } : {}),
    ...("hostSeen" in outcome ? { host_seen: outcome.hostSeen } : {}),
    ...("reason" in outcome ? { reason: outcome.reason } : {}),
    took_ms: tookMs,
  };
}
