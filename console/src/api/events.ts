/** What recipients did: searched, followed as it comes, exported. */
import { infiniteQueryOptions } from "@tanstack/react-query";

import { DAY_MS } from "../format.ts";
import { callApi, withQuery } from "./client.ts";

/** The fields that the console names itself; an event may have more, which are shown as they are. */
export interface RecipientEvent {
  readonly type: string;
  readonly event_id: string;
  readonly timestamp: string;
  readonly message_id: string;
  readonly rcpt_to: string;
  readonly subaccount_id?: number;
  readonly campaign_id?: string;
  readonly subject?: string;
  readonly tracking_domain?: string;
  readonly target_link_url?: string;
  readonly target_link_name?: string;
  readonly is_bot: boolean;
  readonly is_prefetched: boolean;
  readonly is_proxy: boolean;
  readonly bot_reasons?: readonly string[];
}

/** The API's filters by their names. An absent or empty one keeps all. */
export type EventFilter = Readonly<Partial<Record<FilterName, string>>>;

export const FILTER_NAMES = [
  "events",
  "recipients",
  "recipient_domains",
  "messages",
  "transmissions",
  "event_ids",
  "campaigns",
  "templates",
  "subjects",
  "from_addresses",
  "sending_domains",
  "ip_pools",
  "tracking_domains",
  "subaccounts",
  "is_bot",
  "is_prefetched",
  "is_proxy",
] as const;
export type FilterName = (typeof FILTER_NAMES)[number];

/** Until now, or between two times; empty ones are the API's defaults. */
export type EventRange = { readonly lastMs: number } | { readonly from: string; readonly to: string };

interface EventPage {
  readonly results: readonly RecipientEvent[];
  readonly total_count: number;
  readonly total_count_is_lower_bound?: boolean;
  readonly links: { readonly next?: string };
}

const PER_PAGE = 100;

export function eventQuery(filter: EventFilter, range: EventRange) {
  return infiniteQueryOptions({
    queryKey: ["events", filter, range],
    queryFn: ({ pageParam, signal }) =>
      callApi<EventPage>(
        pageParam ?? withQuery("/events/message", { ...timesOf(range), ...filter, per_page: PER_PAGE }),
        { signal },
      ),
    initialPageParam: undefined as string | undefined,
    // The whole link: it pins the times, else pages would drift.
    getNextPageParam: ({ links }) => links.next?.replace("/api/v1", ""),
    staleTime: 10_000,
  });
}

export function exportPath(format: "csv" | "ndjson", filter: EventFilter, range: EventRange): string {
  return withQuery(`/api/v1/events/message.${format}`, { ...timesOf(range), ...filter });
}

export function streamPath(filter: EventFilter): string {
  return withQuery("/api/v1/events/stream", filter);
}

function timesOf(range: EventRange): { readonly from: string; readonly to: string } {
  if (!("lastMs" in range)) return range;
  // The day is the API's own default, and needs no clock of ours.
  return range.lastMs === DAY_MS
    ? { from: "", to: "" }
    : { from: new Date(Date.now() - range.lastMs).toISOString(), to: "" };
}
