/** An authority as public ones are: a root that clients know, and an intermediate one that servers must send along. */
import { type Certificate, issueCertificate } from "../verification/certificates.ts";

export interface Authority {
  /** What clients trust. */
  readonly rootPem: string;
  readonly root: Certificate;
  readonly intermediate: Certificate;
  /** A certificate for these names with the intermediate one behind it, and its key. */
  issue(...dnsNames: readonly string[]): { readonly cert: string; readonly key: string };
}

export function createAuthority(): Authority {
  const root = issueCertificate({ commonName: "Test root", isCa: true });
  const intermediate = issueCertificate({ commonName: "Test intermediate", isCa: true, issuer: root });
  return {
    rootPem: root.cert,
    root,
    intermediate,
    issue: (...dnsNames) => {
      const leaf = issueCertificate({ commonName: "leaf", dnsNames, issuer: intermediate });
      return { cert: leaf.cert + intermediate.cert, key: leaf.key };
    },
  };
}
