/** Erases a person: what is stored of them, and what would be stored of their later clicks. */
import { setTimeout as sleep } from "node:timers/promises";

import type { SubaccountId } from "../domain/subaccount.ts";
import { erasedHashOf, pseudonymOf } from "../token/pseudonym.ts";
import type { EventStore } from "./event-store.ts";
import type { MessageStore } from "./message-store.ts";
import { MAX_AGE_MS, type PrivacyRules } from "./privacy-rules.ts";

export interface ErasureDeps {
  readonly events: Pick<EventStore, "erase" | "count">;
  readonly messages: Pick<MessageStore, "erase" | "countTo">;
  readonly privacy: {
    addErased(hashes: readonly string[], scope: SubaccountId | "all", nowMs: number): Promise<void>;
  };
  readonly rules: PrivacyRules;
  readonly now: () => number;
}

export interface Amount {
  readonly events: number;
  readonly messages: number;
}

export interface Erasure {
  readonly erased: Amount;
  /** Counted afterwards. */
  readonly left: Amount;
}

/**
 * Until then every process has read that the person is erased, and has stored what it had begun to store before. One that is slower
 * erases again itself (`erase-again.ts`).
 */
const SETTLE_MS = 4 * MAX_AGE_MS;
/** Nobody has as many: it says no more than that something is left. */
const COUNTED_AT_MOST = 1_000_000;

/** By their address and by their pseudonym. What fails halfway is done by asking again. */
export async function eraseRecipient(
  address: string,
  scope: SubaccountId | "all",
  { events, messages, privacy, rules, now }: ErasureDeps,
): Promise<Erasure> {
  const recipients = [...new Set([address.toLowerCase(), pseudonymOf(address, rules.keys)])];
  const hashes = recipients.map((recipient) => erasedHashOf(recipient, rules.keys));
  await privacy.addErased(hashes, scope, now());
  rules.expire();
  await sleep(SETTLE_MS);
  const erased = { events: 0, messages: 0 };
  const left = { events: 0, messages: 0 };
  for (const recipient of recipients) {
    erased.events += await events.erase(recipient, scope);
    erased.messages += await messages.erase(recipient, scope);
    left.messages += await messages.countTo(recipient, scope);
  }
  left.events = await events.count(
    {
      subaccounts: scope === "all" ? "all" : [scope],
      recipients,
      fromMs: Number.MIN_SAFE_INTEGER,
      toMs: Number.MAX_SAFE_INTEGER,
    },
    COUNTED_AT_MOST,
  );
  return { erased, left };
}
