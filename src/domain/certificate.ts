/** Reads and checks a certificate chain with its key, as it came: what it is for, and why it would not do. Pure. */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

import type { Hostname } from "./hostname.ts";

/** A chain and key that belong together, and fit a host name. */
export interface CheckedCertificate {
  /** The host's own certificate first, each signed by the next; PEM, one line break at the end. */
  readonly chainPem: string;
  /** PKCS#8 PEM. */
  readonly keyPem: string;
  /** Tells chains apart: 32 hex characters. */
  readonly tag: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** As the certificate has it. */
  readonly issuer: string;
}

export type CertificateProblem =
  | "not_pem"
  | "too_many"
  | "wrong_order"
  | "bad_key"
  | "key_mismatch"
  | "unfit_key"
  | "wrong_name"
  | "not_yet_valid"
  | "expired"
  | "is_authority";

const MAX_CHAIN = 6;
const MIN_RSA_BITS = 2048;
// A signature takes eight times as long with twice as many, and every handshake of whoever comes takes one from all other hosts.
const MAX_RSA_BITS = 4096;
const CURVES = new Set(["prime256v1", "secp384r1"]);
const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** What to tell a person. */
export const PROBLEM_TEXTS: Readonly<Record<CertificateProblem, string>> = {
  not_pem: "must be certificates in PEM form, the domain's own first",
  too_many: `must have at most ${MAX_CHAIN} certificates`,
  wrong_order: "is not a chain: each certificate must be signed by the next, the domain's own first",
  bad_key: "must be an unencrypted private key in PEM form",
  key_mismatch: "is not the key of this certificate",
  unfit_key: `must be RSA with ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, or ECDSA on P-256 or P-384`,
  wrong_name: "does not cover the tracking domain",
  not_yet_valid: "is not valid yet",
  expired: "has expired",
  is_authority: "is an authority's certificate, not a host's",
};

/** `field` is the one that the problem is about. Never throws. */
export type CertificateCheck =
  | { readonly ok: true; readonly certificate: CheckedCertificate }
  | {
      readonly ok: false;
      readonly field: "certificate" | "private_key";
      readonly problem: CertificateProblem;
    };

export function checkCertificate(
  pem: { readonly certificate: string; readonly privateKey: string },
  domain: Hostname,
  nowMs: number,
): CertificateCheck {
  const chain = parseChain(pem.certificate);
  if (typeof chain === "string") return { ok: false, field: "certificate", problem: chain };
  const key = parseKey(pem.privateKey);
  if (typeof key === "string") return { ok: false, field: "private_key", problem: key };
  const [leaf] = chain;
  const problem = problemOf(leaf, key, { domain, nowMs });
  if (problem !== undefined) {
    return { ok: false, field: problem === "key_mismatch" ? "private_key" : "certificate", problem };
  }
  const chainPem = chain.map((certificate) => certificate.toString()).join("");
  return {
    ok: true,
    certificate: {
      chainPem,
      keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
      tag: createHash("sha256").update(chainPem).digest("hex").slice(0, 32),
      issuedAtMs: leaf.validFromDate.getTime(),
      expiresAtMs: leaf.validToDate.getTime(),
      issuer: leaf.issuer.replaceAll("\n", ", "),
    },
  };
}

function parseChain(pem: string): [X509Certificate, ...X509Certificate[]] | CertificateProblem {
  const blocks = pem.match(PEM) ?? [];
  if (blocks.length > MAX_CHAIN) return "too_many";
  try {
    const [leaf, ...rest] = blocks.map((block) => new X509Certificate(block));
    if (leaf === undefined) return "not_pem";
    // An authority's own root is left out: clients have it or don't trust it.
    const others = rest.filter((certificate) => !certificate.verify(certificate.publicKey));
    const chain: [X509Certificate, ...X509Certificate[]] = [leaf, ...others];
    return chain.every((one, index) => isSignedByNext(one, chain[index + 1])) ? chain : "wrong_order";
  } catch {
    // OpenSSL's reason tells a person nothing.
    return "not_pem";
  }
}

function isSignedByNext(one: X509Certificate, next: X509Certificate | undefined): boolean {
  return next === undefined || (one.checkIssued(next) && one.verify(next.publicKey));
}

function parseKey(pem: string): KeyObject | CertificateProblem {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The error may quote the key.
    return "bad_key";
  }
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const isFit =
    key.asymmetricKeyType === "rsa"
      ? modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS
      : key.asymmetricKeyType === "ec" && CURVES.has(namedCurve ?? "");
  return isFit ? key : "unfit_key";
}

function problemOf(
  leaf: X509Certificate,
  key: KeyObject,
  { domain, nowMs }: { readonly domain: Hostname; readonly nowMs: number },
): CertificateProblem | undefined {
  if (!leaf.checkPrivateKey(key)) return "key_mismatch";
  if (leaf.ca) return "is_authority";
  // RFC 9525: names stand in subjectAltName alone, and a wildcard is the whole first label.
  if (leaf.checkHost(domain, { subject: "never", partialWildcards: false }) === undefined)
    return "wrong_name";
  if (leaf.validToDate.getTime() <= nowMs) return "expired";
  if (leaf.validFromDate.getTime() > nowMs) return "not_yet_valid";
  return undefined;
}
