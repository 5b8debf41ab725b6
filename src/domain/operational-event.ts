/**
 * What happens to the installation itself, apart from what recipients do: for the people who run it, in the log and
 * in webhooks of kind `operational`. Names and fields are on the wire: append only.
 */
import type { CertificateError } from "./issuance.ts";
import type { SubaccountId } from "./subaccount.ts";

/** What each kind tells besides its time. None of it may hold an address, a token or a key. */
export interface OperationalFields {
  /** A verified domain that is no longer reached, or no longer over https. */
  readonly domain_broken: DomainFields & { readonly reason?: string };
  readonly domain_recovered: DomainFields;
  /** A certificate that could not be had or renewed, that ends soon or has ended. */
  readonly certificate_failing: {
    readonly trackingDomain: string;
    readonly problem: CertificateError | "expiring" | "lapsed";
    /** For a person. */
    readonly reason: string;
    readonly expiresAt?: string;
  };
  /** The spool of a machine's edge takes more and more of the room it may have. */
  readonly spool_filling: { readonly machine: string; readonly usedPercent: number };
  /** A webhook that was switched off because its receiver is gone, or of which a batch was given up. */
  readonly webhook_dead: {
    readonly webhookId: string;
    readonly reason: "gone" | "given_up";
    readonly batchId: string;
  };
}

interface DomainFields {
  readonly trackingDomain: string;
  readonly problem: "verification" | "https";
}

export type OperationalKind = keyof OperationalFields;

export const OPERATIONAL_KINDS = [
  "domain_broken",
  "domain_recovered",
  "certificate_failing",
  "spool_filling",
  "webhook_dead",
] as const satisfies readonly OperationalKind[];

/** `subaccountId`: whose domain or webhook it is about; 0 for the primary account, and for what concerns everybody. */
export type NewOperationalEvent = {
  readonly [Kind in OperationalKind]: {
    readonly kind: Kind;
    readonly subaccountId: SubaccountId;
    readonly fields: OperationalFields[Kind];
  };
}[OperationalKind];

/** Never throws, and nobody waits for it. */
export type RecordOperationalEvent = (event: NewOperationalEvent) => void;

/** The same at every change of one thing: a broken domain recovers under it. */
export function subjectOf({ kind, fields }: NewOperationalEvent): string {
  switch (kind) {
    case "domain_broken":
    case "domain_recovered":
      return `${fields.problem} of ${fields.trackingDomain}`;
    case "certificate_failing":
      return fields.trackingDomain;
    case "spool_filling":
      return fields.machine;
    case "webhook_dead":
      return fields.webhookId;
  }
}
