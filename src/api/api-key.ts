/** API keys: how one is made, recognised and written down. Only its hash is kept. */
import { createHash, randomBytes } from "node:crypto";

const KEY_BYTES = 20;
const MAX_KEY_LENGTH = 256;

/** 40 hex characters, as SparkPost's keys look: 160 random bits. */
export function newApiKey(): string {
  return randomBytes(KEY_BYTES).toString("hex");
}

/** What is stored instead of the key. A plain hash is enough: nobody guesses 160 random bits. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** The part of a key that may be shown again, so that its owner can tell it from others. */
export function shortApiKey(key: string): string {
  return key.slice(0, 4);
}

/** The key in an `Authorization` header: the bare key, or HTTP Basic with the key as user (RFC 7617). */
export function apiKeyFromHeader(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 2 * MAX_KEY_LENGTH) return undefined;
  const basic = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header);
  const key = basic === null ? header.trim() : userOf(Buffer.from(basic[1] ?? "", "base64").toString());
  return key !== "" && key.length <= MAX_KEY_LENGTH ? key : undefined;
}

function userOf(credentials: string): string {
  const colon = credentials.indexOf(":");
  return colon === -1 ? credentials : credentials.slice(0, colon);
}
