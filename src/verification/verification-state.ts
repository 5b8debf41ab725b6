/** What is remembered of a tracking domain's checks, and what one check found. */

import type { Hostname } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { CnameStatus, ComplianceStatus, Scheme } from "../domain/tracking-domain.ts";
import type { Evidence } from "./evidence.ts";

/** `asked`: a person or program called verify. `background`: the schedule did. */
export type CheckTrigger = "asked" | "background";

/** The part of a tracking domain's row that checks read and change. Times are milliseconds since 1970. */
export interface VerificationState {
  readonly cnameStatus: CnameStatus;
  readonly complianceStatus: ComplianceStatus;
  /** Our edge was reached over TLS through it, and has not been found unreachable since. */
  readonly httpsWorks: boolean;
  /** Set and cleared by an operator; while set, no check changes `complianceStatus`. */
  readonly blockedByOperator: boolean;
  /** Background failures in a row of a verified domain, and when the first of them was. */
  readonly consecutiveFailures: number;
  readonly firstFailureAtMs: number | undefined;
  /** When the domain last began to wait for verification: creation, or the loss of it. */
  readonly waitingSinceMs: number;
  readonly lastCheckedAtMs: number | undefined;
  /** `undefined`: the schedule has given up, and only an asked-for check looks again. */
  readonly nextCheckAtMs: number | undefined;
}

/** A domain as the verifier needs it. */
export interface DomainToCheck {
  readonly domain: Hostname;
  readonly secure: boolean;
  readonly state: VerificationState;
}

/** One finished check, as it is stored and shown by `GET …/checks`. */
export interface DomainCheck {
  readonly checkedAtMs: number;
  readonly trigger: CheckTrigger;
  readonly scheme: Scheme;
  /** What this check found. The domain's own status may differ: a verified one survives single background failures. */
  readonly result: { readonly cnameStatus: CnameStatus; readonly complianceStatus: ComplianceStatus };
  /** Why it failed, in a person's words; `undefined` when it passed. */
  readonly failure: string | undefined;
  readonly evidence: Evidence;
}

/** What the verifier needs of the store. */
export interface VerificationStore {
  /** `undefined` when there is no such live domain (tombstones do not count). */
  findForCheck(domain: Hostname): Promise<DomainToCheck | undefined>;
  /**
   * Stores the check and the state that `next` makes of the current one, in one transaction; keeps the newest 50 checks of a domain.
   * Returns the new state, or `undefined` when the domain has gone meanwhile (nothing is stored then).
   */
  recordCheck(
    domain: Hostname,
    check: DomainCheck,
    next: (current: VerificationState) => VerificationState,
  ): Promise<VerificationState | undefined>;
  /**
   * Up to `limit` domains whose `nextCheckAtMs` has come, soonest first, each moved `leaseMs` ahead in the same
   * transaction, so that two processes never check the same one and a crashed check is taken up again.
   */
  claimDue(nowMs: number, limit: number, leaseMs: number): Promise<readonly DomainToCheck[]>;
  /** The newest first. */
  listChecks(domain: Hostname, limit: number): Promise<readonly DomainCheck[]>;
  /** The newest check of each live domain of these owners that stands so. */
  newestChecks(
    cnameStatus: CnameStatus,
    subaccounts: "all" | readonly SubaccountId[],
  ): Promise<readonly (DomainCheck & { readonly domain: Hostname })[]>;
}
