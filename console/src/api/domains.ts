/** Tracking domains as the API shows them. */
import { queryOptions } from "@tanstack/react-query";

import { ApiFailure, callApi, callForResults, withQuery } from "./client.ts";

export interface DomainStatus {
  readonly verified: boolean;
  readonly cname_status: "unverified" | "pending" | "invalid" | "valid";
  readonly compliance_status: "pending" | "valid" | "blocked";
  readonly tls_status?: "unknown" | "unavailable" | "pending" | "failed" | "expired" | "valid";
}

export interface TrackingDomain {
  readonly domain: string;
  readonly port: number;
  readonly secure: boolean;
  readonly default: boolean;
  readonly status: DomainStatus;
  /** Whether Waypost orders its certificate by itself. Of secure domains. */
  readonly uses_managed_certificate?: boolean;
  readonly tls_certificate?: { readonly expires_at: string | null; readonly error_code: string | null };
  readonly subaccount_id?: number;
  /** Secure, but https was not reached, so that new links use http. A list of all, and a domain's checks, know it. */
  readonly usesHttpForNow?: boolean;
  /** Not reached, since somebody else is there. A list of all, and a domain's checks, know it. */
  readonly pointsElsewhere?: boolean;
}

export interface Finding {
  readonly code: string;
  readonly ok: boolean;
  readonly found: string;
  readonly why?: string;
  readonly fix?: string;
}

export interface Probe {
  readonly endpoint: string;
  readonly address?: string;
  readonly outcome: string;
  readonly http_status?: number;
  readonly host_seen?: string;
  readonly reason?: string;
  readonly took_ms: number;
}

export interface DomainCheck {
  readonly checked_at: string;
  readonly trigger: "asked" | "background";
  readonly scheme: "http" | "https";
  readonly passed: boolean;
  readonly cname_status: DomainStatus["cname_status"];
  readonly failure?: string;
  readonly looks_proxied: boolean;
  readonly findings: readonly Finding[];
  readonly dns?: {
    readonly cname_chain: readonly string[];
    readonly cname_outcome: string;
    readonly addresses: readonly string[];
    readonly address_outcome: string;
    readonly target_addresses: readonly string[];
  };
  readonly probe: Probe;
  readonly http_probe?: Probe;
}

export interface DnsRecord {
  readonly type: "CNAME";
  readonly name: string;
  readonly short_name: string;
  readonly value: string;
}

export interface DomainChecks {
  readonly domain: string;
  readonly dns_record?: DnsRecord;
  readonly next_check_at?: string;
  /** Of a secure, verified domain: whether its new links use https. */
  readonly https_works?: boolean;
  /** Of one that is not reached: whether somebody else is there. */
  readonly points_elsewhere?: boolean;
  readonly checks: readonly DomainCheck[];
}

export interface Certificate {
  readonly source: "own" | "acme";
  readonly issuer: string;
  readonly issued_at: string;
  readonly expires_at: string;
}

export interface DeepLinkFiles {
  readonly apple_app_site_association?: unknown;
  readonly assetlinks?: unknown;
}

export interface SendingDomain {
  readonly domain: string;
  readonly tracking_domain?: string;
  readonly subaccount_id?: number;
}

/** Whose a domain is, as calls that change it must say. */
export function ownerOf({ subaccount_id = 0 }: { readonly subaccount_id?: number }): number {
  return subaccount_id;
}

export const domainQueries = {
  all: ["domains"] as const,
  list: () =>
    queryOptions({
      queryKey: ["domains", "list"],
      queryFn: ({ signal }) => listDomains(signal),
      refetchInterval: 30_000,
    }),
  defaults: () =>
    queryOptions({
      queryKey: ["domains", "list", "defaults"],
      queryFn: ({ signal }) =>
        callForResults<readonly TrackingDomain[]>(withQuery("/tracking-domains", { default: "true" }), {
          signal,
        }),
    }),
  one: (domain: string) =>
    queryOptions({
      queryKey: ["domains", "one", domain],
      queryFn: ({ signal }) => callForResults<TrackingDomain>(pathOf(domain), { signal }),
      refetchInterval: 15_000,
    }),
  checks: (domain: string) =>
    queryOptions({
      queryKey: ["domains", "checks", domain],
      queryFn: ({ signal }) => callForResults<DomainChecks>(`${pathOf(domain)}/checks`, { signal }),
      refetchInterval: 15_000,
    }),
  deepLinks: (domain: string) =>
    queryOptions({
      queryKey: ["domains", "deep-links", domain],
      queryFn: ({ signal }) => callForResults<DeepLinkFiles>(`${pathOf(domain)}/deep-links`, { signal }),
    }),
  sendingDomains: (trackingDomain: string) =>
    queryOptions({
      queryKey: ["domains", "sending", trackingDomain],
      queryFn: ({ signal }) =>
        callForResults<readonly SendingDomain[]>(
          withQuery("/sending-domains", { tracking_domain: trackingDomain }),
          { signal },
        ),
    }),
};

/** A domain's own reply does not say whether its new links use https, or where it leads instead: filters of the list do. */
async function listDomains(signal: AbortSignal): Promise<readonly TrackingDomain[]> {
  const list = (filter: Readonly<Record<string, string>>) =>
    callForResults<readonly TrackingDomain[]>(withQuery("/tracking-domains", filter), { signal });
  const [domains, onHttp, elsewhere] = await Promise.all([
    list({}),
    list({ https_works: "false" }),
    list({ points_elsewhere: "true" }),
  ]);
  const [namesOnHttp, namesElsewhere] = [onHttp, elsewhere].map(
    (found) => new Set(found.map(({ domain }) => domain)),
  ) as [Set<string>, Set<string>];
  return domains.map((domain) => ({
    ...domain,
    ...(namesOnHttp.has(domain.domain) && { usesHttpForNow: true }),
    ...(namesElsewhere.has(domain.domain) && { pointsElsewhere: true }),
  }));
}

export function createDomain(domain: string, subaccount: number): Promise<{ readonly domain: string }> {
  return callForResults("/tracking-domains", { method: "POST", body: { domain }, subaccount });
}

export function updateDomain(
  domain: TrackingDomain,
  change: { readonly secure?: boolean; readonly default?: boolean },
): Promise<unknown> {
  return callApi(pathOf(domain.domain), { method: "PUT", body: change, subaccount: ownerOf(domain) });
}

/** Rejects with the API's words when the check fails; what was seen is in the checks. */
export function verifyDomain(domain: string, subaccount: number): Promise<DomainStatus> {
  return callForResults(`${pathOf(domain)}/verify`, { method: "POST", subaccount });
}

export function deleteDomain(domain: TrackingDomain): Promise<void> {
  return callApi(pathOf(domain.domain), { method: "DELETE", subaccount: ownerOf(domain) });
}

export function saveDeepLinks(domain: TrackingDomain, files: DeepLinkFiles): Promise<unknown> {
  return callApi(`${pathOf(domain.domain)}/deep-links`, {
    method: "PUT",
    body: files,
    subaccount: ownerOf(domain),
  });
}

/** An empty tracking domain ends the association. */
export function associateSendingDomain(
  sendingDomain: string,
  trackingDomain: string,
  subaccount: number,
): Promise<unknown> {
  return callApi(`/sending-domains/${encodeURIComponent(sendingDomain)}`, {
    method: "PUT",
    body: { tracking_domain: trackingDomain },
    subaccount,
  });
}

function pathOf(domain: string): string {
  return `/tracking-domains/${encodeURIComponent(domain)}`;
}

/** `null`: it has none. */
export function certificateQuery(domain: string) {
  return queryOptions({
    queryKey: ["domains", "certificate", domain],
    queryFn: async ({ signal }): Promise<Certificate | null> => {
      try {
        return await callForResults<Certificate>(`${pathOf(domain)}/certificate`, { signal });
      } catch (error) {
        if (error instanceof ApiFailure && error.status === 404) return null;
        throw error;
      }
    },
    refetchInterval: 15_000,
  });
}

export function bringCertificate(
  domain: TrackingDomain,
  pem: { readonly certificate: string; readonly private_key: string },
): Promise<unknown> {
  return callApi(`${pathOf(domain.domain)}/certificate`, {
    method: "PUT",
    body: pem,
    subaccount: ownerOf(domain),
  });
}

/** Has the certificate that Waypost ordered ordered anew. Rejects with the API's words when it cannot be. */
export function renewCertificate(domain: TrackingDomain): Promise<unknown> {
  return callApi(`${pathOf(domain.domain)}/certificate/renew`, {
    method: "POST",
    subaccount: ownerOf(domain),
  });
}

export function removeCertificate(domain: TrackingDomain): Promise<void> {
  return callApi(`${pathOf(domain.domain)}/certificate`, { method: "DELETE", subaccount: ownerOf(domain) });
}
