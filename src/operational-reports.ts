/** What other parts notice of tracking domains, made into operational events: their owner is told too. Part of the composition root. */
import type { Hostname } from "./domain/hostname.ts";
import type { NewOperationalEvent, RecordOperationalEvent } from "./domain/operational-event.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "./domain/subaccount.ts";
import type { Logger } from "./ops/logger.ts";
import type { Store } from "./store/open-store.ts";
import { certificateAlert } from "./tls/certificate-alert.ts";
import type { CertificateEvent } from "./tls/certificate-events.ts";
import type { VerificationChange } from "./verification/change-log.ts";
import { domainAlerts } from "./verification/operational-changes.ts";

/** Neither throws, and nobody waits for them. */
export interface OperationalReports {
  domainChanged(change: VerificationChange): void;
  certificateChanged(event: CertificateEvent): void;
}

interface ReportParts {
  readonly store: { readonly trackingDomains: Pick<Store["trackingDomains"], "find"> };
  readonly record: RecordOperationalEvent;
  readonly log: Pick<Logger, "warn">;
}

export function createOperationalReports(parts: ReportParts): OperationalReports {
  return {
    domainChanged(change) {
      const { domain: trackingDomain, failure: reason } = change;
      const alerts = domainAlerts(change);
      void report(trackingDomain, parts, (subaccountId) =>
        alerts.map(({ kind, problem }): NewOperationalEvent => {
          const fields = { trackingDomain, problem };
          if (kind === "domain_recovered") return { kind, subaccountId, fields };
          return { kind, subaccountId, fields: reason === undefined ? fields : { ...fields, reason } };
        }),
      );
    },
    certificateChanged(event) {
      const fields = certificateAlert(event);
      void report(event.domain, parts, (subaccountId) =>
        fields === undefined ? [] : [{ kind: "certificate_failing", subaccountId, fields }],
      );
    },
  };
}

async function report(
  domain: Hostname,
  { store, record, log }: ReportParts,
  eventsOf: (owner: SubaccountId) => readonly NewOperationalEvent[],
): Promise<void> {
  if (eventsOf(PRIMARY_ACCOUNT).length === 0) return;
  const found = await store.trackingDomains.find(domain, "all").catch((error: unknown) => {
    log.warn(
      { err: error, domain },
      "the owner of a domain could not be read: only the account is told of it",
    );
    return undefined;
  });
  for (const event of eventsOf(found?.subaccountId ?? PRIMARY_ACCOUNT)) record(event);
}
