/** The one way in for what happens to the installation: a line in the log, and an event that webhooks tell of. */
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
}

const DAY_MS = 86_400_000;
const KEPT_DAYS = 90;
const KEPT_EVENTS = 10_000;

const LINES: Readonly<Record<OperationalKind, string>> = {
  domain_broken: "a tracking domain is broken",
  domain_recovered: "a tracking domain has recovered",
  certificate_failing: "a certificate is failing",
  spool_filling: "the spool is filling",
  webhook_dead: "a webhook is dead",
};

/** Events of one process are stored in the order of the calls. */
export function createOperationalRecorder({ store, log, now }: OperationalDeps): RecordOperationalEvent {
  let last: Promise<void> = Promise.resolve();
  const storeInOrder = async (event: NewOperationalEvent, atMs: number): Promise<void> => {
    if (isNoNews(event, await store.last(event), atMs)) return;
    const line = [{ kind: event.kind, ...event.fields }, LINES[event.kind]] as const;
    if (event.kind === "domain_recovered") log.info(...line);
    else log.warn(...line);
    await store.append(event, atMs);
    await store.prune(atMs - KEPT_DAYS * DAY_MS, KEPT_EVENTS);
  };
  return (event) => {
    const atMs = now();
    last = last
      .then(() => storeInOrder(event, atMs))
      .catch((error: unknown) => {
        log.warn({ err: error, kind: event.kind }, "an operational event could not be stored");
      });
  };
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
