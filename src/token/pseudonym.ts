/**
 * What stands for a recipient who must not be known: a pseudonym in tokens and events, a hash in the list of those who were erased,
 * and other numbers for messages and transmissions than their sender knows. All are HMAC-SHA256 (RFC 2104), each under a key of its
 * own: the same is the same wherever the key ring is, and nobody without it can tell what a pseudonym, hash or number was made of.
 */
import { createHmac, hkdfSync } from "node:crypto";

import { domainOfAddress } from "../domain/hostname.ts";
import type { MessageId } from "../domain/message-id.ts";
import { MESSAGE_ID_BYTES } from "../domain/message-id.ts";
import type { KeyRing } from "./key-ring.ts";

export interface PrivacyKeys {
  readonly pseudonymKey: Buffer;
  readonly erasureKey: Buffer;
  readonly numberKey: Buffer;
}

const KEY_BYTES = 32;
/** 128 bits. */
const MAC_BYTES = 16;
const PSEUDONYM = /^pseudonym-[0-9a-f]{32}(?:@|$)/;

/** From the ring's oldest key, which no rotation takes out: pseudonyms and hashes stay what they are. */
export function privacyKeys({ keys }: KeyRing): PrivacyKeys {
  const secret = keys.get(Math.min(...keys.keys()))?.secret;
  if (secret === undefined) throw new Error("a key ring without keys");
  return {
    pseudonymKey: subKey(secret, "pseudonym"),
    erasureKey: subKey(secret, "erased recipient"),
    numberKey: subKey(secret, "anonymous number"),
  };
}

/** `pseudonym-<32 hex digits>@example.com`: the domain stays, so that mailbox providers can be compared. A pseudonym is its own. */
export function pseudonymOf(address: string, { pseudonymKey }: PrivacyKeys): string {
  const lowerCase = address.toLowerCase();
  if (isPseudonym(lowerCase)) return lowerCase;
  const domain = domainOfAddress(lowerCase);
  const local = `pseudonym-${mac(lowerCase, pseudonymKey).toString("hex")}`;
  return domain === undefined ? local : `${local}@${domain}`;
}

export function isPseudonym(rcptTo: string): boolean {
  return PSEUDONYM.test(rcptTo);
}

/** 22 characters of base64url. */
export function erasedHashOf(address: string, { erasureKey }: PrivacyKeys): string {
  return mac(address.toLowerCase(), erasureKey).toString("base64url");
}

/** The id that an anonymous message has instead of the one that its sender knows. */
export function anonymousMessageId(messageId: MessageId, { numberKey }: PrivacyKeys): MessageId {
  return mac(`message ${messageId}`, numberKey).toString("hex", 0, MESSAGE_ID_BYTES) as MessageId;
}

/** The same for the number of the call that wrapped it: 18 digits, as those that are made up. */
export function anonymousTransmissionId(transmissionId: string, { numberKey }: PrivacyKeys): string {
  const number = mac(`transmission ${transmissionId}`, numberKey).readBigUInt64BE();
  return (10n ** 17n + (number % (9n * 10n ** 17n))).toString();
}

function mac(text: string, key: Buffer): Buffer {
  return createHmac("sha256", key).update(text).digest().subarray(0, MAC_BYTES);
}

function subKey(secret: Buffer, use: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `waypost privacy v1 ${use}`, KEY_BYTES));
}
