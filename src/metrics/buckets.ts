/** Cuts a range of time into pieces as clocks and calendars do in a time zone. */
import { firstMomentAt, formatLocal, type OffsetSpan, type TimeZone } from "./time-zone.ts";

export const PRECISIONS = ["1min", "5min", "15min", "hour", "12hr", "day", "week", "month"] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface Buckets {
  /** The moments at which they start, and at the end the moment at which the last one ends. */
  readonly bounds: readonly number[];
  /** What each is called by: its start as a local time with its offset. */
  readonly labels: readonly string[];
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Morocco's, whose clocks go back for Ramadan too. */
const MOST_CLOCK_CHANGES_A_YEAR = 4;
/** The day of week of 1970-01-01, counted from Monday. */
const FIRST_WEEKDAY = 3;

/** Where a grid on the wall clock has its lines. */
interface Grid {
  /** Roughly, and at least, the distance of two lines. */
  readonly stepMs: number;
  /** The last line that is not after a local time. */
  floor(localMs: number): number;
  /** The line after a line. */
  next(localMs: number): number;
  /**
   * Hours and less go by the clock: when it is set back, the same hour comes twice, and is two hours. Days and more go
   * by the calendar: the day that has the hour twice is one day.
   */
  readonly isClock: boolean;
}

const GRIDS: Readonly<Record<Precision, Grid>> = {
  "1min": evenly(MINUTE_MS, true),
  "5min": evenly(5 * MINUTE_MS, true),
  "15min": evenly(15 * MINUTE_MS, true),
  hour: evenly(60 * MINUTE_MS, true),
  "12hr": evenly(DAY_MS / 2, false),
  day: evenly(DAY_MS, false),
  // ISO 8601: a week starts on Monday.
  week: evenly(7 * DAY_MS, false, -FIRST_WEEKDAY * DAY_MS),
  month: {
    stepMs: 31 * DAY_MS,
    floor: (local) => month(local, 0),
    next: (line) => month(line, 1),
    isClock: false,
  },
};

/** How many buckets a range has at most, without counting them out. A change of clocks off the grid's lines makes two of one. */
export function estimateBuckets(precision: Precision, fromMs: number, toMs: number): number {
  const steps = (toMs - fromMs) / Math.min(GRIDS[precision].stepMs, 28 * DAY_MS);
  const changes = MOST_CLOCK_CHANGES_A_YEAR * Math.ceil((toMs - fromMs) / (365 * DAY_MS));
  return Math.ceil(steps) + 2 + changes;
}

/**
 * The buckets that the moments from one to another are in: the first starts at or before `fromMs`, the last ends at or
 * after `toMs`, which is the later. Together they are the range, rounded to the precision.
 */
export function cutIntoBuckets(
  zone: TimeZone,
  precision: Precision,
  range: { fromMs: number; toMs: number },
): Buckets {
  const grid = GRIDS[precision];
  // Wide enough to see the grid's lines on both sides, whatever the clocks did in between.
  const margin = grid.stepMs + 2 * DAY_MS;
  const spans = zone.spans(range.fromMs - margin, range.toMs + margin);
  const lines = grid.isClock ? clockLines(grid, spans) : calendarLines(grid, spans);
  const bounds: number[] = [];
  for (const line of lines) {
    if (line <= range.fromMs) bounds.length = 0;
    if (line > range.fromMs || bounds.length === 0) bounds.push(line);
    if (line >= range.toMs) break;
  }
  return { bounds, labels: bounds.slice(0, -1).map((bound) => label(bound, grid, spans)) };
}

function* clockLines(grid: Grid, spans: readonly OffsetSpan[]): Generator<number> {
  for (const { fromMs, toMs, offsetMs } of spans) {
    yield fromMs;
    let line = grid.next(grid.floor(fromMs + offsetMs));
    for (; line - offsetMs < toMs; line = grid.next(line)) yield line - offsetMs;
  }
}

/** A line that clocks skip, or come back to, is crossed at one moment like any other. */
function* calendarLines(grid: Grid, spans: readonly OffsetSpan[]): Generator<number> {
  const [first] = spans;
  if (first === undefined) return;
  let last = Number.NEGATIVE_INFINITY;
  for (let line = grid.floor(first.fromMs + first.offsetMs); ; line = grid.next(line)) {
    const moment = firstMomentAt(line, spans);
    if (moment === undefined) return;
    if (moment > last) yield moment;
    last = moment;
  }
}

function label(moment: number, grid: Grid, spans: readonly OffsetSpan[]): string {
  const offsetMs = spans.findLast(({ fromMs }) => fromMs <= moment)?.offsetMs ?? 0;
  const start = grid.isClock ? grid.floor(moment + offsetMs) - offsetMs : moment;
  return formatLocal(start, offsetMs);
}

function evenly(stepMs: number, isClock: boolean, originMs = 0): Grid {
  return {
    stepMs,
    floor: (local) => Math.floor((local - originMs) / stepMs) * stepMs + originMs,
    next: (line) => line + stepMs,
    isClock,
  };
}

function month(localMs: number, later: number): number {
  const date = new Date(localMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later);
}
