/**
 * The UTC day an event is stored under: a file in SQLite, a partition in PostgreSQL. It follows from the event's own
 * time, which never changes once the event is in a spool: the same event, sent again, meets itself in the same place.
 * Not from the time in its id, which runs ahead of the clock after the clock was set back.
 */
export type EventDay = number;

const DAY_MS = 86_400_000;
/** A clock can be wrong by any amount: what it puts before 1970 or after 9999 lies in the first or the last day. */
const FIRST_DAY: EventDay = 0;
export const LAST_DAY: EventDay = Date.UTC(9999, 11, 31) / DAY_MS;

export interface TimeRange {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/** Days since 1970-01-01. */
export function dayOf(timestampMs: number): EventDay {
  return Math.min(Math.max(Math.floor(timestampMs / DAY_MS), FIRST_DAY), LAST_DAY);
}

/** The last day itself when there is none after it. */
export function dayAfter(day: EventDay): EventDay {
  return Math.min(day + 1, LAST_DAY);
}

/** `undefined`: without end on that side. */
export function boundsOf(day: EventDay): { [Bound in keyof TimeRange]: number | undefined } {
  return {
    fromMs: day === FIRST_DAY ? undefined : day * DAY_MS,
    toMs: day === LAST_DAY ? undefined : (day + 1) * DAY_MS,
  };
}

/** `2026-11-22`. */
export function nameOfDay(day: EventDay): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** The reverse of {@link nameOfDay}; `undefined` for any other text. */
export function dayOfName(name: string): EventDay | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(name)) return undefined;
  const day = Date.parse(name) / DAY_MS;
  return Number.isNaN(day) ? undefined : day;
}
