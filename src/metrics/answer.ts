/** Answers a question about metrics from what an index has. */
import { cutIntoBuckets, estimateBuckets, type Precision } from "./buckets.ts";
import type { DayOfEvents, DayOfSent, Dimension } from "./columns.ts";
import { countEvents } from "./count-events.ts";
import { countSent } from "./count-sent.ts";
import { MAX_SLOTS } from "./distinct.ts";
import { findMetric, type Metric } from "./metric.ts";
import type { Filter, Slots } from "./selection.ts";
import { findTimeZone, type TimeZone } from "./time-zone.ts";

export interface MetricQuestion {
  /** Known names. */
  readonly metrics: readonly string[];
  /** Rounded outwards to the precision. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly precision: Precision;
  /** A known name. */
  readonly timeZone: string;
  /** A row for each of these; `all`: one row. */
  readonly by: "all" | "time" | Dimension;
  /** All must agree, each with one of its texts. */
  readonly filters: readonly { readonly dimension: Dimension; readonly texts: readonly string[] }[];
  /** By dimension: the rows with the highest counts of this one of the metrics. */
  readonly orderBy: string;
  readonly limit: number;
  readonly nowMs: number;
}

export interface MetricRow {
  /** When a time starts, or a dimension's text; empty for all. */
  readonly label: string;
  /** In the order of the metrics; `null` where it isn't known. */
  readonly counts: readonly (number | null)[];
}

export type MetricAnswer =
  | { readonly kind: "rows"; readonly rows: readonly MetricRow[] }
  /** The range has more times of this precision than may be asked for at once. */
  | { readonly kind: "too_many_times" };

/** What an index has, at one moment. */
export interface IndexView {
  /** What was before is dropped: of that time nothing can be said any more. */
  readonly keptFromMs: number;
  /** From when on all messages that were sent are known. */
  readonly sentFromMs: number;
  readonly events: readonly DayOfEvents[];
  readonly sent: readonly DayOfSent[];
  /** The highest number of a text. */
  highest(dimension: Dimension): number;
  /** The numbers of those texts that have one. */
  findTexts(dimension: Dimension, texts: readonly string[]): readonly number[];
  textOf(dimension: Dimension, number: number): string;
}

export const MAX_TIMES = 10_000;
const MINUTE_MS = 60_000;

interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export function answer(question: MetricQuestion, view: IndexView): MetricAnswer {
  const known = knownTime(question, view);
  // Of a time whose events are dropped, or that is yet to come, not even that nothing happened can be said.
  if (known === undefined) return { kind: "rows", rows: [] };
  const zone = findTimeZone(question.timeZone);
  if (zone === undefined) throw new RangeError("the time zone should have been checked");
  const asked: Asked = { question, view, zone, known, metrics: question.metrics.map(knownMetric) };
  if (question.by === "time") return byTime(asked);
  const rows = question.by === "all" ? all(asked) : byDimension(asked, question.by);
  return { kind: "rows", rows };
}

interface Asked {
  readonly question: MetricQuestion;
  readonly view: IndexView;
  readonly zone: TimeZone;
  /** The part of the range that something is known of. */
  readonly known: TimeRange;
  readonly metrics: readonly Metric[];
}

function byTime(asked: Asked): MetricAnswer {
  const { question, zone, known } = asked;
  if (estimateBuckets(question.precision, known.fromMs, known.toMs) > MAX_TIMES) {
    return { kind: "too_many_times" };
  }
  const { bounds, labels } = cutIntoBuckets(zone, question.precision, known);
  const count = countSlots(asked, { kind: "time", bounds: bounds.map(minuteOf) });
  const rows = labels.map((label, slot) => ({ label, counts: withHoles(asked, count(slot), bounds[slot]) }));
  return { kind: "rows", rows };
}

function all(asked: Asked): readonly MetricRow[] {
  const { fromMs, toMs } = roundedRange(asked);
  const count = countSlots(asked, { kind: "time", bounds: [minuteOf(fromMs), minuteOf(toMs)] });
  return [{ label: "", counts: withHoles(asked, count(0), fromMs) }];
}

function byDimension(asked: Asked, dimension: Dimension): readonly MetricRow[] {
  const { question, view } = asked;
  const { fromMs, toMs } = roundedRange(asked);
  const [fromMinute, toMinute] = [minuteOf(fromMs), minuteOf(toMs)];
  const order = question.metrics.indexOf(question.orderBy);
  let top: { number: number; counts: readonly number[] }[] = [];
  for (let first = 0; first <= view.highest(dimension); first += MAX_SLOTS) {
    const size = Math.min(MAX_SLOTS, view.highest(dimension) - first + 1);
    const count = countSlots(asked, { kind: "dimension", dimension, first, size, fromMinute, toMinute });
    for (let slot = 0; slot < size; slot += 1) {
      const counts = count(slot);
      if (counts.some((value) => value > 0)) top.push({ number: first + slot, counts });
    }
    top.sort(
      (one, other) => (other.counts[order] ?? 0) - (one.counts[order] ?? 0) || one.number - other.number,
    );
    top = top.slice(0, question.limit);
  }
  return top
    .map(({ number, counts }) => ({ label: view.textOf(dimension, number), counts }))
    .sort(
      (one, other) =>
        (other.counts[order] ?? 0) - (one.counts[order] ?? 0) || (one.label < other.label ? -1 : 1),
    )
    .map(({ label, counts }) => ({ label, counts: withHoles(asked, counts, fromMs) }));
}

function knownTime(question: MetricQuestion, { keptFromMs }: IndexView): TimeRange | undefined {
  const fromMs = Math.max(question.fromMs, keptFromMs);
  const toMs = Math.min(question.toMs, question.nowMs + 1);
  return fromMs < toMs ? { fromMs, toMs } : undefined;
}

/** Not that of what is known: rounded, that might begin after some of it. */
function roundedRange({ question: { precision, fromMs, toMs }, zone }: Asked): TimeRange {
  const start = cutIntoBuckets(zone, precision, { fromMs, toMs: fromMs + 1 });
  const end = cutIntoBuckets(zone, precision, { fromMs: toMs - 1, toMs });
  return { fromMs: start.bounds[0] ?? fromMs, toMs: end.bounds.at(-1) ?? toMs };
}

/** Messages that were sent are not counted where only some of them are known. `startMs`: of the row, which may begin before the range does. */
function withHoles(
  { view: { sentFromMs, keptFromMs }, metrics }: Asked,
  counts: readonly number[],
  startMs = 0,
): readonly (number | null)[] {
  if (sentFromMs <= Math.max(startMs, keptFromMs)) return counts;
  return counts.map((count, index) => (metrics[index]?.source === "messages" ? null : count));
}

/** The counts of each slot, in the order of the metrics. */
function countSlots({ question, view, metrics }: Asked, slots: Slots): (slot: number) => readonly number[] {
  const filters = question.filters.map(({ dimension, texts }): Filter => {
    const wanted = new Uint8Array(view.highest(dimension) + 1);
    for (const number of view.findTexts(dimension, texts)) wanted[number] = 1;
    return { dimension, wanted };
  });
  const asked = { slots, filters };
  const ofEvents = metrics.filter((metric) => metric.source === "events");
  const ofMessages = metrics.filter((metric) => metric.source === "messages");
  const events = countEvents(ofEvents.length === 0 ? [] : view.events, asked, ofEvents);
  const messages = countSent(ofMessages.length === 0 ? [] : view.sent, asked, ofMessages);
  const places = metrics.map((metric) =>
    metric.source === "events"
      ? { counts: events, width: ofEvents.length, place: ofEvents.indexOf(metric) }
      : { counts: messages, width: ofMessages.length, place: ofMessages.indexOf(metric) },
  );
  return (slot) => places.map(({ counts, width, place }) => counts[slot * width + place] ?? 0);
}

function knownMetric(name: string): Metric {
  const metric = findMetric(name);
  if (metric === undefined) throw new RangeError(`the metric ${name} should have been checked`);
  return metric;
}

function minuteOf(timestampMs: number): number {
  return Math.floor(timestampMs / MINUTE_MS);
}
