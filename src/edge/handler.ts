/** Performs what `decide` says: record, then reply once the event is durable, or at the deadline. */
import type { BlockList } from "node:net";

import type { LinkToken } from "../token/link-token.ts";
import type { EdgeCounters } from "./counters.ts";
import { createDeadlines, type Waiting } from "./deadlines.ts";
import { type Decision, decide } from "./decide.ts";
import type { EdgeHandler, Exchange, RequestHeaders } from "./exchange.ts";
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
  readonly trustedProxies?: BlockList;
  /** False for an address that asked too often. */
  readonly isWithinLimit?: (address: string, nowMs: number) => boolean;
  /** True while the worker drains: clients are then told to connect anew. */
  readonly isStopping: () => boolean;
}

// Mail programs' are shorter; a longer one is an attempt at something, and would fill the spool.
const MAX_USER_AGENT_CHARS = 1024;
const MAX_ACCEPT_LANGUAGE_CHARS = 256;

export function createEdgeHandler(deps: EdgeHandlerDeps): EdgeHandler {
  const answerWhenDurable = createDurableAnswers(deps);
  return (exchange) => {
    const nowMs = deps.now();
    const { method, headers, peerAddress } = exchange;
    const { path, targetHost } = splitTarget(exchange.target);
    const client = clientFacts({ headers, targetHost, peerAddress }, deps.trustedProxies);
    const isWithinLimit = deps.isWithinLimit?.(client.ipAddress ?? "", nowMs) ?? true;
    if (!isWithinLimit) return answer(deps, { exchange, kind: "limited", reply: LIMITED_REPLY });
    const snapshot = deps.snapshot();
    if (snapshot === undefined) return answer(deps, { exchange, kind: "not_ready", reply: NOT_READY_REPLY });

    const decision = decide({ method, host: client.host, path }, snapshot, nowMs);
    if (decision.reply === "not_found") deps.counters.rejections[decision.reason] += 1;
    const answerable = { exchange, kind: decision.reply, reply: replyTo(decision) };
    const link = recordedLink(decision);
    if (link === undefined) return answer(deps, answerable);
    answerWhenDurable(answerable, deps.record(observedEvent(link, headers, client, nowMs)), nowMs);
  };
}

interface Answerable {
  readonly exchange: Exchange;
  readonly kind: ReplyKind;
  readonly reply: Reply;
}

/**
 * Answers once the outcome is there, or at the deadline. Exchanges of one commit that began in the same millisecond share a
 * place among the waiting and a callback: one of each per click would be a measurable part of its cost.
 */
function createDurableAnswers(
  deps: EdgeHandlerDeps,
): (answerable: Answerable, outcome: Promise<RecordOutcome>, nowMs: number) => void {
  const deadlines = createDeadlines<Answerable[]>(deps.commitDeadlineMs, (late) => {
    deps.counters.lateCommits += late.length;
    for (const answerable of late) answer(deps, answerable);
  });
  let last: { outcome: Promise<RecordOutcome>; nowMs: number; waiting: Waiting<Answerable[]> } | undefined;
  return (answerable, outcome, nowMs) => {
    if (last?.outcome === outcome && last.nowMs === nowMs && last.waiting.thing !== undefined) {
      last.waiting.thing.push(answerable);
      return;
    }
    const waiting = deadlines.add([answerable]);
    last = { outcome, nowMs, waiting };
    void outcome.then(() => {
      for (const inTime of deadlines.take(waiting) ?? []) answer(deps, inTime);
    });
  };
}

function answer(deps: EdgeHandlerDeps, { exchange, kind, reply }: Answerable): void {
  deps.counters.replies[kind] += 1;
  exchange.answer(reply, deps.isStopping());
}

function recordedLink(decision: Decision): LinkToken | undefined {
  return "event" in decision ? decision.event : undefined;
}

function observedEvent(
  link: LinkToken,
  headers: RequestHeaders,
  client: ClientFacts,
  timestampMs: number,
): ObservedEvent {
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
