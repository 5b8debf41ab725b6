/**
 * How domains, their certificates and webhooks fare, in the words of the console. It has them beside what it shows, and imports nothing
 * from here: a test holds both to the same words. Pure.
 */
import type { TlsStatus } from "../domain/issuance.ts";
import { field } from "./remote.ts";

export interface AboutDomain {
  readonly nowMs: number;
  /** Secure, and yet its new links use http. Its own reply does not say so: a filter of the list does. */
  readonly usesHttpForNow?: boolean;
  /** Not reached, since somebody else is there. A filter of the list says so, and a domain's checks. */
  readonly pointsElsewhere?: boolean;
}

const DAY_MS = 86_400_000;
/** From then on an expiry is worth a word: renewal has been tried for a while by then. */
const EXPIRES_SOON_DAYS = 14;

export function domainWord(domain: unknown, about: AboutDomain): string {
  const status = field(domain, "status");
  const compliance = field(status, "compliance_status");
  if (compliance === "blocked") return "Blocked";
  if (compliance === "pending") return "Waiting for review";
  switch (field(status, "cname_status")) {
    case "valid":
      return certificateTrouble(domain, about) ?? "Verified";
    case "invalid":
      return about.pointsElsewhere ? "Points elsewhere" : "Not reached";
    default:
      return "Waiting for DNS";
  }
}

const CERTIFICATE_WORDS: Readonly<Record<TlsStatus, string>> = {
  unknown: "ordered once verified",
  pending: "on order",
  failed: "failed",
  unavailable: "refused by its authority",
  expired: "expired",
  valid: "valid",
};

/** Of a secure domain; `undefined` where Waypost has no certificate for it, and orders none. */
export function certificateWord(domain: unknown): string | undefined {
  const state = field(field(domain, "status"), "tls_status");
  return isTlsStatus(state) ? CERTIFICATE_WORDS[state] : undefined;
}

function isTlsStatus(state: unknown): state is TlsStatus {
  return typeof state === "string" && Object.hasOwn(CERTIFICATE_WORDS, state);
}

export function webhookWord(webhook: unknown): string {
  const isActive = field(webhook, "active") === true;
  if (!isActive) return field(webhook, "inactive_reason") === "gone" ? "Off: its receiver is gone" : "Paused";
  const [success, failure] = ["last_successful", "last_failure"].map((name) =>
    String(field(webhook, name) ?? ""),
  ) as [string, string];
  // Times as text, in one zone: they compare as they are.
  if (failure > success) return "Failing";
  return success === "" ? "Nothing sent yet" : "Delivers";
}

/** Whose events it gets; `undefined` when a server does not tell everybody's from the primary account's. */
export function whoseEvents(webhook: unknown): string | undefined {
  const owner = field(webhook, "subaccount_id");
  if (owner !== undefined) return ownerWord(owner);
  const isForAll = field(webhook, "all_subaccounts");
  if (isForAll === undefined) return undefined;
  if (isForAll !== true) return ownerWord(0);
  const exceptions = field(webhook, "exception_subaccounts");
  if (!Array.isArray(exceptions) || exceptions.length === 0) return "Everybody's";
  return `Everybody's, except ${exceptions.map(ownerWord).join(", ")}`;
}

function ownerWord(subaccount: unknown): string {
  return subaccount === 0 ? "Primary account" : `Subaccount ${String(subaccount)}`;
}

/** Of batches that did not arrive at the first attempt. */
export const BATCH_WORDS = {
  failing: "Will be tried again",
  delivered: "Arrived later",
  dead: "Given up",
} as const;

export const REPLAY_WORDS = {
  queued: "Waits for its turn",
  running: "Sending",
  retrying: "Its receiver does not take it, trying again",
  finished: "Done",
} as const;

/** What a newer server says is shown as it says it. */
export function wordFor(state: unknown, words: Readonly<Record<string, string>>): unknown {
  return typeof state === "string" && Object.hasOwn(words, state) ? words[state] : state;
}

function certificateTrouble(
  domain: unknown,
  { nowMs, usesHttpForNow = false }: AboutDomain,
): string | undefined {
  if (field(domain, "secure") !== true) return undefined;
  const state = field(field(domain, "status"), "tls_status");
  if (state === "expired" || state === "failed") return `Certificate ${CERTIFICATE_WORDS[state]}`;
  const days = daysLeft(field(field(domain, "tls_certificate"), "expires_at"), nowMs);
  if (days !== undefined && days < EXPIRES_SOON_DAYS) {
    return `Certificate expires in ${days} ${days === 1 ? "day" : "days"}`;
  }
  // One that is on order comes by itself.
  const isOnOrder = state === "unknown" || state === "pending";
  return usesHttpForNow && !isOnOrder ? "Verified, http for now" : undefined;
}

function daysLeft(expiresAt: unknown, nowMs: number): number | undefined {
  return typeof expiresAt === "string" ? Math.floor((Date.parse(expiresAt) - nowMs) / DAY_MS) : undefined;
}
