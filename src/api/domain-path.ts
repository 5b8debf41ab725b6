/** The tracking domain that a route's path names. */
import { AppError } from "../domain/errors.ts";
import { canonicalHostname } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { TrackingDomain } from "../domain/tracking-domain.ts";
import type { Call } from "./route.ts";

export interface TrackingDomainFinder {
  /** `scope`: whose domains are looked among. */
  find(domain: string, scope: SubaccountId | "all"): Promise<TrackingDomain | undefined>;
}

export const DOMAIN_PARAMETER = {
  name: "domain",
  description: "Name of the tracking domain",
  example: "example.domain.com",
} as const;

export function domainOf(call: Pick<Call, "params">): string {
  return canonicalHostname(call.params["domain"] ?? "");
}

/** Throws `not_found` for one that is not there, or not in the scope. */
export async function findDomain(
  call: Pick<Call, "params">,
  scope: SubaccountId | "all",
  { trackingDomains }: { readonly trackingDomains: TrackingDomainFinder },
): Promise<TrackingDomain> {
  const domain = domainOf(call);
  const found = await trackingDomains.find(domain, scope);
  if (found === undefined) throw domainNotFound(domain);
  return found;
}

export function domainNotFound(domain: string): AppError {
  return new AppError("not_found", `Resource not found: ${domain}`);
}
