/** What recipients did: searched, followed as it comes, exported. Filters and the open event are in the URL. */
import { useInfiniteQuery } from "@tanstack/react-query";

import { eventQuery, type RecipientEvent } from "../api/events.ts";
import { Button } from "../components/button.tsx";
import { Failure, Note } from "../components/failure.tsx";
import { Mark, type MarkKind } from "../components/mark.tsx";
import { Middle } from "../components/middle.tsx";
import { Loading, Page } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { At } from "../components/time.tsx";
import { whoDidIt } from "../event-doer.ts";
import { eventWord } from "../event-words.ts";
import { formatCount, formatNumber, timeZone } from "../format.ts";
import { type UrlState, useUrlState } from "../url-state.ts";
import { ExportButtons, ExportFailure, useEventExport } from "./event-export.tsx";
import { Filters, filterOf, rangeOf } from "./event-filters.tsx";
import { type LiveEvents, useLiveEvents } from "./live-events.ts";
import { OpenEvent } from "./open-event.tsx";

export function Events() {
  const url = useUrlState();
  const isLive = url.get("live") === "1";
  const filter = filterOf(url);
  const live = useLiveEvents(filter, isLive);
  const exporting = useEventExport(filter, rangeOf(url));
  return (
    <Page
      title="Events"
      documentTitle="Events"
      about="Opens and clicks, the newest first, with what is known of the message and of who asked."
      actions={
        <>
          <ExportButtons {...exporting} />
          <Button
            look={isLive ? "primary" : "plain"}
            aria-pressed={isLive}
            onClick={() => url.choose({ live: isLive ? undefined : "1", event: undefined })}
          >
            Follow live
          </Button>
        </>
      }
    >
      <ExportFailure {...exporting} />
      <Filters url={url} isLive={isLive} />
      {isLive ? <Live live={live} url={url} /> : <Found url={url} />}
    </Page>
  );
}

function Found({ url }: { readonly url: UrlState }) {
  const events = useInfiniteQuery(eventQuery(filterOf(url), rangeOf(url)));
  const [first] = events.data?.pages ?? [];
  const rows = events.data?.pages.flatMap(({ results }) => results);
  if (rows === undefined || first === undefined)
    return events.error === null ? (
      <Loading rows={8} what="events" />
    ) : (
      <Failure
        what="The events could not be loaded."
        error={events.error}
        retry={() => void events.refetch()}
      />
    );
  return (
    <>
      {rows.length === 0 ? (
        <Note title="No event matches.">
          Change the filters, or look further back. Opens and clicks are here within a second or two.
        </Note>
      ) : (
        <>
          <p className="mb-2 text-soft">
            {first.total_count_is_lower_bound === true
              ? `More than ${formatNumber(first.total_count)} events`
              : formatCount(first.total_count, "event")}
          </p>
          <EventTable rows={rows} url={url} />
        </>
      )}
      <OpenEvent rows={rows} url={url} />
      {events.hasNextPage && (
        <div className="mt-4">
          <Button
            onClick={() => void events.fetchNextPage()}
            busy={events.isFetchingNextPage ? "Loading …" : undefined}
          >
            Show older events
          </Button>
        </div>
      )}
    </>
  );
}

const LIVE_WORDS: Readonly<Record<LiveEvents["state"], string>> = {
  connecting: "Connecting …",
  live: "Live: events appear here as they happen.",
  paused: "Paused. What happens meanwhile is shown when you go on.",
  lost: "The connection is lost. It is tried again, and nothing is missed.",
  failing: "Waypost cannot send events for now. It is asked again by itself.",
  full: "Too many pages follow events already. Close another one: this one is tried again by itself.",
  refused: "Waypost refuses to send these events to this key.",
};

const LIVE_MARKS: Readonly<Record<LiveEvents["state"], MarkKind>> = {
  connecting: "wait",
  live: "good",
  paused: "off",
  lost: "wait",
  failing: "wait",
  full: "wait",
  refused: "bad",
};

function Live({ live, url }: { readonly live: LiveEvents; readonly url: UrlState }) {
  const { state, events, received } = live;
  const isPaused = state === "paused";
  return (
    <>
      <div className="mb-2 flex flex-wrap items-center gap-x-3 gap-y-1">
        <span role="status">
          <Mark kind={LIVE_MARKS[state]}>{LIVE_WORDS[state]}</Mark>
        </span>
        {/* Not announced: it changes several times a second. */}
        {received > 0 && <span className="text-soft">{formatCount(received, "event")} so far</span>}
        {state !== "refused" && (
          <Button onClick={isPaused ? live.resume : live.pause}>{isPaused ? "Go on" : "Pause"}</Button>
        )}
      </div>
      {events.length > 0 && <EventTable rows={events} url={url} />}
      <OpenEvent rows={events} url={url} />
    </>
  );
}

function EventTable({ rows, url }: { readonly rows: readonly RecipientEvent[]; readonly url: UrlState }) {
  return (
    <Table
      label="Events"
      columns={COLUMNS}
      rows={rows}
      rowKey={({ event_id }) => event_id}
      rowHref={({ event_id }) => url.href({ event: event_id })}
      selected={url.get("event")}
    />
  );
}

const COLUMNS: readonly Column<RecipientEvent>[] = [
  { id: "type", head: "What", width: "w-32", place: "title", cell: ({ type }) => eventWord(type) },
  {
    id: "recipient",
    head: "Recipient",
    place: "below",
    cell: ({ rcpt_to }) => (rcpt_to === "" ? "Not recorded" : <Middle text={rcpt_to} />),
  },
  {
    id: "link",
    head: "Link or subject",
    cell: ({ target_link_url, subject }) =>
      target_link_url === undefined ? (subject ?? "") : <Middle text={target_link_url} tail={20} />,
  },
  {
    id: "campaign",
    head: "Campaign",
    width: "w-32",
    cell: ({ campaign_id }) => campaign_id !== undefined && <Middle text={campaign_id} tail={8} />,
  },
  {
    id: "who",
    head: "By",
    width: "w-32",
    place: "aside",
    cell: (event) => {
      const { word, kind } = whoDidIt(event);
      return <Mark kind={kind}>{word}</Mark>;
    },
  },
  {
    id: "time",
    head: `Time (${timeZone()})`,
    width: "w-44",
    place: "below-aside",
    cell: ({ timestamp }) => <At at={timestamp} inColumn />,
  },
];
