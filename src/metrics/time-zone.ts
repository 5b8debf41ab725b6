/** Wall-clock time in a time zone, by the zone database that comes with Node.js. A local time is a number of milliseconds, as if it were UTC. */

/** A stretch of time in which clocks stay the same distance from UTC. */
export interface OffsetSpan {
  readonly fromMs: number;
  readonly toMs: number;
  /** Local time less UTC. */
  readonly offsetMs: number;
}

export interface TimeZone {
  readonly name: string;
  /** The spans that make up the time from one moment to another: in order, without gaps. */
  spans(fromMs: number, toMs: number): readonly OffsetSpan[];
}

const DAY_MS = 86_400_000;
/** How exactly the moment of a change is found. */
const RESOLUTION_MS = 1000;

/** `undefined` for a name that the zone database doesn't have. */
export function findTimeZone(name: string): TimeZone | undefined {
  const offsetAt = createOffsets(name);
  return offsetAt === undefined
    ? undefined
    : { name, spans: (fromMs, toMs) => spansOf(offsetAt, fromMs, toMs) };
}

/** The first moment in these spans at which clocks show this time or a later one: when they skip it, that is the moment after the leap. */
export function firstMomentAt(localMs: number, spans: readonly OffsetSpan[]): number | undefined {
  for (const { fromMs, toMs, offsetMs } of spans) {
    const moment = Math.max(fromMs, localMs - offsetMs);
    if (moment < toMs) return moment;
  }
  return undefined;
}

/** `2026-11-22T01:00:00-04:00`. */
export function formatLocal(momentMs: number, offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000;
  const offset = [Math.floor(minutes / 60), Math.floor(minutes % 60)].map((part) =>
    String(part).padStart(2, "0"),
  );
  const local = new Date(momentMs + offsetMs).toISOString().slice(0, 19);
  return `${local}${offsetMs < 0 ? "-" : "+"}${offset.join(":")}`;
}

function createOffsets(name: string): ((momentMs: number) => number) | undefined {
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      ...{ year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
    return (momentMs) => offsetOf(format, momentMs);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function offsetOf(format: Intl.DateTimeFormat, momentMs: number): number {
  const whole = Math.floor(momentMs / RESOLUTION_MS) * RESOLUTION_MS;
  const { year, month, day, hour, minute, second } = Object.fromEntries(
    format.formatToParts(whole).map(({ type, value }) => [type, Number(value)]),
  ) as Record<string, number>;
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second) - whole;
}

/** Looks at every day: no zone changes its clocks and changes them back within one. */
function spansOf(
  offsetAt: (momentMs: number) => number,
  fromMs: number,
  toMs: number,
): readonly OffsetSpan[] {
  const spans: OffsetSpan[] = [];
  let start = fromMs;
  let offsetMs = offsetAt(fromMs);
  for (let seen = fromMs; seen < toMs; ) {
    const next = Math.min(seen + DAY_MS, toMs);
    const nextOffset = offsetAt(next);
    if (nextOffset !== offsetMs) {
      const change = momentOfChange(offsetAt, seen, next);
      spans.push({ fromMs: start, toMs: change, offsetMs });
      start = change;
      offsetMs = nextOffset;
    }
    seen = next;
  }
  if (start < toMs) spans.push({ fromMs: start, toMs, offsetMs });
  return spans;
}

function momentOfChange(offsetAt: (momentMs: number) => number, beforeMs: number, afterMs: number): number {
  const old = offsetAt(beforeMs);
  let low = Math.floor(beforeMs / RESOLUTION_MS);
  let high = Math.ceil(afterMs / RESOLUTION_MS);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle * RESOLUTION_MS) === old) low = middle;
    else high = middle;
  }
  return high * RESOLUTION_MS;
}
