/** The log lines about a tracking domain's state: one per change, none for a check that confirms what was known. */
import type { Hostname } from "../domain/hostname.ts";
import type { CheckTrigger, VerificationState } from "./verification-state.ts";

/** The part of a logger that verification needs (pino's shape): fields first, then a constant message. */
export interface VerificationLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface VerificationChange {
  readonly domain: Hostname;
  readonly trigger: CheckTrigger;
  readonly from: VerificationState;
  readonly to: VerificationState;
  /** Why the check failed, in a person's words; `undefined` when it passed. */
  readonly failure: string | undefined;
}

/** Says what a person running the installation would want to know; mostly nothing. */
export function logChange(change: VerificationChange, log: VerificationLog): void {
  const { domain, trigger, from, to, failure } = change;
  const was = from.cnameStatus === "valid";
  const is = to.cnameStatus === "valid";
  if (!was && is) log.info({ domain, trigger }, "tracking domain verified");
  if (was && !is)
    log.warn({ domain, trigger, cnameStatus: to.cnameStatus, failure }, "tracking domain lost verification");
  if (was && is && to.consecutiveFailures > from.consecutiveFailures) {
    log.warn(
      { domain, failures: to.consecutiveFailures, failure },
      "verified tracking domain failed a check",
    );
  }
  if (was && is && to.consecutiveFailures < from.consecutiveFailures)
    log.info({ domain }, "tracking domain recovered");

  if (!from.httpsWorks && to.httpsWorks) log.info({ domain }, "new links of the tracking domain use https");
  if (from.httpsWorks && !to.httpsWorks)
    log.warn({ domain, failure }, "new links of the tracking domain go back to http");

  const wasBlocked = from.complianceStatus === "blocked";
  const isBlocked = to.complianceStatus === "blocked";
  if (!wasBlocked && isBlocked) log.warn({ domain, trigger }, "tracking domain blocked by policy");
  if (wasBlocked && !isBlocked) log.info({ domain, trigger }, "tracking domain no longer blocked");
  if (from.nextCheckAtMs !== undefined && to.nextCheckAtMs === undefined) {
    log.info({ domain }, "tracking domain never resolved here and is no longer checked by itself");
  }
}
