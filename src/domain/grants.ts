/** What an API key may do. SparkPost's names where it has one; `messages/wrap`, `keys/manage` and `recipients/erase` are ours. */
export const GRANTS = [
  "tracking_domains/view",
  "tracking_domains/manage",
  "sending_domains/view",
  "sending_domains/manage",
  "message_events/view",
  "webhooks/view",
  "webhooks/modify",
  "metrics/view",
  "subaccounts/view",
  "subaccounts/manage",
  "messages/wrap",
  "recipients/erase",
  "keys/manage",
  "audit/view",
  "settings/view",
] as const;
export type Grant = (typeof GRANTS)[number];

/** What a subaccount's key may carry: all that stays inside the subaccount. */
export const SUBACCOUNT_GRANTS: readonly Grant[] = [
  "tracking_domains/view",
  "tracking_domains/manage",
  "sending_domains/view",
  "sending_domains/manage",
  "message_events/view",
  "webhooks/view",
  "webhooks/modify",
  "metrics/view",
  "messages/wrap",
  "recipients/erase",
];
