/** Wrapping mail, and what tracked links hold. */
import { callForResults } from "./client.ts";

export interface Content {
  readonly html?: string;
  readonly email_rfc822?: string;
}

export interface WrapOptions {
  readonly open_tracking: boolean;
  readonly click_tracking: boolean;
  readonly initial_open: boolean;
}

export interface WrapRequest {
  readonly content: Content;
  readonly recipient: string;
  readonly options: WrapOptions;
  /** Empty: as any message chooses. */
  readonly trackingDomain: string;
  readonly subaccount: number | undefined;
}

export interface WrappedLink {
  readonly url: string;
  readonly part: "html" | "text" | "amp_html";
  readonly name?: string;
  readonly tracked: boolean;
  readonly reason?: string;
}

export interface Wrapped {
  readonly tracking_domain?: string;
  readonly untracked_reason?: string;
  readonly messages: readonly { readonly message_id: string; readonly content: Content }[];
  readonly links: readonly WrappedLink[];
  readonly skipped?: readonly { readonly content_type: string; readonly reason: string }[];
}

export interface OpenedLink {
  readonly type: string;
  readonly target_link_url?: string;
  readonly target_link_name?: string;
  readonly message_id: string;
  readonly rcpt_to: string;
  readonly injection_time: string;
  readonly expires_at?: string;
  readonly expired: boolean;
  readonly subaccount_id?: number;
  readonly host: string;
  readonly is_tracking_domain: boolean;
}

export function wrapMessage({
  content,
  recipient,
  options,
  trackingDomain,
  subaccount,
}: WrapRequest): Promise<Wrapped> {
  return callForResults("/wrap", {
    method: "POST",
    subaccount,
    body: {
      content,
      recipients: [{ address: recipient }],
      options,
      ...(trackingDomain === "" ? {} : { tracking_domain: trackingDomain }),
    },
  });
}

export function openTrackedLink(url: string): Promise<OpenedLink> {
  return callForResults("/links/open", { method: "POST", body: { url } });
}
