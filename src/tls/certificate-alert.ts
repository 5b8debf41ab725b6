/** What of a certificate's events the people who run the installation are told, whoever is awake. */
import type { OperationalFields } from "../domain/operational-event.ts";
import type { CertificateEvent } from "./certificate-events.ts";

type Alert = OperationalFields["certificate_failing"];

/** `undefined`: all is well. */
export function certificateAlert(event: CertificateEvent): Alert | undefined {
  const { domain: trackingDomain } = event;
  switch (event.kind) {
    case "certificate_issued":
    case "certificate_renewed":
      return undefined;
    case "certificate_failed":
      return { trackingDomain, problem: event.code, reason: event.text };
    case "certificate_expiring":
      return {
        trackingDomain,
        problem: "expiring",
        reason: "Its owner has brought it, and has to bring another in time.",
        expiresAt: new Date(event.expiresAtMs).toISOString(),
      };
    case "certificate_lapsed":
      return {
        trackingDomain,
        problem: "lapsed",
        reason: "It has ended: new links of the tracking domain use http.",
        expiresAt: new Date(event.expiresAtMs).toISOString(),
      };
  }
}
