/**
 * Encryption of what is stored: key rings, and the private keys of certificates.
 *
 * Format: `wp1.` and base64url of <salt, 16 bytes> <nonce, 12 bytes> <AES-256-GCM ciphertext> <tag, 16 bytes>.
 * The key is HKDF-SHA256 of the master secret under the salt and the purpose, so every sealed text has a
 * key of its own, a random nonce can't repeat under one, and what was sealed for one purpose doesn't open
 * for another. The master secret must be random: HKDF doesn't slow down somebody who guesses a password.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const PREFIX = "wp1.";
const CIPHER = "aes-256-gcm";
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = SALT_BYTES + NONCE_BYTES;

/** Encrypts and authenticates under the master secret. `purpose` names what it is; {@link unseal} needs the same. */
export function seal(plaintext: Buffer, masterSecret: string, purpose: string): string {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, deriveKey(masterSecret, salt, purpose), nonce);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return PREFIX + Buffer.concat([salt, nonce, ciphertext, cipher.getAuthTag()]).toString("base64url");
}

/** What {@link seal} was given; `undefined` when the secret or purpose is another, or a byte was changed. Never throws. */
export function unseal(text: string, masterSecret: string, purpose: string): Buffer | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const bytes = Buffer.from(text.slice(PREFIX.length), "base64url");
  if (bytes.length < HEADER_BYTES + TAG_BYTES) return undefined;
  const key = deriveKey(masterSecret, bytes.subarray(0, SALT_BYTES), purpose);
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(SALT_BYTES, HEADER_BYTES));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    // final() throws for exactly one reason: the tag doesn't fit.
    return undefined;
  }
}

function deriveKey(masterSecret: string, salt: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", masterSecret, salt, `waypost seal v1 ${purpose}`, 32));
}
