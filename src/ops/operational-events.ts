/** The one way in for what happens to the installation: a line in the log, and an event that webhooks tell of. */
import { setTimeout as sleep } from "node:timers/promises";

import type {
  NewOperationalEvent,
  OperationalKind,
  RecordOperationalEvent,
} from "../domain/operational-event.ts";

/** What was last told of the same thing. */
interface Told {
  readonly kind: OperationalKind;
  readonly atMs: number;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface OperationalEventStore {
  append(event: NewOperationalEvent, nowMs: number): Promise<void>;
  last(event: NewOperationalEvent): Promise<Told | undefined>;
  prune(beforeMs: number, keep: number): Promise<void>;
}

export interface OperationalDeps {
  readonly store: OperationalEventStore;
  readonly log: {
    warn(fields: object, message: string): void;
    info(fields: object, message: string): void;
  };
  readonly now: () => number;
  /** After the first failure in a row; each that follows doubles it, up to a minute. */
  readonly retryMs?: number;
}

export interface OperationalRecorder {
  readonly record: RecordOperationalEvent;
  /** Ends after the attempt under way: what the store does not take then is lost. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly event: NewOperationalEvent;
  readonly atMs: number;
  isLogged: boolean;
}

const DAY_MS = 86_400_000;
const KEPT_DAYS = 90;
const KEPT_EVENTS = 10_000;
/** How many may wait for a store that is away. Beyond these the oldest are dropped, and said in the log. */
const MAX_WAITING = 100;
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

const LINES: Readonly<Record<OperationalKind, string>> = {
  domain_broken: "a tracking domain is broken",
  domain_recovered: "a tracking domain has recovered",
  certificate_failing: "a certificate is failing",
  spool_filling: "the spool is filling",
  webhook_dead: "a webhook is dead",
};

/** Events of one process are stored in the order of the calls: those behind one that the store does not take wait with it. */
export function createOperationalRecorder(deps: OperationalDeps): OperationalRecorder {
  const { log, now, retryMs = RETRY_MS } = deps;
  const waiting: Waiting[] = [];
  const stopping = new AbortController();
  let storing: Promise<void> | undefined;

  const storeAll = async (): Promise<void> => {
    let failures = 0;
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      try {
        await storeOne(next, deps);
        // It may have been dropped meanwhile.
        if (waiting[0] === next) waiting.shift();
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1)
          log.warn(
            { err: error, kind: next.event.kind },
            "an operational event could not be stored, trying again",
          );
        await pause(Math.min(retryMs * 2 ** (failures - 1), LONGEST_RETRY_MS), stopping.signal);
        if (stopping.signal.aborted) break;
      }
    }
    storing = undefined;
  };

  return {
    record: (event) => {
      waiting.push({ event, atMs: now(), isLogged: false });
      if (waiting.length > MAX_WAITING) {
        const dropped = waiting.shift();
        log.warn(
          { kind: dropped?.event.kind },
          "an operational event waited for the store until it was dropped",
        );
      }
      storing ??= storeAll();
    },
    stop: async () => {
      stopping.abort();
      await storing;
    },
  };
}

/** Rejects as the store does, and may then be called again. */
async function storeOne(waiting: Waiting, { store, log }: OperationalDeps): Promise<void> {
  const { event, atMs } = waiting;
  if (dependsOnLast(event) && isNoNews(event, await store.last(event), atMs)) return;
  // Before the store is asked to take it, since that may be the reason for it: a spool fills because of that.
  if (!waiting.isLogged) {
    const line = [{ kind: event.kind, ...event.fields }, LINES[event.kind]] as const;
    if (event.kind === "domain_recovered") log.info(...line);
    else log.warn(...line);
    waiting.isLogged = true;
  }
  await store.append(event, atMs);
  await store.prune(atMs - KEPT_DAYS * DAY_MS, KEPT_EVENTS).catch((error: unknown) => {
    log.warn({ err: error }, "old operational events could not be removed");
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects only when stopped, which the caller sees.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function dependsOnLast({ kind }: NewOperationalEvent): boolean {
  return kind === "domain_recovered" || kind === "certificate_failing";
}

function isNoNews(event: NewOperationalEvent, last: Told | undefined, atMs: number): boolean {
  switch (event.kind) {
    case "domain_recovered":
      // What works for the first time has not recovered from anything.
      return last?.kind !== "domain_broken";
    case "certificate_failing":
      // It is tried again and again: what keeps it from working is told once a day.
      return (
        last !== undefined && last.fields["problem"] === event.fields.problem && atMs - last.atMs < DAY_MS
      );
    default:
      return false;
  }
}
