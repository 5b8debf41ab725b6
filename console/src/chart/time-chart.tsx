/** Lines over time. The lighter band above the first line is what the line leaves out. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";

import { formatAxisTime, formatNumber } from "../format.ts";
import { type Colors, useColors } from "./colors.ts";

export interface ChartData {
  /** In seconds, ascending. */
  readonly times: readonly number[];
  /** `null`: nothing is known of that time. The lines have a gap there. */
  readonly opens: readonly (number | null)[];
  /** Those that the line leaves out, too; absent: it leaves none out. */
  readonly allOpens: readonly (number | null)[] | undefined;
  readonly clicks: readonly (number | null)[];
}

const HEIGHT = 240;
/** Of an empty chart. */
const LOWEST_TOP = 4;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export function TimeChart({
  data,
  label,
  onPoint,
}: {
  readonly data: ChartData;
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** Called with the index of the point under the pointer. */
  readonly onPoint: (index: number | undefined) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const report = useRef(onPoint);
  report.current = onPoint;
  const colors = useColors();
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const box = place.current;
    if (box === null) return;
    const options = optionsOf(colors, box.clientWidth, (index) => report.current(index));
    const made = new uPlot(options, aligned(latest.current), box);
    chart.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: HEIGHT }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [colors]);
  useEffect(() => chart.current?.setData(aligned(data)), [data]);
  return <div ref={place} role="img" aria-label={label} className="h-[240px] min-w-0 overflow-hidden" />;
}

function aligned({ times, opens, allOpens, clicks }: ChartData): uPlot.AlignedData {
  return [[...times], [...(allOpens ?? opens)], [...opens], [...clicks]];
}

/** A dot for what no line leads to or from: the first hour of an installation is one. */
function pointsOf(fill: string): uPlot.Series.Points {
  return {
    ...{ size: 6, width: 0, fill },
    filter: (chart, series) => {
      const values = chart.data[series] ?? [];
      const isKnown = (index: number): boolean => (values[index] ?? null) !== null;
      return [...values.keys()].filter((at) => isKnown(at) && !isKnown(at - 1) && !isKnown(at + 1));
    },
  };
}

/** Also of the band, which has no line that uPlot would look at. */
function highest([, ...series]: uPlot.AlignedData): number {
  return Math.max(LOWEST_TOP, ...series.flat().map(Number));
}

function optionsOf(
  colors: Colors,
  width: number,
  onPoint: (index: number | undefined) => void,
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colors.soft,
    font: FONT,
    grid: { stroke: colors.line, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    // Room for the half of a date that stands at the right end.
    padding: [12, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: { y: { range: ({ data }) => [0, highest(data) * 1.05] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 72,
        values: (_chart, splits, _axis, _space, step) => splits.map((time) => formatAxisTime(time, step)),
      },
      {
        ...axis,
        size: 56,
        values: (_chart, splits) =>
          splits.map((value) => (Number.isInteger(value) ? formatNumber(value) : "")),
      },
    ],
    series: [
      {},
      { label: "All opens", width: 0, points: { show: false } },
      { label: "Opens", stroke: colors.accent, width: 2, points: pointsOf(colors.accent) },
      { label: "Clicks", stroke: colors.second, width: 2, points: pointsOf(colors.second) },
    ],
    bands: [{ series: [1, 2], fill: colors.band }],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)] },
  };
}
