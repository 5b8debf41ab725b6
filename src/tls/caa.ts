/**
 * Whether a domain's owner lets a certificate authority issue for it: CAA records (RFC 8659), with the limits on accounts and methods
 * that they may state (RFC 8657). The CA decides in the end; asking first spares an order that is bound to fail, and tells people which
 * record stands in the way.
 */
import { Resolver } from "node:dns/promises";

import { type Hostname, isLocalhost } from "../domain/hostname.ts";
import { dnsOutcomeOf } from "../verification/dns-evidence.ts";

export interface CaaOptions {
  /** The CA's names (`AcmeClient.caaIdentities`). When it tells none, only records that allow nobody stand in its way. */
  readonly identities: readonly string[];
  readonly accountUrl: string;
  /** `ip` or `ip:port`; `undefined` for the system's. */
  readonly dnsServers: readonly string[] | undefined;
  /** For all questions together. */
  readonly budgetMs: number;
}

/**
 * `other_authority`: no record names this CA. `other_account`, `other_method`: one does, but not for our account or not
 * for HTTP-01. `unknown_property`: a critical one. `unreadable`: not to be taken for permission.
 */
export type CaaRefusal =
  | "other_authority"
  | "other_account"
  | "other_method"
  | "unknown_property"
  | "unreadable";

/** `at` is where the records stand: the domain or one of its parents. */
export type CaaVerdict =
  | { readonly kind: "allowed" }
  | { readonly kind: "refused"; readonly at: string; readonly reason: CaaRefusal }
  /** DNS gave no answer about `at`: a CA would refuse now, and may not later. */
  | { readonly kind: "unanswered"; readonly at: string };

// One lost packet per question is survived; the budget bounds everything.
const QUERY_TIMEOUT_MS = 800;
const QUERY_TRIES = 2;

// Everything that has been registered for web names. `issuewild` is for wildcards, which nobody orders here.
const KNOWN_TAGS = new Set([
  "issue",
  "issuewild",
  "iodef",
  "contactemail",
  "contactphone",
  "issuemail",
  "issuevmc",
]);
const CRITICAL_BIT = 128;
const METHOD = "http-01";

// RFC 8659 section 4.2.
const WHITE_SPACE = /^[ \t]+|[ \t]+$/g;
const LABEL = "[A-Za-z0-9](?:-*[A-Za-z0-9])*";
const ISSUER = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*)?$`);
const PARAMETER = new RegExp(`^(${LABEL})[ \t]*=[ \t]*([\\x21-\\x3a\\x3c-\\x7e]*)$`);

/** Climbs from the domain to the root until it finds records. Never throws: whatever the servers do is a verdict. */
export async function checkCaa(domain: Hostname, options: CaaOptions): Promise<CaaVerdict> {
  if (isLocalhost(domain)) return { kind: "allowed" };
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  if (options.dnsServers !== undefined) resolver.setServers(options.dnsServers);
  const timer = setTimeout(() => resolver.cancel(), options.budgetMs);
  const endsAt = performance.now() + options.budgetMs;
  try {
    for (let at: string = domain; at !== ""; at = parentOf(at)) {
      // Cancelling stops only what is under way.
      if (performance.now() >= endsAt) return { kind: "unanswered", at };
      const found = await recordsAt(at, resolver);
      if (found === "unanswered") return { kind: "unanswered", at };
      if (found === "unreadable") return { kind: "refused", at, reason: "unreadable" };
      if (found.length === 0) continue;
      const reason = judgeCaa(found, options);
      return reason === undefined ? { kind: "allowed" } : { kind: "refused", at, reason };
    }
    return { kind: "allowed" };
  } finally {
    clearTimeout(timer);
  }
}

/** Why the records that stand in one place, as Node has them, refuse the CA a certificate; `undefined` when they don't. Pure, never throws. */
export function judgeCaa(
  records: readonly object[],
  { identities, accountUrl }: Pick<CaaOptions, "identities" | "accountUrl">,
): CaaRefusal | undefined {
  const properties = records.map(readProperty);
  if (properties.some(({ tag, isCritical }) => isCritical && !KNOWN_TAGS.has(tag))) return "unknown_property";
  const issuers = properties.filter(({ tag }) => tag === "issue").map(({ value }) => parseIssuer(value));
  // Records about other things restrict nobody.
  if (issuers.length === 0) return undefined;
  const names = identities.map((name) => name.toLowerCase());
  const ours = issuers.filter(
    (issuer) =>
      issuer !== undefined && issuer.name !== "" && (names.length === 0 || names.includes(issuer.name)),
  );
  if (ours.length === 0)
    return issuers.every((issuer) => issuer === undefined) ? "unreadable" : "other_authority";
  const forOurAccount = ours.filter((issuer) => permits(issuer, "accounturi", (uri) => uri === accountUrl));
  if (forOurAccount.length === 0) return "other_account";
  const isForHttp = (methods: string): boolean => methods.split(",").includes(METHOD);
  return forOurAccount.some((issuer) => permits(issuer, "validationmethods", isForHttp))
    ? undefined
    : "other_method";
}

/** What to tell the domain's owner. */
export function caaText(
  { at, reason }: Extract<CaaVerdict, { kind: "refused" }>,
  identities: readonly string[],
): string {
  const [identity] = identities;
  // A further record helps against those that name others, not against one that is in the way itself.
  const helps = identity !== undefined && reason !== "unknown_property" && reason !== "unreadable";
  const add = helps ? `; add the record: ${at}. CAA 0 issue "${identity}"` : "";
  return `${REFUSAL_TEXTS[reason].replace("%s", at)}${add}`;
}

const REFUSAL_TEXTS: Readonly<Record<CaaRefusal, string>> = {
  other_authority: "the CAA records of %s do not name the certificate authority",
  other_account: "the CAA records of %s name the certificate authority, but for another account",
  other_method:
    "the CAA records of %s name the certificate authority, but not for validation by HTTP (http-01)",
  unknown_property: "%s has a CAA record with a critical property that nobody knows",
  unreadable: "the CAA records of %s can't be read",
};

async function recordsAt(
  name: string,
  resolver: Resolver,
): Promise<readonly object[] | "unanswered" | "unreadable"> {
  try {
    return await resolver.resolveCaa(name);
  } catch (error) {
    // How c-ares says, among other things, that a property has no value: not an answer that asking again would change.
    if (error instanceof Error && "code" in error && error.code === "EBADRESP") return "unreadable";
    const outcome = dnsOutcomeOf(error);
    return outcome === "no_data" || outcome === "no_such_name" ? [] : "unanswered";
  }
}

interface Property {
  /** Lower case: tags match in any (RFC 8659 section 4.1). */
  readonly tag: string;
  readonly value: string;
  readonly isCritical: boolean;
}

/** Node gives the tag as a key beside its own two, which a tag of the same name takes the place of. */
function readProperty(record: object): Property {
  const fields: Readonly<Record<string, unknown>> = { ...record };
  const { critical } = fields;
  const isCritical = typeof critical !== "number" || (critical & CRITICAL_BIT) !== 0;
  const tag = Object.keys(fields).find((key) => key !== "critical" && key !== "type");
  if (tag === undefined) return { tag: "", value: "", isCritical };
  const value = fields[tag];
  return { tag: tag.toLowerCase(), value: typeof value === "string" ? value : "", isCritical };
}

interface Issuer {
  /** Lower case; empty for nobody. */
  readonly name: string;
  readonly parameters: readonly (readonly [tag: string, value: string])[];
}

/** `undefined` for a value that is not in the grammar, which permits nothing. */
function parseIssuer(value: string): Issuer | undefined {
  const [name = "", ...rest] = value.split(";").map((part) => part.replace(WHITE_SPACE, ""));
  if (!ISSUER.test(name)) return undefined;
  // A semicolon with nothing behind it.
  const texts = rest.length === 1 && rest[0] === "" ? [] : rest;
  const parameters: [string, string][] = [];
  for (const text of texts) {
    const [, tag, parameter] = PARAMETER.exec(text) ?? [];
    if (tag === undefined || parameter === undefined) return undefined;
    parameters.push([tag, parameter]);
  }
  return { name: name.toLowerCase(), parameters };
}

/** A parameter that is not there permits anything, one that is there twice nothing (RFC 8657 sections 3 and 4). */
function permits(issuer: Issuer | undefined, tag: string, isMet: (value: string) => boolean): boolean {
  const values = issuer?.parameters.filter(([name]) => name === tag) ?? [];
  return values.length === 0 || (values.length === 1 && values.every(([, value]) => isMet(value)));
}

function parentOf(name: string): string {
  const dot = name.indexOf(".");
  return dot === -1 ? "" : name.slice(dot + 1);
}
