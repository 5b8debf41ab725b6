/** What a call that wraps says about its messages, beside their content: recorded, so that their events come out whole. */
import { randomBytes } from "node:crypto";

import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import type { Selection } from "../domain/selection.ts";
import type { MessageFacts } from "../events/message-facts.ts";
import type { WrappedCall, WrappedMessage } from "../events/message-store.ts";
import { keptFacts } from "../events/privacy.ts";
import { anonymousTransmissionId, type PrivacyKeys } from "../token/pseudonym.ts";
import { decodeHeaderText } from "../wrap/header-text.ts";
import { messageHeaderField } from "../wrap/mime-header.ts";
import type { LinkReport } from "../wrap/report.ts";
import type { WrapOptions } from "./wrap-options.ts";
import type { WrappedRecipient } from "./wrap-privacy.ts";

const MAX_METADATA_BYTES = 1000;
const MAX_TAGS = 10;
/** In bytes of UTF-8. */
const MAX_BYTES = {
  campaign_id: 64,
  template_id: 64,
  template_version: 64,
  ip_pool: 64,
  subject: 1000,
  from: 1000,
  return_path: 320,
  tag: 255,
} as const;

const METADATA = Type.Record(Type.String(), Type.Unknown(), {
  description: "Comes back as `rcpt_meta` in events; 1000 bytes of JSON.",
});
const TAGS = Type.Array(Type.String(), { description: "Come back as `rcpt_tags` in events; at most 10." });
export const RECIPIENT_FACTS = {
  metadata: Type.Optional(METADATA),
  tags: Type.Optional(TAGS),
};
export const CALL_FACTS = {
  campaign_id: Type.Optional(Type.String({ description: "At most 64 bytes." })),
  template_id: Type.Optional(Type.String({ description: "At most 64 bytes." })),
  template_version: Type.Optional(Type.String({ description: "At most 64 bytes." })),
  transmission_id: Type.Optional(
    Type.String({ description: "At most 20 digits; made up when absent. Events carry it." }),
  ),
  subject: Type.Optional(Type.String({ description: "At most 1000 bytes. A whole message has its own." })),
  from: Type.Optional(
    Type.Union(
      [
        Type.String(),
        Type.Object({
          email: Type.String({ description: "The address." }),
          name: Type.Optional(Type.String({ description: "The name before it." })),
        }),
      ],
      {
        description:
          "As in `From:`; its domain is the sending domain unless there is another. At most 1000 bytes.",
      },
    ),
  ),
  return_path: Type.Optional(Type.String({ description: "The envelope's sender: `msg_from` in events." })),
  ip_pool: Type.Optional(Type.String({ description: "At most 64 bytes." })),
  ...RECIPIENT_FACTS,
};
const CALL_FACTS_OBJECT = Type.Object(CALL_FACTS);
export type CallFacts = Static<typeof CALL_FACTS_OBJECT>;
export type RecipientFacts = Pick<CallFacts, "metadata" | "tags">;

/** What the facts follow from that is no field of its own. */
export interface FactsContext {
  readonly options: WrapOptions;
  readonly sendingDomain: string | undefined;
  readonly msgSize: number | undefined;
  readonly ampEnabled: boolean;
}

/** Throws `invalid_format` for what is too long. */
export function parseFacts(given: CallFacts, context: FactsContext): MessageFacts {
  const { options, sendingDomain, msgSize, ampEnabled } = context;
  const openTracking = options.open_tracking ?? true;
  const rcptMeta = checkMetadata(given.metadata, "metadata");
  const rcptTags = checkTags(given.tags, "tags");
  const from = checkLength(textOfFrom(given.from), "from");
  const known = {
    campaignId: checkLength(given.campaign_id, "campaign_id"),
    templateId: checkLength(given.template_id, "template_id"),
    templateVersion: checkLength(given.template_version, "template_version"),
    subject: checkLength(given.subject, "subject"),
    friendlyFrom: from,
    msgFrom: checkLength(given.return_path, "return_path"),
    ipPool: checkLength(given.ip_pool, "ip_pool"),
    sendingDomain: sendingDomain?.toLowerCase(),
    msgSize,
    rcptMeta,
    rcptTags,
  };
  return {
    ...(Object.fromEntries(
      Object.entries(known).filter(([, value]) => value !== undefined && value !== ""),
    ) as Partial<MessageFacts>),
    transmissionId: parseTransmissionId(given.transmission_id),
    openTracking,
    clickTracking: options.click_tracking ?? true,
    initialOpen: options.initial_open ?? openTracking,
    ampEnabled,
  };
}

/** A recipient's metadata go before the call's, name by name; its tags come after the call's. */
export function parseRecipientFacts(
  { metadata, tags }: RecipientFacts,
  call: MessageFacts,
  field: string,
): Pick<WrappedMessage, "rcptMeta" | "rcptTags"> {
  const rcptMeta =
    metadata === undefined ? undefined : checkMetadata({ ...call.rcptMeta, ...metadata }, `${field}metadata`);
  const rcptTags =
    tags === undefined ? undefined : checkTags([...(call.rcptTags ?? []), ...tags], `${field}tags`);
  return { ...(rcptMeta && { rcptMeta }), ...(rcptTags && { rcptTags }) };
}

/** What was found in the content that can be tracked. */
export interface Trackable {
  readonly links: readonly Pick<LinkReport, "tracked">[];
  readonly hasPixel: boolean;
}

/** Of content without links or without a place for a pixel nothing is tracked, whatever the options allow. */
export function asTracked(facts: MessageFacts, { links, hasPixel }: Trackable): MessageFacts {
  return {
    ...facts,
    openTracking: facts.openTracking && hasPixel,
    initialOpen: facts.initialOpen && hasPixel,
    clickTracking: links.some(({ tracked }) => tracked),
  };
}

/** What is recorded of a call: only messages that are tracked, apart by what their recipients agreed to. */
export function wrappedCalls(
  facts: MessageFacts,
  recipients: readonly WrappedRecipient[],
  { selection, keys }: { readonly selection: Selection; readonly keys: PrivacyKeys },
): readonly WrappedCall[] {
  const [first] = recipients;
  if (selection.kind !== "selected" || first === undefined) return [];
  const tracked = recipients.filter(({ tracking }) => tracking !== "off");
  const groups = Map.groupBy(tracked, ({ tracking, privacy }) => `${tracking} ${privacy}`);
  const calls = [...groups.values()].map((group) => ({
    subaccountId: first.subaccountId,
    sentAtSeconds: first.sentAtSeconds,
    trackingDomain: selection.domain.domain,
    facts: narrowed(facts, group[0], keys),
    messages: inNoOrder(group).map(({ messageId, rcptTo, rcptMeta, rcptTags }) => ({
      messageId,
      rcptTo,
      ...(rcptMeta && { rcptMeta }),
      ...(rcptTags && { rcptTags }),
    })),
  }));
  return calls.filter(({ facts: { openTracking, initialOpen, clickTracking } }) => {
    return openTracking || initialOpen || clickTracking;
  });
}

/** The call's word goes before the header's: metadata name by name, and tags after the header's. */
export function mergeFacts(header: CallFacts, call: CallFacts): CallFacts {
  const tags = [...(header.tags ?? []), ...(call.tags ?? [])];
  return {
    ...header,
    ...call,
    ...((header.metadata ?? call.metadata) && { metadata: { ...header.metadata, ...call.metadata } }),
    ...(tags.length > 0 && { tags }),
  };
}

/** The facts that stand in a message's own header; too long ones are cut, since they are the recipient's to read. */
export function factsInMessage(message: Buffer): Pick<CallFacts, "subject"> & { readonly from?: string } {
  const read = (name: "subject" | "from") =>
    cutToBytes(decodeHeaderText(messageHeaderField(message, name) ?? ""), MAX_BYTES[name]);
  const [subject, from] = [read("subject"), read("from")];
  return { ...(subject !== "" && { subject }), ...(from !== "" && { from }) };
}

/** The domain that is said to send, else that of the address in From:. */
export function sendingDomainOf(given: {
  readonly sending_domain?: string;
  readonly from?: CallFacts["from"];
}): string | undefined {
  const from = textOfFrom(given.from) ?? "";
  const address = /<([^<>]*)>\s*$/.exec(from)?.[1] ?? from;
  return given.sending_domain ?? domainOfAddress(address.trim());
}

function textOfFrom(from: CallFacts["from"]): string | undefined {
  if (typeof from !== "object") return from;
  return from.name === undefined || from.name === "" ? from.email : `${from.name} <${from.email}>`;
}

function narrowed(
  facts: MessageFacts,
  recipient: WrappedRecipient | undefined,
  keys: PrivacyKeys,
): MessageFacts {
  const { tracking, privacy = "full" } = recipient ?? {};
  if (privacy === "pseudonymous" || privacy === "anonymous") {
    const kept = ofTracking(keptFacts(facts, privacy), tracking);
    // A number that the caller knows says who it was when there was one recipient.
    return privacy === "pseudonymous"
      ? kept
      : { ...kept, transmissionId: anonymousTransmissionId(facts.transmissionId, keys) };
  }
  return ofTracking(facts, tracking);
}

function ofTracking(facts: MessageFacts, tracking: WrappedRecipient["tracking"]): MessageFacts {
  if (tracking === "opens") return { ...facts, clickTracking: false };
  if (tracking === "clicks") return { ...facts, openTracking: false, initialOpen: false };
  return facts;
}

/** Anonymous recipients are not recorded in the order in which the caller named them: their ids, by which they are sorted, say nothing. */
function inNoOrder(group: readonly WrappedRecipient[]): readonly WrappedRecipient[] {
  if (group[0]?.privacy !== "anonymous") return group;
  return group.toSorted((one, other) => (one.messageId < other.messageId ? -1 : 1));
}

function parseTransmissionId(text: string | undefined): string {
  if (text === undefined || text === "") return newTransmissionId();
  if (!/^\d{1,20}$/.test(text))
    throw new AppError("invalid_format", "field 'transmission_id' must be at most 20 digits");
  return text;
}

/** 18 digits, as SparkPost's are. */
function newTransmissionId(): string {
  const lowest = 10n ** 17n;
  return (lowest + (randomBytes(8).readBigUInt64BE() % (9n * lowest))).toString();
}

function checkLength<T extends string | undefined>(text: T, field: keyof typeof MAX_BYTES): T {
  const bytes = Buffer.byteLength(text ?? "");
  if (bytes > MAX_BYTES[field]) throw tooLong(field, bytes, MAX_BYTES[field]);
  return text;
}

function checkMetadata(metadata: RecipientFacts["metadata"], field: string): MessageFacts["rcptMeta"] {
  if (metadata === undefined) return undefined;
  const bytes = Buffer.byteLength(toJson(metadata, field));
  if (bytes > MAX_METADATA_BYTES) throw tooLong(field, bytes, MAX_METADATA_BYTES);
  return metadata;
}

function toJson(metadata: object, field: string): string {
  try {
    return JSON.stringify(metadata);
  } catch (cause) {
    // Parsing goes deeper than writing does: the stack ends.
    throw new AppError("invalid_format", `field '${field}' is nested too deeply`, { cause });
  }
}

function checkTags(tags: readonly string[] | undefined, field: string): readonly string[] | undefined {
  if (tags === undefined) return undefined;
  const different = [...new Set(tags)];
  if (different.length > MAX_TAGS)
    throw new AppError("invalid_format", `field '${field}' may have at most ${MAX_TAGS} entries`);
  const long = different.find((tag) => Buffer.byteLength(tag) > MAX_BYTES.tag);
  if (long !== undefined) throw tooLong(field, Buffer.byteLength(long), MAX_BYTES.tag);
  return different;
}

function tooLong(field: string, bytes: number, most: number): AppError {
  return new AppError(
    "invalid_format",
    `field '${field}' is of length '${bytes}', but needs to be of max length '${most}'`,
  );
}

function cutToBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return text;
  // A character that is cut in two becomes the replacement character, and goes.
  return bytes
    .subarray(0, most)
    .toString()
    .replace(/\ufffd+$/, "");
}
