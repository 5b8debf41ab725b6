/** Counts of opens and clicks: over time, and by what they are about. */
import { queryOptions } from "@tanstack/react-query";

import { DAY_MS } from "../format.ts";
import { callApi, withQuery } from "./client.ts";

/** How each row is named, and its counts. A count is `null` where it is not known. */
type MetricRow = Readonly<Record<string, string | number | null>>;

export interface Counts {
  readonly rows: readonly MetricRow[];
  /** Asked for from then on: of what is no longer kept there are no rows. */
  readonly fromMs: number;
  /** Between 0 and 1 while what the counts are made of is being read: they are too low. */
  readonly progress: number | undefined;
}

interface CountsReply {
  readonly results: readonly MetricRow[];
  readonly incomplete?: { readonly progress: number };
}

export interface CountsQuestion {
  /** `""`, `time-series`, or a group: `campaign`, `link-name`, `tracking-domain`. */
  readonly by: "" | "time-series" | "campaign" | "link-name" | "tracking-domain";
  readonly metrics: readonly string[];
  readonly lastMs: number;
  readonly precision?: string;
  readonly limit?: number;
}

const LOOK_AGAIN_MS = 10_000;
const SPARK_DAYS = 7;
const MOST_DOMAINS = 10_000;
/** Before any event. */
const EARLIEST_MS = Date.UTC(2000);

export function countsQuery(question: CountsQuestion) {
  return queryOptions({
    queryKey: ["metrics", question],
    queryFn: ({ signal }) => count(question, { from: Date.now() - question.lastMs, to: undefined }, signal),
    refetchInterval: LOOK_AGAIN_MS,
  });
}

/** Whether anything was counted before a time. */
export function countedBeforeQuery(metrics: readonly string[], beforeMs: number) {
  return queryOptions({
    queryKey: ["metrics", "before", metrics, beforeMs],
    queryFn: async ({ signal }) => {
      const { rows } = await count({ by: "", metrics }, { from: EARLIEST_MS, to: beforeMs }, signal);
      return metrics.some((name) => numberIn(rows[0], name) > 0);
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

async function count(
  { by, metrics, precision, limit }: Omit<CountsQuestion, "lastMs">,
  { from, to }: { readonly from: number; readonly to: number | undefined },
  signal: AbortSignal,
): Promise<Counts> {
  const path = withQuery(`/metrics/deliverability${by === "" ? "" : `/${by}`}`, {
    from: new Date(from).toISOString(),
    to: to === undefined ? "" : new Date(to).toISOString(),
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    metrics: metrics.join(","),
    precision,
    limit,
  });
  const { results, incomplete } = await callApi<CountsReply>(path, { signal });
  return { rows: results, fromMs: from, progress: incomplete?.progress };
}

/** People's clicks by tracking domain on each of the last seven days, the oldest first: a question a day, whatever the number of domains. */
export function clicksByDomainQuery() {
  return queryOptions({
    queryKey: ["metrics", "clicks-by-domain"],
    queryFn: async ({ signal }): Promise<ReadonlyMap<string, readonly number[]>> => {
      const now = Date.now();
      const days = await Promise.all(
        Array.from({ length: SPARK_DAYS }, (_, day) => {
          const to = now - (SPARK_DAYS - 1 - day) * DAY_MS;
          const question = { by: "tracking-domain", metrics: [PEOPLES_CLICKS], limit: MOST_DOMAINS } as const;
          return count(question, { from: to - DAY_MS, to }, signal);
        }),
      );
      return byDomain(days);
    },
    staleTime: 60_000,
  });
}

const PEOPLES_CLICKS = "count_human_clicked";

function byDomain(days: readonly Counts[]): ReadonlyMap<string, readonly number[]> {
  const clicks = new Map<string, number[]>();
  for (const [day, { rows }] of days.entries()) {
    for (const row of rows) {
      const domain = String(row["tracking_domain"]);
      const counts = clicks.get(domain) ?? Array.from({ length: SPARK_DAYS }, () => 0);
      counts[day] = numberIn(row, PEOPLES_CLICKS);
      clicks.set(domain, counts);
    }
  }
  return clicks;
}

/** What is not known counts as nothing, where a sum is shown. */
export function numberIn(row: MetricRow | undefined, name: string): number {
  return Number(row?.[name] ?? 0);
}
