/** `POST /api/v1/wrap`: content in, content for each recipient out, with tracked links and pixels. */
import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";

import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { PRIVACY_MODES, type PrivacyMode } from "../domain/privacy.ts";
import type { Selection } from "../domain/selection.ts";
import { compile } from "../wrap/compile.ts";
import { compileMessage } from "../wrap/mime.ts";
import type { CompileOptions, Recipient } from "../wrap/options.ts";
import { CONTROL_HEADER, readControlHeader } from "./control-header.ts";
import { selectDomain } from "./domain-selection.ts";
import { type Call, type Reply, type Route, routeWithBody } from "./route.ts";
import {
  asTracked,
  CALL_FACTS,
  type CallFacts,
  type FactsContext,
  factsInMessage,
  mergeFacts,
  parseFacts,
  parseRecipientFacts,
  RECIPIENT_FACTS,
  sendingDomainOf,
  type Trackable,
  wrappedCalls,
} from "./wrap-facts.ts";
import { RAW_MESSAGE_DESCRIPTION, rawMessage } from "./wrap-message.ts";
import {
  compileOptions,
  parseRecipient,
  type Report,
  reportToWire,
  switchOf,
  WRAP_OPTIONS,
  type WrapDeps,
} from "./wrap-options.ts";
import { applyPrivacy, type WrappedRecipient } from "./wrap-privacy.ts";

const BODY_LIMIT_BYTES = 16 * 1024 * 1024;
const MAX_RECIPIENTS = 2000;
/** What is rendered in one piece: more would make others wait. */
const MAX_LINKS = 10_000;
/** Links times recipients: about ten seconds of sealing. */
const MAX_SEALED_LINKS = 1_000_000;
/** How long a call may work before others get a turn. */
const TURN_MS = 10;
const AMP_TYPE = "text/x-amp-html";
const CONTENT = Type.Object(
  {
    html: Type.Optional(
      Type.String({
        description: "The HTML part.",
        example: '<p><a href="https://example.com/">Hello</a></p>',
      }),
    ),
    text: Type.Optional(Type.String({ description: "The plain text part." })),
    amp_html: Type.Optional(Type.String({ description: "The AMP part." })),
    email_rfc822: Type.Optional(Type.String({ description: "A whole message, instead of the other three." })),
  },
  { additionalProperties: false, minProperties: 1, description: "One part of a message at least." },
);
const RECIPIENT = Type.Object({
  address: Type.String({ description: "The recipient's address.", example: "ann@example.com" }),
  message_id: Type.Optional(
    Type.String({ description: "20 lower-case hex characters, of this message alone; made up when absent." }),
  ),
  tracking: Type.Optional(
    Type.Enum(["off", "opens", "clicks", "full"], {
      description: "What this recipient agreed to. Default: full.",
    }),
  ),
  privacy: Type.Optional(
    Type.Enum([...PRIVACY_MODES], {
      description:
        "How much is kept of what this recipient does, unless the subaccount or the installation is stricter. Default: full.",
    }),
  ),
  ...RECIPIENT_FACTS,
});
const BODY = Type.Object({
  content: CONTENT,
  recipients: Type.Array(RECIPIENT, {
    minItems: 1,
    maxItems: MAX_RECIPIENTS,
    description: `Up to ${MAX_RECIPIENTS}. Each gets content of their own.`,
  }),
  options: Type.Optional(WRAP_OPTIONS),
  ...CALL_FACTS,
  sending_domain: Type.Optional(
    Type.String({
      maxLength: 1024,
      description: "The domain of the From: address, when `from` does not say it.",
    }),
  ),
  tracking_domain: Type.Optional(
    Type.String({
      maxLength: 1024,
      description: "A verified tracking domain of this (sub)account, instead of the selected one.",
    }),
  ),
  dry_run: switchOf("Only report what would be done. Default: false."),
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
const SKIPPED = Type.Object(
  { content_type: Type.String(), reason: Type.String() },
  { additionalProperties: false, description: "A part of a message that goes out as it came" },
);
const WRAPPED = Type.Object(
  {
    results: Type.Object(
      {
        tracking_domain: Type.Optional(Type.String({ description: "Absent when nothing could be tracked." })),
        transmission_id: Type.Optional(
          Type.String({
            description:
              "In these messages' events, but those of anonymous recipients. Absent when there is no other message that is tracked.",
          }),
        ),
        untracked_reason: Type.Optional(Type.Enum(["no_tracking_domain", "tracking_domain_not_usable"])),
        messages: Type.Array(
          Type.Object(
            {
              rcpt_to: Type.String(),
              message_id: Type.String({ description: "An anonymous recipient's is in no event." }),
              privacy: Type.Optional(
                Type.Enum([...PRIVACY_MODES], { description: "What was applied; absent for full." }),
              ),
              content: CONTENT,
            },
            { additionalProperties: false },
          ),
        ),
        links: Type.Array(LINK),
        skipped: Type.Optional(Type.Array(SKIPPED)),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

type Body = Static<typeof BODY>;
type Content = Static<typeof CONTENT>;

export function wrapRoutes(deps: WrapDeps): readonly Route[] {
  return [
    routeWithBody({
      method: "POST",
      url: "/api/v1/wrap",
      grant: "messages/wrap",
      tag: "Messages",
      summary: "Wrap content for its recipients",
      description: `The tracking domain is the one named in the call, else the sending domain's, else the subaccount's default, else the account's default; without a usable one the content comes back as it was sent, with the reason.\n\n${RAW_MESSAGE_DESCRIPTION}`,
      body: BODY,
      bodyLimit: BODY_LIMIT_BYTES,
      replies: { 200: WRAPPED },
      handle: (call) => wrap(call, call.body, deps),
      raw: rawMessage(deps),
      audited: false,
    }),
  ];
}

async function wrap({ tenant }: Call, body: Body, deps: WrapDeps): Promise<Reply> {
  const nowMs = deps.now();
  const content = readContent(body);
  const facts = parseFacts(content.facts, content);
  const { keys } = deps.privacy;
  await deps.privacy.freshen();
  const { erasures } = deps.privacy;
  const recipients = body.recipients.map((recipient, index): RecipientPair => {
    const field = `recipients[${index}].`;
    const named = parseRecipient(recipient, { field, subaccountId: tenant.write, nowMs });
    const ownFacts = parseRecipientFacts(recipient, facts, field);
    const wishes = [content.privacy, recipient.privacy];
    return { named, wrapped: applyPrivacy({ ...named, ...ownFacts }, deps.privacy, ...wishes) };
  });
  refuseRepeatedIds(recipients);
  const wrapped = recipients.map((pair) => pair.wrapped);
  const wish = { ...body, ...(content.sendingDomain && { sending_domain: content.sendingDomain }) };
  const selection = await selectDomain(wish, tenant.write, deps);
  const compiled = compileContent(content, compileOptions(content.options, { selection, deps }));
  refuseTooManyLinks(compiled, recipients.length);
  const tracked = asTracked(facts, compiled);
  const calls = body.dry_run === true ? [] : wrappedCalls(tracked, wrapped, { selection, keys });
  await deps.messages.record(calls, erasures);
  const isShown = calls.some((one) => one.facts.transmissionId === facts.transmissionId);
  const transmissionId = isShown ? facts.transmissionId : undefined;
  return {
    status: 200,
    body: Readable.from(reply({ body, recipients, selection, compiled, transmissionId })),
  };
}

interface RecipientPair {
  /** As the caller named them. */
  readonly named: Recipient;
  readonly wrapped: WrappedRecipient;
}

/** What is known of a message, and its events, are found by its id: two would be taken for one. */
function refuseRepeatedIds(recipients: readonly RecipientPair[]): void {
  const places = new Map<string, number>();
  for (const [index, { named }] of recipients.entries()) {
    const first = places.get(named.messageId);
    if (first !== undefined) {
      throw new AppError(
        "invalid_format",
        `field 'recipients[${index}].message_id' is that of recipients[${first}] too: each message needs its own`,
      );
    }
    places.set(named.messageId, index);
  }
}

interface ReadContent extends FactsContext {
  readonly parts: Omit<Content, "email_rfc822">;
  /** Instead of parts. */
  readonly message: Buffer | undefined;
  /** The call's, and behind them those of the message. */
  readonly facts: CallFacts;
  /** The message's own wish. */
  readonly privacy: PrivacyMode | undefined;
}

function readContent(body: Body): ReadContent {
  const { email_rfc822, ...parts } = body.content;
  if (email_rfc822 === undefined) {
    return {
      parts,
      message: undefined,
      facts: body,
      privacy: undefined,
      options: body.options ?? {},
      sendingDomain: sendingDomainOf(body),
      msgSize: Object.values(parts).reduce((sum, part) => sum + Buffer.byteLength(part), 0),
      ampEnabled: parts.amp_html !== undefined,
    };
  }
  if (Object.keys(parts).length > 0) {
    throw new AppError(
      "invalid_format",
      "field 'content' has email_rfc822 and other parts: it can be one or the others",
    );
  }
  const message = Buffer.from(email_rfc822);
  const header = readControlHeader(message);
  const facts = mergeFacts(header.facts, { ...factsInMessage(message), ...body });
  return {
    parts,
    message,
    facts,
    privacy: header.privacy,
    options: { ...header.options, ...body.options },
    sendingDomain: sendingDomainOf({ ...body, ...facts }),
    msgSize: message.length,
    ampEnabled: message.includes(AMP_TYPE),
  };
}

interface Compiled extends Report, Trackable {
  readonly links: Report["links"];
  readonly render: (recipient: Recipient) => Content;
  /** What goes out when there is no tracking domain to wrap with. */
  readonly untracked: (recipient: Recipient) => Content;
}

function compileContent({ parts, message }: ReadContent, options: CompileOptions): Compiled {
  if (message === undefined) {
    const { links, hasPixel, render } = compile(parts, options);
    return { links, hasPixel, render, untracked: () => parts };
  }
  const compiled = compileMessage(message, { ...options, dropFields: [CONTROL_HEADER] });
  const render = (recipient: Recipient): Content => ({ email_rfc822: compiled.render(recipient).toString() });
  const untracked = (recipient: Recipient): Content => render({ ...recipient, tracking: "off" });
  const { links, skipped, hasPixel } = compiled;
  return { links, skipped, hasPixel, render, untracked };
}

function refuseTooManyLinks({ links }: Report, recipients: number): void {
  const tracked = links.filter((link) => link.tracked).length;
  if (tracked > MAX_LINKS)
    throw new AppError("invalid_format", `field 'content' has more than ${MAX_LINKS} links`);
  if (tracked * recipients > MAX_SEALED_LINKS) {
    throw new AppError("invalid_format", `field 'recipients' is too long for so many links: split the call`);
  }
}

interface Work {
  readonly body: Body;
  readonly recipients: readonly RecipientPair[];
  readonly selection: Selection;
  readonly compiled: Compiled;
  readonly transmissionId: string | undefined;
}

/** The reply in pieces, a message each: 2,000 large ones never stand in memory at once. */
async function* reply(work: Work): AsyncGenerator<string> {
  const { body, recipients, selection, compiled, transmissionId } = work;
  const about = {
    ...(transmissionId !== undefined && { transmission_id: transmissionId }),
    ...(selection.kind === "selected"
      ? { tracking_domain: selection.domain.domain }
      : { untracked_reason: selection.reason }),
  };
  yield `{"results":${JSON.stringify(about).slice(0, -1)},"messages":[`;
  let separator = "";
  let turnEndsMs = performance.now() + TURN_MS;
  const render = selection.kind === "selected" ? compiled.render : compiled.untracked;
  for (const { named, wrapped } of body.dry_run === true ? [] : recipients) {
    const message = {
      rcpt_to: named.rcptTo,
      message_id: named.messageId,
      ...(wrapped.privacy !== "full" && { privacy: wrapped.privacy }),
      content: render(wrapped),
    };
    yield `${separator}${JSON.stringify(message)}`;
    separator = ",";
    if (performance.now() > turnEndsMs) {
      await nextTurn();
      turnEndsMs = performance.now() + TURN_MS;
    }
  }
  const { links, skipped } = reportToWire(compiled, selection);
  yield `],"links":${JSON.stringify(links)}${skipped === undefined ? "" : `,"skipped":${JSON.stringify(skipped)}`}}}`;
}
