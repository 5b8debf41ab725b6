/** Identifies one mail to one recipient: 20 lower-case hex characters. */
import { randomBytes } from "node:crypto";

export type MessageId = string & { readonly __brand: "MessageId" };

export const MESSAGE_ID_BYTES = 10;

export function isMessageId(text: string): text is MessageId {
  return /^[0-9a-f]{20}$/.test(text);
}

/** 80 random bits: no two messages share one, and none tells how many there were. */
export function newMessageId(): MessageId {
  return randomBytes(MESSAGE_ID_BYTES).toString("hex") as MessageId;
}
