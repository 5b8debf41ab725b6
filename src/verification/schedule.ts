/** When a domain is checked again, and what a check does to its state. Pure: time and chance are arguments. */
import type { DomainCheck, VerificationState } from "./verification-state.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Delays for a domain that waits for verification, by how long it has waited. Close together while somebody is likely to be
 * looking at their DNS provider's page, then hourly: DNS caches rarely hold a stale answer for longer.
 */
const WAITING_DELAYS = [
  { waitedUnderMs: 1 * MINUTE, delayMs: 1 * MINUTE },
  { waitedUnderMs: 6 * MINUTE, delayMs: 5 * MINUTE },
  { waitedUnderMs: 21 * MINUTE, delayMs: 15 * MINUTE },
  { waitedUnderMs: Number.POSITIVE_INFINITY, delayMs: 1 * HOUR },
] as const;

/** After two weeks nobody is waiting any more; an asked-for check starts the wait anew. */
const GIVE_UP_AFTER_MS = 14 * DAY;

/** Verified and blocked domains: often enough to notice a removed record, seldom enough for 100,000 domains. */
const STEADY_DELAY_MS = 1 * DAY;

/** While a verified domain fails: three failures then span the hour below, and a short outage is over before. */
const DOUBTFUL_DELAY_MS = 30 * MINUTE;

/** One failure is a lost packet, three over an hour are an answer. */
const FAILURES_TO_UNVERIFY = 3;
const FAILING_FOR_TO_UNVERIFY_MS = 1 * HOUR;

/** Every delay grows by up to this part of it, so that domains created together are not checked together for ever. */
const JITTER = 0.1;

/** The longest a check is ever put off. */
export const LONGEST_DELAY_MS = STEADY_DELAY_MS * (1 + JITTER);

/** `random` is in [0, 1), as `Math.random` gives it. */
export interface ScheduleInput {
  readonly check: Pick<DomainCheck, "trigger" | "scheme" | "result">;
  /** The probe over TLS passed. A secure domain may be reached by http alone: it stays verified, and its links use http. */
  readonly httpsWorks: boolean;
  readonly nowMs: number;
  readonly random: number;
}

/** The state after a check. An operator's block outlives every check. */
export function nextState(
  current: VerificationState,
  { check, httpsWorks, nowMs, random }: ScheduleInput,
): VerificationState {
  const { cnameStatus, complianceStatus } = check.result;
  const jittered = (delayMs: number) => nowMs + Math.round(delayMs * (1 + JITTER * random));
  const checked: VerificationState = {
    ...current,
    complianceStatus: current.blockedByOperator ? "blocked" : complianceStatus,
    lastCheckedAtMs: nowMs,
  };

  // Nothing was probed, so nothing was learned about DNS; the daily look is for the day the policy allows the name.
  if (complianceStatus === "blocked") return { ...checked, nextCheckAtMs: jittered(STEADY_DELAY_MS) };
  if (cnameStatus === "valid" && (httpsWorks || check.scheme === "http")) {
    const nextCheckAtMs = jittered(STEADY_DELAY_MS);
    return { ...checked, ...NO_FAILURES, cnameStatus, httpsWorks, nextCheckAtMs };
  }
  if (cnameStatus === "valid") {
    const failures = countFailure(current, nowMs);
    return current.httpsWorks && check.trigger === "background" && !isConclusive(failures, nowMs)
      ? { ...checked, ...failures, cnameStatus, nextCheckAtMs: jittered(DOUBTFUL_DELAY_MS) }
      : { ...checked, ...NO_FAILURES, cnameStatus, httpsWorks, nextCheckAtMs: jittered(HOUR) };
  }
  if (current.cnameStatus === "valid" && check.trigger === "background") {
    const failures = countFailure(current, nowMs);
    if (!isConclusive(failures, nowMs))
      return { ...checked, ...failures, nextCheckAtMs: jittered(DOUBTFUL_DELAY_MS) };
  }

  const waitingSinceMs = waitsSince(current, check.trigger, nowMs);
  const nextCheckAtMs = jittered(waitingDelay(nowMs - waitingSinceMs));
  const givesUp = nextCheckAtMs > waitingSinceMs + GIVE_UP_AFTER_MS;
  return {
    ...checked,
    ...NO_FAILURES,
    cnameStatus,
    httpsWorks: false,
    waitingSinceMs,
    nextCheckAtMs: givesUp ? undefined : nextCheckAtMs,
  };
}

type Failures = Pick<VerificationState, "consecutiveFailures" | "firstFailureAtMs">;

const NO_FAILURES: Failures = { consecutiveFailures: 0, firstFailureAtMs: undefined };

function countFailure(current: VerificationState, nowMs: number): Failures {
  return {
    consecutiveFailures: current.consecutiveFailures + 1,
    firstFailureAtMs: current.firstFailureAtMs ?? nowMs,
  };
}

function isConclusive(
  { consecutiveFailures, firstFailureAtMs = Number.POSITIVE_INFINITY }: Failures,
  nowMs: number,
): boolean {
  return (
    consecutiveFailures >= FAILURES_TO_UNVERIFY && nowMs - firstFailureAtMs >= FAILING_FOR_TO_UNVERIFY_MS
  );
}

/** The wait begins with the loss of verification, and again when somebody asks after it was given up. */
function waitsSince(current: VerificationState, trigger: DomainCheck["trigger"], nowMs: number): number {
  const isGivenUp = current.nextCheckAtMs === undefined;
  return current.cnameStatus === "valid" || (trigger === "asked" && isGivenUp)
    ? nowMs
    : current.waitingSinceMs;
}

function waitingDelay(waitedMs: number): number {
  return WAITING_DELAYS.find(({ waitedUnderMs }) => waitedMs < waitedUnderMs)?.delayMs ?? HOUR;
}
