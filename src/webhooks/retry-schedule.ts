/** What an attempt's outcome means for its batch. Pure: time and chance are arguments. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * How long after each failed attempt the next one comes: twelve attempts over eight hours, as SparkPost's. The first
 * two outlast a receiver's restart, the next a deploy, those up to an hour an outage that somebody is mending, and the
 * rest a night's without filling a log.
 */
export const RETRY_DELAYS_MS = [
  15 * SECOND,
  45 * SECOND,
  2 * MINUTE,
  5 * MINUTE,
  12 * MINUTE,
  20 * MINUTE,
  40 * MINUTE,
  60 * MINUTE,
  80 * MINUTE,
  110 * MINUTE,
  150 * MINUTE,
] as const;

/** Every delay shrinks by up to this part of it, so that batches that failed together do not come back together. */
const JITTER = 0.1;

/** A receiver may ask to be left alone for as long as all attempts take, and not for ever. */
export const LONGEST_RETRY_AFTER_MS = 8 * HOUR;

/** What came of one attempt. */
export type AttemptOutcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      /** The reply's `Retry-After`, as it stands there. */
      readonly retryAfter?: string | undefined;
    }
  /** No whole reply came; `reason` is a code, never an address. */
  | { readonly kind: "unanswered"; readonly reason: string };

export type Verdict =
  | { readonly kind: "delivered" }
  /** The receiver says that it is gone for good (RFC 9110 section 15.5.11). */
  | { readonly kind: "gone" }
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "given_up" };

export interface Judged {
  readonly outcome: AttemptOutcome;
  /** Attempts so far, this one included. */
  readonly attempts: number;
  readonly nowMs: number;
  /** In [0, 1), as `Math.random` gives it. */
  readonly random: number;
}

/** Any 2xx is a delivery. A redirect is none: it is not followed, since where it leads nobody has agreed to. */
export function judge({ outcome, attempts, nowMs, random }: Judged): Verdict {
  const isAnswered = outcome.kind === "answered";
  if (isAnswered && isSuccess(outcome.status)) return { kind: "delivered" };
  if (isAnswered && outcome.status === 410) return { kind: "gone" };
  const delayMs = RETRY_DELAYS_MS[attempts - 1];
  if (delayMs === undefined) return { kind: "given_up" };
  const askedMs = isAnswered ? retryAfterMs(outcome.retryAfter, nowMs) : 0;
  return { kind: "retry", delayMs: Math.max(Math.round(delayMs * (1 - JITTER * random)), askedMs) };
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Seconds or a date (RFC 9110 section 10.2.3); 0 for anything else. It only ever puts an attempt off. */
function retryAfterMs(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  const ms = /^\d{1,10}$/.test(text) ? Number(text) * SECOND : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS);
}
