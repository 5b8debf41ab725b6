/** The first page: what needs attention, then what recipients did. */
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";

import { type CountsQuestion, countsQuery, numberIn } from "../api/metrics.ts";
import { Failure, NoPermission } from "../components/failure.tsx";
import { CheckField, SelectField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading, Page, Section } from "../components/page.tsx";
import { formatCount, formatNumber, formatRate } from "../format.ts";
import { useMay } from "../session-context.ts";
import { type UrlState, useUrlState } from "../url-state.ts";
import { DomainsInNeed, WebhooksInNeed } from "./attention.tsx";
import { metric, RANGES, type Shown } from "./counted.ts";
import { Top } from "./top-list.tsx";

// The chart comes after the page: nobody waits for it to read the rest.
const Activity = lazy(async () => ({ default: (await import("./activity.tsx")).Activity }));

export function Overview() {
  const mayCount = useMay("metrics/view");
  const maySeeDomains = useMay("tracking_domains/view");
  const maySeeWebhooks = useMay("webhooks/view");
  return (
    <Page title="Overview" documentTitle="Overview" about={mayCount ? <RateNow /> : undefined}>
      {maySeeDomains && <DomainsInNeed />}
      {maySeeWebhooks && <WebhooksInNeed />}
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
        <Section
          title="Top links"
          about={
            <>
              By their names: a link gets one with{" "}
              <code className="font-mono text-meta">data-msys-linkname</code> in its HTML.
            </>
          }
          isWide
        >
          <Top by="link-name" field="link_name" label="Top links" range={range} isEverybody={isEverybody} />
        </Section>
        <Section title="Top campaigns" about="By the campaign id that mail was sent with." isWide>
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
        onChange={({ target }) => url.choose({ everybody: target.checked ? "1" : undefined })}
      />
      <SelectField
        label="When"
        bare
        value={url.get("range") || "week"}
        onChange={({ target: { value } }) => url.choose({ range: value === "week" ? undefined : value })}
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
