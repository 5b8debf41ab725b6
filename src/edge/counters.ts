/** What the edge counts: plain numbers under closed labels. Nothing here knows a host, a token or an address. */
import type { NotFoundReason } from "./decide.ts";
import type { ReplyKind } from "./replies.ts";

/** Requests that never became one: refused while they were read. */
export type ClientErrorKind = "malformed" | "headers_too_large" | "timeout" | "disconnected";

export interface EdgeCounts {
  readonly replies: Readonly<Record<ReplyKind, number>>;
  readonly rejections: Readonly<Record<NotFoundReason, number>>;
  readonly clientErrors: Readonly<Record<ClientErrorKind, number>>;
  /** Answered at the deadline, before the commit: what a crash at that moment would lose. */
  readonly lateCommits: number;
  /** Connections refused because there were too many. */
  readonly droppedConnections: number;
}

export interface EdgeCounters {
  replies: Record<ReplyKind, number>;
  rejections: Record<NotFoundReason, number>;
  clientErrors: Record<ClientErrorKind, number>;
  lateCommits: number;
  droppedConnections: number;
}

export function createCounters(): EdgeCounters {
  return {
    replies: {
      redirect: 0,
      pixel: 0,
      probe: 0,
      well_known: 0,
      robots: 0,
      not_found: 0,
      blocked: 0,
      method_not_allowed: 0,
      not_ready: 0,
      limited: 0,
    },
    rejections: {
      malformed: 0,
      unknown_key: 0,
      forged: 0,
      unknown_path: 0,
      wrong_tenant: 0,
      unusable_target: 0,
    },
    clientErrors: { malformed: 0, headers_too_large: 0, timeout: 0, disconnected: 0 },
    lateCommits: 0,
    droppedConnections: 0,
  };
}
