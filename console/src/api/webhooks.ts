/** Webhooks, their last batches, and what is sent again. */
import { queryOptions } from "@tanstack/react-query";

import { callApi, callForResults, withQuery } from "./client.ts";

export type WebhookKind = "events" | "operational";
export type AuthType = "none" | "basic" | "oauth2";

/** What the API shows in place of a secret; sent back, it leaves the secret as it is. */
export const MASK = "********";

export interface Webhook {
  readonly id: string;
  readonly name: string;
  readonly kind: WebhookKind;
  readonly target: string;
  readonly events: readonly string[];
  readonly active: boolean;
  readonly inactive_reason?: string;
  readonly auth_type: AuthType;
  /** Of `basic`; the password is masked. */
  readonly auth_credentials?: { readonly username?: string; readonly password?: string };
  /** Of `oauth2`; secret fields are masked. */
  readonly auth_request_details?: {
    readonly url?: string;
    readonly body?: Readonly<Record<string, string | number | boolean>>;
  };
  /** Values are masked. */
  readonly custom_headers: Readonly<Record<string, string>>;
  /** Everybody's events, but those of the exceptions; else its owner's alone. */
  readonly all_subaccounts: boolean;
  readonly exception_subaccounts: readonly number[];
  readonly subaccount_id?: number;
  /** As `2026-11-22 21:00:00`, in UTC. */
  readonly last_successful?: string;
  readonly last_failure?: string;
}

export interface Batch {
  readonly batch_id: string;
  readonly ts: string;
  readonly attempts: number;
  readonly state: "failing" | "delivered" | "dead";
  readonly response_code?: string;
  readonly failure_code?: string;
  readonly latency: number;
  /** Of a batch that is among the last that arrived. */
  readonly events?: number;
}

export interface Replay {
  readonly id: string;
  readonly status: "queued" | "running" | "retrying" | "finished";
  readonly progress: number;
  readonly sent_batches: number;
  readonly sent_events: number;
  readonly dead_batches: number;
  readonly created_at: string;
  readonly finished_at?: string;
}

export interface WebhookRequest {
  readonly name: string;
  readonly target: string;
  readonly events: readonly string[];
  readonly kind: WebhookKind;
  readonly auth_type: AuthType;
  readonly auth_credentials?: { readonly username: string; readonly password: string };
  readonly auth_request_details?: { readonly url: string; readonly body: Readonly<Record<string, string>> };
  readonly custom_headers: Readonly<Record<string, string>>;
}

/** What to send again: everything from a time on, or one dead batch. */
export type ReplayRange = { readonly from: string } | { readonly batch_id: string };

const LOOK_AGAIN_MS = 10_000;
const WATCH_REPLAY_MS = 1000;

export const webhookQueries = {
  all: ["webhooks"] as const,
  list: () =>
    queryOptions({
      queryKey: ["webhooks", "list"],
      queryFn: ({ signal }) => callForResults<readonly Webhook[]>("/webhooks", { signal }),
      refetchInterval: LOOK_AGAIN_MS,
    }),
  one: (id: string) =>
    queryOptions({
      queryKey: ["webhooks", "one", id],
      queryFn: ({ signal }) => callForResults<Webhook>(pathOf(id), { signal }),
      refetchInterval: LOOK_AGAIN_MS,
    }),
  batches: (id: string) =>
    queryOptions({
      queryKey: ["webhooks", "batches", id],
      queryFn: async ({ signal }) => {
        const read = (state: string) =>
          callForResults<readonly Batch[]>(withQuery(`${pathOf(id)}/batch-status`, { state, limit: 100 }), {
            signal,
          });
        // Those that arrived at once, and dead ones of more than a day ago, are asked for by name.
        const lists = await Promise.all([read(""), read("dead"), read("delivered")]);
        const byId = new Map(lists.flat().map((batch) => [batch.batch_id, batch]));
        return [...byId.values()].sort((a, b) => b.ts.localeCompare(a.ts));
      },
      refetchInterval: LOOK_AGAIN_MS,
    }),
  replays: (id: string) =>
    queryOptions({
      queryKey: ["webhooks", "replays", id],
      queryFn: ({ signal }) => callForResults<readonly Replay[]>(`${pathOf(id)}/replays`, { signal }),
      refetchInterval: ({ state }) =>
        state.data?.some(({ status }) => status !== "finished") === true ? WATCH_REPLAY_MS : LOOK_AGAIN_MS,
    }),
};

/** `subaccount`: whose events it gets; absent: everybody's. */
export function createWebhook(
  request: WebhookRequest,
  subaccount: number | undefined,
): Promise<{ readonly id: string; readonly signing_secret: string }> {
  return callForResults("/webhooks", { method: "POST", body: request, subaccount });
}

export function updateWebhook(
  webhook: Webhook,
  change: Partial<Omit<WebhookRequest, "kind"> & { readonly active: boolean }>,
): Promise<unknown> {
  return callFor("PUT", webhook, "", change);
}

export function deleteWebhook(webhook: Webhook): Promise<void> {
  return callFor("DELETE", webhook, "");
}

/** What the target answered to a test. */
export function validateWebhook(
  webhook: Webhook,
): Promise<{ readonly results: { readonly response: { readonly status: number } } }> {
  return callFor("POST", webhook, "/validate");
}

export function rotateSecret(
  webhook: Webhook,
  overlapHours: number,
): Promise<{
  readonly results: { readonly signing_secret: string; readonly previous_valid_until?: string };
}> {
  return callFor("POST", webhook, withQuery("/rotate-secret", { overlap_hours: overlapHours }));
}

export function startReplay(webhook: Webhook, range: ReplayRange): Promise<unknown> {
  return callFor("POST", webhook, "/replay", range);
}

export function takeReplayBack(webhook: Webhook, replay: string): Promise<void> {
  return callFor("DELETE", webhook, `/replays/${replay}`);
}

function callFor<T>(
  method: "POST" | "PUT" | "DELETE",
  { id, subaccount_id }: Webhook,
  path: string,
  body?: unknown,
): Promise<T> {
  return callApi<T>(`${pathOf(id)}${path}`, { method, body, subaccount: subaccount_id });
}

function pathOf(id: string): string {
  return `/webhooks/${encodeURIComponent(id)}`;
}

/** The API's `2026-11-22 21:00:00` as a time that everybody reads. */
export function timeOf(text: string): string {
  return `${text.replace(" ", "T")}Z`;
}
