/** `POST /api/v1/wrap`: content in, content for each recipient out, with tracked links and pixels. */
import { Readable } from "node:stream";

import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { canonicalHostname } from "../domain/hostname.ts";
import { isMessageId, type MessageId, newMessageId } from "../domain/message-id.ts";
import { type Selection, selectTrackingDomain } from "../domain/selection.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import {
  type EdgePorts,
  isVerified,
  linkScheme,
  type TrackingDomain,
  trackingOrigin,
} from "../domain/tracking-domain.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { type CompiledContent, type Content, compile } from "../wrap/compile.ts";
import type { CompileOptions, Recipient } from "../wrap/options.ts";
import type { LinkReport } from "../wrap/report.ts";
import { type Call, type Reply, type Route, routeWithBody } from "./route.ts";

export interface WrapDeps {
  readonly trackingDomains: {
    find(domain: string, scope: SubaccountId | "all"): Promise<TrackingDomain | undefined>;
    findDefault(subaccountId: SubaccountId): Promise<TrackingDomain | undefined>;
  };
  readonly sendingDomains: {
    find(
      domain: string,
      scope: SubaccountId | "all",
    ): Promise<{ readonly trackingDomain: string | undefined } | undefined>;
  };
  readonly keys: KeyRing;
  readonly ports: EdgePorts;
  readonly now: () => number;
}

const BODY_LIMIT_BYTES = 16 * 1024 * 1024;
const MAX_RECIPIENTS = 2000;
/** RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets. */
const MAX_ADDRESS_LENGTH = 320;
const ADDRESS = /^[^\s@\p{Cc}]+(?:@[^\s@\p{Cc}]+)+$/u;

const CONTENT = Type.Object({
  html: Type.Optional(Type.String()),
  text: Type.Optional(Type.String()),
  amp_html: Type.Optional(Type.String()),
});
const RECIPIENT = Type.Object({
  address: Type.String({ description: "The recipient's address." }),
  message_id: Type.Optional(
    Type.String({ description: "20 lower-case hex characters; made up when absent." }),
  ),
  tracking: Type.Optional(
    Type.Enum(["off", "opens", "clicks", "full"], {
      description: "What this recipient agreed to. Default: full.",
    }),
  ),
});
const BODY = Type.Object({
  content: CONTENT,
  recipients: Type.Array(RECIPIENT, { minItems: 1, maxItems: MAX_RECIPIENTS }),
  options: Type.Optional(
    Type.Object({
      open_tracking: Type.Optional(Type.Boolean({ description: "Add a pixel at the end. Default: true." })),
      click_tracking: Type.Optional(Type.Boolean({ description: "Wrap links. Default: true." })),
      initial_open: Type.Optional(
        Type.Boolean({ description: "Add a pixel at the top. Default: as open_tracking." }),
      ),
    }),
  ),
  sending_domain: Type.Optional(
    Type.String({ maxLength: 1024, description: "The domain of the From: address." }),
  ),
  tracking_domain: Type.Optional(
    Type.String({
      maxLength: 1024,
      description: "A verified tracking domain of this (sub)account, instead of the selected one.",
    }),
  ),
  dry_run: Type.Optional(Type.Boolean({ description: "Only report what would be done. Default: false." })),
});
const LINK = Type.Object(
  {
    url: Type.String({ description: "As a browser would read it." }),
    part: Type.Enum(["html", "text", "amp_html"]),
    name: Type.Optional(Type.String()),
    tracked: Type.Boolean(),
    reason: Type.Optional(Type.String({ description: "Why not, when not tracked." })),
  },
  { additionalProperties: false },
);
const WRAPPED = Type.Object(
  {
    results: Type.Object(
      {
        tracking_domain: Type.Optional(Type.String({ description: "Absent when nothing could be tracked." })),
        untracked_reason: Type.Optional(Type.Enum(["no_tracking_domain", "tracking_domain_not_usable"])),
        messages: Type.Array(
          Type.Object(
            { rcpt_to: Type.String(), message_id: Type.String(), content: CONTENT },
            { additionalProperties: false },
          ),
        ),
        links: Type.Array(LINK),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

type Body = Static<typeof BODY>;

export function wrapRoutes(deps: WrapDeps): readonly Route[] {
  return [
    routeWithBody({
      method: "POST",
      url: "/api/v1/wrap",
      grant: "messages/wrap",
      tag: "Messages",
      summary: "Wrap content for its recipients",
      description:
        "The tracking domain is the one named in the call, else the sending domain's, else the subaccount's default, else the account's default; without a usable one the content comes back as it was sent, with the reason.",
      body: BODY,
      bodyLimit: BODY_LIMIT_BYTES,
      replies: { 200: WRAPPED },
      handle: (call) => wrap(call, call.body, deps),
    }),
  ];
}

async function wrap({ tenant }: Call, body: Body, deps: WrapDeps): Promise<Reply> {
  const recipients = body.recipients.map((recipient, index) =>
    parseRecipient(recipient, { index, subaccountId: tenant.write, nowMs: deps.now() }),
  );
  const selection = await select(body, tenant.write, deps);
  const compiled = compile(body.content, compileOptions(body, selection, deps));
  return { status: 200, body: Readable.from(reply({ body, recipients, selection, compiled })) };
}

function parseRecipient(
  { address, message_id, tracking }: Body["recipients"][number],
  { index, subaccountId, nowMs }: { index: number; subaccountId: SubaccountId; nowMs: number },
): Recipient {
  // The texts name the place and never the address: errors are logged by many a client.
  if (address.length > MAX_ADDRESS_LENGTH || !ADDRESS.test(address)) {
    throw new AppError("invalid_format", `field 'recipients[${index}].address' is not an address`);
  }
  return {
    rcptTo: address,
    messageId: parseMessageId(message_id, index),
    subaccountId,
    sentAtSeconds: Math.floor(nowMs / 1000),
    ...(tracking === undefined ? {} : { tracking }),
  };
}

function parseMessageId(text: string | undefined, index: number): MessageId {
  if (text === undefined) return newMessageId();
  if (!isMessageId(text)) {
    throw new AppError(
      "invalid_format",
      `field 'recipients[${index}].message_id' must be 20 lower-case hex characters`,
    );
  }
  return text;
}

async function select(body: Body, subaccountId: SubaccountId, deps: WrapDeps): Promise<Selection> {
  const { trackingDomains, sendingDomains } = deps;
  if (body.tracking_domain !== undefined) return named(body.tracking_domain, subaccountId, deps);
  const sending =
    body.sending_domain === undefined
      ? undefined
      : await sendingDomains.find(canonicalHostname(body.sending_domain), subaccountId);
  const [sendingDomain, subaccountDefault, accountDefault] = await Promise.all([
    sending?.trackingDomain === undefined
      ? undefined
      : trackingDomains.find(sending.trackingDomain, subaccountId),
    trackingDomains.findDefault(subaccountId),
    subaccountId === PRIMARY_ACCOUNT ? undefined : trackingDomains.findDefault(PRIMARY_ACCOUNT),
  ]);
  return selectTrackingDomain({ sendingDomain, subaccountDefault, accountDefault });
}

/** A domain that somebody asks for by name is used or refused, never replaced. */
async function named(name: string, subaccountId: SubaccountId, deps: WrapDeps): Promise<Selection> {
  const domain = await deps.trackingDomains.find(canonicalHostname(name), subaccountId);
  if (domain === undefined) throw unusable(`'${name}' is not a registered tracking domain`);
  if (domain.complianceStatus === "blocked") throw unusable(`'${domain.domain}' is blocked`);
  if (!isVerified(domain)) throw unusable(`'${domain.domain}' unverified.`);
  return { kind: "selected", domain };
}

function unusable(what: string): AppError {
  return new AppError("invalid_parameters", `Tracking domain ${what}`);
}

function compileOptions({ options = {} }: Body, selection: Selection, deps: WrapDeps): CompileOptions {
  const { open_tracking, click_tracking, initial_open } = options;
  // Without a domain nothing is rendered; compiling still lists the links.
  if (selection.kind === "untracked") return { origin: "http://untracked.invalid", ring: deps.keys };
  const { domain } = selection;
  return {
    origin: trackingOrigin(domain.domain, linkScheme(domain), deps.ports),
    ring: deps.keys,
    ...(open_tracking === undefined ? {} : { openTracking: open_tracking }),
    ...(click_tracking === undefined ? {} : { clickTracking: click_tracking }),
    ...(initial_open === undefined ? {} : { initialOpen: initial_open }),
  };
}

interface Work {
  readonly body: Body;
  readonly recipients: readonly Recipient[];
  readonly selection: Selection;
  readonly compiled: CompiledContent;
}

/** The reply in pieces, a message each: 2,000 large ones never stand in memory at once. */
function* reply({ body, recipients, selection, compiled }: Work): Generator<string> {
  const about =
    selection.kind === "selected"
      ? `"tracking_domain":${JSON.stringify(selection.domain.domain)}`
      : `"untracked_reason":${JSON.stringify(selection.reason)}`;
  yield `{"results":{${about},"messages":[`;
  let separator = "";
  for (const recipient of body.dry_run === true ? [] : recipients) {
    const content: Content = selection.kind === "selected" ? compiled.render(recipient) : body.content;
    const message = { rcpt_to: recipient.rcptTo, message_id: recipient.messageId, content };
    yield `${separator}${JSON.stringify(message)}`;
    separator = ",";
  }
  yield `],"links":${JSON.stringify(linksOf(compiled, selection))}}}`;
}

function linksOf({ links }: CompiledContent, selection: Selection): readonly object[] {
  if (selection.kind === "selected") return links;
  return links.map((link: LinkReport) =>
    link.tracked ? { ...link, tracked: false, reason: selection.reason } : link,
  );
}
