/** `GET /api/v1/metrics/deliverability` and its groups: how many clicks and opens there were, in SparkPost's shapes. */
import { Type } from "typebox";

import { MAX_TIMES, type MetricQuestion, type MetricRow } from "../metrics/answer.ts";
import type { Dimension } from "../metrics/columns.ts";
import type { AnsweredQuestion } from "../metrics/metrics-index.ts";
import { GROUP_PARAMETERS, parseMetricRequest, RANGE_PARAMETERS, TIME_PARAMETERS } from "./metric-query.ts";
import { invalid } from "./query.ts";
import { type Call, type Reply, type Route, route } from "./route.ts";

export interface MetricDeps {
  readonly metrics: { ask(question: MetricQuestion): Promise<AnsweredQuestion> };
  readonly now: () => number;
}

const PATH = "/api/v1/metrics/deliverability";
/** What SparkPost shows for links without a name. */
const NAMELESS_LINK = "Raw URL";

interface Group {
  readonly by: Dimension;
  readonly field: string;
  readonly what: string;
  /** What stands in the field. */
  readonly show?: (text: string) => unknown;
}

/** By the last part of their paths. */
const GROUPS: Readonly<Record<string, Group>> = {
  campaign: { by: "campaign", field: "campaign_id", what: "campaign" },
  domain: { by: "recipientDomain", field: "domain", what: "recipients' domain" },
  subaccount: { by: "subaccount", field: "subaccount_id", what: "subaccount", show: Number },
  "sending-domain": { by: "sendingDomain", field: "sending_domain", what: "sending domain" },
  "tracking-domain": { by: "trackingDomain", field: "tracking_domain", what: "tracking domain" },
  template: { by: "template", field: "template_id", what: "template" },
  "link-name": {
    by: "linkName",
    field: "link_name",
    what: "link's name",
    show: (text) => (text === "" ? NAMELESS_LINK : text),
  },
};

const COUNT = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);
const LINK = Type.Object(
  { href: Type.String(), rel: Type.String(), method: Type.Literal("GET") },
  { additionalProperties: false },
);

export function metricRoutes(deps: MetricDeps): readonly Route[] {
  const common = { method: "GET", grant: "metrics/view", tag: "Metrics" } as const;
  return [
    route({
      ...common,
      url: PATH,
      summary: "Count clicks and opens",
      query: RANGE_PARAMETERS,
      replies: { 200: replySchema({}) },
      handle: (call) => reply(call, deps, { by: "all", toRow: () => ({}) }),
    }),
    route({
      ...common,
      url: `${PATH}/time-series`,
      summary: "Count clicks and opens over time",
      query: TIME_PARAMETERS,
      replies: { 200: replySchema({ ts: Type.String({ format: "date-time" }) }) },
      handle: (call) => reply(call, deps, { by: "time", toRow: (label) => ({ ts: label }) }),
    }),
    ...Object.entries(GROUPS).map(([path, { by, field, what, show = (text: string) => text }]) =>
      route({
        ...common,
        url: `${PATH}/${path}`,
        summary: `Count clicks and opens by ${what}`,
        query: GROUP_PARAMETERS,
        replies: { 200: replySchema({ [field]: by === "subaccount" ? Type.Integer() : Type.String() }) },
        handle: (call) => reply(call, deps, { by, toRow: (label) => ({ [field]: show(label) }) }),
      }),
    ),
  ];
}

function replySchema(fields: Parameters<typeof Type.Object>[0]) {
  return Type.Object(
    {
      results: Type.Array(
        Type.Object(fields, {
          additionalProperties: COUNT,
          description: "With a count for each metric; null where it is not known.",
        }),
      ),
      links: Type.Array(LINK),
      incomplete: Type.Optional(
        Type.Object(
          { progress: Type.Number({ minimum: 0, maximum: 1 }) },
          {
            additionalProperties: false,
            description: "Present while the index of metrics is being built: counts are too low.",
          },
        ),
      ),
    },
    { additionalProperties: false },
  );
}

interface Shape {
  readonly by: MetricQuestion["by"];
  /** What stands in a row beside its counts. */
  readonly toRow: (label: string) => Record<string, unknown>;
}

async function reply(call: Call, { metrics, now }: MetricDeps, { by, toRow }: Shape): Promise<Reply> {
  const { names, question } = parseMetricRequest(call, by, now());
  const { answer, progress } = await metrics.ask(question);
  if (answer.kind === "too_many_times") {
    throw invalid("precision", `makes more than ${MAX_TIMES} rows of this range`);
  }
  return {
    status: 200,
    body: {
      results: answer.rows.map((row) => ({ ...toRow(row.label), ...countsOf(names, question, row) })),
      links: by === "all" ? LINKS : LINKS.slice(0, 1),
      ...(progress === undefined ? {} : { incomplete: { progress } }),
    },
  };
}

/** What becomes of a message on its way nobody tells us: of consumers that ask for that too, the rest is answered. */
function countsOf(
  names: readonly string[],
  { metrics }: MetricQuestion,
  { counts }: MetricRow,
): Record<string, number | null> {
  return Object.fromEntries(names.map((name) => [name, counts[metrics.indexOf(name)] ?? null]));
}

const LINKS = ["", "time-series", ...Object.keys(GROUPS)].map((path) => ({
  href: path === "" ? PATH : `${PATH}/${path}`,
  rel: path === "" ? "deliverability" : path,
  method: "GET",
}));
