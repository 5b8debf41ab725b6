/** Opens and clicks over time: a chart, what it says under the pointer, and the same figures as a table. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";

import { type Counts, countsQuery, numberIn } from "../api/metrics.ts";
import { type ChartData, TimeChart } from "../chart/time-chart.tsx";
import { Failure } from "../components/failure.tsx";
import { formatCount, formatNumber, formatTime } from "../format.ts";
import { metric, type Shown } from "./counted.ts";

const SECOND_MS = 1000;

export function Activity({ range, isEverybody }: Shown) {
  const opens = metric("rendered", isEverybody);
  const clicks = metric("clicked", isEverybody);
  const metrics = [...new Set([opens, clicks, "count_rendered"])];
  const { lastMs, precision } = range;
  const counts = useQuery(countsQuery({ by: "time-series", metrics, lastMs, precision }));
  const data = useMemo(
    () => counts.data && toChart(counts.data, { opens, clicks, isEverybody }),
    [counts.data, opens, clicks, isEverybody],
  );
  const [index, setIndex] = useState<number>();
  if (data === undefined)
    return counts.error === null ? (
      <div className="h-[264px]" />
    ) : (
      <Failure
        what="The chart could not be loaded."
        error={counts.error}
        retry={() => void counts.refetch()}
      />
    );
  return (
    <>
      <Legend data={data} index={index} isByDay={precision === "day"} />
      <TimeChart data={data} label={summary(data, range.label)} onPoint={setIndex} />
      <Figures data={data} isByDay={precision === "day"} />
    </>
  );
}

function toChart(
  { rows }: Counts,
  { opens, clicks, isEverybody }: { opens: string; clicks: string; isEverybody: boolean },
): ChartData {
  const all = (name: string) => rows.map((row) => numberIn(row, name));
  return {
    times: rows.map(({ ts }) => Date.parse(String(ts)) / SECOND_MS),
    opens: all(opens),
    clicks: all(clicks),
    allOpens: isEverybody ? undefined : all("count_rendered"),
  };
}

function summary({ opens, clicks }: ChartData, when: string): string {
  return `${when}: ${formatCount(sum(opens), "open")} and ${formatCount(sum(clicks), "click")}.`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

interface AtPoint {
  readonly data: ChartData;
  readonly isByDay: boolean;
}

/** Which line is which; with the figures under the pointer, else with the sums. */
function Legend({ data, index, isByDay }: AtPoint & { readonly index: number | undefined }) {
  const at = (values: readonly number[]): number =>
    index === undefined ? sum(values) : (values[index] ?? 0);
  const opens = at(data.opens);
  const left = data.allOpens === undefined ? undefined : at(data.allOpens) - opens;
  const time = index === undefined ? undefined : data.times[index];
  return (
    <p className="mb-1 flex flex-wrap gap-x-5 gap-y-1 text-soft" aria-hidden="true">
      <Entry swatch="bg-accent h-0.5">Opens {formatNumber(opens)}</Entry>
      {left !== undefined && <Entry swatch="bg-band h-2.5">By prefetch and bots {formatNumber(left)}</Entry>}
      <Entry swatch="bg-second h-0.5">Clicks {formatNumber(at(data.clicks))}</Entry>
      <span className="ml-auto">{time === undefined ? "In all" : timeText(time, isByDay)}</span>
    </p>
  );
}

function Entry({ swatch, children }: { readonly swatch: string; readonly children: ReactNode }) {
  return (
    <span className="figures inline-flex items-center gap-2">
      <span className={`w-3.5 rounded-1 ${swatch}`} />
      {children}
    </span>
  );
}

function timeText(seconds: number, isByDay: boolean): string {
  const text = formatTime(new Date(seconds * SECOND_MS));
  return isByDay ? (text.split(",")[0] ?? "") : text;
}

function Figures({ data, isByDay }: AtPoint) {
  return (
    <details className="mt-2">
      <summary className="link w-fit text-meta">The figures as a table</summary>
      <div className="mt-2 max-h-80 overflow-y-auto">
        <table className="figures w-full max-w-prose">
          <thead>
            <tr className="border-b border-line text-left text-meta text-soft">
              <th scope="col" className="py-1 font-medium">
                From
              </th>
              <th scope="col" className="py-1 text-right font-medium">
                Opens
              </th>
              <th scope="col" className="py-1 text-right font-medium">
                Clicks
              </th>
            </tr>
          </thead>
          <tbody>
            {data.times.map((time, index) => (
              <tr key={time} className="border-b border-line">
                <td className="py-1">{timeText(time, isByDay)}</td>
                <td className="py-1 text-right">{formatNumber(data.opens[index] ?? 0)}</td>
                <td className="py-1 text-right">{formatNumber(data.clicks[index] ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
