/** Finds the tracking domain for a call that wraps: the candidates of the store, in the order of domain/selection.ts. */
import { AppError } from "../domain/errors.ts";
import { canonicalHostname } from "../domain/hostname.ts";
import { type Selection, selectTrackingDomain } from "../domain/selection.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import {
  type EdgePorts,
  isVerified,
  linkScheme,
  type TrackingDomain,
  trackingOrigin,
} from "../domain/tracking-domain.ts";

export interface SelectionDeps {
  readonly trackingDomains: {
    find(domain: string, scope: SubaccountId | "all"): Promise<TrackingDomain | undefined>;
    findDefault(subaccountId: SubaccountId): Promise<TrackingDomain | undefined>;
  };
  readonly sendingDomains: {
    find(
      domain: string,
      scope: SubaccountId | "all",
    ): Promise<{ readonly trackingDomain: string | undefined } | undefined>;
  };
}

export interface DomainWish {
  /** Used or refused, never replaced by another. */
  readonly tracking_domain?: string;
  readonly sending_domain?: string;
}

/** Throws `invalid_parameters` when the domain that is asked for by name cannot be used. */
export async function selectDomain(
  wish: DomainWish,
  subaccountId: SubaccountId,
  deps: SelectionDeps,
): Promise<Selection> {
  if (wish.tracking_domain !== undefined) return named(wish.tracking_domain, subaccountId, deps);
  const { trackingDomains, sendingDomains } = deps;
  const sending =
    wish.sending_domain === undefined
      ? undefined
      : await sendingDomains.find(canonicalHostname(wish.sending_domain), subaccountId);
  const [sendingDomain, subaccountDefault, accountDefault] = await Promise.all([
    sending?.trackingDomain === undefined
      ? undefined
      : trackingDomains.find(sending.trackingDomain, subaccountId),
    trackingDomains.findDefault(subaccountId),
    subaccountId === PRIMARY_ACCOUNT ? undefined : trackingDomains.findDefault(PRIMARY_ACCOUNT),
  ]);
  return selectTrackingDomain({ sendingDomain, subaccountDefault, accountDefault });
}

/** Where the links of a selection lead. Nothing is rendered without a domain, but compiling still lists the links. */
export function originOf(selection: Selection, ports: EdgePorts): string {
  if (selection.kind === "untracked") return "http://untracked.invalid";
  return trackingOrigin(selection.domain.domain, linkScheme(selection.domain), ports);
}

async function named(name: string, subaccountId: SubaccountId, deps: SelectionDeps): Promise<Selection> {
  const domain = await deps.trackingDomains.find(canonicalHostname(name), subaccountId);
  if (domain === undefined) throw unusable(`'${name}' is not a registered tracking domain`);
  if (domain.complianceStatus === "blocked") throw unusable(`'${domain.domain}' is blocked`);
  if (!isVerified(domain)) throw unusable(`'${domain.domain}' unverified.`);
  return { kind: "selected", domain };
}

function unusable(what: string): AppError {
  return new AppError("invalid_parameters", `Tracking domain ${what}`);
}
