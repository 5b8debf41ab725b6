/** All tracking domains: found by name, narrowed by state and owner, sorted, a hundred to a page. All of it in the URL. */
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useMemo } from "react";

import { domainQueries, ownerOf, type TrackingDomain } from "../api/domains.ts";
import { clicksByDomainQuery } from "../api/metrics.ts";
import { useOwnerName, useSubaccounts } from "../api/subaccounts.ts";
import { ButtonLink } from "../components/button.tsx";
import { Failure, Note } from "../components/failure.tsx";
import { SearchField, SelectField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Middle } from "../components/middle.tsx";
import { Loading, Page } from "../components/page.tsx";
import { Sparkline } from "../components/sparkline.tsx";
import { type Column, Pages, type Sort, Table } from "../components/table.tsx";
import { useNow } from "../components/time.tsx";
import { daysUntil, domainState } from "../domain-state.ts";
import { formatCount } from "../format.ts";
import { useMay, useSession } from "../session-context.ts";
import { type UrlState, useUrlState } from "../url-state.ts";

const PER_PAGE = 100;
const MINUTE_MS = 60_000;

export function Domains() {
  const mayManage = useMay("tracking_domains/manage");
  const domains = useQuery(domainQueries.list());
  return (
    <Page
      title="Tracking domains"
      documentTitle="Tracking domains"
      about={domains.data?.length ? formatCount(domains.data.length, "domain") : undefined}
      actions={
        mayManage && (
          <ButtonLink href="/domains/add" look="primary">
            Add a domain
          </ButtonLink>
        )
      }
    >
      {domains.data === undefined ? (
        domains.error === null ? (
          <Loading rows={8} what="tracking domains" />
        ) : (
          <Failure
            what="The tracking domains could not be loaded."
            error={domains.error}
            retry={() => void domains.refetch()}
          />
        )
      ) : domains.data.length === 0 ? (
        <NoDomains mayManage={mayManage} />
      ) : (
        <Listed domains={domains.data} />
      )}
    </Page>
  );
}

function NoDomains({ mayManage }: { readonly mayManage: boolean }) {
  return (
    <Note title="There is no tracking domain yet.">
      A tracking domain is a host name of yours, such as click.example.com, that stands in the links of your
      mail. Waypost answers there, counts the click, and sends the reader on.
      {mayManage
        ? " Adding one takes a DNS record and a minute or two."
        : " This key may look at domains, not add them: that needs the grant tracking_domains/manage."}
    </Note>
  );
}

function Listed({ domains }: { readonly domains: readonly TrackingDomain[] }) {
  const url = useUrlState();
  const view = useView(domains, url);
  const page = pageOf(url, view.length);
  const columns = useColumns();
  const sort = sortOf(url);
  return (
    <>
      <Filters domains={domains} url={url} />
      {view.length === 0 ? (
        <Note title="No domain matches.">Change the search or the filters above.</Note>
      ) : (
        <Table
          label="Tracking domains"
          columns={columns}
          rows={view.slice(page * PER_PAGE, (page + 1) * PER_PAGE)}
          rowKey={({ domain }) => domain}
          rowHref={({ domain }) => `/domains/${domain}`}
          sort={sort}
          onSort={({ by, descending }) =>
            url.choose({ sort: by, order: descending ? "down" : undefined, page: undefined })
          }
        />
      )}
      <Pages
        page={page}
        perPage={PER_PAGE}
        total={view.length}
        what="tracking domains"
        onPage={(next) => {
          url.choose({ page: next === 0 ? undefined : String(next + 1) });
          scrollTo({ top: 0 });
        }}
      />
    </>
  );
}

/** Counted from 0. What the URL says may be anything. */
function pageOf(url: UrlState, count: number): number {
  const asked = Number.parseInt(url.get("page"), 10) - 1;
  const last = Math.floor(Math.max(0, count - 1) / PER_PAGE);
  return asked > 0 ? Math.min(asked, last) : 0;
}

function Filters({ domains, url }: { readonly domains: readonly TrackingDomain[]; readonly url: UrlState }) {
  const ownerName = useOwnerName();
  const { data: subaccounts } = useSubaccounts();
  const isPrimary = useSession().subaccount_id === undefined;
  const owners = useMemo(
    () =>
      [...new Set([...domains.map(ownerOf), ...(subaccounts ?? []).map(({ id }) => id)])].sort(
        (a, b) => a - b,
      ),
    [domains, subaccounts],
  );
  return (
    <search className="mb-4 flex flex-wrap gap-3">
      <SearchField
        label="Search by name"
        value={url.get("q")}
        onSearch={(q) => url.set({ q, page: undefined })}
      />
      <SelectField
        label="State"
        bare
        value={url.get("state")}
        onChange={(event) => url.choose({ state: event.target.value, page: undefined })}
        choices={STATES}
      />
      {isPrimary && owners.length > 1 && (
        <div className="max-w-60">
          <SelectField
            label="Owner"
            bare
            value={url.get("owner")}
            onChange={(event) => url.choose({ owner: event.target.value, page: undefined })}
            choices={[
              { value: "", label: "Every owner" },
              ...owners.map((id) => ({ value: String(id), label: ownerName(id) })),
            ]}
          />
        </div>
      )}
    </search>
  );
}

const STATES = [
  { value: "", label: "Every state" },
  { value: "attention", label: "Needs attention" },
  { value: "verified", label: "Verified" },
  { value: "waiting", label: "Waiting for DNS" },
  { value: "elsewhere", label: "Points elsewhere" },
  { value: "invalid", label: "Not reached" },
  { value: "review", label: "Waiting for review" },
  { value: "blocked", label: "Blocked" },
  { value: "default", label: "Default domains" },
];

/** By the word that its row shows. */
function matchesState(domain: TrackingDomain, state: string, now: Date): boolean {
  const { word, needsAttention } = domainState(domain, now);
  switch (state) {
    case "attention":
      return needsAttention;
    case "verified":
      return word.startsWith("Verified");
    case "waiting":
      return word === "Waiting for DNS";
    case "elsewhere":
      return word === "Points elsewhere";
    case "invalid":
      return word === "Not reached";
    case "review":
      return word === "Waiting for review";
    case "blocked":
      return word === "Blocked";
    case "default":
      return domain.default;
    default:
      return true;
  }
}

function useView(domains: readonly TrackingDomain[], url: UrlState): readonly TrackingDomain[] {
  const text = useDeferredValue(url.get("q").trim().toLowerCase());
  const [state, owner] = [url.get("state"), url.get("owner")];
  const { by, descending } = sortOf(url);
  const now = useNow(MINUTE_MS);
  return useMemo(() => {
    const found = domains.filter(
      (domain) =>
        domain.domain.includes(text) &&
        (owner === "" || String(ownerOf(domain)) === owner) &&
        matchesState(domain, state, now),
    );
    const sorted = found.toSorted(comparison(by, now));
    return descending ? sorted.reverse() : sorted;
  }, [domains, text, state, owner, by, descending, now]);
}

function sortOf(url: UrlState): Sort {
  return { by: url.get("sort") || "domain", descending: url.get("order") === "down" };
}

type Comparison = (a: TrackingDomain, b: TrackingDomain) => number;

function comparison(by: string, now: Date): Comparison {
  const byName: Comparison = (a, b) => (a.domain < b.domain ? -1 : 1);
  switch (by) {
    case "status":
      return (a, b) => domainState(a, now).word.localeCompare(domainState(b, now).word) || byName(a, b);
    case "owner":
      return (a, b) => ownerOf(a) - ownerOf(b) || byName(a, b);
    default:
      return byName;
  }
}

function useColumns(): readonly Column<TrackingDomain>[] {
  const ownerName = useOwnerName();
  const isPrimary = useSession().subaccount_id === undefined;
  const now = useNow(MINUTE_MS);
  const mayCount = useMay("metrics/view");
  const { data: clicks, isError: areClicksUnknown } = useQuery({
    ...clicksByDomainQuery(),
    enabled: mayCount,
  });
  const week: Column<TrackingDomain> = {
    id: "clicks",
    head: "Clicks, 7 days",
    width: "w-36",
    place: "aside",
    cell: ({ domain }) =>
      clicks === undefined ? (
        areClicksUnknown && <span className="text-soft">Not known now</span>
      ) : (
        <Sparkline values={clicks.get(domain) ?? NO_CLICKS} what="clicks in 7 days" />
      ),
  };
  const owner: Column<TrackingDomain> = {
    id: "owner",
    head: "Owner",
    width: "w-44",
    place: "below-aside",
    isSortable: true,
    cell: (domain) => ownerName(domain.subaccount_id),
  };
  return [
    {
      id: "domain",
      head: "Domain",
      place: "title",
      isSortable: true,
      cell: ({ domain, default: isDefault }) => (
        <span className="flex min-w-0 items-center gap-2">
          <Middle text={domain} />
          {isDefault && <DefaultTag />}
        </span>
      ),
    },
    {
      id: "status",
      head: "Status",
      width: "w-64",
      place: "below",
      isSortable: true,
      cell: (domain) => {
        const { word, kind } = domainState(domain, now);
        return (
          <>
            <Mark kind={kind}>{word}</Mark>
            {kind === "good" && <CertificateTag domain={domain} now={now} />}
          </>
        );
      },
    },
    ...(mayCount ? [week] : []),
    ...(isPrimary ? [owner] : []),
  ];
}

const NO_CLICKS: readonly number[] = [0, 0, 0, 0, 0, 0, 0];

/** How it stands with https, where nothing is wrong with it: the state itself says what is. */
function CertificateTag({
  domain: { secure, status, tls_certificate },
  now,
}: {
  readonly domain: TrackingDomain;
  readonly now: Date;
}) {
  if (!secure) return null;
  const { tls_status } = status;
  const expiresAt = tls_certificate?.expires_at ?? undefined;
  const days = expiresAt === undefined ? undefined : formatCount(daysUntil(expiresAt, now), "day");
  const title = days === undefined ? undefined : `The certificate expires in ${days}`;
  return (
    <span className="ml-2 text-soft" title={title}>
      {tls_status === undefined || tls_status === "valid"
        ? ["https", days].filter(Boolean).join(", ")
        : tls_status === "unavailable"
          ? "no certificate"
          : "certificate on order"}
    </span>
  );
}

function DefaultTag() {
  return (
    <span className="shrink-0 rounded-1 border border-edge px-1.5 text-meta leading-5 font-normal text-soft">
      Default
    </span>
  );
}
