/**
 * Erases who was erased while something of theirs was on its way into a store: it may have come there after the erasure. To be
 * called once it is stored, with `erasures` as the rules had it when they were applied to it; `undefined` when nobody knows.
 */
import type { SubaccountId } from "../domain/subaccount.ts";
import type { PrivacyRules } from "./privacy-rules.ts";

interface Recipient {
  readonly rcptTo: string;
  readonly subaccountId: SubaccountId;
}

export async function eraseAgain(
  stored: readonly Recipient[],
  erasures: number | undefined,
  {
    rules,
    store,
  }: {
    readonly rules: PrivacyRules;
    readonly store: { erase(recipient: string, scope: SubaccountId): Promise<unknown> };
  },
): Promise<void> {
  await rules.freshen();
  if (rules.erasures === erasures) return;
  const erased = new Map<string, [recipient: string, subaccountId: SubaccountId]>();
  for (const { rcptTo, subaccountId } of stored) {
    const recipient = rcptTo.toLowerCase();
    if (rules.isErased(subaccountId, recipient))
      erased.set(`${subaccountId} ${recipient}`, [recipient, subaccountId]);
  }
  for (const [recipient, subaccountId] of erased.values()) await store.erase(recipient, subaccountId);
}
