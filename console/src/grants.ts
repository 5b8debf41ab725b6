/** What each grant lets its holder do, in words, in the order of the pages. */
export interface GrantWords {
  readonly grant: string;
  readonly words: string;
  /** A subaccount's key may have it. */
  readonly isForSubaccounts: boolean;
}

export const GRANT_WORDS: readonly GrantWords[] = [
  { grant: "tracking_domains/view", words: "See tracking domains", isForSubaccounts: true },
  {
    grant: "tracking_domains/manage",
    words: "Add, change and delete tracking domains",
    isForSubaccounts: true,
  },
  { grant: "sending_domains/view", words: "See sending domains", isForSubaccounts: true },
  {
    grant: "sending_domains/manage",
    words: "Change which tracking domain a sending domain uses",
    isForSubaccounts: true,
  },
  { grant: "messages/wrap", words: "Wrap mail, and open tracked links", isForSubaccounts: true },
  {
    grant: "message_events/view",
    words: "See what recipients did, with their addresses",
    isForSubaccounts: true,
  },
  { grant: "webhooks/view", words: "See webhooks, without their secrets", isForSubaccounts: true },
  {
    grant: "webhooks/modify",
    words: "Add, change and delete webhooks, and send events again",
    isForSubaccounts: true,
  },
  { grant: "metrics/view", words: "See how many opened and clicked", isForSubaccounts: true },
  { grant: "recipients/erase", words: "Erase what is kept of a recipient", isForSubaccounts: true },
  { grant: "subaccounts/view", words: "See subaccounts", isForSubaccounts: false },
  { grant: "subaccounts/manage", words: "Make and change subaccounts", isForSubaccounts: false },
  { grant: "keys/manage", words: "See, make and revoke keys", isForSubaccounts: false },
  { grant: "audit/view", words: "See who changed what", isForSubaccounts: false },
  { grant: "settings/view", words: "See the running configuration", isForSubaccounts: false },
];
