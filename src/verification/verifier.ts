/** One check of one domain: compliance, evidence, verdict, the record of it. Asked for by the API or due by the schedule. */
import { setTimeout as sleep } from "node:timers/promises";

import { type Hostname, isLocalhost } from "../domain/hostname.ts";
import { type EdgePorts, edgePort, type Scheme, schemeOf } from "../domain/tracking-domain.ts";
import { mayReach } from "./address-policy.ts";
import { logChange, type VerificationChange, type VerificationLog } from "./change-log.ts";
import { gatherDnsEvidence, isSameName, LOOPBACK_ADDRESSES } from "./dns-evidence.ts";
import type { CertificateEvidence, DnsEvidence, Evidence, ProbeEvidence } from "./evidence.ts";
import { explain, summarize } from "./findings.ts";
import { createLimiter, type LimiterOptions } from "./limiter.ts";
import { endpointOf, probe } from "./probe.ts";
import { nextState } from "./schedule.ts";
import { judge, looksProxied } from "./verdict.ts";
import type {
  CheckTrigger,
  DomainCheck,
  DomainToCheck,
  VerificationState,
  VerificationStore,
} from "./verification-state.ts";

/** Where the certificates of secure domains come from that are reached by http and not by https. Neither call throws. */
export interface CertificateSupply {
  /** Has one ordered unless there is one, and waits for it no longer than `waitMs`. `undefined`: it is not Waypost's to get. */
  obtain(domain: Hostname, waitMs: number): Promise<CertificateEvidence | undefined>;
  /** The same in the background: gives what is known so far. */
  request(domain: Hostname): Promise<CertificateEvidence | undefined>;
}

/** What verifications need of the installation. All but the functions are settings. */
export interface VerifierDeps {
  readonly store: Pick<VerificationStore, "findForCheck" | "recordCheck">;
  readonly isRestricted: (domain: Hostname) => boolean;
  /** Whether the edge would refuse the links of `domain`'s tenant on `host`, because that is or was another tenant's. */
  readonly isForeignHost: (host: string, domain: Hostname) => Promise<boolean>;
  /** Whether a certificate was stored for it so lately that an edge may not have it yet. */
  readonly hasNewCertificate: (domain: Hostname) => Promise<boolean>;
  readonly probeKey: Buffer;
  readonly cnameTarget: string;
  readonly ports: EdgePorts;
  /** `ip` or `ip:port`; `undefined` for the system's. */
  readonly dnsServers: readonly string[] | undefined;
  readonly allowPrivate: boolean;
  readonly log: VerificationLog;
  readonly now: () => number;
  readonly random: () => number;
  /** Called after a check of either kind changed `cnameStatus`, `complianceStatus` or `httpsWorks`; must not throw. */
  readonly onChange: (change: VerificationChange) => void;
  /** A certificate authority (PEM) to trust besides the usual ones. */
  readonly extraCa?: string | undefined;
  /** `undefined` where Waypost orders no certificates. */
  readonly certificates?: CertificateSupply | undefined;
  /** For one check, DNS and probe together; 5 seconds unless given. */
  readonly timeoutMs?: number | undefined;
  /** How long an asked-for check waits for a certificate; 30 seconds unless given. */
  readonly certificateWaitMs?: number | undefined;
  /** How long it waits for the edge to serve a new one; 5 seconds unless given. */
  readonly servedWithinMs?: number | undefined;
  /** 64 checks at once unless given. */
  readonly limits?: LimiterOptions | undefined;
}

/** What a check came to. `failure` is the specification's text for error 1404. */
export type Verification =
  | { readonly kind: "verified"; readonly state: VerificationState }
  | { readonly kind: "failed"; readonly state: VerificationState; readonly failure: string }
  | { readonly kind: "blocked"; readonly state: VerificationState }
  | { readonly kind: "not_found" };

export interface Verifier {
  /**
   * Calls for the same domain while a check is under way share that check. Throws `unavailable` when too many
   * checks wait; nothing a customer's server does makes it throw.
   */
  verify(domain: Hostname, trigger: CheckTrigger): Promise<Verification>;
}

export interface StoppableVerifier extends Verifier {
  /** Checks that wait for an edge end with what is known, and none waits from now on. */
  stop(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 5000;
const DEFAULT_CERTIFICATE_WAIT_MS = 30_000;
// A new certificate is with every edge within a second; this is for slow days.
const DEFAULT_SERVED_WITHIN_MS = 5000;
const SERVED_POLL_MS = 200;
// DNS may have half of the time, so that a slow name server leaves some for the probe.
const DNS_SHARE = 0.5;
// Of what is left: http is tried when https fails.
const HTTPS_SHARE = 0.6;

// Most of a check is waiting. 64 of them at their slowest are 13 checks a second.
const DEFAULT_LIMITS = { maxRunning: 64, maxWaiting: 1000 } as const;

/** Nothing runs until `verify` is called. */
export function createVerifier(deps: VerifierDeps): StoppableVerifier {
  const limit = createLimiter(deps.limits ?? DEFAULT_LIMITS);
  const stopping = new AbortController();
  const checkDeps: CheckDeps = { ...deps, limit, stopped: stopping.signal };
  const underWay = new Map<string, Promise<Verification>>();

  return {
    async verify(domain, trigger) {
      const found = await deps.store.findForCheck(domain);
      if (found === undefined) return { kind: "not_found" };
      // An asked-for failure counts at once and a background one does not, so they never share a check.
      const key = `${trigger} ${schemeOf(found)} ${domain}`;
      const shared = underWay.get(key);
      if (shared !== undefined) return shared;
      const started = check(found, trigger, checkDeps).finally(() => underWay.delete(key));
      underWay.set(key, started);
      return started;
    },

    stop: async () => stopping.abort(),
  };
}

interface CheckDeps extends VerifierDeps {
  /** Around everything that opens sockets, and nothing that waits for a certificate. */
  readonly limit: ReturnType<typeof createLimiter>;
  readonly stopped: AbortSignal;
}

interface Found {
  readonly result: DomainCheck["result"];
  /** The probe over TLS passed. */
  readonly httpsWorks: boolean;
  readonly evidence: Evidence;
  readonly failureText: string | undefined;
}

async function check(found: DomainToCheck, trigger: CheckTrigger, deps: CheckDeps): Promise<Verification> {
  const { domain } = found;
  const isBlocked = found.state.blockedByOperator || deps.isRestricted(domain);
  const { result, httpsWorks, evidence, failureText } = isBlocked
    ? lookAway(found, deps)
    : await look(found, trigger, deps);
  const checkedAtMs = deps.now();
  const failure =
    failureText === undefined
      ? undefined
      : (summarize(explain(domain, evidence, deps.cnameTarget)) ?? failureText);
  const domainCheck: DomainCheck = {
    checkedAtMs,
    trigger,
    scheme: schemeOf(found),
    result,
    failure,
    evidence,
  };

  let from = found.state;
  const to = await deps.store.recordCheck(domain, domainCheck, (current) => {
    from = current;
    return nextState(current, { check: domainCheck, httpsWorks, nowMs: checkedAtMs, random: deps.random() });
  });
  if (to === undefined) return { kind: "not_found" };
  const change = { domain, trigger, from, to, failure };
  logChange(change, deps.log);
  const isChanged =
    from.cnameStatus !== to.cnameStatus ||
    from.complianceStatus !== to.complianceStatus ||
    from.httpsWorks !== to.httpsWorks;
  if (isChanged) deps.onChange(change);
  if (to.complianceStatus === "blocked") return { kind: "blocked", state: to };
  return failureText === undefined
    ? { kind: "verified", state: to }
    : { kind: "failed", state: to, failure: failureText };
}

/** A blocked domain is not connected to: its owner may be anybody. */
function lookAway(found: DomainToCheck, deps: VerifierDeps): Found {
  const outcome = { kind: "not_tried", reason: "the domain is blocked" } as const;
  const notProbed: ProbeEvidence = {
    endpoint: endpointOf(addressee(found, deps)),
    address: undefined,
    outcome,
    tookMs: 0,
  };
  return {
    result: { cnameStatus: found.state.cnameStatus, complianceStatus: "blocked" },
    httpsWorks: found.state.httpsWorks,
    evidence: { dns: undefined, probe: notProbed, looksProxied: false },
    failureText: "The domain is blocked.",
  };
}

async function look(found: DomainToCheck, trigger: CheckTrigger, deps: CheckDeps): Promise<Found> {
  const { domain } = found;
  const seen = await deps.limit(() => see(found, deps));
  const certificate = await supply(domain, seen, trigger, deps);
  const known = certificate === undefined ? {} : { certificate };
  const mayBeServed =
    trigger === "asked" && (certificate === undefined ? isTlsAlone(seen) : certificate.kind === "issued");
  if (!mayBeServed) return assess(domain, { ...seen, ...known });
  const { httpProbe, ...rest } = seen;
  const probe = await probeUntilServed(found, seen, deps);
  return assess(domain, {
    ...rest,
    probe,
    ...known,
    ...(httpProbe === undefined || probe.outcome.kind === "answered" ? {} : { httpProbe }),
  });
}

type Seen = Omit<Evidence, "looksProxied">;

/** DNS, then the probe: of a secure domain over https, and over http when that fails. */
async function see(found: DomainToCheck, deps: VerifierDeps): Promise<Seen> {
  const { domain } = found;
  const timeoutMs = deps.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const startedAt = performance.now();
  const dns = isLocalhost(domain)
    ? undefined
    : await gatherDnsEvidence(domain, {
        cnameTarget: deps.cnameTarget,
        servers: deps.dnsServers,
        budgetMs: timeoutMs * DNS_SHARE,
      });
  const leftMs = () => timeoutMs - (performance.now() - startedAt);
  const scheme = schemeOf(found);
  const through = (over: Scheme, within: number) =>
    probeThrough(found, dns, { deps, scheme: over, timeoutMs: within });
  if (scheme === "http") return { dns, probe: await through("http", leftMs()) };
  const secure = await through("https", leftMs() * HTTPS_SHARE);
  if (secure.outcome.kind === "answered") return { dns, probe: secure };
  // Its links work all the same when it is reached by http: what is broken is its certificate, not its record.
  return { dns, probe: secure, httpProbe: await through("http", leftMs()) };
}

/** A certificate is had for a domain that is reached by http alone: where nothing arrives, a CA's challenge does not either. */
async function supply(
  domain: Hostname,
  { httpProbe }: Seen,
  trigger: CheckTrigger,
  { certificates, certificateWaitMs = DEFAULT_CERTIFICATE_WAIT_MS }: VerifierDeps,
): Promise<CertificateEvidence | undefined> {
  if (certificates === undefined || httpProbe?.outcome.kind !== "answered") return undefined;
  return trigger === "asked" ? certificates.obtain(domain, certificateWaitMs) : certificates.request(domain);
}

/** As it is while an edge has no certificate. */
function isTlsAlone({ probe, httpProbe }: Seen): boolean {
  return probe.outcome.kind === "tls_failed" && httpProbe?.outcome.kind === "answered";
}

/** Looks once more, and waits for the edge when there is something to wait for. */
async function probeUntilServed(
  found: DomainToCheck,
  { dns, probe: before }: Seen,
  deps: CheckDeps,
): Promise<ProbeEvidence> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, servedWithinMs = DEFAULT_SERVED_WITHIN_MS, limit, stopped } = deps;
  const isNew = await deps.hasNewCertificate(found.domain);
  const giveUpAt = performance.now() + (isNew ? servedWithinMs : 0);
  let probed = before;
  while (!stopped.aborted) {
    probed = await limit(() => probeThrough(found, dns, { deps, scheme: "https", timeoutMs }));
    if (probed.outcome.kind !== "tls_failed" || performance.now() >= giveUpAt) break;
    await sleep(SERVED_POLL_MS, undefined, { signal: stopped }).catch(() => undefined);
  }
  return probed;
}

function assess(domain: Hostname, seen: Seen): Found {
  const { dns, probe: asked, httpProbe } = seen;
  const reached = httpProbe?.outcome.kind === "answered" ? httpProbe : asked;
  return {
    result: { cnameStatus: judge(domain, dns, reached).cnameStatus, complianceStatus: "valid" },
    httpsWorks: asked.endpoint.startsWith("https:") && asked.outcome.kind === "answered",
    evidence: { ...seen, looksProxied: looksProxied(domain, dns, reached) },
    failureText: judge(domain, dns, asked).failureText,
  };
}

async function probeThrough(
  found: DomainToCheck,
  dns: DnsEvidence | undefined,
  { deps, scheme, timeoutMs }: { deps: VerifierDeps; scheme: Scheme; timeoutMs: number },
): Promise<ProbeEvidence> {
  const target = { ...addressee(found, deps, scheme), addresses: dns?.addresses ?? LOOPBACK_ADDRESSES };
  const probed = await probe(target, {
    probeKey: deps.probeKey,
    extraCa: deps.extraCa,
    timeoutMs,
    mayReach: (host, address) => mayReach(host, address, deps.allowPrivate),
  });
  const { outcome } = probed;
  if (outcome.kind !== "answered" || isSameName(outcome.hostSeen, found.domain)) return probed;
  const isForeign = await deps.isForeignHost(outcome.hostSeen, found.domain);
  return isForeign ? { ...probed, outcome: { kind: "foreign_host", hostSeen: outcome.hostSeen } } : probed;
}

function addressee(
  found: DomainToCheck,
  deps: VerifierDeps,
  scheme = schemeOf(found),
): { domain: Hostname; scheme: Scheme; port: number } {
  return { domain: found.domain, scheme, port: edgePort(found.domain, scheme, deps.ports) };
}
