/** Days of rows in memory, made of events and messages as a test thinks of them. */
import type { EventType } from "../../src/domain/event.ts";
import {
  type DayOfEvents,
  type DayOfSent,
  type Dimension,
  type NumberRange,
  TRACKS_CLICKS,
  TRACKS_OPENS,
} from "../../src/metrics/columns.ts";
import { ERASED, eventKind } from "../../src/metrics/event-kind.ts";
import { DAY_MINUTES } from "../../src/metrics/selection.ts";

export interface TestEvent {
  readonly minute: number;
  readonly type: EventType;
  readonly isPrefetched: boolean;
  readonly isBot: boolean;
  readonly isErased: boolean;
  /** From 1. */
  readonly message: number;
  /** From 1 for clicks, else 0. */
  readonly link: number;
  readonly dimensions: Readonly<Record<Dimension, number>>;
}

export interface TestSent {
  readonly minute: number;
  readonly openTracking: boolean;
  readonly clickTracking: boolean;
  readonly count: number;
  readonly dimensions: Readonly<Record<Dimension, number>>;
}

export function isClick(type: EventType): boolean {
  return type === "click" || type === "amp_click";
}

/** Rows in the order of the events: the times of a day's rows may jump to and fro. */
export function eventDays(events: readonly TestEvent[]): readonly DayOfEvents[] {
  return byDay(events).map(([day, rows]) => ({
    ...common(day, rows),
    messageRange: rangeOf(rows.map(({ message }) => message)),
    linkRange: rangeOf(rows.map(({ link }) => link)),
    kinds: () => Uint8Array.from(rows, (event) => (event.isErased ? ERASED : eventKind(event.type, event))),
    messages: () => Uint32Array.from(rows, ({ message }) => message),
    links: () => Uint32Array.from(rows, ({ link }) => link),
  }));
}

export function sentDays(sent: readonly TestSent[]): readonly DayOfSent[] {
  return byDay(sent).map(([day, rows]) => ({
    ...common(day, rows),
    counts: () => Uint32Array.from(rows, ({ count }) => count),
    tracking: () =>
      Uint8Array.from(rows, ({ openTracking, clickTracking }) => {
        return (openTracking ? TRACKS_OPENS : 0) | (clickTracking ? TRACKS_CLICKS : 0);
      }),
  }));
}

function byDay<Row extends { readonly minute: number }>(rows: readonly Row[]): [number, readonly Row[]][] {
  return [...Map.groupBy(rows, ({ minute }) => Math.floor(minute / DAY_MINUTES))].sort(([a], [b]) => a - b);
}

function common(day: number, rows: readonly Pick<TestEvent, "minute" | "dimensions">[]) {
  return {
    day,
    rows: rows.length,
    minutes: () => Uint16Array.from(rows, ({ minute }) => minute % DAY_MINUTES),
    dimension: (name: Dimension) => Uint32Array.from(rows, ({ dimensions }) => dimensions[name]),
  };
}

function rangeOf(numbers: readonly number[]): NumberRange | undefined {
  const given = numbers.filter((number) => number > 0).sort((a, b) => a - b);
  const [low] = given;
  return low === undefined ? undefined : { low, high: given.at(-1) ?? low };
}
