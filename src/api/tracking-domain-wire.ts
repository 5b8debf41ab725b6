/**
 * A tracking domain as replies show it. What SparkPost added for certificates stands there only where it applies: a secure domain whose
 * TLS this installation has to do with. Every other reply is the specification's, byte for byte.
 */
import { type Static, Type } from "typebox";

import {
  CERTIFICATE_ERRORS,
  type CertificatePolicy,
  TLS_STATUSES,
  type TlsFacts,
  tlsStatus,
} from "../domain/issuance.ts";
import { PRIMARY_ACCOUNT } from "../domain/subaccount.ts";
import {
  CNAME_STATUSES,
  type CnameStatus,
  COMPLIANCE_STATUSES,
  type ComplianceStatus,
  documentedPort,
  type TrackingDomain,
} from "../domain/tracking-domain.ts";

export interface ShownHow {
  readonly nowMs: number;
  readonly certificatePolicy: CertificatePolicy;
}

export const DOMAIN_STATUS = Type.Object(
  {
    verified: Type.Boolean({ description: "True exactly when `cname_status` is `valid`." }),
    cname_status: Type.Enum([...CNAME_STATUSES]),
    compliance_status: Type.Enum([...COMPLIANCE_STATUSES]),
    tls_status: Type.Optional(
      Type.Enum([...TLS_STATUSES], {
        description:
          "Of a secure domain's certificate. `unknown`: not verified yet; `pending`: to be ordered; `unavailable`: the certificate authority refuses the name.",
      }),
    ),
  },
  { additionalProperties: false },
);
const DATE = Type.Union([Type.String({ format: "date-time" }), Type.Null()]);
const TLS_CERTIFICATE = Type.Object(
  {
    issued_at: DATE,
    expires_at: DATE,
    error_code: Type.Union([Type.Enum([...CERTIFICATE_ERRORS]), Type.Null()], {
      description: "Why the last attempt to get one failed.",
    }),
  },
  { additionalProperties: false },
);
export const TRACKING_DOMAIN = Type.Object(
  {
    port: Type.Integer({ description: "80, or 443 when secure. Read only." }),
    domain: Type.String(),
    secure: Type.Boolean(),
    default: Type.Boolean(),
    status: DOMAIN_STATUS,
    subaccount_id: Type.Optional(
      Type.Integer({ minimum: 1, description: "The owner, when it is a subaccount." }),
    ),
    uses_managed_certificate: Type.Optional(
      Type.Boolean({ description: "Whether Waypost orders and renews its certificate. Of secure domains." }),
    ),
    tls_certificate: Type.Optional(TLS_CERTIFICATE),
  },
  { additionalProperties: false },
);

export function domainToWire(domain: TrackingDomain, how: ShownHow): Static<typeof TRACKING_DOMAIN> {
  return {
    port: documentedPort(domain.secure),
    domain: domain.domain,
    secure: domain.secure,
    default: domain.isDefault,
    status: statusToWire(domain, how),
    ...(domain.subaccountId === PRIMARY_ACCOUNT ? {} : { subaccount_id: domain.subaccountId }),
    ...(showsTls(domain, how) ? certificateToWire(domain.tls, how) : {}),
  };
}

export function statusToWire(
  domain: Pick<TrackingDomain, "secure" | "tls"> & {
    readonly cnameStatus: CnameStatus;
    readonly complianceStatus: ComplianceStatus;
  },
  how: ShownHow,
): Static<typeof DOMAIN_STATUS> {
  const verified = domain.cnameStatus === "valid";
  return {
    verified,
    cname_status: domain.cnameStatus,
    compliance_status: domain.complianceStatus,
    ...(showsTls(domain, how) ? { tls_status: tlsStatus(domain.tls, verified, how.nowMs) } : {}),
  };
}

function showsTls({ secure, tls }: Pick<TrackingDomain, "secure" | "tls">, how: ShownHow): boolean {
  if (!secure || how.certificatePolicy === "none") return false;
  return how.certificatePolicy === "managed" || tls.certificate !== undefined;
}

function certificateToWire({ certificate, error }: TlsFacts, { certificatePolicy }: ShownHow) {
  const date = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    uses_managed_certificate:
      certificate === undefined ? certificatePolicy === "managed" : certificate.source === "acme",
    tls_certificate: {
      issued_at: date(certificate?.issuedAtMs),
      expires_at: date(certificate?.expiresAtMs),
      // A certificate that its owner brought has nothing to do with our attempts.
      error_code: certificate?.source === "own" ? null : (error ?? null),
    },
  };
}
