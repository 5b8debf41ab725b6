/** When a certificate is renewed. Pure: time and chance are arguments. */
import type { CertificateDates, RenewalPlan } from "../domain/issuance.ts";

/** What a CA says of a certificate (RFC 9773), and how long that holds. */
export interface RenewalAdvice {
  readonly startMs: number;
  readonly endMs: number;
  readonly retryAfterMs: number;
}

interface PlanInput {
  readonly nowMs: number;
  /** In [0, 1), as `Math.random` gives it. */
  readonly random: number;
}

/** A third is left for whatever goes wrong: a month of 90 days, two days of six. */
const RENEW_AFTER = 2 / 3;
/** Certificates issued together are not renewed together: up to this part of their life earlier. */
const SPREAD = 1 / 15;

/**
 * The plan for a certificate. Without advice it is renewed after two thirds of its life; with it, at a random time in the window,
 * which is chosen once and kept while the window stays the same (RFC 9773 section 4.2). Never so late that it would lapse.
 */
export function planRenewal(
  certificate: Pick<CertificateDates, "issuedAtMs" | "expiresAtMs">,
  {
    advice,
    former,
  }: { readonly advice?: RenewalAdvice | undefined; readonly former?: RenewalPlan | undefined },
  { nowMs, random }: PlanInput,
): RenewalPlan {
  if (advice === undefined) {
    const lifeMs = certificate.expiresAtMs - certificate.issuedAtMs;
    const renewAtMs = certificate.issuedAtMs + Math.round(lifeMs * (RENEW_AFTER - SPREAD * random));
    return { renewAtMs, window: undefined, askAgainAtMs: undefined };
  }
  const window = { startMs: advice.startMs, endMs: advice.endMs };
  const isSame = former?.window?.startMs === window.startMs && former.window.endMs === window.endMs;
  const chosenMs = window.startMs + Math.floor((window.endMs - window.startMs) * random);
  const latestMs = latestRenewal(certificate);
  return {
    renewAtMs: Math.min(isSame ? former.renewAtMs : chosenMs, latestMs),
    window,
    askAgainAtMs: nowMs + advice.retryAfterMs,
  };
}

/** A CA whose wish is later than this, or nonsense, is not waited for: a tenth of the life is left. */
function latestRenewal({ issuedAtMs, expiresAtMs }: Pick<CertificateDates, "issuedAtMs" | "expiresAtMs">) {
  return expiresAtMs - Math.floor((expiresAtMs - issuedAtMs) / 10);
}
