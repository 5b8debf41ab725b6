/** What both forms of `POST /api/v1/wrap` share: recipients, options and the report. */
import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { isMessageId, type MessageId, newMessageId } from "../domain/message-id.ts";
import type { Selection } from "../domain/selection.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { EdgePorts } from "../domain/tracking-domain.ts";
import type { PrivateRecorder } from "../events/message-recorder.ts";
import type { PrivacyRules } from "../events/privacy-rules.ts";
import type { KeyRing } from "../token/key-ring.ts";
import type { CompileOptions, Recipient } from "../wrap/options.ts";
import type { LinkReport, SkippedPart } from "../wrap/report.ts";
import { originOf, type SelectionDeps } from "./domain-selection.ts";

export interface WrapDeps extends SelectionDeps {
  /** Sealing keys may be rotated while the server runs. */
  readonly keys: () => KeyRing;
  readonly ports: EdgePorts;
  /** Whether wrapped HTML gets the invisible link that gives scanners away. */
  readonly honeypot: boolean;
  readonly messages: PrivateRecorder;
  readonly privacy: PrivacyRules;
  readonly now: () => number;
}

/** RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets. */
const MAX_ADDRESS_BYTES = 320;
const ADDRESS = /^[^\s@\p{Cc}]+(?:@[^\s@\p{Cc}]+)+$/u;

export const switchOf = (description: string) => Type.Optional(Type.Boolean({ description }));
export const WRAP_OPTIONS = Type.Object(
  {
    open_tracking: switchOf("Add a pixel at the end. Default: true."),
    click_tracking: switchOf("Wrap links. Default: true."),
    initial_open: switchOf("Add a pixel at the top. Default: as open_tracking."),
    text_tracking: switchOf("Wrap links in text/plain too. Default: true."),
    keep_markers: switchOf("Leave data-msys-… attributes in what is sent. Default: false."),
    skip_url_text: switchOf("Leave links alone whose visible text is itself a URL. Default: false."),
    allow_signed_body: switchOf("Wrap a message although that breaks its DKIM signature. Default: false."),
  },
  { description: "What is tracked, and how." },
);
export type WrapOptions = Static<typeof WRAP_OPTIONS>;
export const OPTION_NAMES = Object.keys(WRAP_OPTIONS.properties) as readonly (keyof WrapOptions)[];

/** What wrapping found, as wrap/ tells it. */
export interface Report {
  readonly links: readonly LinkReport[];
  readonly skipped?: readonly SkippedPart[];
}

/** Throws `invalid_format` for what is no address. `field` names the place: the text never repeats the address. */
export function parseRecipient(
  recipient: {
    readonly address: string;
    readonly message_id?: string;
    readonly tracking?: Recipient["tracking"];
  },
  context: { readonly field: string; readonly subaccountId: SubaccountId; readonly nowMs: number },
): Recipient {
  const { address, message_id, tracking } = recipient;
  if (!isAddress(address)) {
    throw new AppError("invalid_format", `field '${context.field}address' is not an address`);
  }
  return {
    rcptTo: address,
    messageId: parseMessageId(message_id, context.field),
    subaccountId: context.subaccountId,
    sentAtSeconds: Math.floor(context.nowMs / 1000),
    ...(tracking === undefined ? {} : { tracking }),
  };
}

export function isAddress(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_ADDRESS_BYTES && ADDRESS.test(text);
}

/** The API's names for what wrap/ calls otherwise. */
export function compileOptions(
  options: WrapOptions,
  {
    selection,
    deps: { keys, ports, honeypot },
  }: { readonly selection: Selection; readonly deps: Pick<WrapDeps, "keys" | "ports" | "honeypot"> },
): CompileOptions {
  const named = {
    openTracking: options.open_tracking,
    clickTracking: options.click_tracking,
    initialOpen: options.initial_open,
    textTracking: options.text_tracking,
    keepMarkers: options.keep_markers,
    skipUrlText: options.skip_url_text,
    allowSignedBody: options.allow_signed_body,
  };
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return { origin: originOf(selection, ports), ring: keys(), honeypot, ...given };
}

function parseMessageId(text: string | undefined, field: string): MessageId {
  if (text === undefined) return newMessageId();
  if (!isMessageId(text)) {
    throw new AppError("invalid_format", `field '${field}message_id' must be 20 lower-case hex characters`);
  }
  return text;
}

/** The links and parts as the API shows them. Without a tracking domain no link is tracked, whatever else speaks for it. */
export function reportToWire(
  { links, skipped }: Report,
  selection: Selection,
): { readonly links: readonly object[]; readonly skipped?: readonly object[] } {
  return {
    links:
      selection.kind === "selected"
        ? links
        : links.map((link) => (link.tracked ? { ...link, tracked: false, reason: selection.reason } : link)),
    ...(skipped === undefined
      ? {}
      : { skipped: skipped.map(({ contentType, reason }) => ({ content_type: contentType, reason })) }),
  };
}
