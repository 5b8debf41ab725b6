/** Renewal information (RFC 9773): what a certificate is called there, and when its CA wants it renewed. */
import { X509Certificate } from "node:crypto";

import { localProblem } from "./acme-error.ts";
import { type DerValue, readDer, TAG } from "./der.ts";

/** When to renew: at a random time in the window, at once when that has passed. */
export interface RenewalWindow {
  readonly startMs: number;
  readonly endMs: number;
  /** When to ask again. Between a minute and a day (RFC 9773 section 4.3.3). */
  readonly retryAfterMs: number;
  /** A page of the CA about why, for people. Always https. */
  readonly explanationUrl?: string;
}

const EXTENSIONS = 0xa3; // [3] of TBSCertificate
const KEY_IDENTIFIER = 0x80; // [0] of AuthorityKeyIdentifier
const AUTHORITY_KEY_ID = Buffer.from("551d23", "hex");

const MIN_ASK_AGAIN_MS = 60_000;
const MAX_ASK_AGAIN_MS = 24 * 3_600_000;
const ASK_AGAIN_MS = 6 * 3_600_000;
const MAX_URL = 500;

/** The certificate's name there (RFC 9773 section 4.1); `undefined` when it doesn't say whose key signed it. `pem` may be a chain. */
export function renewalId(pem: string): string | undefined {
  const [tbs] = inside(readDer(new X509Certificate(pem).raw)[0]);
  const fields = inside(tbs);
  const serial = fields.find(({ tag }) => tag === TAG.integer);
  const extensions = inside(inside(fields.find(({ tag }) => tag === EXTENSIONS))[0]);
  const authority = extensions.map(inside).find(([id]) => id?.content.equals(AUTHORITY_KEY_ID));
  const keyId = inside(inside(authority?.at(-1))[0]).find(({ tag }) => tag === KEY_IDENTIFIER);
  if (serial === undefined || keyId === undefined) return undefined;
  return `${keyId.content.toString("base64url")}.${serial.content.toString("base64url")}`;
}

/** Reads the CA's answer. Throws `invalidResponse` when it is no window. */
export function readRenewalWindow(
  answer: Readonly<Record<string, unknown>>,
  retryAfterMs?: number,
): RenewalWindow {
  const window = answer["suggestedWindow"];
  const { start, end }: { start?: unknown; end?: unknown } =
    typeof window === "object" && window !== null ? window : {};
  const startMs = timeOf(start);
  const endMs = timeOf(end);
  if (!(startMs < endMs)) throw localProblem("invalidResponse", "the CA's renewal information has no window");
  const page = answer["explanationURL"];
  const isPage = typeof page === "string" && page.length <= MAX_URL && URL.parse(page)?.protocol === "https:";
  const askAgainMs = retryAfterMs ?? ASK_AGAIN_MS;
  return {
    startMs,
    endMs,
    retryAfterMs: Math.min(Math.max(askAgainMs, MIN_ASK_AGAIN_MS), MAX_ASK_AGAIN_MS),
    ...(isPage ? { explanationUrl: page } : {}),
  };
}

function inside(value: DerValue | undefined): readonly DerValue[] {
  return value === undefined ? [] : readDer(value.content);
}

function timeOf(value: unknown): number {
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}
