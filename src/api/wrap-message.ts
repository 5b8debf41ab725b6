/**
 * `POST /api/v1/wrap` with `Content-Type: message/rfc822`: one message for one recipient, bytes in and bytes out, in
 * memory that does not grow with its attachments. What the caller wants stands in the query, or in the message's own
 * `X-MSYS-API` header, which is taken out; the query wins.
 */
import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";

import { AppError } from "../domain/errors.ts";
import { PRIVACY_MODES } from "../domain/privacy.ts";
import type { Selection } from "../domain/selection.ts";
import { createMessageWrapper, type MessageWrapper } from "../wrap/mime.ts";
import { CONTROL_HEADER, readControlHeader } from "./control-header.ts";
import { type DomainWish, selectDomain } from "./domain-selection.ts";
import { booleanParameter, choicesParameter, listParameter, objectParameter } from "./query.ts";
import { type Call, type RawBody, type Reply, results } from "./route.ts";
import {
  asTracked,
  type CallFacts,
  type FactsContext,
  factsInMessage,
  mergeFacts,
  parseFacts,
  sendingDomainOf,
  wrappedCalls,
} from "./wrap-facts.ts";
import {
  compileOptions,
  OPTION_NAMES,
  parseRecipient,
  reportToWire,
  type WrapDeps,
  type WrapOptions,
} from "./wrap-options.ts";
import { applyPrivacy } from "./wrap-privacy.ts";

export const RAW_MESSAGE_DESCRIPTION =
  "With `Content-Type: message/rfc822` the body is a whole message (up to 64 MiB) and so is the reply. The query says for whom and how: `rcpt_to` (required), `message_id`, `tracking`, `privacy`, `sending_domain` (default: the domain of From:), `tracking_domain`, `dry_run` (answers with the report instead), the options by their names, and `campaign_id`, `metadata` (JSON), `tags` (separated by commas), `template_id`, `template_version`, `transmission_id`, `ip_pool` and `return_path` as in a JSON body. Options (`privacy` among them), campaign_id, metadata and tags may also stand in an `X-MSYS-API` header of the message, which is taken out. The reply's headers `X-Waypost-Message-Id`, `X-Waypost-Transmission-Id` and `X-Waypost-Tracking-Domain` (or `X-Waypost-Untracked-Reason`), and `X-Waypost-Privacy` when it is not full, say what was used.";

const LIMIT_BYTES = 64 * 1024 * 1024;
/** As far as wrapping reads a header: what stands in a longer one could not be taken out. */
const MAX_HEADER_BYTES = 1024 * 1024;
const TRACKING = ["off", "opens", "clicks", "full"] as const;
export function rawMessage(deps: WrapDeps): RawBody {
  return {
    contentType: "message/rfc822",
    limitBytes: LIMIT_BYTES,
    handle: (call) => wrapMessage(call, deps),
  };
}

async function wrapMessage(call: Call<AsyncIterable<Buffer>>, deps: WrapDeps): Promise<Reply> {
  const { query, tenant } = call;
  const recipient = parseRecipient(parseRecipientParameters(query), {
    field: "",
    subaccountId: tenant.write,
    nowMs: deps.now(),
  });
  const dryRun = booleanParameter(query, "dry_run") ?? false;
  const wishes = choicesParameter(query, "privacy", PRIVACY_MODES) ?? [];
  const given = factsInQuery(query);
  const { start, rest } = await readHeader(call.body);
  const header = readControlHeader(start);
  const options = { ...header.options, ...optionsInQuery(query) };
  const facts = mergeFacts(header.facts, { ...factsInMessage(start), ...given });
  const context = { options, sendingDomain: sendingDomainOf({ ...query, ...facts }), ...sizeOf(call, start) };
  const parsed = parseFacts(facts, context);
  const selection = await selectDomain(wishOf(query, context.sendingDomain), tenant.write, deps);
  await deps.privacy.freshen();
  const { erasures } = deps.privacy;
  const wrapped = applyPrivacy(recipient, deps.privacy, header.privacy, ...wishes);
  const off = selection.kind === "untracked" && !dryRun ? ({ tracking: "off" } as const) : {};
  const wrapper = createMessageWrapper(
    { ...wrapped, ...off },
    {
      ...compileOptions(options, { selection, deps }),
      dropFields: [CONTROL_HEADER],
    },
  );
  const pieces = wrapPieces(wrapper, start, rest);
  if (dryRun) return report(pieces, wrapper, selection);
  const { held, isWhole } = await holdStart(pieces);
  const tracked = isWhole ? asTracked(parsed, wrapper) : parsed;
  const recorded = wrappedCalls(tracked, [wrapped], { selection, keys: deps.privacy.keys });
  await deps.messages.record(recorded, erasures);
  return {
    status: 200,
    contentType: "message/rfc822",
    headers: {
      "x-waypost-message-id": recipient.messageId,
      ...(recorded.length > 0 &&
        wrapped.privacy !== "anonymous" && { "x-waypost-transmission-id": parsed.transmissionId }),
      ...(wrapped.privacy !== "full" && { "x-waypost-privacy": wrapped.privacy }),
      ...headersOf(selection),
    },
    body: Readable.from(isWhole ? held : joined(held, pieces), { objectMode: false }),
  };
}

const TEXT_FACTS = [
  "campaign_id",
  "template_id",
  "template_version",
  "transmission_id",
  "ip_pool",
  "return_path",
] as const;

function factsInQuery(query: Call["query"]): CallFacts {
  const texts = TEXT_FACTS.map((name) => [name, query[name]] as const);
  const tags = listParameter(query, "tags");
  const metadata = objectParameter(query, "metadata");
  return {
    ...Object.fromEntries(texts.filter(([, value]) => value !== undefined)),
    ...(tags && { tags: [...tags] }),
    ...(metadata && { metadata }),
  };
}

/** Nearly all messages are shorter, and it is known of them whether anything is tracked before they are recorded. */
const HELD_BYTES = 256 * 1024;

async function holdStart(
  pieces: AsyncGenerator<Buffer>,
): Promise<{ readonly held: readonly Buffer[]; readonly isWhole: boolean }> {
  const held: Buffer[] = [];
  let bytes = 0;
  while (bytes < HELD_BYTES) {
    const { done, value } = await pieces.next();
    if (done === true) return { held, isWhole: true };
    held.push(value);
    bytes += value.length;
  }
  return { held, isWhole: false };
}

async function* joined(held: readonly Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* held;
  yield* rest;
}

/** As far as it is known before the message is there. An AMP part further down shows in its events. */
function sizeOf(
  { headers }: Pick<Call, "headers">,
  start: Buffer,
): Pick<FactsContext, "msgSize" | "ampEnabled"> {
  const length = Number(headers["content-length"]);
  return {
    msgSize: Number.isNaN(length) ? undefined : length,
    ampEnabled: start.includes("text/x-amp-html"),
  };
}

function parseRecipientParameters(query: Call["query"]): Parameters<typeof parseRecipient>[0] {
  const { rcpt_to, message_id } = query;
  if (rcpt_to === undefined || rcpt_to === "")
    throw new AppError("missing_field", "field 'rcpt_to' is required");
  const [tracking] = choicesParameter(query, "tracking", TRACKING) ?? [];
  return {
    address: rcpt_to,
    ...(message_id === undefined ? {} : { message_id }),
    ...(tracking === undefined ? {} : { tracking }),
  };
}

function optionsInQuery(query: Call["query"]): WrapOptions {
  const given = OPTION_NAMES.map((name) => [name, booleanParameter(query, name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function wishOf(query: Call["query"], sendingDomain: string | undefined): DomainWish {
  return {
    ...(query["tracking_domain"] === undefined ? {} : { tracking_domain: query["tracking_domain"] }),
    ...(sendingDomain === undefined ? {} : { sending_domain: sendingDomain }),
  };
}

/** Reads on until the message's header is there, since it says how the rest is to be read. */
async function readHeader(
  body: AsyncIterable<Buffer>,
): Promise<{ readonly start: Buffer; readonly rest: AsyncIterator<Buffer> }> {
  const rest = body[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (start.length < MAX_HEADER_BYTES && !hasWholeHeader(start)) {
    const { done, value } = await rest.next();
    if (done === true) break;
    start = Buffer.concat([start, value]);
  }
  if (start.length >= MAX_HEADER_BYTES && !hasWholeHeader(start.subarray(0, MAX_HEADER_BYTES))) {
    throw new AppError("body_too_large", `the message's header is longer than ${MAX_HEADER_BYTES} bytes`);
  }
  return { start, rest };
}

function hasWholeHeader(start: Buffer): boolean {
  return start.includes("\r\n\r\n") || start.includes("\n\n");
}

async function* wrapPieces(
  wrapper: MessageWrapper,
  start: Buffer,
  rest: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  yield* wrapper.write(start);
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield* wrapper.write(next.value);
    // A part with thousands of links is a while's work: others get a turn between chunks.
    await nextTurn();
  }
  yield* wrapper.end();
}

async function report(
  pieces: AsyncIterable<Buffer>,
  wrapper: MessageWrapper,
  selection: Selection,
): Promise<Reply> {
  for await (const _piece of pieces) {
    // Only the report is asked for; it is complete once the message has gone through.
  }
  const domain =
    selection.kind === "selected"
      ? { tracking_domain: selection.domain.domain }
      : { untracked_reason: selection.reason };
  return results({ ...domain, messages: [], ...reportToWire(wrapper, selection) });
}

function headersOf(selection: Selection): Readonly<Record<string, string>> {
  return selection.kind === "selected"
    ? { "x-waypost-tracking-domain": selection.domain.domain }
    : { "x-waypost-untracked-reason": selection.reason };
}
