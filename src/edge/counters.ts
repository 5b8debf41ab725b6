/** What the edge counts: plain numbers under closed labels. Nothing here knows a host, a token or an address. */
import type { NotFoundReason } from "./decide.ts";
import type { ReplyKind } from "./replies.ts";

/** Requests that never became one: refused while they were read. */
export type ClientErrorKind = "malformed" | "headers_too_large" | "timeout" | "disconnected";

/** TLS, of a worker that speaks it. */
export interface TlsCounts {
  readonly handshakes: number;
  /** Of these, those that took up an earlier session. */
  readonly resumed: number;
  /** Ended before there was a connection: scanners, old programs, names without a certificate. */
  readonly failedHandshakes: number;
  /** Names asked for that have no certificate. */
  readonly unknownNames: number;
  readonly brokenCertificates: number;
  /** Kept in memory now. */
  readonly contexts: number;
}

export type TlsCounters = { -readonly [Name in keyof TlsCounts]: number };

export interface EdgeCounts {
  readonly replies: Readonly<Record<ReplyKind, number>>;
  readonly rejections: Readonly<Record<NotFoundReason, number>>;
  readonly clientErrors: Readonly<Record<ClientErrorKind, number>>;
  /** Answered at the deadline, before the commit: what a crash at that moment would lose. */
  readonly lateCommits: number;
  /** Connections refused because there were too many. */
  readonly droppedConnections: number;
  readonly tls: TlsCounts;
}

export interface EdgeCounters {
  replies: Record<ReplyKind, number>;
  rejections: Record<NotFoundReason, number>;
  clientErrors: Record<ClientErrorKind, number>;
  lateCommits: number;
  droppedConnections: number;
  tls: TlsCounters;
}

export function createCounters(): EdgeCounters {
  return {
    replies: {
      redirect: 0,
      pixel: 0,
      probe: 0,
      acme_challenge: 0,
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
    tls: {
      handshakes: 0,
      resumed: 0,
      failedHandshakes: 0,
      unknownNames: 0,
      brokenCertificates: 0,
      contexts: 0,
    },
  };
}
