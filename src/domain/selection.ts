/** Which tracking domain a message's links use, and why none when there is none. */
import { isUsableForNewLinks, type TrackingDomain } from "./tracking-domain.ts";

/** Who could carry the links, in the order in which they are asked. */
export interface Candidates {
  /** Associated with the sending domain. */
  readonly sendingDomain: TrackingDomain | undefined;
  readonly subaccountDefault: TrackingDomain | undefined;
  readonly accountDefault: TrackingDomain | undefined;
}

export type Selection =
  | { readonly kind: "selected"; readonly domain: TrackingDomain }
  | { readonly kind: "untracked"; readonly reason: "no_tracking_domain" | "tracking_domain_not_usable" };

/** The first candidate that works: a link is never sent that doesn't. */
export function selectTrackingDomain(candidates: Candidates): Selection {
  const inOrder = [candidates.sendingDomain, candidates.subaccountDefault, candidates.accountDefault];
  const known = inOrder.filter((candidate) => candidate !== undefined);
  const domain = known.find(isUsableForNewLinks);
  if (domain !== undefined) return { kind: "selected", domain };
  return {
    kind: "untracked",
    reason: known.length === 0 ? "no_tracking_domain" : "tracking_domain_not_usable",
  };
}
