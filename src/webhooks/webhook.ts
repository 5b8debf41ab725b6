/** A webhook: what somebody wants to be told, where, and how they know that it is us. */
import type { SubaccountId } from "../domain/subaccount.ts";
import type { SigningSecrets } from "./signature.ts";

/** What a webhook tells of: what recipients do, or what happens to the installation. */
export const WEBHOOK_KINDS = ["events", "operational"] as const;
export type WebhookKind = (typeof WEBHOOK_KINDS)[number];

export const AUTH_TYPES = ["none", "basic", "oauth2"] as const;

/** How the receiver is shown who calls. */
export type WebhookAuth =
  | { readonly type: "none" }
  | { readonly type: "basic"; readonly username: string; readonly password: string }
  | { readonly type: "oauth2"; readonly url: string; readonly body: Readonly<Record<string, TokenField>> };

/** A field of the request for an access token. */
export type TokenField = string | number | boolean;

/** All that is stored encrypted. */
export interface WebhookSecrets {
  readonly auth: WebhookAuth;
  /** Sent as `X-MessageSystems-Webhook-Token`, as SparkPost's oldest webhooks have it. */
  readonly token?: string;
  readonly customHeaders: Readonly<Record<string, string>>;
  readonly signing: SigningSecrets;
}

/** Which of all events a webhook gets. */
export interface Interest {
  readonly types: readonly string[];
  /** Whose; `all` but the exceptions. */
  readonly subaccounts: SubaccountId | "all";
  readonly exceptions: readonly SubaccountId[];
  /** Only those from this time on: of replays. Milliseconds since 1970. */
  readonly sinceMs?: number;
}

/** What a webhook is asked about an event. */
export interface EventFacts {
  readonly type: string;
  readonly subaccountId: SubaccountId;
  readonly timestampMs: number;
  /** Whose doing it was; empty when nobody's, or not kept. */
  readonly rcptTo: string;
}

/** The test for an interest, made once and asked for every event. */
export function createFilter(interest: Interest): (event: EventFacts) => boolean {
  const types = new Set(interest.types);
  const exceptions = new Set(interest.exceptions);
  const { subaccounts, sinceMs = Number.NEGATIVE_INFINITY } = interest;
  return ({ type, subaccountId, timestampMs }) =>
    types.has(type) &&
    (subaccounts === "all" ? !exceptions.has(subaccountId) : subaccounts === subaccountId) &&
    timestampMs >= sinceMs;
}
