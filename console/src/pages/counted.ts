/** What the overview counts: over which time, and whose events. */
import { DAY_MS } from "../format.ts";

interface Range {
  readonly label: string;
  readonly lastMs: number;
  readonly precision: string;
}

export const RANGES: Readonly<Record<string, Range>> & { readonly week: Range } = {
  day: { label: "Last 24 hours", lastMs: DAY_MS, precision: "hour" },
  week: { label: "Last 7 days", lastMs: 7 * DAY_MS, precision: "hour" },
  month: { label: "Last 30 days", lastMs: 30 * DAY_MS, precision: "day" },
  quarter: { label: "Last 90 days", lastMs: 90 * DAY_MS, precision: "day" },
};

export interface Shown {
  readonly range: Range;
  /** Whether prefetch and bots count. */
  readonly isEverybody: boolean;
}

/** `count_human_clicked`, or `count_clicked` when everybody counts. */
export function metric(name: string, isEverybody: boolean): string {
  return `count_${isEverybody ? "" : "human_"}${name}`;
}
