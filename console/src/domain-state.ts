/** A tracking domain's state in words, the same on every page. Pure. */
import type { DomainCheck, Finding, TrackingDomain } from "./api/domains.ts";
import type { MarkKind } from "./components/mark.tsx";
import { DAY_MS, formatCount } from "./format.ts";

export interface DomainState {
  readonly word: string;
  readonly kind: MarkKind;
  /** Somebody has to do something. */
  readonly needsAttention: boolean;
}

/** From then on an expiry is worth a word: renewal has been tried for a while by then. */
const EXPIRES_SOON_DAYS = 14;

/** `newest` makes the word more exact: where a domain leads instead is known to its checks alone. */
export function domainState(domain: TrackingDomain, now: Date, newest?: DomainCheck): DomainState {
  const { compliance_status: compliance, cname_status: cname } = domain.status;
  if (compliance === "blocked") return bad("Blocked");
  if (compliance === "pending") return { word: "Waiting for review", kind: "wait", needsAttention: false };
  switch (cname) {
    case "valid":
      return certificateState(domain, now) ?? { word: "Verified", kind: "good", needsAttention: false };
    case "unverified":
    case "pending":
      return { word: "Waiting for DNS", kind: "wait", needsAttention: true };
    case "invalid":
      return bad(pointsElsewhere(newest) ? "Points elsewhere" : "Not reached");
  }
}

/** What is worth a word about https, when something is. A domain without it, or behind a proxy that has it, says nothing. */
function certificateState(
  { secure, status, tls_certificate }: TrackingDomain,
  now: Date,
): DomainState | undefined {
  if (!secure) return undefined;
  if (status.tls_status === "expired") return bad("Certificate expired");
  if (status.tls_status === "failed") return bad("Certificate failed");
  const expiresAt = tls_certificate?.expires_at ?? undefined;
  if (expiresAt !== undefined && expiresSoon(expiresAt, now)) {
    const days = daysUntil(expiresAt, now);
    const word = `Certificate expires in ${formatCount(days, "day")}`;
    return { word, kind: "wait", needsAttention: true };
  }
  return undefined;
}

export function daysUntil(time: string, now: Date): number {
  return Math.floor((Date.parse(time) - now.getTime()) / DAY_MS);
}

export function expiresSoon(time: string, now: Date): boolean {
  return daysUntil(time, now) < EXPIRES_SOON_DAYS;
}

const ELSEWHERE = new Set(["cname_elsewhere", "cname_zone_appended", "addresses_elsewhere", "wrong_answer"]);

function pointsElsewhere(check: DomainCheck | undefined): boolean {
  return check?.findings.some(({ code, ok }) => !ok && ELSEWHERE.has(code)) ?? false;
}

function bad(word: string): DomainState {
  return { word, kind: "bad", needsAttention: true };
}

/** A finding in one paragraph: what was found, why that fails, what to change. */
export function findingText({ found, why, fix }: Finding): string {
  return [found, why, fix].filter((part) => part !== undefined).join(" ");
}
