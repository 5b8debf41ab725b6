/**
 * Our own look before an order: what would make the CA's validation fail is found here, where it costs no order and counts against no
 * limit. What passes may still fail at the CA, which looks from elsewhere.
 */
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import type { Hostname } from "../domain/hostname.ts";
import { mayReach } from "../verification/address-policy.ts";
import { gatherDnsEvidence } from "../verification/dns-evidence.ts";
import type { ProbeEvidence } from "../verification/evidence.ts";
import { probeChallenge } from "../verification/probe.ts";
import { checkCaa } from "./caa.ts";
import { caaForbids, challengeLost, noAddress, type Setback } from "./setback.ts";

export interface PreflightOptions {
  readonly cnameTarget: string;
  /** `ip` or `ip:port`; `undefined` for the system's. */
  readonly dnsServers: readonly string[] | undefined;
  readonly allowPrivate: boolean;
  /** Where CAs validate: 80, unless the CA is somebody's own. */
  readonly port: number;
}

/** What it takes to know whether a CA would issue. */
export interface PreflightCa {
  readonly thumbprint: string;
  readonly accountUrl: string;
  readonly caaIdentities: readonly string[];
}

const DNS_BUDGET_MS = 5000;
const PROBE_TIMEOUT_MS = 5000;
// An edge may be a little late to follow.
const EDGES_FOLLOW_WITHIN_MS = 3000;
const RETRY_MS = 300;

/** `undefined`: an order is worth placing. Never throws. */
export async function preflight(
  domain: Hostname,
  ca: PreflightCa,
  options: PreflightOptions,
): Promise<Setback | undefined> {
  const { addresses } = await gatherDnsEvidence(domain, {
    cnameTarget: options.cnameTarget,
    servers: options.dnsServers,
    budgetMs: DNS_BUDGET_MS,
  });
  if (addresses.length === 0) return noAddress(domain, options.cnameTarget);
  const challenge = await tryChallenge(domain, addresses, { ...options, thumbprint: ca.thumbprint });
  if (challenge.outcome.kind !== "answered") return challengeLost(domain, challenge);
  const caa = await checkCaa(domain, {
    identities: ca.caaIdentities,
    accountUrl: ca.accountUrl,
    dnsServers: options.dnsServers,
    budgetMs: DNS_BUDGET_MS,
  });
  return caa.kind === "allowed" ? undefined : caaForbids(domain, caa, ca.caaIdentities);
}

interface ChallengeOptions extends PreflightOptions {
  readonly thumbprint: string;
}

async function tryChallenge(
  domain: Hostname,
  addresses: readonly string[],
  options: ChallengeOptions,
): Promise<ProbeEvidence> {
  const giveUpAt = performance.now() + EDGES_FOLLOW_WITHIN_MS;
  for (;;) {
    const tried = await tryAsCa(domain, addresses, options);
    const { kind } = tried.outcome;
    const mayBeNew = kind === "http_error" || kind === "wrong_answer";
    if (!mayBeNew || performance.now() >= giveUpAt) return tried;
    await sleep(RETRY_MS);
  }
}

/**
 * CAs prefer IPv6 and fall back to IPv4 when no connection comes about. A forgotten AAAA record that leads to another server is what
 * most often makes a validation fail.
 */
async function tryAsCa(
  domain: Hostname,
  addresses: readonly string[],
  options: ChallengeOptions,
): Promise<ProbeEvidence> {
  const through = (tried: readonly string[]) =>
    probeChallenge(
      { domain, scheme: "http", port: options.port, addresses: tried },
      {
        thumbprint: options.thumbprint,
        timeoutMs: PROBE_TIMEOUT_MS,
        mayReach: (host, address) => mayReach(host, address, options.allowPrivate),
      },
    );
  const v6 = addresses.filter(isIPv6);
  const v4 = addresses.filter((address) => !isIPv6(address));
  if (v6.length === 0) return through(v4);
  const overV6 = await through(v6);
  const { kind } = overV6.outcome;
  const isUnconnected = kind === "unreachable" || kind === "timed_out";
  return isUnconnected && v4.length > 0 ? through(v4) : overV6;
}
