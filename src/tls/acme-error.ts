/**
 * What goes wrong between us and a certificate authority, as data. Its problem documents (RFC 9457, RFC 8555 section 6.7)
 * keep their type, their parts and their Retry-After, because what to do next hangs on them.
 *
 * Nothing here repeats a URL, a challenge's token or a key: a CA's own words are cleaned of them.
 */

/** One part of a problem, about one name (RFC 8555 section 6.7.1). */
export interface AcmeSubproblem {
  readonly type: string;
  readonly detail: string;
  readonly identifier?: string;
}

/**
 * What we say when the CA said nothing that can be used: it can't be reached, it took too long, it answered something that is
 * not ACME, or it offers nothing that we can do.
 */
export type LocalProblem = "unreachable" | "timeout" | "invalidResponse" | "unsupported";

interface AcmeErrorFacts {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly subproblems?: readonly AcmeSubproblem[];
}

const URN = "urn:ietf:params:acme:error:";
const TYPE_NAME = /^[A-Za-z][A-Za-z0-9]{0,63}$/;
const MAX_DETAIL = 500;
const MAX_SUBPROBLEMS = 20;
const MAX_RETRY_AFTER_MS = 31 * 24 * 3_600_000;
// A token, a thumbprint, a nonce or a key; names of hosts come in lower case.
const SECRET_LIKE = /[A-Za-z0-9_-]{20,}/g;

const TEMPORARY: ReadonlySet<string> = new Set([
  "badNonce",
  "connection",
  "dns",
  "orderNotReady",
  "rateLimited",
  "serverInternal",
  "timeout",
  "unreachable",
]);

/** A request or an order that failed. `message` may be shown and logged. */
export class AcmeError extends Error {
  override readonly name = "AcmeError";
  /** The last part of the problem's URN, such as `rateLimited` (RFC 8555 section 6.7), `unknown`, or a {@link LocalProblem}. */
  readonly type: string;
  /** One line, bounded. */
  readonly detail: string;
  /** HTTP status, when there was a reply. */
  readonly status: number | undefined;
  /** How long the CA asks to wait, bounded to 31 days. */
  readonly retryAfterMs: number | undefined;
  readonly subproblems: readonly AcmeSubproblem[];

  constructor(type: string, detail: string, facts: AcmeErrorFacts = {}) {
    const line = oneLine(detail);
    super(`${type}: ${line}`);
    this.type = type;
    this.detail = line;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.subproblems = facts.subproblems ?? [];
  }

  /** Whether trying again later may succeed with nobody doing anything. */
  get isTemporary(): boolean {
    if (this.type === "compound") return this.subproblems.every(({ type }) => TEMPORARY.has(type));
    return TEMPORARY.has(this.type) || this.status === 429 || (this.status ?? 0) >= 500;
  }
}

export function localProblem(type: LocalProblem, detail: string, facts: AcmeErrorFacts = {}): AcmeError {
  return new AcmeError(type, detail, facts);
}

/** Reads a problem document that stands in a reply, an order or a challenge. Never throws, whatever `document` is. */
export function readProblem(document: unknown, facts: Omit<AcmeErrorFacts, "subproblems"> = {}): AcmeError {
  const problem = isObject(document) ? document : {};
  const parts = Array.isArray(problem["subproblems"]) ? problem["subproblems"] : [];
  return new AcmeError(typeOf(problem, facts.status), detailOf(problem), {
    ...facts,
    subproblems: parts.slice(0, MAX_SUBPROBLEMS).filter(isObject).map(readSubproblem),
  });
}

/** `value` is seconds or a date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : parseHttpDate(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), MAX_RETRY_AFTER_MS);
}

/** All of its three forms begin with a weekday, and without one `Date.parse` takes almost anything. */
function parseHttpDate(text: string): number {
  return /^[A-Z][a-z]{2,8}[, ]/.test(text) ? Date.parse(text) : Number.NaN;
}

function readSubproblem(problem: Readonly<Record<string, unknown>>): AcmeSubproblem {
  const identifier = isObject(problem["identifier"]) ? problem["identifier"]["value"] : undefined;
  return {
    type: typeOf(problem, undefined),
    detail: oneLine(detailOf(problem)),
    ...(typeof identifier === "string" ? { identifier: oneLine(identifier) } : {}),
  };
}

function typeOf(problem: Readonly<Record<string, unknown>>, status: number | undefined): string {
  const type = problem["type"];
  const name = typeof type === "string" && type.startsWith(URN) ? type.slice(URN.length) : "";
  if (TYPE_NAME.test(name)) return name;
  if (status === 429) return "rateLimited";
  return status !== undefined && status >= 500 ? "serverInternal" : "unknown";
}

function detailOf(problem: Readonly<Record<string, unknown>>): string {
  return typeof problem["detail"] === "string" ? problem["detail"] : "no reason given";
}

function oneLine(text: string): string {
  const line = text
    .slice(0, 4 * MAX_DETAIL)
    .replace(/[\p{C}\s]+/gu, " ")
    .replace(SECRET_LIKE, (word) => (/[A-Z]/.test(word) ? "…" : word))
    .trim();
  return line.length <= MAX_DETAIL ? line : `${line.slice(0, MAX_DETAIL - 1)}…`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
