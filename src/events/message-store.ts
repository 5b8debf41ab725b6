/** What wrapping, ingest and those who count messages need of a store of message facts. */
import type { MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { MessageFacts } from "./message-facts.ts";

/** The messages that one call wrapped, and what they have in common. */
export interface WrappedCall {
  readonly subaccountId: SubaccountId;
  readonly sentAtSeconds: number;
  /** Whose links the messages have. */
  readonly trackingDomain: string;
  readonly facts: MessageFacts;
  readonly messages: readonly WrappedMessage[];
}

export interface WrappedMessage {
  readonly messageId: MessageId;
  readonly rcptTo: string;
  /** Its own, instead of what `facts` says. */
  readonly rcptMeta?: MessageFacts["rcptMeta"];
  readonly rcptTags?: MessageFacts["rcptTags"];
}

/**
 * All three stand in a message's tokens, so that an event knows where its message's facts are. Callers choose ids: what two
 * tenants call alike are two messages.
 */
export interface MessageKey {
  readonly subaccountId: SubaccountId;
  readonly messageId: MessageId;
  readonly sentAtSeconds: number;
}

/** The key as one text, for maps. */
export function textOfKey({ subaccountId, sentAtSeconds, messageId }: MessageKey): string {
  return `${subaccountId} ${sentAtSeconds} ${messageId}`;
}

export interface SentMessage extends MessageKey {
  /** In lower case. */
  readonly rcptTo: string;
  readonly trackingDomain: string;
  readonly facts: MessageFacts;
}

/** A message with its place in the order of storing. */
export interface StoredMessage {
  readonly position: number;
  readonly message: SentMessage;
}

export interface MessageStore {
  /** All of them in one transaction for each UTC day. Of a message that is there already the first facts stay. */
  record(calls: readonly WrappedCall[]): Promise<void>;
  /** In the order of the keys; `undefined` for a message of which nothing is known. */
  find(keys: readonly MessageKey[]): Promise<readonly (MessageFacts | undefined)[]>;
  /** The messages after a position (0: from the first), in the order in which they were recorded. */
  readAfter(position: number, limit: number): Promise<readonly StoredMessage[]>;
  /** The last position that was given out; 0 before the first. */
  lastPosition(): Promise<number>;
  /**
   * Deletes a tenant's messages to a lower-case address for good, piece by piece, and what could be personal about the facts that no
   * other message has. Returns how many there were; when it rejects, some may be gone.
   */
  erase(recipient: string, scope: SubaccountId | "all"): Promise<number>;
  /** How many messages of a tenant there are to a lower-case address. */
  countTo(recipient: string, scope: SubaccountId | "all"): Promise<number>;
  /** Drops the UTC days of sending before the one this time is in, for good. Returns how many days that were. */
  dropBefore(timestampMs: number): Promise<number>;
}
