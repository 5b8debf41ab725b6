/**
 * Every metric there is. SparkPost's names are made of parts, `count_` `nonprefetched_` `unique_rendered`, and so are
 * ours: each measure exists for each audience.
 */
import type { EventType } from "../domain/event.ts";
import { type EventKind, KIND_COUNT, typeOfKind, type Verdict, verdictOfKind } from "./event-kind.ts";

/** What is counted once, however often it occurs: nothing, a message, a link of a message. */
type Distinct = "nothing" | "message" | "link";

interface Measure {
  readonly types: readonly EventType[];
  readonly distinct: Distinct;
}

const CLICKS = ["click", "amp_click"] as const;
const OPENS = ["open", "amp_open"] as const;
const INITIAL_OPENS = ["initial_open", "amp_initial_open"] as const;
const UNSUBSCRIBES = ["link_unsubscribe"] as const;

/** What AMP shows of a message is that message, clicked and opened like its other parts. */
const MEASURES = {
  clicked: { types: CLICKS, distinct: "nothing" },
  unique_clicked: { types: CLICKS, distinct: "message" },
  raw_clicked: { types: CLICKS, distinct: "link" },
  rendered: { types: OPENS, distinct: "nothing" },
  unique_rendered: { types: OPENS, distinct: "message" },
  initial_rendered: { types: INITIAL_OPENS, distinct: "nothing" },
  unique_initial_rendered: { types: INITIAL_OPENS, distinct: "message" },
  unique_confirmed_opened: {
    types: [...CLICKS, ...OPENS, ...INITIAL_OPENS, ...UNSUBSCRIBES],
    distinct: "message",
  },
  unsubscribe: { types: UNSUBSCRIBES, distinct: "nothing" },
} as const satisfies Record<string, Measure>;

/** Whose events count, by the prefix that says so. */
const AUDIENCES: Readonly<Record<string, (verdict: Verdict) => boolean>> = {
  "": () => true,
  nonprefetched_: ({ isPrefetched }) => !isPrefetched,
  nonbot_: ({ isBot }) => !isBot,
  human_: ({ isPrefetched, isBot }) => !isPrefetched && !isBot,
};

/** Messages that were sent, by what is tracked in them. */
const SENT_MEASURES = {
  count_targeted: { openTracking: true, clickTracking: true },
  count_injected: { openTracking: true, clickTracking: true },
  count_open_tracked: { openTracking: true, clickTracking: false },
  count_click_tracked: { openTracking: false, clickTracking: true },
} as const;

/** SparkPost's metrics of what becomes of a message on its way, which nobody tells us. */
const DELIVERY_METRICS: ReadonlySet<string> = new Set([
  ...[
    "count_sent",
    "count_accepted",
    "count_delivered",
    "count_delivered_first",
    "count_delivered_subsequent",
  ],
  ...["count_bounce", "count_hard_bounce", "count_soft_bounce", "count_block_bounce", "count_admin_bounce"],
  ...["count_undetermined_bounce", "count_inband_bounce", "count_outofband_bounce", "count_rejected"],
  ...["count_policy_rejection", "count_generation_failed", "count_generation_rejection", "count_delayed"],
  ...["count_delayed_first", "count_spam_complaint", "total_msg_volume", "total_delivery_time_first"],
  ...["total_delivery_time_subsequent", "count_inbox_panel", "count_spam_panel", "count_inbox_seed"],
  ...["count_spam_seed", "count_inbox_seed_private", "count_spam_seed_private", "count_inbox_seed_virtual"],
  ...["count_spam_seed_virtual", "count_moved_to_inbox", "count_moved_to_spam"],
]);

export interface EventMetric {
  readonly source: "events";
  readonly distinct: Distinct;
  /** Whether it only counts clicks on links, of which alone a link's name is known. */
  readonly isOfLinks: boolean;
  /** By kind: 1 where an event of that kind counts. */
  readonly counts: Uint8Array;
}

/** A sent message counts when any of what it tracks is among these. */
export interface SentMetric {
  readonly source: "messages";
  readonly openTracking: boolean;
  readonly clickTracking: boolean;
}

export type Metric = EventMetric | SentMetric;

const METRICS: ReadonlyMap<string, Metric> = new Map<string, Metric>([...eventMetrics(), ...sentMetrics()]);

export const METRIC_NAMES: readonly string[] = [...METRICS.keys()];

/** `undefined` for a name that stands for nothing we count. */
export function findMetric(name: string): Metric | undefined {
  // What SparkPost may give as an approximation, we give exactly.
  return METRICS.get(name) ?? METRICS.get(name.replace(/((?:unique|raw)_[a-z_]+)_approx$/, "$1"));
}

export function isDeliveryMetric(name: string): boolean {
  return DELIVERY_METRICS.has(name);
}

function* eventMetrics(): Generator<[string, EventMetric]> {
  for (const [prefix, isCounted] of Object.entries(AUDIENCES)) {
    for (const [name, measure] of Object.entries<Measure>(MEASURES)) {
      const counts = Uint8Array.from({ length: KIND_COUNT }, (_, kind) =>
        hasType(measure, kind) && isCounted(verdictOfKind(kind)) ? 1 : 0,
      );
      const isOfLinks = name.includes("clicked") || name === "unsubscribe";
      yield [`count_${prefix}${name}`, { source: "events", distinct: measure.distinct, isOfLinks, counts }];
    }
  }
}

function* sentMetrics(): Generator<[string, SentMetric]> {
  for (const [name, tracked] of Object.entries(SENT_MEASURES))
    yield [name, { source: "messages", ...tracked }];
}

function hasType(measure: Measure, kind: EventKind): boolean {
  const type = typeOfKind(kind);
  return type !== undefined && measure.types.includes(type);
}
