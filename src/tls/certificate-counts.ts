/** How often what has happened to certificates in this process. */
import { CERTIFICATE_ERRORS, type CertificateError } from "../domain/issuance.ts";
import type { CertificateEvent } from "./certificate-events.ts";

export const ORDER_OUTCOMES = ["issued", "renewed", "failed"] as const;
export type OrderOutcome = (typeof ORDER_OUTCOMES)[number];

export class CertificateCounts {
  readonly orders: Readonly<Record<OrderOutcome, number>>;
  /** Attempts that failed, before an order or in it. */
  readonly failures: Readonly<Record<CertificateError, number>>;
  readonly #orders: Record<OrderOutcome, number>;
  readonly #failures: Record<CertificateError, number>;

  constructor() {
    this.#orders = zeros(ORDER_OUTCOMES);
    this.#failures = zeros(CERTIFICATE_ERRORS);
    this.orders = this.#orders;
    this.failures = this.#failures;
  }

  count(event: CertificateEvent): void {
    switch (event.kind) {
      case "certificate_issued":
        this.#orders.issued += 1;
        return;
      case "certificate_renewed":
        this.#orders.renewed += 1;
        return;
      case "certificate_failed":
        this.#failures[event.code] += 1;
        if (event.wasOrdered) this.#orders.failed += 1;
        return;
      case "certificate_expiring":
      case "certificate_lapsed":
        return;
    }
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
