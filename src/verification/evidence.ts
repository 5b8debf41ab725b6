/** What a check saw: data first, so that the API, the console and a person read the same facts. */
import type { CertificateError } from "../domain/issuance.ts";

/** How one DNS question ended. `silent`: no server answered in time. */
export type DnsOutcome = "found" | "no_data" | "no_such_name" | "server_failure" | "silent";

export interface DnsEvidence {
  /** The names from the domain to the last CNAME's target, the domain first. */
  readonly cnameChain: readonly string[];
  readonly cnameOutcome: DnsOutcome | "loop" | "too_long";
  /** The chain passes through the CNAME target, compared label by label. */
  readonly cnameMatches: boolean;
  readonly addresses: readonly string[];
  readonly addressOutcome: DnsOutcome;
  readonly targetAddresses: readonly string[];
  /** Every address is one of the target's: how a flattened record, which shows no CNAME, is recognised. */
  readonly addressesMatch: boolean;
}

export type ProbeOutcome =
  /** `hostSeen`: the host name our edge was asked for, without a port. */
  | { readonly kind: "answered"; readonly hostSeen: string }
  /** Our edge answered, but a proxy sent the host name of another tenant, on which it refuses this one's links. */
  | { readonly kind: "foreign_host"; readonly hostSeen: string }
  | { readonly kind: "http_error"; readonly status: number }
  | { readonly kind: "redirected"; readonly status: number }
  | { readonly kind: "wrong_answer" }
  | { readonly kind: "no_address" }
  | { readonly kind: "forbidden_address"; readonly address: string }
  | { readonly kind: "tls_failed"; readonly reason: string }
  | { readonly kind: "unreachable"; readonly reason: string }
  | { readonly kind: "timed_out" }
  | { readonly kind: "not_tried"; readonly reason: string };

export interface ProbeEvidence {
  /** `http://click.acme.com:80`, as the 1404 text prints it. */
  readonly endpoint: string;
  readonly address: string | undefined;
  readonly outcome: ProbeOutcome;
  readonly tookMs: number;
}

/** Why no certificate may be ordered yet. All but the last two are limits of CAs. `ca_asked`: the CA wants to be left alone. */
export const ORDER_LIMITS = [
  "orders_per_hour",
  "registrable_domain",
  "same_name",
  "failed_validations",
  "owner_failed_validations",
  "ca_asked",
] as const;
export type OrderLimit = (typeof ORDER_LIMITS)[number];

/** What came of having a certificate obtained. */
export type CertificateEvidence =
  /** Now or earlier: there is one, and it is in date. */
  | { readonly kind: "issued" }
  | { readonly kind: "under_way" }
  | { readonly kind: "postponed"; readonly limit: OrderLimit; readonly untilMs: number }
  | {
      readonly kind: "failed";
      readonly code: CertificateError;
      /** What was found, in a person's words, and what to change. */
      readonly found: string;
      readonly fix: string | undefined;
      /** `undefined`: not by itself. */
      readonly nextAttemptAtMs: number | undefined;
    };

export interface Evidence {
  /** `undefined` where DNS was not asked: names under localhost, blocked domains. */
  readonly dns: DnsEvidence | undefined;
  readonly probe: ProbeEvidence;
  /** Of a secure domain whose probe failed: the same over http. */
  readonly httpProbe?: ProbeEvidence;
  /** Of a secure domain that is reached by http alone, where Waypost orders certificates. */
  readonly certificate?: CertificateEvidence;
  /** A proxy or CDN seems to stand between: the probe passed although DNS does not lead to the target, or Host was rewritten. */
  readonly looksProxied: boolean;
}
