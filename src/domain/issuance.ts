/** The certificate of a host name: where it is from, what became of the attempts to get one, and what people are told of it. */
import type { Hostname } from "./hostname.ts";
import type { SubaccountId } from "./subaccount.ts";

/** `own`: given by its owner, who renews it. `acme`: ordered and renewed by Waypost. */
export const CERTIFICATE_SOURCES = ["own", "acme"] as const;
export type CertificateSource = (typeof CERTIFICATE_SOURCES)[number];

/**
 * Where the certificates of an installation's domains come from. `managed`: Waypost orders them, for those whose owners bring none.
 * `own`: from owners alone. `none`: something in front of the edge has them.
 */
export type CertificatePolicy = "managed" | "own" | "none";

/** SparkPost's closed set of reasons for a certificate that could not be had. */
export const CERTIFICATE_ERRORS = [
  "acme:rejected_identifier",
  "acme:dns",
  "acme:unauthorized",
  "acme:temporary",
  "service:internal",
] as const;
export type CertificateError = (typeof CERTIFICATE_ERRORS)[number];

/** SparkPost's words. `unknown`: not verified yet. `unavailable`: the CA refuses the name. */
export const TLS_STATUSES = ["unknown", "unavailable", "pending", "failed", "expired", "valid"] as const;
export type TlsStatus = (typeof TLS_STATUSES)[number];

export interface CertificateDates {
  readonly source: CertificateSource;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Why the last attempt came to nothing, kept until one succeeds. */
export interface IssuanceProblem {
  readonly code: CertificateError;
  /** A sentence for a person. */
  readonly text: string;
  readonly atMs: number;
}

/** An order that the CA has, or is about to have. */
export interface OrderInFlight {
  /** The CA's. `undefined`: too long ago to be known. */
  readonly directory: string | undefined;
  /** `undefined` until the CA has said where the order is. */
  readonly url: string | undefined;
  /** The private key of the certificate to come. */
  readonly sealedKey: string;
}

/** When a certificate is renewed, and when its CA is asked about that again. */
export interface RenewalPlan {
  readonly renewAtMs: number;
  /** The CA's own wish (RFC 9773). */
  readonly window: { readonly startMs: number; readonly endMs: number } | undefined;
  /** `undefined`: the CA has no such wishes. */
  readonly askAgainAtMs: number | undefined;
}

/** When there is next something to do for it. */
export function nextLookAt({ renewAtMs, askAgainAtMs = renewAtMs }: RenewalPlan): number {
  return Math.min(renewAtMs, askAgainAtMs);
}

/** What is remembered between attempts. */
export interface Issuance {
  /** `undefined`: nothing more happens until somebody asks. */
  readonly nextAttemptAtMs: number | undefined;
  /** Failed attempts in a row. */
  readonly failures: number;
  readonly problem: IssuanceProblem | undefined;
  /** The CA will not have the name. */
  readonly isRefused: boolean;
  readonly order: OrderInFlight | undefined;
  readonly plan: RenewalPlan | undefined;
}

/** A host name with all that decides about its certificate. */
export interface NameToCertify {
  readonly domain: Hostname;
  /** `undefined`: deleted, and released by an operator. */
  readonly owner: SubaccountId | undefined;
  /** When it came into being, in its present life. */
  readonly createdAtMs: number;
  readonly isDeleted: boolean;
  readonly isBlocked: boolean;
  readonly secure: boolean;
  readonly certificate:
    | (CertificateDates & {
        readonly chainPem: string;
        /** The CA that it was ordered at. */
        readonly directory: string | undefined;
      })
    | undefined;
  readonly issuance: Issuance;
}

/** When orders were placed at a CA, by all machines: what its limits are counted by. */
export interface OrderHistory {
  /** Within the last hour. */
  readonly ordersMs: readonly number[];
  /** Within the last week, under the same registrable domain, for names that had no certificate yet. */
  readonly firstOfRegistrableMs: readonly number[];
  /** Within the last week, for the name itself. */
  readonly ofNameMs: readonly number[];
  /** Within the last hour, those that the CA could not validate or would not take: for the name, and for any name of its owner. */
  readonly invalidOfNameMs: readonly number[];
  readonly invalidOfOwnerMs: readonly number[];
}

/** The part of it that shows. */
export interface TlsFacts {
  readonly certificate: CertificateDates | undefined;
  readonly error: CertificateError | undefined;
  readonly isRefused: boolean;
}

/** `isVerified` is the domain's: nothing is tried for one that was never reached. */
export function tlsStatus(
  { certificate, error, isRefused }: TlsFacts,
  isVerified: boolean,
  nowMs: number,
): TlsStatus {
  if (certificate !== undefined) return certificate.expiresAtMs > nowMs ? "valid" : "expired";
  if (isRefused) return "unavailable";
  if (error !== undefined) return "failed";
  return isVerified ? "pending" : "unknown";
}
