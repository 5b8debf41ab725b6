/**
 * How an edge proves, through whatever proxy or CDN stands between, that a tracking domain reaches it.
 *
 * The prober asks `<PROBE_PATH><nonce>`; an edge answers one line, `<host it was asked for> <MAC>`, where the
 * MAC is HMAC-SHA256 (RFC 2104) over nonce and host under a key that only this installation holds.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

export const PROBE_PATH = "/.well-known/waypost/";

const NONCE = /^[0-9a-f]{32}$/;
// A host as a Host header spells it: a name, or an address in brackets, and a port at most.
const ANSWER = /^([a-z0-9._-]{1,253}(?::\d{1,5})?|\[[0-9a-f:.]{2,45}\](?::\d{1,5})?) ([0-9a-f]{64})\s*$/i;
const MAX_ANSWER_CHARS = 400;

/** 128 random bits: an answer recorded earlier never fits. */
export function newProbeNonce(): string {
  return randomBytes(16).toString("hex");
}

export function isProbeNonce(text: string): boolean {
  return NONCE.test(text);
}

/** The edge's answer: one line without a line feed. `hostSeen` is the request's Host as it came. */
export function answerProbe(nonce: string, hostSeen: string, probeKey: Buffer): string {
  return `${hostSeen} ${mac(nonce, hostSeen, probeKey).toString("hex")}`;
}

/** The host an edge of ours was asked for; `undefined` for anything an edge of ours didn't say to this nonce. Never throws. */
export function readProbeAnswer(
  body: string,
  nonce: string,
  probeKey: Buffer,
): { hostSeen: string } | undefined {
  if (body.length > MAX_ANSWER_CHARS) return undefined;
  const [, hostSeen, hex] = ANSWER.exec(body) ?? [];
  if (hostSeen === undefined || hex === undefined) return undefined;
  return timingSafeEqual(mac(nonce, hostSeen, probeKey), Buffer.from(hex, "hex")) ? { hostSeen } : undefined;
}

function mac(nonce: string, hostSeen: string, probeKey: Buffer): Buffer {
  return createHmac("sha256", probeKey).update(`waypost probe v1\n${nonce}\n${hostSeen}`).digest();
}
