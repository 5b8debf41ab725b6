/** What recipients did: searched, followed as it comes, exported. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

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

export interface NamelessLinks {
  readonly links: readonly { readonly url: string; readonly clicks: number }[];
  /** How many clicks were looked through; `undefined`: all of them. */
  readonly among: number | undefined;
}

const LOOKED_THROUGH = 500;

/** The most clicked links without a name, by their URLs. Counts know names alone: these are found among the last clicks. */
export function namelessLinksQuery({ lastMs, isEverybody }: { lastMs: number; isEverybody: boolean }) {
  return queryOptions({
    queryKey: ["events", "nameless", lastMs, isEverybody],
    queryFn: async ({ signal }): Promise<NamelessLinks> => {
      const path = withQuery("/events/message", {
        ...timesOf({ lastMs }),
        events: "click,amp_click",
        ...(!isEverybody && { is_bot: "false", is_prefetched: "false" }),
        per_page: LOOKED_THROUGH,
      });
      const { results, links } = await callApi<EventPage>(path, { signal });
      return { links: countNameless(results), among: links.next === undefined ? undefined : results.length };
    },
    staleTime: 60_000,
  });
}

function countNameless(clicks: readonly RecipientEvent[]): NamelessLinks["links"] {
  const counts = new Map<string, number>();
  for (const { target_link_name: name, target_link_url: url } of clicks)
    if (url !== undefined && (name ?? "") === "") counts.set(url, (counts.get(url) ?? 0) + 1);
  return [...counts].map(([url, count]) => ({ url, clicks: count })).sort((a, b) => b.clicks - a.clicks);
}

/** `null`: there is none, or none that this key may see. */
export function oneEventQuery(eventId: string) {
  return queryOptions({
    queryKey: ["events", "one", eventId],
    queryFn: async ({ signal }): Promise<RecipientEvent | null> => {
      // An id that is none would be refused, which says nothing more than that there is no such event.
      if (!/^\d{1,19}$/.test(eventId)) return null;
      const path = withQuery("/events/message", { event_ids: eventId, from: EARLIEST, per_page: 1 });
      return (await callApi<EventPage>(path, { signal })).results[0] ?? null;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Before any event. */
const EARLIEST = "2000-01-01T00:00:00Z";

export function exportPath(format: "csv" | "ndjson", filter: EventFilter, range: EventRange): string {
  return withQuery(`/events/message.${format}`, { ...timesOf(range), ...filter });
}

export function streamPath(filter: EventFilter): string {
  return withQuery("/events/stream", filter);
}

/** A stream that goes on behind an event that it gave; an empty id: behind what is stored now. */
export function behind(stream: string, lastId: string): string {
  if (lastId === "") return stream;
  return `${stream}${stream.includes("?") ? "&" : "?"}${new URLSearchParams({ last_event_id: lastId })}`;
}

function timesOf(range: EventRange): { readonly from: string; readonly to: string } {
  if (!("lastMs" in range)) return range;
  // The day is the API's own default, and needs no clock of ours.
  return range.lastMs === DAY_MS
    ? { from: "", to: "" }
    : { from: new Date(Date.now() - range.lastMs).toISOString(), to: "" };
}
