/** Performs what `decide` says: record, then reply once the event is durable, or at the deadline. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { BlockList } from "node:net";

import type { LinkToken } from "../token/link-token.ts";
import type { EdgeCounters } from "./counters.ts";
import { createDeadlines, type Waiting } from "./deadlines.ts";
import { type Decision, decide } from "./decide.ts";
import { type ClientFacts, clientFacts } from "./forwarded.ts";
import { LIMITED_REPLY, NOT_READY_REPLY, type Reply, type ReplyKind, replyTo } from "./replies.ts";
import { requestPurpose } from "./request-purpose.ts";
import type { EdgeSnapshot } from "./snapshot.ts";
import type { RecordOutcome } from "./spool.ts";
import type { ObservedEvent } from "./spool-record.ts";

export interface EdgeHandlerDeps {
  readonly snapshot: () => EdgeSnapshot | undefined;
  /** Resolves once the event is durable or lost. Never rejects. */
  readonly record: (event: ObservedEvent) => Promise<RecordOutcome>;
  readonly counters: EdgeCounters;
  readonly now: () => number;
  readonly commitDeadlineMs: number;
  /** For a client that doesn't read its reply. */
  readonly silenceTimeoutMs: number;
  readonly trustedProxies?: BlockList;
  /** False for an address that asked too often. */
  readonly isWithinLimit?: (address: string, nowMs: number) => boolean;
  /** True while the worker drains: clients are then told to connect anew. */
  readonly isStopping: () => boolean;
}

// Mail programs' are shorter; a longer one is an attempt at something, and would fill the spool.
const MAX_USER_AGENT_CHARS = 1024;
const MAX_ACCEPT_LANGUAGE_CHARS = 256;

export function createEdgeHandler(deps: EdgeHandlerDeps): RequestListener {
  const answerWhenDurable = createDurableAnswers(deps);
  return (request, response) => {
    const nowMs = deps.now();
    const { path, targetHost } = splitTarget(request.url ?? "/");
    const client = clientFacts(
      { headers: request.headers, targetHost, peerAddress: request.socket.remoteAddress },
      deps.trustedProxies,
    );
    const isWithinLimit = deps.isWithinLimit?.(client.ipAddress ?? "", nowMs) ?? true;
    if (!isWithinLimit) return answer(deps, { request, response, kind: "limited", reply: LIMITED_REPLY });
    const snapshot = deps.snapshot();
    if (snapshot === undefined)
      return answer(deps, { request, response, kind: "not_ready", reply: NOT_READY_REPLY });

    const decision = decide({ method: request.method ?? "GET", host: client.host, path }, snapshot, nowMs);
    if (decision.reply === "not_found") deps.counters.rejections[decision.reason] += 1;
    const exchange = { request, response, kind: decision.reply, reply: replyTo(decision) };
    const link = recordedLink(decision);
    if (link === undefined) return answer(deps, exchange);
    answerWhenDurable(exchange, deps.record(observedEvent(link, request, client, nowMs)), nowMs);
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly kind: ReplyKind;
  readonly reply: Reply;
}

/**
 * Answers once the outcome is there, or at the deadline. Exchanges of one commit that began in the same millisecond share a
 * place among the waiting and a callback: one of each per click would be a measurable part of its cost.
 */
function createDurableAnswers(
  deps: EdgeHandlerDeps,
): (exchange: Exchange, outcome: Promise<RecordOutcome>, nowMs: number) => void {
  const deadlines = createDeadlines<Exchange[]>(deps.commitDeadlineMs, (exchanges) => {
    deps.counters.lateCommits += exchanges.length;
    for (const exchange of exchanges) answer(deps, exchange);
  });
  let last: { outcome: Promise<RecordOutcome>; nowMs: number; waiting: Waiting<Exchange[]> } | undefined;
  return (exchange, outcome, nowMs) => {
    if (last?.outcome === outcome && last.nowMs === nowMs && last.waiting.thing !== undefined) {
      last.waiting.thing.push(exchange);
      return;
    }
    const waiting = deadlines.add([exchange]);
    last = { outcome, nowMs, waiting };
    void outcome.then(() => {
      for (const inTime of deadlines.take(waiting) ?? []) answer(deps, inTime);
    });
  };
}

function answer(deps: EdgeHandlerDeps, { request, response, kind, reply }: Exchange): void {
  deps.counters.replies[kind] += 1;
  const isLast = hasBody(request);
  if (isLast || deps.isStopping()) response.shouldKeepAlive = false;
  response.writeHead(reply.status, reply.headers);
  // A body is never read: the connection ends instead.
  if (isLast) response.once("finish", () => request.socket.destroySoon());
  response.end(request.method === "HEAD" ? undefined : reply.body);
  // Behind an earlier reply, or larger than what the system takes: then it is up to the client when it goes. Node sets its own
  // time limit for the next request once it has gone.
  if (response.socket === null || response.socket.writableLength > 0)
    request.socket.setTimeout(deps.silenceTimeoutMs);
}

function recordedLink(decision: Decision): LinkToken | undefined {
  return "event" in decision ? decision.event : undefined;
}

function observedEvent(
  link: LinkToken,
  request: IncomingMessage,
  client: ClientFacts,
  timestampMs: number,
): ObservedEvent {
  const { headers } = request;
  const click = "target" in link ? link : undefined;
  return {
    type: link.type,
    timestampMs,
    subaccountId: link.subaccountId,
    messageId: link.messageId,
    rcptTo: link.rcptTo,
    sentAtSeconds: link.sentAtSeconds,
    trackingDomain: client.host,
    targetLinkUrl: click?.target,
    targetLinkName: click?.linkName,
    ipAddress: client.ipAddress,
    userAgent: headers["user-agent"]?.slice(0, MAX_USER_AGENT_CHARS),
    acceptLanguage: headers["accept-language"]?.slice(0, MAX_ACCEPT_LANGUAGE_CHARS),
    purpose: requestPurpose(headers),
  };
}

/** The origin form is what browsers send, the absolute form what they send to proxies; a server takes both (RFC 9112 section 3.2). */
function splitTarget(target: string): { readonly path: string; readonly targetHost: string | undefined } {
  if (target.startsWith("/")) return { path: target, targetHost: undefined };
  const [, authority, path] = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(target) ?? [];
  return { path: path ?? target, targetHost: authority };
}

function hasBody(request: IncomingMessage): boolean {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== "0");
}
