/**
 * What DNS says of a tracking domain: its CNAME chain, its addresses, and whether either is the CNAME target's.
 * It explains a verdict and never makes one: behind a CDN or a flattened record DNS shows something else, and the probe decides.
 */
import { Resolver } from "node:dns/promises";

import { isLocalhost } from "../domain/hostname.ts";
import type { DnsEvidence, DnsOutcome } from "./evidence.ts";

/** Loopback by definition: such names are never asked for (RFC 6761 section 6.3). */
export const LOOPBACK_ADDRESSES: readonly string[] = ["127.0.0.1", "::1"];

// Resolvers give up on chains of about this length too, so a longer one serves nobody.
const MAX_CNAMES = 10;

// Enough for any real edge; a TCP answer has room for thousands.
const MAX_ADDRESSES_PER_FAMILY = 16;

// One lost packet per question is survived; the budget below bounds everything.
const QUERY_TIMEOUT_MS = 800;
const QUERY_TRIES = 2;

export interface DnsOptions {
  readonly cnameTarget: string;
  /** `ip` or `ip:port`; `undefined` for the system's. */
  readonly servers: readonly string[] | undefined;
  /** For all questions together. What is unanswered by then counts as `silent`. */
  readonly budgetMs: number;
}

interface Answer {
  readonly outcome: DnsOutcome;
  readonly values: readonly string[];
}

type Chain = Pick<DnsEvidence, "cnameChain" | "cnameOutcome">;

/** Never throws: whatever the servers do is evidence. */
export async function gatherDnsEvidence(domain: string, options: DnsOptions): Promise<DnsEvidence> {
  // A resolver of its own per check: nothing is cached between checks, and cancelling stops only this one.
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  if (options.servers !== undefined) resolver.setServers(options.servers);
  const timer = setTimeout(() => resolver.cancel(), options.budgetMs);
  try {
    const [chain, own, target] = await Promise.all([
      followCnames(domain, options.cnameTarget, resolver),
      findAddresses(domain, resolver),
      findAddresses(options.cnameTarget, resolver),
    ]);
    return {
      ...chain,
      cnameMatches: chain.cnameChain.slice(1).some((name) => isSameName(name, options.cnameTarget)),
      addresses: own.values,
      addressOutcome: own.outcome,
      targetAddresses: target.values,
      addressesMatch: isSubset(own.values, target.values),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether two names have the same labels: case and a trailing dot do not matter, everything else does (RFC 4343). */
export function isSameName(a: string, b: string): boolean {
  return canonical(a) === canonical(b);
}

/**
 * The chain ends at the CNAME target even where that is an alias itself: what lies behind it is the
 * installation's own affair, and a target moved to another machine keeps its customers verified.
 */
async function followCnames(domain: string, target: string, resolver: Resolver): Promise<Chain> {
  const chain = [domain];
  for (let name = domain; !isLocalhost(name); ) {
    const { outcome, values } = await ask(() => resolver.resolveCname(name));
    const next = values[0];
    if (next === undefined)
      return {
        cnameChain: chain,
        cnameOutcome: chain.length > 1 && outcome === "no_data" ? "found" : outcome,
      };
    const isLoop = chain.some((seen) => isSameName(seen, next));
    chain.push(canonical(next));
    if (isSameName(next, target)) return { cnameChain: chain, cnameOutcome: "found" };
    if (isLoop) return { cnameChain: chain, cnameOutcome: "loop" };
    if (chain.length > MAX_CNAMES) return { cnameChain: chain, cnameOutcome: "too_long" };
    name = next;
  }
  return { cnameChain: chain, cnameOutcome: chain.length > 1 ? "found" : "no_data" };
}

async function findAddresses(name: string, resolver: Resolver): Promise<Answer> {
  if (isLocalhost(name)) return { outcome: "found", values: LOOPBACK_ADDRESSES };
  const answers = await Promise.all([ask(() => resolver.resolve4(name)), ask(() => resolver.resolve6(name))]);
  const values = answers.flatMap((answer) => answer.values.slice(0, MAX_ADDRESSES_PER_FAMILY));
  const outcomes = answers.map((answer) => answer.outcome);
  return { values, outcome: MOST_TELLING_FIRST.find((outcome) => outcomes.includes(outcome)) ?? "no_data" };
}

// A and AAAA are two questions with one outcome: one answer is enough, and an unanswered one may yet be.
const MOST_TELLING_FIRST: readonly DnsOutcome[] = [
  "found",
  "silent",
  "server_failure",
  "no_such_name",
  "no_data",
];

async function ask(question: () => Promise<string[]>): Promise<Answer> {
  try {
    const values = await question();
    return { outcome: values.length === 0 ? "no_data" : "found", values };
  } catch (error) {
    return { outcome: dnsOutcomeOf(error), values: [] };
  }
}

/** What it means that a question failed as it did. */
export function dnsOutcomeOf(error: unknown): DnsOutcome {
  return OUTCOME_BY_CODE[codeOf(error)] ?? "silent";
}

// Every other code (ETIMEOUT, ECONNREFUSED, ECANCELLED, …) means that nobody answered.
const OUTCOME_BY_CODE: Readonly<Record<string, DnsOutcome>> = {
  ENODATA: "no_data",
  ENOTFOUND: "no_such_name",
  ESERVFAIL: "server_failure",
  EREFUSED: "server_failure",
  EFORMERR: "server_failure",
  ENOTIMP: "server_failure",
  EBADRESP: "server_failure",
  // A name that cannot be asked for, such as a chain that leads to a malformed one.
  EBADNAME: "no_such_name",
};

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isSubset(values: readonly string[], of: readonly string[]): boolean {
  return values.length > 0 && values.every((value) => of.includes(value));
}

function canonical(name: string): string {
  const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}
