/**
 * Signatures of batches, by Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 over
 * `<webhook-id>.<webhook-timestamp>.<body>`, in base64 behind `v1,`. Receivers verify them with any library of that
 * standard, or with ten lines of their own (docs/webhooks.md).
 */
import { createHmac, randomBytes } from "node:crypto";

/** `whsec_` and the base64 of the key. */
export type SigningSecret = string;

/** What a webhook signs with. */
export interface SigningSecrets {
  readonly current: SigningSecret;
  /** Signs too until its time, so that a receiver can change over without a gap. Milliseconds since 1970. */
  readonly previous?: { readonly secret: SigningSecret; readonly untilMs: number };
}

export interface Signed {
  readonly id: string;
  readonly body: Buffer;
  readonly nowMs: number;
}

const PREFIX = "whsec_";
/** The standard asks for 24 to 64. */
const KEY_BYTES = 32;

export function newSigningSecret(): SigningSecret {
  return PREFIX + randomBytes(KEY_BYTES).toString("base64");
}

/** The secrets after a rotation: the old one signs for `overlapMs` more, and the one before it no longer. */
export function rotate(secrets: SigningSecrets, overlapMs: number, nowMs: number): SigningSecrets {
  const current = newSigningSecret();
  if (overlapMs <= 0) return { current };
  return { current, previous: { secret: secrets.current, untilMs: nowMs + overlapMs } };
}

/** The three headers, with a signature by each secret that is valid now. */
export function signatureHeaders(
  { id, body, nowMs }: Signed,
  secrets: SigningSecrets,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const { current, previous } = secrets;
  const valid = previous !== undefined && nowMs < previous.untilMs ? [current, previous.secret] : [current];
  const signatures = valid.map((secret) => {
    const mac = createHmac("sha256", Buffer.from(secret.slice(PREFIX.length), "base64"));
    return `v1,${mac.update(`${id}.${timestamp}.`).update(body).digest("base64")}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}
