/** What is to be done about a name's certificate, from all that is known of it. Pure. */
import { type NameToCertify, nextLookAt } from "../domain/issuance.ts";

const DAY = 86_400_000;

export type NextStep =
  /** `replaces`: the certificate in whose place the new one comes, for CAs that want to know. */
  | { readonly kind: "order"; readonly isRenewal: boolean; readonly replaces: string | undefined }
  /** The CA is asked when it wants the certificate renewed. */
  | { readonly kind: "ask_window" }
  | { readonly kind: "wait"; readonly untilMs: number }
  /** Until somebody asks. */
  | { readonly kind: "stop" };

/** A blocked domain's edge answers nothing, challenges included. */
const BLOCKED_MS = 1 * DAY;
/**
 * Links that were sent with https live for ever, so the certificate of a deleted domain, and of one whose links use http by now, is
 * renewed for as long as the name leads here. Once it has been out of use for so long, nobody comes any more.
 */
const GIVE_UP_AFTER_MS = 30 * DAY;

export interface StepInput {
  readonly nowMs: number;
  /** Of the CA that is used now. */
  readonly directory: string;
  /** A domain needs its certificate at this moment, and has none that works. */
  readonly isNeeded: boolean;
}

export function nextStep(name: NameToCertify, { nowMs, directory, isNeeded }: StepInput): NextStep {
  const { certificate, issuance, isDeleted, secure } = name;
  if (certificate?.source === "own" || issuance.isRefused) return { kind: "stop" };
  if (name.isBlocked) return { kind: "wait", untilMs: nowMs + BLOCKED_MS };
  const isInUse = secure && !isDeleted;
  if (certificate === undefined) {
    return isInUse ? { kind: "order", isRenewal: false, replaces: undefined } : { kind: "stop" };
  }
  if (!isInUse && certificate.expiresAtMs + GIVE_UP_AFTER_MS <= nowMs) return { kind: "stop" };

  const isOfThisCa = certificate.directory === directory;
  const renewal = {
    kind: "order",
    isRenewal: true,
    replaces: isOfThisCa ? certificate.chainPem : undefined,
  } as const;
  // Another CA's may be one that nobody trusts, such as a staging environment's.
  if (certificate.expiresAtMs <= nowMs || (isNeeded && !isOfThisCa)) return renewal;
  const { plan } = issuance;
  if (plan === undefined || plan.renewAtMs <= nowMs) return renewal;
  const askAtMs = isOfThisCa ? plan.askAgainAtMs : undefined;
  if (askAtMs !== undefined && askAtMs <= nowMs) return { kind: "ask_window" };
  return { kind: "wait", untilMs: isOfThisCa ? nextLookAt(plan) : plan.renewAtMs };
}
