/** `GET /api/v1/tracking-domains/{domain}/checks`: what past checks saw, in data and in words, and the record to create. */
import { type Static, type TSchema, Type } from "typebox";

import { CERTIFICATE_ERRORS } from "../domain/issuance.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { CNAME_STATUSES, COMPLIANCE_STATUSES, type TrackingDomain } from "../domain/tracking-domain.ts";
import {
  type CertificateEvidence,
  type DnsEvidence,
  ORDER_LIMITS,
  type ProbeEvidence,
} from "../verification/evidence.ts";
import { explain, pointsElsewhere, requiredDnsRecord } from "../verification/findings.ts";
import type { DomainCheck, VerificationStore } from "../verification/verification-state.ts";

export interface DomainCheckDeps {
  readonly verification: Pick<VerificationStore, "findForCheck" | "listChecks" | "newestChecks">;
  readonly cnameTarget: string;
}

const SHOWN_CHECKS = 50;

const FINDING = Type.Object(
  {
    code: Type.String({ description: "For programs; the words may change, the code stays." }),
    ok: Type.Boolean(),
    found: Type.String({ description: "What was seen." }),
    why: Type.Optional(Type.String({ description: "Why that fails." })),
    fix: Type.Optional(Type.String({ description: "What to change." })),
  },
  { additionalProperties: false },
);
const DNS = Type.Object(
  {
    cname_chain: Type.Array(Type.String(), { description: "From the domain to the last name it leads to." }),
    cname_outcome: Type.String(),
    cname_matches: Type.Boolean({ description: "The chain passes through the CNAME target." }),
    addresses: Type.Array(Type.String()),
    address_outcome: Type.String(),
    target_addresses: Type.Array(Type.String()),
    addresses_match: Type.Boolean({
      description: "A flattened record: the addresses are the CNAME target's.",
    }),
  },
  { additionalProperties: false, description: "What DNS said; absent for names under localhost." },
);
const PROBE = Type.Object(
  {
    endpoint: Type.String(),
    address: Type.Optional(Type.String({ description: "The address that was connected to." })),
    outcome: Type.String({ description: "`answered` when this installation's edge was reached." }),
    http_status: Type.Optional(Type.Integer()),
    host_seen: Type.Optional(Type.String({ description: "The Host that reached the edge." })),
    reason: Type.Optional(Type.String()),
    took_ms: Type.Integer(),
  },
  { additionalProperties: false },
);
const CERTIFICATE = Type.Object(
  {
    outcome: Type.Enum(["issued", "under_way", "postponed", "failed"]),
    error_code: Type.Optional(Type.Enum([...CERTIFICATE_ERRORS])),
    limit: Type.Optional(
      Type.Enum([...ORDER_LIMITS], { description: "Of `postponed`: what there have been too many of." }),
    ),
    next_attempt_at: Type.Optional(
      Type.String({ format: "date-time", description: "Absent when nothing more happens by itself." }),
    ),
  },
  {
    additionalProperties: false,
    description: "What came of having a certificate ordered; absent where that was not tried.",
  },
);
const CHECK = Type.Object(
  {
    checked_at: Type.String({ format: "date-time" }),
    trigger: Type.Enum(["asked", "background"]),
    scheme: Type.Enum(["http", "https"]),
    passed: Type.Boolean(),
    cname_status: Type.Enum([...CNAME_STATUSES]),
    compliance_status: Type.Enum([...COMPLIANCE_STATUSES]),
    failure: Type.Optional(Type.String()),
    looks_proxied: Type.Boolean({ description: "A proxy or CDN seems to stand between." }),
    findings: Type.Array(FINDING),
    dns: Type.Optional(DNS),
    probe: PROBE,
    http_probe: Type.Optional(PROBE),
    certificate: Type.Optional(CERTIFICATE),
  },
  { additionalProperties: false },
);

/** The shape of {@link describeChecks}. */
export const DOMAIN_CHECKS: TSchema = Type.Object(
  {
    domain: Type.String(),
    dns_record: Type.Optional(
      Type.Object(
        {
          type: Type.Enum(["CNAME"]),
          name: Type.String(),
          short_name: Type.String({ description: "The name as many providers want it, without the zone's." }),
          value: Type.String(),
        },
        {
          additionalProperties: false,
          description:
            "The record to create; absent for names that need none, and while the installation has no CNAME target.",
        },
      ),
    ),
    next_check_at: Type.Optional(
      Type.String({ format: "date-time", description: "Absent when only an asked-for check looks again." }),
    ),
    https_works: Type.Optional(
      Type.Boolean({ description: "Of a secure, verified domain: whether its new links use https." }),
    ),
    points_elsewhere: Type.Optional(
      Type.Boolean({
        description:
          "Of a domain whose `cname_status` is `invalid`: whether the newest check found somebody else there.",
      }),
    ),
    checks: Type.Array(CHECK, { description: "The newest first." }),
  },
  { additionalProperties: false },
);

export async function describeChecks(
  { domain, secure, cnameStatus, httpsWorks }: TrackingDomain,
  deps: DomainCheckDeps,
): Promise<object> {
  const [found, checks] = await Promise.all([
    deps.verification.findForCheck(domain),
    deps.verification.listChecks(domain, SHOWN_CHECKS),
  ]);
  const nextCheckAtMs = found?.state.nextCheckAtMs;
  const record = requiredDnsRecord(domain, deps.cnameTarget);
  return {
    domain,
    ...(record === undefined ? {} : { dns_record: record }),
    ...(nextCheckAtMs === undefined ? {} : { next_check_at: new Date(nextCheckAtMs).toISOString() }),
    ...(secure && cnameStatus === "valid" ? { https_works: httpsWorks } : {}),
    ...(cnameStatus === "invalid"
      ? { points_elsewhere: checks.slice(0, 1).some((check) => isElsewhere(check, domain, deps.cnameTarget)) }
      : {}),
    checks: checks.map((check) => toWire(check, domain, deps.cnameTarget)),
  };
}

/** Of the domains that resolve and are not reached: those whose newest check found somebody else there. */
export async function domainsElsewhere(
  subaccounts: "all" | readonly SubaccountId[],
  { verification, cnameTarget }: DomainCheckDeps,
): Promise<ReadonlySet<string>> {
  const checks = await verification.newestChecks("invalid", subaccounts);
  const elsewhere = checks.filter((check) => isElsewhere(check, check.domain, cnameTarget));
  return new Set(elsewhere.map(({ domain }) => domain));
}

function isElsewhere({ evidence }: DomainCheck, domain: string, cnameTarget: string): boolean {
  return pointsElsewhere(explain(domain, evidence, cnameTarget));
}

function toWire(check: DomainCheck, domain: string, cnameTarget: string): object {
  const { dns, probe, httpProbe, certificate, looksProxied } = check.evidence;
  return {
    checked_at: new Date(check.checkedAtMs).toISOString(),
    trigger: check.trigger,
    scheme: check.scheme,
    passed: check.failure === undefined,
    cname_status: check.result.cnameStatus,
    compliance_status: check.result.complianceStatus,
    ...(check.failure === undefined ? {} : { failure: check.failure }),
    looks_proxied: looksProxied,
    findings: explain(domain, check.evidence, cnameTarget),
    ...(dns === undefined ? {} : { dns: dnsToWire(dns) }),
    probe: probeToWire(probe),
    ...(httpProbe === undefined ? {} : { http_probe: probeToWire(httpProbe) }),
    ...(certificate === undefined ? {} : { certificate: certificateToWire(certificate) }),
  };
}

function certificateToWire(certificate: CertificateEvidence): Static<typeof CERTIFICATE> {
  const at = (ms: number | undefined) =>
    ms === undefined ? {} : { next_attempt_at: new Date(ms).toISOString() };
  switch (certificate.kind) {
    case "issued":
    case "under_way":
      return { outcome: certificate.kind };
    case "postponed":
      return { outcome: "postponed", limit: certificate.limit, ...at(certificate.untilMs) };
    case "failed":
      return { outcome: "failed", error_code: certificate.code, ...at(certificate.nextAttemptAtMs) };
  }
}

function dnsToWire(dns: DnsEvidence): Static<typeof DNS> {
  return {
    cname_chain: [...dns.cnameChain],
    cname_outcome: dns.cnameOutcome,
    cname_matches: dns.cnameMatches,
    addresses: [...dns.addresses],
    address_outcome: dns.addressOutcome,
    target_addresses: [...dns.targetAddresses],
    addresses_match: dns.addressesMatch,
  };
}

function probeToWire({ endpoint, address, outcome, tookMs }: ProbeEvidence): Static<typeof PROBE> {
  return {
    endpoint,
    ...(address === undefined ? {} : { address }),
    outcome: outcome.kind,
    ...("status" in outcome ? { http_status: outcome.status } : {}),
    ...("hostSeen" in outcome ? { host_seen: outcome.hostSeen } : {}),
    ...("reason" in outcome ? { reason: outcome.reason } : {}),
    took_ms: Math.round(tookMs),
  };
}
