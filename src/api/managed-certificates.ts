/** `/api/v1/tracking-domains/{domain}/certificate/…`: whether Waypost can order a domain's certificate, and that it shall. */
import { Type } from "typebox";

import { AppError, type ErrorCode } from "../domain/errors.ts";
import type { Hostname } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { isVerified, type TrackingDomain } from "../domain/tracking-domain.ts";
import { DOMAIN_PARAMETER, domainNotFound, findDomain, type TrackingDomainFinder } from "./domain-path.ts";
import { type Call, type Reply, type Route, results, route } from "./route.ts";

/** What came of a look at a domain. */
export type Eligibility =
  | { readonly kind: "eligible" }
  | { readonly kind: "own" }
  | { readonly kind: "undecided" }
  | {
      readonly kind: "setback";
      readonly setback: {
        /** `refused`: by the CA, whatever its owner does. */
        readonly kind: string;
        readonly found: string;
        readonly fix: string | undefined;
      };
    };

export interface ManagedCertificates {
  /** `anew`: a refusal of the CA that is remembered does not count. Throws `rate_limited` when the tenant has too many under way. */
  judge(domain: Hostname, tenant: SubaccountId, options: { readonly anew: boolean }): Promise<Eligibility>;
  obtain(domain: Hostname, waitMs: number): Promise<unknown>;
  /** Has another one ordered though there may be one. Does not wait for it. */
  renew(domain: Hostname): Promise<void>;
}

export interface ManagedCertificateDeps {
  readonly trackingDomains: TrackingDomainFinder & {
    update(
      domain: string,
      owner: SubaccountId,
      change: { readonly secure: boolean },
      nowMs: number,
    ): Promise<"updated" | "not_found" | "unverified">;
  };
  /** `undefined` where Waypost orders no certificates. */
  readonly managedCertificates: ManagedCertificates | undefined;
  readonly now: () => number;
}

const CHECKED = Type.Object(
  {
    results: Type.Object(
      {
        domain: Type.String(),
        supportsManagedCertificate: Type.Boolean({
          description:
            "`false` where Waypost orders no certificates, and for a domain whose owner has brought one.",
        }),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);
const INITIATED = Type.Object(
  { results: Type.Object({ message: Type.String() }, { additionalProperties: false }) },
  { additionalProperties: false },
);

export function managedCertificateRoutes(deps: ManagedCertificateDeps): readonly Route[] {
  const base = {
    tag: "Tracking domains",
    method: "POST",
    grant: "tracking_domains/manage",
    params: [DOMAIN_PARAMETER],
    failures: [404],
  } as const;
  return [
    route({
      ...base,
      url: "/api/v1/tracking-domains/:domain/certificate/check",
      summary: "Check whether Waypost can order a certificate for a tracking domain",
      description:
        "Looks at DNS, CAA records and the way of the certificate authority's challenge, and orders nothing.",
      replies: { 200: CHECKED },
      audited: false,
      handle: (call) => check(call, deps),
    }),
    route({
      ...base,
      url: "/api/v1/tracking-domains/:domain/certificate/enable",
      summary: "Make a tracking domain secure, with a certificate that Waypost orders and renews",
      description:
        "Links use https once the certificate is there and a probe over it has passed. A secure domain needs no call of this: its certificate is ordered by itself.",
      replies: { 200: INITIATED },
      handle: (call) => enable(call, deps),
    }),
    route({
      ...base,
      url: "/api/v1/tracking-domains/:domain/certificate/renew",
      summary: "Have a tracking domain's certificate renewed now",
      description:
        "Certificates are renewed by themselves in time. This is for one whose key may be known to others, or whose authority has to be left. Counts towards the authority's limits like every order.",
      replies: { 200: INITIATED },
      handle: (call) => renew(call, deps),
    }),
  ];
}

async function check(call: Call, deps: ManagedCertificateDeps): Promise<Reply> {
  const { domain } = await findDomain(call, call.tenant.write, deps);
  const eligibility = await deps.managedCertificates?.judge(domain, call.tenant.write, { anew: false });
  if (eligibility === undefined || eligibility.kind === "own") {
    return results({ domain, supportsManagedCertificate: false });
  }
  requireEligible(eligibility, "certificate_ineligible");
  return results({ domain, supportsManagedCertificate: true });
}

async function enable(call: Call, deps: ManagedCertificateDeps): Promise<Reply> {
  const { domain, managedCertificates } = await findReady(call, deps);
  const updated = await deps.trackingDomains.update(domain, call.tenant.write, { secure: true }, deps.now());
  if (updated !== "updated") throw domainNotFound(domain);
  await managedCertificates.obtain(domain, 0);
  return results({ message: `Certificate issuance initiated for ${domain}` });
}

async function renew(call: Call, deps: ManagedCertificateDeps): Promise<Reply> {
  const { secure } = await findDomain(call, call.tenant.write, deps);
  if (!secure)
    throw new AppError(
      "certificate_check_failed",
      'The domain is not secure: enable its certificate first (POST …/certificate/enable, or "Links use https" in the console).',
    );
  const { domain, managedCertificates } = await findReady(call, deps);
  await managedCertificates.renew(domain);
  return results({ message: `Certificate renewal initiated for ${domain}` });
}

/** A domain for which a certificate can be ordered now, as far as our own look tells. */
async function findReady(
  call: Call,
  deps: ManagedCertificateDeps,
): Promise<TrackingDomain & { readonly managedCertificates: ManagedCertificates }> {
  const found = await findDomain(call, call.tenant.write, deps);
  const { domain } = found;
  const { managedCertificates } = deps;
  if (managedCertificates === undefined) {
    throw new AppError(
      "certificate_check_failed",
      "This installation orders no certificates. A certificate of your own can be brought.",
    );
  }
  if (found.complianceStatus === "blocked") {
    throw new AppError("certificate_check_failed", "The domain is blocked.");
  }
  if (!isVerified(found)) throw new AppError("certificate_unverified", `Verify ${domain} first.`);
  const eligibility = await managedCertificates.judge(domain, call.tenant.write, { anew: true });
  requireEligible(eligibility, "certificate_forbidden");
  return { ...found, managedCertificates };
}

/** Throws what SparkPost answers; `refused` is the code for a name that the CA will not have. */
function requireEligible(eligibility: Eligibility, refused: ErrorCode): void {
  switch (eligibility.kind) {
    case "eligible":
      return;
    case "own":
      throw new AppError(
        "certificate_check_failed",
        "The domain has a certificate that its owner brought. Remove that first.",
      );
    case "undecided":
      throw new AppError(
        "certificate_check_timed_out",
        "Name servers or the certificate authority did not answer in time. Please try again.",
      );
    case "setback": {
      const { kind, found, fix } = eligibility.setback;
      const text = fix === undefined ? found : `${found} ${fix}`;
      throw new AppError(kind === "refused" ? refused : "certificate_check_failed", text);
    }
  }
}
