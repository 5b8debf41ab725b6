/** Who is signed in. The key itself is sent once and kept nowhere: a cookie that scripts cannot read stands for it. */
import { callApi, callForResults } from "./client.ts";

export interface Session {
  readonly key_id: string;
  readonly key_label: string;
  readonly grants: readonly string[];
  readonly subaccount_id?: number;
  readonly subaccount_name?: string;
  readonly expires_at?: string;
  readonly version: string;
}

export const SESSION_KEY = ["session"] as const;

export function fetchSession(signal?: AbortSignal): Promise<Session> {
  return callForResults<Session>("/session", { signal });
}

export function signIn(key: string): Promise<Session> {
  return callForResults<Session>("/session", { method: "POST", body: { key: key.trim() } });
}

export function signOut(): Promise<void> {
  return callApi<void>("/session", { method: "DELETE" });
}
