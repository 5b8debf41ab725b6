/** The parameters of the metrics API: text in the query, checked once. */
import type { MetricQuestion } from "../metrics/answer.ts";
import { PRECISIONS, type Precision } from "../metrics/buckets.ts";
import type { Dimension } from "../metrics/columns.ts";
import { findMetric, isDeliveryMetric } from "../metrics/metric.ts";
import { findTimeZone, firstMomentAt, type TimeZone } from "../metrics/time-zone.ts";
import { visibleSubaccounts } from "./principal.ts";
import {
  choicesParameter,
  invalid,
  listParameter,
  numberParameter,
  subaccountsParameter,
  timeOnDate,
} from "./query.ts";
import type { Call, Parameter } from "./route.ts";

const DAY_MS = 86_400_000;
const MAX_ROWS = 10_000;
const EARLIEST_MS = Date.UTC(1971, 0);

/** Filters by the names of their parameters. Names of domains are compared in lower case. */
const FILTERS = {
  campaigns: { dimension: "campaign", isDomain: false },
  domains: { dimension: "recipientDomain", isDomain: true },
  sending_domains: { dimension: "sendingDomain", isDomain: true },
  tracking_domains: { dimension: "trackingDomain", isDomain: true },
  templates: { dimension: "template", isDomain: false },
} as const satisfies Record<string, { readonly dimension: Dimension; readonly isDomain: boolean }>;

/** SparkPost's filters by what is not counted by. Passed over, they would make counts of more than was asked for. */
const FOREIGN_FILTERS = [
  "sending_ips",
  "ip_pools",
  "mailbox_providers",
  "mailbox_provider_regions",
  "ab_tests",
  "subject_campaigns",
  "query_filters",
] as const;

const COMMON: readonly Parameter[] = [
  {
    name: "from",
    description: "Inclusive. Local time in `timezone` unless it has an offset; a day before `to` when absent",
    example: "2026-11-21T21:00",
  },
  { name: "to", description: "Exclusive; now when absent", example: "2026-11-22T21:00" },
  {
    name: "timezone",
    description: "A name of the IANA time zone database; UTC when absent",
    example: "Europe/Berlin",
  },
  { name: "metrics", description: "Metrics, separated by commas. Required", example: "count_clicked" },
  { name: "campaigns", description: "Only these campaigns, separated by commas" },
  { name: "domains", description: "Only recipients in these domains" },
  { name: "subaccounts", description: "Only these subaccounts; 0 is the primary account" },
  { name: "sending_domains", description: "Only messages from these domains" },
  { name: "tracking_domains", description: "Only these tracking domains" },
  { name: "templates", description: "Only these templates" },
  { name: "delimiter", description: "What lists are separated by, instead of a comma" },
];

export const RANGE_PARAMETERS: readonly Parameter[] = [
  ...COMMON,
  {
    name: "precision",
    description: "What `from` and `to` are rounded outwards to: 1min (when absent) to month",
  },
];

export const TIME_PARAMETERS: readonly Parameter[] = [
  ...COMMON,
  {
    name: "precision",
    description: "How long each row is: 1min, 5min, 15min, hour, 12hr, day (when absent), week, month",
  },
];

export const GROUP_PARAMETERS: readonly Parameter[] = [
  ...RANGE_PARAMETERS,
  { name: "limit", description: "How many rows: 1 to 10000; 1000 when absent" },
  { name: "order_by", description: "One of the metrics: the rows that have most of it come first" },
];

export interface MetricRequest {
  /** The metrics that a row shows. */
  readonly names: readonly string[];
  /** About those of them that we count. */
  readonly question: MetricQuestion;
}

export function parseMetricRequest(
  { query, tenant }: Pick<Call, "query" | "tenant">,
  by: MetricQuestion["by"],
  nowMs: number,
): MetricRequest {
  const delimiter = query["delimiter"] || ",";
  const foreign = FOREIGN_FILTERS.find((name) => (query[name] ?? "") !== "");
  if (foreign !== undefined) throw invalid(foreign, "is a filter that Waypost does not have");
  const zone = findTimeZone(query["timezone"] || "UTC");
  if (zone === undefined) throw invalid("timezone", "must be a name of the IANA time zone database");
  const toMs = momentParameter(query, "to", zone) ?? nowMs + 1;
  const fromMs = momentParameter(query, "from", zone) ?? toMs - DAY_MS;
  if (fromMs >= toMs) throw invalid("from", "must be before to");
  const names = parseNames(query, by, delimiter);
  const metrics = names.filter((name) => findMetric(name) !== undefined);
  return {
    names,
    question: {
      metrics,
      fromMs,
      toMs,
      precision: parsePrecision(query, by),
      timeZone: zone.name,
      by,
      filters: [...textFilters(query, delimiter), ...subaccountFilter({ query, tenant }, delimiter)],
      orderBy: parseOrder(query, names) ?? metrics[0] ?? "",
      limit: numberParameter(query, "limit", { default: 1000, min: 1, max: MAX_ROWS }),
      nowMs,
    },
  };
}

function parseNames(query: Call["query"], by: MetricQuestion["by"], delimiter: string): readonly string[] {
  const names = listParameter(query, "metrics", delimiter);
  if (names === undefined)
    throw invalid("metrics", "is required: the metrics to count, such as count_clicked");
  for (const name of names) {
    const metric = findMetric(name);
    if (metric === undefined && !isDeliveryMetric(name))
      throw invalid("metrics", `has the unknown value '${name.slice(0, 100)}'`);
    if (by === "linkName" && !(metric?.source === "events" && metric.isOfLinks))
      throw invalid("metrics", `has '${name}', which is not about links`);
  }
  return [...new Set(names)];
}

/** `undefined` for the order of a metric that has no counts. */
function parseOrder(query: Call["query"], names: readonly string[]): string | undefined {
  const name = query["order_by"] ?? "";
  if (name === "") return undefined;
  if (!names.includes(name)) throw invalid("order_by", "must be one of the metrics asked for");
  return findMetric(name) === undefined ? undefined : name;
}

function parsePrecision(query: Call["query"], by: MetricQuestion["by"]): Precision {
  const [given, another] = choicesParameter(query, "precision", PRECISIONS) ?? [];
  if (another !== undefined) throw invalid("precision", "must be one value");
  return given ?? (by === "time" ? "day" : "1min");
}

function textFilters(query: Call["query"], delimiter: string): MetricQuestion["filters"] {
  return Object.entries(FILTERS).flatMap(([name, { dimension, isDomain }]) => {
    const texts = listParameter(query, name, delimiter);
    if (texts === undefined) return [];
    return [{ dimension, texts: isDomain ? texts.map((text) => text.toLowerCase()) : texts }];
  });
}

function subaccountFilter(
  { query, tenant }: Pick<Call, "query" | "tenant">,
  delimiter: string,
): MetricQuestion["filters"] {
  const visible = visibleSubaccounts(tenant.read, subaccountsParameter(query, "subaccounts", delimiter));
  return visible === "all" ? [] : [{ dimension: "subaccount", texts: visible.map(String) }];
}

/** With an offset a moment; without, what clocks in the zone show, and of a time that they show twice the first. */
function momentParameter(query: Call["query"], name: string, zone: TimeZone): number | undefined {
  const text = query[name];
  if (text === undefined || text === "") return undefined;
  const shape = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const [, date = "", clock = "T00:00", , , offset] = shape ?? [];
  const time = timeOnDate(date, `${clock}${offset ?? "Z"}`);
  if (!(time >= EARLIEST_MS)) throw invalid(name, "must be a time like 2026-11-22T21:00, from 1971 on");
  if (offset !== undefined) return time;
  return firstMomentAt(time, zone.spans(time - 2 * DAY_MS, time + 2 * DAY_MS));
}
