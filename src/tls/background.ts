/** The background work for certificates: what is due is ordered and renewed, what ends is noticed. Any number of processes may run it. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Hostname } from "../domain/hostname.ts";
import type { CertificateSource, TlsStatus } from "../domain/issuance.ts";
import type { CertificateEvent } from "./certificate-events.ts";
import type { Issuer } from "./issuer.ts";

interface EndingCertificate {
  readonly domain: Hostname;
  readonly source: CertificateSource;
  readonly expiresAtMs: number;
}

export interface CertificateSummary {
  readonly byState: Readonly<Record<Exclude<TlsStatus, "unknown">, number>>;
  readonly nextExpiryMs: number | undefined;
}

export interface WatchStore {
  lapse(nowMs: number): Promise<readonly EndingCertificate[]>;
  takeExpiryWarnings(nowMs: number, leadMs: readonly number[]): Promise<readonly EndingCertificate[]>;
  summarize(nowMs: number): Promise<CertificateSummary>;
}

export interface CertificateWorkDeps {
  /** `undefined` where Waypost orders no certificates: those that owners brought are watched all the same. */
  readonly issuer: Pick<Issuer, "advanceDue"> | undefined;
  readonly certificates: WatchStore;
  readonly now: () => number;
  readonly onEvent: (event: CertificateEvent) => void;
  readonly log: { error(fields: object, message: string): void };
  /** How long to wait when nothing is due. */
  readonly intervalMs: number;
}

export interface CertificateWork {
  /** As of the last look; `undefined` before the first. */
  summary(): CertificateSummary | undefined;
  stop(): Promise<void>;
}

const DAY = 86_400_000;
/** Before the end of a certificate that only its owner can replace: time for a purchase, for a reminder, for a last call. */
const EXPIRY_WARNINGS_MS: readonly number[] = [21 * DAY, 7 * DAY, 1 * DAY];
const ORDERS_AT_ONCE = 8;
/** It reads every secure domain. */
const SUMMARY_INTERVAL_MS = 60_000;

/** Starts at once. */
export function startCertificateWork(deps: CertificateWorkDeps): CertificateWork {
  const stopping = new AbortController();
  const { signal } = stopping;
  let summary: CertificateSummary | undefined;
  let summarizedAtMs = Number.NEGATIVE_INFINITY;
  const { issuer, certificates, now } = deps;
  const watching = repeat(deps, signal, "certificates could not be looked after", async () => {
    const hasChanged = await watch(deps);
    if (hasChanged || now() - summarizedAtMs >= SUMMARY_INTERVAL_MS) {
      summary = await certificates.summarize(now());
      summarizedAtMs = now();
    }
    return false;
  });
  const issuing =
    issuer === undefined
      ? undefined
      : repeat(deps, signal, "due certificates could not be worked on", async () => {
          // A full round means that more may be waiting already.
          return (await issuer.advanceDue(ORDERS_AT_ONCE)) === ORDERS_AT_ONCE;
        });
  return {
    summary: () => summary,
    stop: async () => {
      stopping.abort();
      await Promise.all([watching, issuing]);
    },
  };
}

/** Whether a certificate has ended. */
async function watch({ certificates, now, onEvent }: CertificateWorkDeps): Promise<boolean> {
  const lapsed = await certificates.lapse(now());
  for (const ending of lapsed) onEvent({ kind: "certificate_lapsed", ...ending });
  const expiring = await certificates.takeExpiryWarnings(now(), EXPIRY_WARNINGS_MS);
  for (const ending of expiring) onEvent({ kind: "certificate_expiring", ...ending });
  return lapsed.length > 0;
}

/** `work` says whether to go on at once. */
async function repeat(
  { log, intervalMs }: CertificateWorkDeps,
  stopped: AbortSignal,
  complaint: string,
  work: () => Promise<boolean>,
): Promise<void> {
  while (!stopped.aborted) {
    let hasMore = false;
    try {
      hasMore = await work();
    } catch (error) {
      log.error({ err: error }, complaint);
    }
    if (!hasMore) await sleep(intervalMs, undefined, { signal: stopped }).catch(() => undefined);
  }
}
