/** How a webhook fares, in a word. */
import type { Webhook } from "./api/webhooks.ts";
import type { MarkKind } from "./components/mark.tsx";

export function webhookState(webhook: Webhook): { readonly word: string; readonly kind: MarkKind } {
  const { active, inactive_reason, last_successful = "", last_failure = "" } = webhook;
  if (!active && inactive_reason === "gone") return { word: "Off: its receiver is gone", kind: "bad" };
  if (!active) return { word: "Paused", kind: "off" };
  // Times as text, in one zone: they compare as they are.
  if (last_failure > last_successful) return { word: "Failing", kind: "bad" };
  if (last_successful === "") return { word: "Nothing sent yet", kind: "wait" };
  return { word: "Delivers", kind: "good" };
}

/** By `ownerName` each owner is called what the reader knows it by. */
export function whoseEvents(
  { all_subaccounts, exception_subaccounts: exceptions, subaccount_id }: Webhook,
  ownerName: (subaccountId: number | undefined) => string,
): string {
  if (!all_subaccounts) return ownerName(subaccount_id);
  if (exceptions.length === 0) return "Everybody's";
  return `Everybody's, except ${exceptions.map(ownerName).join(", ")}`;
}

const OPERATIONAL: Readonly<Record<string, string>> = {
  domain_broken: "A domain no longer reaches Waypost",
  domain_recovered: "A domain reaches it again",
  certificate_failing: "A certificate cannot be renewed",
  spool_filling: "An edge runs out of room",
  webhook_dead: "A webhook gave a batch up",
};

export const OPERATIONAL_EVENTS: readonly string[] = Object.keys(OPERATIONAL);

export function operationalWord(kind: string): string {
  return OPERATIONAL[kind] ?? kind;
}
