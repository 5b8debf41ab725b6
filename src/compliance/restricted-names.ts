/**
 * Names that may not become tracking domains: the installation's own, those under which anybody registers names,
 * and those the operator lists.
 */
import { getPublicSuffix } from "tldts";

import { AppError } from "../domain/errors.ts";
import { canonicalHostname, type Hostname, parseHostname } from "../domain/hostname.ts";

export interface NamePolicyOptions {
  /** Exactly these, not the names under them: the CNAME target, for one. */
  readonly ownNames: readonly string[];
  /** The operator's list: `name` means that name, `.suffix` that name and every name under it. */
  readonly restricted: readonly string[];
}

export interface NamePolicy {
  isRestricted(domain: Hostname): boolean;
}

/** The specification's text for error 7000. */
export function restrictedDomainText(supportEmail: string): string {
  return `Please contact us at ${supportEmail} to get this domain authorized for your account.`;
}

/** Throws `invalid_parameters` for an entry of the operator's list that is no name: a typing error must not leave a name open. */
export function createNamePolicy({ ownNames, restricted }: NamePolicyOptions): NamePolicy {
  const exact = new Set(ownNames.map(canonicalHostname));
  const suffixes = new Set<string>();
  for (const entry of restricted) {
    if (entry.startsWith(".")) suffixes.add(parseEntry(entry, entry.slice(1)));
    else exact.add(parseEntry(entry, entry));
  }
  return {
    isRestricted: (domain) =>
      exact.has(domain) ||
      isPublicSuffix(domain) ||
      [domain, ...parentsOf(domain)].some((name) => suffixes.has(name)),
  };
}

/** `co.uk`, and `github.io` as well: whoever had it would have cookies and certificates of strangers within reach. */
function isPublicSuffix(domain: Hostname): boolean {
  return getPublicSuffix(domain, { allowPrivateDomains: true, extractHostname: false }) === domain;
}

// A suffix may be a single label (`.zip`), which is no host name by itself; one more label makes it one.
const ANY_LABEL = "x.";

function parseEntry(entry: string, name: string): string {
  try {
    return parseHostname(ANY_LABEL + name).slice(ANY_LABEL.length);
  } catch (cause) {
    throw new AppError(
      "invalid_parameters",
      `'${entry}' in the list of restricted names is not a host name`,
      { cause },
    );
  }
}

function parentsOf(domain: string): string[] {
  const labels = domain.split(".");
  return labels.slice(1).map((_, index) => labels.slice(index + 1).join("."));
}
