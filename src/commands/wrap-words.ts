/**
 * Why a link, a part or a whole message was left as it came, in the words of the console. It has them beside what it shows, and imports
 * nothing from here: a test holds both to the same words.
 */
import type { Selection } from "../domain/selection.ts";
import type { LinkReason, SkipReason } from "../wrap/report.ts";

type UntrackedReason = Extract<Selection, { readonly kind: "untracked" }>["reason"];

export const LINK_WORDS: Readonly<Record<LinkReason | UntrackedReason, string>> = {
  not_http: "Not an http or https address",
  template_marker: "Holds a template marker that was not filled in",
  invalid_url: "No browser would open it",
  opted_out: 'Marked with data-msys-clicktrack="0"',
  already_wrapped: "Tracked already",
  too_long: "The tracked link would be too long",
  url_text: "Its visible text is itself a URL",
  ambiguous_end: "Where it ends cannot be told",
  click_tracking_off: "Click tracking is off",
  text_tracking_off: "Tracking in plain text is off",
  amp_needs_https: "AMP needs https, and the domain has none",
  no_tracking_domain: "There is no tracking domain to use",
  tracking_domain_not_usable: "The tracking domain cannot be used now",
};

export const PART_WORDS: Readonly<Record<SkipReason, string>> = {
  attachment: "an attachment",
  embedded_message: "a message inside the message",
  signed: "signed: a change would break the signature",
  encrypted: "encrypted",
  dkim_signed: "signed with DKIM: a change would break the signature",
  unsupported_charset: "its character set is not known",
  unsupported_encoding: "its transfer encoding is not known",
  malformed: "it cannot be read without guessing",
  too_large: "too large",
  amp_needs_https: "AMP needs https, and the domain has none",
};

export const UNTRACKED_WORDS: Readonly<Record<UntrackedReason, string>> = {
  no_tracking_domain: "Nothing was tracked: no tracking domain is named, and there is no default.",
  tracking_domain_not_usable:
    "Nothing was tracked: the tracking domain that would be used is not verified, or is blocked.",
};
