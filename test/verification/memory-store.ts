/** The verifier's store in memory. The real ones have their own conformance suite; this one lets tests see and set everything. */

import { type Hostname, parseHostname } from "../../src/domain/hostname.ts";
import { PRIMARY_ACCOUNT } from "../../src/domain/subaccount.ts";
import type {
  DomainCheck,
  VerificationState,
  VerificationStore,
} from "../../src/verification/verification-state.ts";

export interface MemoryStore extends VerificationStore {
  add(domain: string, over?: Partial<VerificationState> & { readonly secure?: boolean }): Hostname;
  remove(domain: string): void;
  state(domain: string): VerificationState | undefined;
  checks(domain: string): readonly DomainCheck[];
}

interface Row {
  readonly secure: boolean;
  state: VerificationState;
  readonly checks: DomainCheck[];
}

export function memoryStore(): MemoryStore {
  const rows = new Map<string, Row>();
  return {
    add(name, { secure = false, ...state } = {}) {
      const domain = parseHostname(name);
      rows.set(domain, { secure, checks: [], state: { ...NEW_STATE, ...state } });
      return domain;
    },
    remove: (domain) => void rows.delete(domain),
    state: (domain) => rows.get(domain)?.state,
    checks: (domain) => rows.get(domain)?.checks ?? [],

    async findForCheck(domain) {
      const row = rows.get(domain);
      return row && { domain, secure: row.secure, state: row.state };
    },
    async recordCheck(domain, check, next) {
      const row = rows.get(domain);
      if (row === undefined) return undefined;
      row.state = next(row.state);
      row.checks.unshift(check);
      return row.state;
    },
    async claimDue(nowMs, limit, leaseMs) {
      const due = [...rows].filter(
        ([, { state }]) => (state.nextCheckAtMs ?? Number.POSITIVE_INFINITY) <= nowMs,
      );
      return due.slice(0, limit).map(([domain, row]) => {
        row.state = { ...row.state, nextCheckAtMs: nowMs + leaseMs };
        return { domain: parseHostname(domain), secure: row.secure, state: row.state };
      });
    },
    listChecks: async (domain, limit) => rows.get(domain)?.checks.slice(0, limit) ?? [],
    // All are the primary account's.
    newestChecks: async (cnameStatus, subaccounts) =>
      [...rows]
        .filter(([, { state }]) => state.cnameStatus === cnameStatus)
        .filter(() => subaccounts === "all" || subaccounts.includes(PRIMARY_ACCOUNT))
        .flatMap(([name, { checks }]) =>
          checks.slice(0, 1).map((check) => ({ ...check, domain: parseHostname(name) })),
        ),
  };
}

const NEW_STATE: VerificationState = {
  cnameStatus: "unverified",
  complianceStatus: "valid",
  httpsWorks: false,
  blockedByOperator: false,
  consecutiveFailures: 0,
  firstFailureAtMs: undefined,
  waitingSinceMs: 0,
  lastCheckedAtMs: undefined,
  nextCheckAtMs: 60_000,
};
