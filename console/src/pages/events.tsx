/** What recipients did: searched, followed as it comes, exported. Filters and the open event are in the URL. */
import { useInfiniteQuery } from "@tanstack/react-query";

import { eventQuery, exportPath, type RecipientEvent } from "../api/events.ts";
import { Button, ButtonAnchor } from "../components/button.tsx";
import { Failure, Note } from "../components/failure.tsx";
import { Mark } from "../components/mark.tsx";
import { Middle } from "../components/middle.tsx";
import { Loading, Page } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { At } from "../components/time.tsx";
import { whoDidIt } from "../event-doer.ts";
import { eventWord } from "../event-words.ts";
import { formatCount, formatNumber, timeZone } from "../format.ts";
import { type UrlState, useUrlState } from "../url-state.ts";
import { EventDrawer } from "./event-drawer.tsx";
import { Filters, filterOf, rangeOf } from "./event-filters.tsx";
import { type LiveEvents, useLiveEvents } from "./live-events.ts";

export function Events() {
  const url = useUrlState();
  const isLive = url.get("live") === "1";
  const filter = filterOf(url);
  const live = useLiveEvents(filter, isLive);
  return (
    <Page
      title="Events"
      documentTitle="Events"
      about="Opens and clicks, the newest first, with what is known of the message and of who asked."
      actions={
        <>
          <ButtonAnchor href={exportPath("csv", filter, rangeOf(url))} download>
            Export CSV
          </ButtonAnchor>
          <ButtonAnchor href={exportPath("ndjson", filter, rangeOf(url))} download>
            Export JSON lines
          </ButtonAnchor>
          <Button
            look={isLive ? "primary" : "plain"}
            aria-pressed={isLive}
            onClick={() => url.set({ live: isLive ? undefined : "1", event: undefined }, { replace: false })}
          >
            Follow live
          </Button>
        </>
      }
    >
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
  lost: "The connection is lost. It is tried again, and nothing is missed.",
  refused: "Waypost refuses to open another stream. Close other pages that follow events, then try again.",
};

function Live({ live, url }: { readonly live: LiveEvents; readonly url: UrlState }) {
  const { state, events, received } = live;
  return (
    <>
      <p role="status" className="mb-2">
        <Mark kind={state === "live" ? "good" : state === "refused" ? "bad" : "wait"}>
          {LIVE_WORDS[state]}
        </Mark>
        {received > 0 && <span className="ml-3 text-soft">{formatCount(received, "event")} so far</span>}
      </p>
      {events.length > 0 && <EventTable rows={events} url={url} />}
    </>
  );
}

function EventTable({ rows, url }: { readonly rows: readonly RecipientEvent[]; readonly url: UrlState }) {
  const open = rows.find(({ event_id }) => event_id === url.get("event"));
  return (
    <>
      <Table
        label="Events"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ event_id }) => event_id}
        rowHref={({ event_id }) => url.href({ event: event_id })}
        selected={open?.event_id}
      />
      {open !== undefined && (
        <EventDrawer event={open} url={url} onClose={() => url.set({ event: undefined })} />
      )}
    </>
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
  { id: "campaign", head: "Campaign", width: "w-32", cell: ({ campaign_id }) => campaign_id ?? "" },
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
