/** A tracking domain's state in words, the same on every page. Pure. */
import type { DomainCheck, Finding, TrackingDomain } from "./api/domains.ts";
import { certificateProblem } from "./certificate-words.ts";
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

export function domainState(domain: TrackingDomain, now: Date): DomainState {
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
      return bad(domain.pointsElsewhere ? "Points elsewhere" : "Not reached");
  }
}

/** What is worth a word about https, when something is. A domain without it, or behind a proxy that has it, says nothing. */
function certificateState(
  { secure, status, tls_certificate, usesHttpForNow = false }: TrackingDomain,
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
  if (usesHttpForNow && !isOnOrder(status)) return { word: HTTP_FOR_NOW, kind: "wait", needsAttention: true };
  return undefined;
}

const HTTP_FOR_NOW = "Verified, http for now";

/** Waypost gets the certificate by itself: nobody has to do anything. */
function isOnOrder({ tls_status }: TrackingDomain["status"]): boolean {
  return tls_status === "unknown" || tls_status === "pending";
}

export function daysUntil(time: string, now: Date): number {
  return Math.floor((Date.parse(time) - now.getTime()) / DAY_MS);
}

export function expiresSoon(time: string, now: Date): boolean {
  return daysUntil(time, now) < EXPIRES_SOON_DAYS;
}

function bad(word: string): DomainState {
  return { word, kind: "bad", needsAttention: true };
}

export interface Advice {
  readonly why: string;
  /** What to do next, as a link to where it is done. */
  readonly todo: string;
  /** The section of the domain's page. */
  readonly section: "status" | "https";
}

/** Of a domain that needs attention. What `newest` saw says why in the reader's own values. */
export function domainAdvice(domain: TrackingDomain, now: Date, newest?: DomainCheck): Advice {
  const { status } = domain;
  if (status.compliance_status === "blocked")
    return {
      why: "An operator has blocked it: its links answer that they are blocked, and new mail does not use it.",
      todo: "See how it is unblocked",
      section: "status",
    };
  const problem = newest?.findings.find(({ ok }) => !ok);
  if (!status.verified) return reachAdvice(problem);
  if (isAboutCertificate(domain, now)) return certificateAdvice(domain, newest);
  const why = "No check has reached this installation over https lately, so that new links use http.";
  return {
    why: problem === undefined ? why : findingText(problem),
    todo: "See what was checked, and check again",
    section: "status",
  };
}

const ABSENT = new Set(["no_such_name", "no_records"]);

function reachAdvice(problem: Finding | undefined): Advice {
  if (problem === undefined || ABSENT.has(problem.code))
    return {
      why: problem?.found ?? "No check has seen its DNS record yet.",
      // The record itself says what to create.
      todo: "See the record to create",
      section: "status",
    };
  return { why: findingText(problem), todo: "See the record, and what is found", section: "status" };
}

/** It failed or ends soon; not that https is out of reach for another reason. */
function isAboutCertificate({ status, tls_certificate }: TrackingDomain, now: Date): boolean {
  if (status.tls_status === "failed" || status.tls_status === "expired") return true;
  const expiresAt = tls_certificate?.expires_at ?? undefined;
  return expiresAt !== undefined && expiresSoon(expiresAt, now);
}

function certificateAdvice(
  { uses_managed_certificate, tls_certificate, status }: TrackingDomain,
  newest: DomainCheck | undefined,
): Advice {
  if (uses_managed_certificate !== true)
    return {
      why: "Its owner brought the certificate, and has to bring another one: it is not renewed by itself.",
      todo: "Bring another certificate",
      section: "https",
    };
  const code = tls_certificate?.error_code ?? undefined;
  return {
    why: code === undefined ? "It should have been renewed by now." : orderProblem(code, newest),
    todo: status.tls_status === "failed" ? "See the order" : "Renew it now",
    section: "https",
  };
}

/** Why the last order came to nothing: as the newest check saw it, else what the API's code means. */
export function orderProblem(code: string, newest: DomainCheck | undefined): string {
  const found = newest?.findings.find((finding) => finding.code === "certificate_failed");
  return found === undefined ? certificateProblem(code) : findingText(found);
}

/** A finding in one paragraph: what was found, why that fails, what to change. */
export function findingText({ found, why, fix }: Finding): string {
  return [found, why, fix].filter((part) => part !== undefined).join(" ");
}
