/** What happens to certificates and somebody may want to know: for the log, for counters and for whoever reports operations. */
import type { Hostname } from "../domain/hostname.ts";
import type { CertificateError, CertificateSource } from "../domain/issuance.ts";
import type { SetbackKind } from "./back-off.ts";

export type CertificateEvent =
  | {
      readonly kind: "certificate_issued" | "certificate_renewed";
      readonly domain: Hostname;
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: "certificate_failed";
      readonly domain: Hostname;
      readonly code: CertificateError;
      readonly setback: SetbackKind;
      /** Whether an order was placed and came to nothing. */
      readonly wasOrdered: boolean;
      /** For a person. */
      readonly text: string;
      /** `undefined`: not by itself. */
      readonly nextAttemptAtMs: number | undefined;
    }
  | {
      /** Its owner has to bring another in time; or has not, and new links use http. */
      readonly kind: "certificate_expiring" | "certificate_lapsed";
      readonly domain: Hostname;
      readonly source: CertificateSource;
      readonly expiresAtMs: number;
    };

/** The part of a logger that certificates need (pino's shape). */
export interface CertificateLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** One line for each event. */
export function logEvent(event: CertificateEvent, log: CertificateLog, nowMs: number): void {
  const { domain } = event;
  switch (event.kind) {
    case "certificate_issued":
    case "certificate_renewed": {
      const message = event.kind === "certificate_issued" ? "certificate issued" : "certificate renewed";
      log.info({ domain, expiresAt: new Date(event.expiresAtMs).toISOString() }, message);
      return;
    }
    case "certificate_failed": {
      const retryInMs = event.nextAttemptAtMs === undefined ? undefined : event.nextAttemptAtMs - nowMs;
      log.warn({ domain, code: event.code, reason: event.text, retryInMs }, "certificate could not be had");
      return;
    }
    case "certificate_expiring":
      log.warn(
        { domain, expiresAt: new Date(event.expiresAtMs).toISOString() },
        "a certificate that its owner brought ends soon",
      );
      return;
    case "certificate_lapsed":
      log.error(
        { domain, source: event.source },
        "certificate has ended: new links of the tracking domain go back to http",
      );
  }
}
