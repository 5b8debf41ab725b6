/** A certificate's columns as left joins bring them: all there, or all null. */
import type { CertificateDates } from "../domain/issuance.ts";

export interface CertificateColumns {
  readonly source: CertificateDates["source"] | null;
  readonly issued_at_ms: number | null;
  readonly expires_at_ms: number | null;
}

export function toCertificateDates(row: CertificateColumns): CertificateDates | undefined {
  const { source, issued_at_ms: issuedAtMs, expires_at_ms: expiresAtMs } = row;
  return source === null || issuedAtMs === null || expiresAtMs === null
    ? undefined
    : { source, issuedAtMs, expiresAtMs };
}
