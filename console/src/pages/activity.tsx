/** Opens and clicks over time: a chart, what it says under the pointer, and the same figures as a table. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";

import { type Counts, countedBeforeQuery, countsQuery, numberIn } from "../api/metrics.ts";
import { type ChartData, TimeChart } from "../chart/time-chart.tsx";
import { Failure } from "../components/failure.tsx";
import { formatCount, formatNumber, formatTime, timeZoneInWords } from "../format.ts";
import { metric, type Shown } from "./counted.ts";

const SECOND_MS = 1000;

export function Activity({ range, isEverybody }: Shown) {
  const opens = metric("rendered", isEverybody);
  const clicks = metric("clicked", isEverybody);
  const { lastMs, precision } = range;
  const metrics = [...new Set([opens, clicks, ...ANYTHING])];
  const counts = useQuery(countsQuery({ by: "time-series", metrics, lastMs, precision }));
  const firstRow = useFirstRow(counts.data);
  const data = useMemo(
    () => counts.data && toChart(counts.data, { opens, clicks, isEverybody, firstRow }),
    [counts.data, opens, clicks, isEverybody, firstRow],
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
      <p className="mt-1 text-meta text-soft">Times are in {timeZoneInWords()}.</p>
      <Figures data={data} isByDay={precision === "day"} />
    </>
  );
}

/** What an installation does once it is in use. */
const ANYTHING = ["count_targeted", "count_rendered", "count_clicked"];

/** The row with which figures begin: zeros before the very first mail or event are not zeros, there was nothing to count. */
function useFirstRow(counts: Counts | undefined): number {
  const rows = counts?.rows ?? [];
  const first = rows.findIndex((row) => ANYTHING.some((name) => numberIn(row, name) > 0));
  const isEarlierInQuestion = rows.length > 0 && first !== 0;
  const earlier = useQuery({
    ...countedBeforeQuery(ANYTHING, Date.parse(String(rows[0]?.["ts"]))),
    enabled: isEarlierInQuestion,
  });
  if (!isEarlierInQuestion || earlier.data !== false) return 0;
  return first === -1 ? rows.length : first;
}

interface ToChart {
  readonly opens: string;
  readonly clicks: string;
  readonly isEverybody: boolean;
  readonly firstRow: number;
}

function toChart({ rows, fromMs }: Counts, { opens, clicks, isEverybody, firstRow }: ToChart): ChartData {
  const times = rows.map(({ ts }) => Date.parse(String(ts)) / SECOND_MS);
  // Of what is no longer kept there are no rows: its place in the chart stays.
  const isCut = (times[0] ?? 0) > fromMs / SECOND_MS;
  const all = (name: string) => [
    ...(isCut ? [null] : []),
    ...rows.map((row, index) => (index < firstRow ? null : numberIn(row, name))),
  ];
  return {
    times: isCut ? [fromMs / SECOND_MS, ...times] : times,
    opens: all(opens),
    clicks: all(clicks),
    allOpens: isEverybody ? undefined : all("count_rendered"),
  };
}

function summary({ opens, clicks }: ChartData, when: string): string {
  return `${when}: ${formatCount(sum(opens), "open")} and ${formatCount(sum(clicks), "click")}.`;
}

function sum(values: readonly (number | null)[]): number {
  return values.reduce((total: number, value) => total + (value ?? 0), 0);
}

/** Where both are known. */
function difference(all: ChartData["opens"], part: ChartData["opens"]): ChartData["opens"] {
  return all.map((value, index) => {
    const other = part[index] ?? null;
    return value === null || other === null ? null : value - other;
  });
}

interface AtPoint {
  readonly data: ChartData;
  readonly isByDay: boolean;
}

/** Which line is which; with the figures under the pointer, else with the sums. */
function Legend({ data, index, isByDay }: AtPoint & { readonly index: number | undefined }) {
  const shown = (values: ChartData["opens"]): string => {
    const figure = index === undefined ? sum(values) : (values[index] ?? undefined);
    return figure === undefined ? "–" : formatNumber(figure);
  };
  const { opens, allOpens, clicks } = data;
  const time = index === undefined ? undefined : data.times[index];
  return (
    <p className="mb-1 flex flex-wrap gap-x-5 gap-y-1 text-soft" aria-hidden="true">
      <Entry swatch="bg-accent h-0.5">Opens {shown(opens)}</Entry>
      {allOpens !== undefined && (
        <Entry swatch="bg-band h-2.5">By prefetch and bots {shown(difference(allOpens, opens))}</Entry>
      )}
      <Entry swatch="bg-second h-0.5">Clicks {shown(clicks)}</Entry>
      <span className="ml-auto">
        {time === undefined ? "In all" : timeText(time, isByDay)}
        {index !== undefined && data.opens[index] === null && ": nothing is known"}
      </span>
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

interface FigureColumn {
  readonly head: string;
  readonly at: (index: number) => number;
}

/** What the legend names, in its order. */
function columnsOf({ opens, allOpens, clicks }: ChartData): readonly FigureColumn[] {
  const left = (index: number) => (allOpens?.[index] ?? 0) - (opens[index] ?? 0);
  return [
    { head: "Opens", at: (index) => opens[index] ?? 0 },
    ...(allOpens === undefined ? [] : [{ head: "By prefetch and bots", at: left }]),
    { head: "Clicks", at: (index) => clicks[index] ?? 0 },
  ];
}

function Figures({ data, isByDay }: AtPoint) {
  const columns = columnsOf(data);
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
              {columns.map(({ head }) => (
                <th key={head} scope="col" className="py-1 pl-3 text-right font-medium">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.times.map(
              (time, index) =>
                data.opens[index] !== null && (
                  <tr key={time} className="border-b border-line">
                    <td className="py-1">{timeText(time, isByDay)}</td>
                    {columns.map(({ head, at }) => (
                      <td key={head} className="py-1 pl-3 text-right">
                        {formatNumber(at(index))}
                      </td>
                    ))}
                  </tr>
                ),
            )}
          </tbody>
        </table>
      </div>
    </details>
  );
}
