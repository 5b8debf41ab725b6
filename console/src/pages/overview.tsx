/** The first page: what needs attention, then what recipients did. */
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link } from "wouter";

import { type CountsQuestion, countsQuery, numberIn } from "../api/metrics.ts";
import { explain, Failure, NoPermission } from "../components/failure.tsx";
import { CheckField, SelectField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading, Page, Section } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { formatCount, formatNumber, formatRate } from "../format.ts";
import { useMay } from "../session-context.ts";
import { type UrlState, useUrlState } from "../url-state.ts";
import { Attention } from "./attention.tsx";
import { metric, RANGES, type Shown } from "./counted.ts";

// The chart comes after the page: nobody waits for it to read the rest.
const Activity = lazy(async () => ({ default: (await import("./activity.tsx")).Activity }));

const TOP = 8;

export function Overview() {
  const mayCount = useMay("metrics/view");
  const maySeeDomains = useMay("tracking_domains/view");
  return (
    <Page title="Overview" documentTitle="Overview" about={mayCount ? <RateNow /> : undefined}>
      {maySeeDomains && <Attention />}
      {mayCount ? <Counted /> : <NoPermission what="how many opened and clicked" grant="metrics/view" />}
    </Page>
  );
}

const RATE_MINUTES = 5;
const RATE: CountsQuestion = {
  by: "",
  metrics: ["count_rendered", "count_initial_rendered", "count_clicked"],
  lastMs: RATE_MINUTES * 60_000,
};

/** Of everything that came in, whoever did it: what the installation has to do now. */
function RateNow() {
  const { data } = useQuery(countsQuery(RATE));
  if (data === undefined) return null;
  const all = RATE.metrics.reduce((sum, name) => sum + numberIn(data.rows[0], name), 0);
  const perMinute = Math.round(all / RATE_MINUTES);
  const rate = perMinute < 1 ? "Less than one event" : formatCount(perMinute, "event");
  return (
    <span title={`${formatNumber(all)} in the last ${RATE_MINUTES} minutes`}>
      {all === 0 ? "No events in the last five minutes" : `${rate} a minute now`}
    </span>
  );
}

function Counted() {
  const url = useUrlState();
  const range = RANGES[url.get("range")] ?? RANGES.week;
  const isEverybody = url.get("everybody") === "1";
  return (
    <>
      <Section title="Opens and clicks" isWide actions={<Choices url={url} isEverybody={isEverybody} />}>
        <Rates range={range} isEverybody={isEverybody} />
        <Suspense fallback={<div className="h-[264px]" />}>
          <Activity range={range} isEverybody={isEverybody} />
        </Suspense>
      </Section>
      <div className="grid gap-x-8 lg:grid-cols-2">
        <Section title="Top links" isWide>
          <Top by="link-name" field="link_name" label="Top links" range={range} isEverybody={isEverybody} />
        </Section>
        <Section title="Top campaigns" isWide>
          <Top
            by="campaign"
            field="campaign_id"
            label="Top campaigns"
            range={range}
            isEverybody={isEverybody}
          />
        </Section>
      </div>
    </>
  );
}

function Choices({ url, isEverybody }: { readonly url: UrlState; readonly isEverybody: boolean }) {
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
      <CheckField
        label="Count prefetch and bots"
        checked={isEverybody}
        onChange={({ target }) => url.set({ everybody: target.checked ? "1" : undefined })}
      />
      <SelectField
        label="When"
        bare
        value={url.get("range") || "week"}
        onChange={({ target: { value } }) => url.set({ range: value === "week" ? undefined : value })}
        choices={Object.entries(RANGES).map(([value, { label }]) => ({ value, label }))}
      />
    </div>
  );
}

function Rates({ range, isEverybody }: Shown) {
  const [opened, clicked] = [metric("unique_rendered", isEverybody), metric("unique_clicked", isEverybody)];
  const metrics = [opened, clicked, "count_unsubscribe", "count_open_tracked", "count_click_tracked"];
  const counts = useQuery(countsQuery({ by: "", metrics, lastMs: range.lastMs }));
  if (counts.data === undefined)
    return counts.error === null ? (
      <Loading rows={1} what="the counts" />
    ) : (
      <Failure
        what="The counts could not be loaded."
        error={counts.error}
        retry={() => void counts.refetch()}
      />
    );
  const [row] = counts.data.rows;
  const { progress } = counts.data;
  return (
    <>
      {progress !== undefined && (
        <p className="mb-2">
          <Mark kind="wait">
            Events are still being counted, {Math.floor(progress * 100)}% are. Until then figures are too low.
          </Mark>
        </p>
      )}
      <dl className="mb-4 flex flex-wrap gap-x-10 gap-y-3">
        <Rate
          name="Messages opened"
          count={numberIn(row, opened)}
          of={numberIn(row, "count_open_tracked")}
          ofWhat="messages that were wrapped with open tracking in this time"
        />
        <Rate
          name="Messages clicked"
          count={numberIn(row, clicked)}
          of={numberIn(row, "count_click_tracked")}
          ofWhat="messages that were wrapped with click tracking in this time"
        />
        <Rate name="Unsubscribes" count={numberIn(row, "count_unsubscribe")} />
      </dl>
    </>
  );
}

function Rate({
  name,
  count,
  of,
  ofWhat,
}: {
  readonly name: string;
  readonly count: number;
  readonly of?: number;
  readonly ofWhat?: string;
}) {
  const rate = of === undefined ? undefined : formatRate(count, of);
  return (
    <div>
      <dt className="text-soft">{name}</dt>
      <dd title={rate && `${formatNumber(count)} of ${formatNumber(of ?? 0)} ${ofWhat}`}>
        <span className="figures text-title font-semibold">{formatNumber(count)}</span>
        {rate !== undefined && (
          <span className="figures ml-2 text-soft">
            {rate} of {formatNumber(of ?? 0)}
          </span>
        )}
      </dd>
    </div>
  );
}

interface TopProps extends Shown {
  readonly by: "campaign" | "link-name";
  readonly field: string;
  readonly label: string;
}

interface TopRow {
  readonly name: string;
  readonly clicks: number;
}

function Top({ by, field, label, range, isEverybody }: TopProps) {
  const clicked = metric("clicked", isEverybody);
  const counts = useQuery(countsQuery({ by, metrics: [clicked], lastMs: range.lastMs, limit: TOP }));
  if (counts.data === undefined)
    return counts.error === null ? (
      <Loading what={label} />
    ) : (
      <p className="text-soft">They could not be loaded. {explain(counts.error)}</p>
    );
  const rows = counts.data.rows
    .map((row): TopRow => ({ name: String(row[field] ?? ""), clicks: numberIn(row, clicked) }))
    .filter(({ clicks }) => clicks > 0);
  if (rows.length === 0) return <p className="text-soft">No clicks in this time.</p>;
  const most = rows[0]?.clicks ?? 1;
  const columns: readonly Column<TopRow>[] = [
    {
      id: "name",
      head: by === "campaign" ? "Campaign" : "Link name",
      place: "title",
      cell: ({ name }) => <TopName by={by} name={name} />,
    },
    {
      id: "bar",
      head: <span className="sr-only">Share</span>,
      width: "w-28",
      cell: ({ clicks }) => (
        <span className="block h-1.5 rounded-1 bg-band" style={{ width: `${(clicks / most) * 100}%` }} />
      ),
    },
    {
      id: "clicks",
      head: "Clicks",
      width: "w-20",
      place: "aside",
      isNumber: true,
      cell: ({ clicks }) => formatNumber(clicks),
    },
  ];
  return <Table label={label} columns={columns} rows={rows} rowKey={({ name }) => name} />;
}

function TopName({ by, name }: { readonly by: TopProps["by"]; readonly name: string }) {
  const mayOpen = useMay("message_events/view");
  if (name === "") return <span className="text-soft">Without a campaign</span>;
  if (by !== "campaign" || !mayOpen) return name;
  return (
    <Link href={`/events?${new URLSearchParams({ campaigns: name, events: "click" })}`} className="link">
      {name}
    </Link>
  );
}
