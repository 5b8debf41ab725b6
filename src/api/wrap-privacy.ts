/** Decides how much a message may say of its recipient: once, when it is wrapped, for its tokens and for what is recorded of it. */
import { type PrivacyMode, strictest } from "../domain/privacy.ts";
import type { WrappedMessage } from "../events/message-store.ts";
import { keptRecipient } from "../events/privacy.ts";
import type { PrivacyRules } from "../events/privacy-rules.ts";
import { anonymousMessageId } from "../token/pseudonym.ts";
import type { Recipient } from "../wrap/options.ts";

/** A recipient with what is recorded of them alone. */
export type RecipientWithFacts = Recipient & Pick<WrappedMessage, "rcptMeta" | "rcptTags">;

/** A recipient as tokens and facts know them. */
export type WrappedRecipient = RecipientWithFacts & { readonly privacy: PrivacyMode };

/** To be called with fresh rules. `wishes` are the caller's, of which the strictest counts. */
export function applyPrivacy(
  recipient: RecipientWithFacts,
  rules: PrivacyRules,
  ...wishes: readonly (PrivacyMode | undefined)[]
): WrappedRecipient {
  const { subaccountId, rcptTo } = recipient;
  const wish = strictest(...wishes.map((mode) => mode ?? "full"));
  const privacy = rules.modeFor(subaccountId, rcptTo, wish);
  if (privacy === "full") return { ...recipient, privacy };
  if (privacy === "off") return { ...recipient, privacy, tracking: "off" };
  const { rcptMeta: _meta, rcptTags, ...rest } = recipient;
  const hidden = { ...rest, privacy, rcptTo: keptRecipient(rcptTo, privacy, rules.keys) };
  // The id that the caller knows is their own: with it they could look up who an anonymous event is of.
  if (privacy === "anonymous") {
    return { ...hidden, messageId: anonymousMessageId(recipient.messageId, rules.keys) };
  }
  return { ...hidden, ...(rcptTags && { rcptTags }) };
}
