/**
 * A check's evidence in a person's words, as data: what was found (their own values), why it fails, what to change.
 * Pure, and made anew from stored evidence, so that better words also explain old checks.
 */
import { isLocalhost, nameInZone } from "../domain/hostname.ts";
import type {
  CertificateEvidence,
  DnsEvidence,
  DnsOutcome,
  Evidence,
  OrderLimit,
  ProbeEvidence,
} from "./evidence.ts";

/** The record a customer creates to point a tracking domain at this installation. */
export interface DnsRecord {
  readonly type: "CNAME";
  readonly name: string;
  /** The name as many providers want it: without the zone's. */
  readonly short_name: string;
  readonly value: string;
}

export interface Finding {
  /** For programs: the words may get better, the code stays. */
  readonly code: FindingCode;
  readonly ok: boolean;
  readonly found: string;
  readonly why?: string;
  readonly fix?: string;
}

type FindingCode =
  | "cname_matches"
  | "addresses_match"
  | "cname_elsewhere"
  | "cname_zone_appended"
  | "cname_loop"
  | "cname_too_long"
  | "addresses_elsewhere"
  | "behind_proxy"
  | "no_such_name"
  | "no_records"
  | "target_has_no_address"
  | "no_cname_target"
  | "certificate_issued"
  | "certificate_under_way"
  | "certificate_postponed"
  | "certificate_failed"
  | "dns_server_failure"
  | "dns_silent"
  | "probe_answered"
  | "host_rewritten"
  | "foreign_host"
  | "http_error"
  | "redirected"
  | "wrong_answer"
  | "forbidden_address"
  | "tls_failed"
  | "unreachable"
  | "timed_out"
  | "not_tried";

/** What stands in a record's place while there is nothing that it could point to. */
export const NO_CNAME_TARGET = {
  found: "This installation has no public name yet that a CNAME could point to.",
  fix: "Whoever runs it has to set WAYPOST_CNAME_TARGET. Until then only names under localhost can be verified.",
};

/**
 * `undefined` for names under localhost, which reach this machine without a record, and for all others while the target is under
 * localhost: a record with that value sends recipients to their own machines.
 */
export function requiredDnsRecord(domain: string, cnameTarget: string): DnsRecord | undefined {
  if (isLocalhost(domain) || isLocalhost(cnameTarget)) return undefined;
  return { type: "CNAME", name: domain, short_name: nameInZone(domain), value: cnameTarget };
}

/** DNS first, then the certificate, then the probe. */
export function explain(domain: string, evidence: Evidence, cnameTarget: string): readonly Finding[] {
  const { dns, probe, certificate, looksProxied } = evidence;
  const about: Subject = { domain, cnameTarget, fix: `It should be a CNAME to ${cnameTarget}.` };
  const dnsFindings = dns === undefined ? [] : [explainDns(dns, about, looksProxied)];
  const probeFindings = explainProbe(probe, about);
  if (certificate === undefined) return [...dnsFindings, ...probeFindings];
  // What to do about a certificate that is missing has been said then.
  const mended = certificate.kind === "issued" ? probeFindings : probeFindings.map(withoutTlsFix);
  return [...dnsFindings, explainCertificate(certificate, domain), ...mended];
}

/** The first problem in one paragraph; `undefined` when there is none. */
export function summarize(findings: readonly Finding[]): string | undefined {
  const problem = findings.find((finding) => !finding.ok);
  if (problem === undefined) return undefined;
  return [problem.found, problem.why, problem.fix].filter((part) => part !== undefined).join(" ");
}

const ELSEWHERE: ReadonlySet<FindingCode> = new Set([
  "cname_elsewhere",
  "cname_zone_appended",
  "addresses_elsewhere",
  "wrong_answer",
]);

/** Somebody else is there: the domain is not merely out of reach. */
export function pointsElsewhere(findings: readonly Finding[]): boolean {
  return findings.some(({ code, ok }) => !ok && ELSEWHERE.has(code));
}

interface Subject {
  readonly domain: string;
  readonly cnameTarget: string;
  readonly fix: string;
}

function explainDns(dns: DnsEvidence, about: Subject, looksProxied: boolean): Finding {
  const { domain, cnameTarget, fix } = about;
  const last = dns.cnameChain.at(-1) ?? domain;
  if (dns.cnameMatches) return explainMatch(dns, about);
  if (dns.addressesMatch) {
    const found = `${domain} has the addresses of ${cnameTarget} (${list(dns.addresses)}).`;
    return { code: "addresses_match", ok: true, found };
  }
  if (looksProxied) {
    const leadsTo = dns.cnameChain.length > 1 ? last : list(dns.addresses);
    const found = `${domain} points to ${leadsTo}, and requests still arrive: a proxy or CDN stands between.`;
    return { code: "behind_proxy", ok: true, found };
  }
  if (isLocalhost(cnameTarget)) return { code: "no_cname_target", ok: false, ...NO_CNAME_TARGET };
  if (dns.cnameOutcome === "loop") {
    const found = `${domain} leads in a circle: ${dns.cnameChain.join(" → ")}.`;
    return { code: "cname_loop", ok: false, found, fix };
  }
  if (dns.cnameOutcome === "too_long") {
    const found = `${domain} leads through more than ${dns.cnameChain.length - 1} aliases, as far as ${last}.`;
    return { code: "cname_too_long", ok: false, found, fix };
  }
  const isCnameUnknown = dns.cnameOutcome === "silent" || dns.cnameOutcome === "server_failure";
  if (dns.cnameChain.length > 1 && !isCnameUnknown) return explainOtherTarget(last, about);
  if (dns.addresses.length > 0) {
    const found = `${domain} points to ${list(dns.addresses)}.`;
    return { code: "addresses_elsewhere", ok: false, found, fix };
  }
  return explainAbsence(last, isCnameUnknown ? dns.cnameOutcome : dns.addressOutcome, about);
}

function explainMatch(dns: DnsEvidence, { domain, cnameTarget }: Subject): Finding {
  const between = dns.cnameChain.slice(1, -1);
  const way = between.length === 0 ? "" : `, by way of ${list(between)}`;
  const found = `${domain} is a CNAME to ${cnameTarget}${way}.`;
  if (dns.addresses.length > 0) return { code: "cname_matches", ok: true, found };
  return {
    code: "target_has_no_address",
    ok: false,
    found,
    why: `${cnameTarget} itself has no address that could be found.`,
    fix: "Whoever runs this installation has to give it one.",
  };
}

function explainOtherTarget(last: string, { domain, cnameTarget, fix }: Subject): Finding {
  const found = `${domain} is a CNAME to ${last}.`;
  const appended = last.startsWith(`${cnameTarget}.`) ? last.slice(cnameTarget.length) : undefined;
  if (appended === undefined || !domain.endsWith(appended))
    return { code: "cname_elsewhere", ok: false, found, fix };
  return {
    code: "cname_zone_appended",
    ok: false,
    found,
    why: "The zone's own name was appended to the value, as happens when it has no dot at the end.",
    fix: `${fix} Try the value "${cnameTarget}.", with the dot.`,
  };
}

/** `name` is the last of the chain that could be asked for, most often the domain itself. */
function explainAbsence(name: string, outcome: DnsOutcome, { domain, cnameTarget }: Subject): Finding {
  const fix = `Create a CNAME record with the name ${domain} and the value ${cnameTarget}.`;
  const patience = "A record that was just created can take a while to be seen everywhere.";
  switch (outcome) {
    case "no_such_name":
      return { code: "no_such_name", ok: false, found: `${name} does not exist in DNS.`, why: patience, fix };
    case "server_failure":
      return {
        code: "dns_server_failure",
        ok: false,
        found: `The name servers answered the question for ${name} with an error.`,
        why: "That is usually a broken delegation or DNSSEC signature.",
        fix: "Check the zone at your DNS provider.",
      };
    case "silent":
      return {
        code: "dns_silent",
        ok: false,
        found: `No name server answered the question for ${name} in time.`,
        fix: "Check that the zone's name servers are up, and try again.",
      };
    case "no_data":
    case "found":
      return {
        code: "no_records",
        ok: false,
        found: `${name} has neither a CNAME nor an address.`,
        why: patience,
        fix,
      };
  }
}

function explainCertificate(certificate: CertificateEvidence, domain: string): Finding {
  switch (certificate.kind) {
    case "issued":
      return { code: "certificate_issued", ok: true, found: `${domain} has a certificate that is valid.` };
    case "under_way":
      return {
        code: "certificate_under_way",
        ok: false,
        found: `A certificate for ${domain} is being ordered.`,
        why: "New links use http until it is there.",
        fix: "Nothing has to be done: the domain is looked at again by itself.",
      };
    case "postponed":
      return {
        code: "certificate_postponed",
        ok: false,
        found: `No certificate for ${domain} can be ordered yet.`,
        why: LIMIT_REASONS[certificate.limit],
        fix: `Nothing has to be done: it is ordered after ${new Date(certificate.untilMs).toISOString()}.`,
      };
    case "failed": {
      const { found, fix } = certificate;
      return { code: "certificate_failed", ok: false, found, ...(fix === undefined ? {} : { fix }) };
    }
  }
}

const LIMIT_REASONS: Readonly<Record<OrderLimit, string>> = {
  orders_per_hour: "This installation has placed as many orders as it may in an hour.",
  registrable_domain: "Certificate authorities limit the new names under one domain in a week.",
  same_name: "Certificate authorities limit the certificates for one name in a week.",
  failed_validations: "Certificate authorities limit how often the validation of a name may fail in an hour.",
  owner_failed_validations: "The validation of too many domains of this account has failed within an hour.",
  ca_asked: "The certificate authority asked to be left alone for a while.",
};

function withoutTlsFix({ fix, ...finding }: Finding): Finding {
  return finding.code === "tls_failed" || fix === undefined ? finding : { ...finding, fix };
}

const THROUGH_A_PROXY = "If a proxy or CDN stands in front, it must pass every path on.";

function explainProbe(probe: ProbeEvidence, about: Subject): readonly Finding[] {
  const { outcome, endpoint } = probe;
  switch (outcome.kind) {
    case "answered":
      return explainAnswer(outcome.hostSeen, endpoint, about);
    case "no_address":
      return []; // DNS has said so already.
    case "not_tried":
      return [{ code: "not_tried", ok: false, found: `${endpoint} was not tried: ${outcome.reason}.` }];
    case "foreign_host":
      return [
        {
          code: "foreign_host",
          ok: false,
          found: `A proxy passes requests for ${endpoint} on with the host name ${outcome.hostSeen}.`,
          why: "That name belongs to somebody else here, so links of yours would be refused on it.",
          fix: `Let the proxy send the host name ${about.domain}.`,
        },
      ];
    default:
      return [explainFailure(probe, outcome, about)];
  }
}

function explainAnswer(hostSeen: string, endpoint: string, { domain }: Subject): readonly Finding[] {
  const answered: Finding = {
    code: "probe_answered",
    ok: true,
    found: `${endpoint} reaches this installation.`,
  };
  if (hostSeen === domain) return [answered];
  const found = `A proxy passes requests on with the host name ${hostSeen}.`;
  return [answered, { code: "host_rewritten", ok: true, found }];
}

type ProbeFailure = Exclude<
  ProbeEvidence["outcome"],
  { kind: "answered" | "foreign_host" | "no_address" | "not_tried" }
>;

function explainFailure(
  { endpoint, address }: ProbeEvidence,
  outcome: ProbeFailure,
  about: Subject,
): Finding {
  const { domain, cnameTarget } = about;
  const code = outcome.kind;
  const at = `${endpoint} (${address ?? "no address"})`;
  switch (outcome.kind) {
    case "http_error":
      return problem(code, `${at} answered with HTTP status ${outcome.status}.`, THROUGH_A_PROXY);
    case "redirected":
      return problem(
        code,
        `${at} answered with a redirect (HTTP status ${outcome.status}).`,
        THROUGH_A_PROXY,
      );
    case "wrong_answer":
      return problem(
        code,
        `Something that is not this installation answers at ${at}.`,
        `Point ${domain} to ${cnameTarget}. ${THROUGH_A_PROXY}`,
      );
    case "forbidden_address":
      return problem(
        code,
        `${domain} has the address ${outcome.address}, which is not reachable from the Internet.`,
        `It needs public addresses only. On a private network the operator sets WAYPOST_PROBE_PRIVATE to "allow".`,
      );
    case "tls_failed":
      return problem(
        code,
        `The TLS handshake with ${at} failed: ${TLS_REASONS[outcome.reason] ?? outcome.reason}.`,
        `Install a certificate for ${domain} that browsers trust, or set "secure" to false.`,
      );
    case "unreachable":
      return problem(
        code,
        `${at} could not be reached: ${NETWORK_REASONS[outcome.reason] ?? outcome.reason}.`,
        "Check that the address is right and that no firewall is in the way.",
      );
    case "timed_out":
      return problem(
        code,
        `${at} did not answer in time.`,
        "Check that the address is right and that no firewall is in the way.",
      );
  }
}

function problem(code: FindingCode, found: string, fix: string): Finding {
  return { code, ok: false, found, fix };
}

/** OpenSSL's and Node's codes for what goes wrong most. */
const TLS_REASONS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "a certificate in the chain is self-signed",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the intermediate certificate is missing or the issuer is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's issuer is not trusted",
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: "the port does not speak TLS",
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: "the server has no certificate for this name",
  ECONNRESET: "the server closed the connection",
};

const NETWORK_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was closed before an answer came",
  ETIMEDOUT: "the connection was not accepted in time",
  EHOSTUNREACH: "there is no route to the address",
  ENETUNREACH: "there is no route to the address",
};

function list(values: readonly string[]): string {
  return values.join(", ");
}
