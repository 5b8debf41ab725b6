/** What was clicked most: campaigns, links by their names, and links without one by their addresses. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { namelessLinksQuery } from "../api/events.ts";
import { countsQuery, numberIn } from "../api/metrics.ts";
import { explain } from "../components/failure.tsx";
import { Loading } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { formatCount, formatNumber } from "../format.ts";
import { useMay } from "../session-context.ts";
import { metric, type Shown } from "./counted.ts";

const TOP = 8;

interface TopProps extends Shown {
  readonly by: "campaign" | "link-name";
  readonly field: string;
  readonly label: string;
}

interface TopRow {
  readonly name: string;
  readonly clicks: number;
}

export function Top({ by, field, label, range, isEverybody }: TopProps) {
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
  const hasNameless = by === "link-name" && rows.some(({ name }) => name === NAMELESS);
  return (
    <>
      <TopTable
        label={label}
        rows={rows}
        head={by === "campaign" ? "Campaign" : "Link name"}
        cell={({ name }) => <TopName by={by} name={name} />}
      />
      {hasNameless && <NamelessLinks range={range} isEverybody={isEverybody} />}
    </>
  );
}

interface TopTableProps {
  readonly label: string;
  readonly rows: readonly TopRow[];
  /** Of the first column, and what stands in it. */
  readonly head: string;
  readonly cell: (row: TopRow) => ReactNode;
}

function TopTable({ label, rows, head, cell }: TopTableProps) {
  const most = rows[0]?.clicks ?? 1;
  const columns: readonly Column<TopRow>[] = [
    { id: "name", head, place: "title", cell },
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

/** Which links they are: the row of those without a name says how many clicks they have in all. */
function NamelessLinks({ range, isEverybody }: Shown) {
  const mayOpen = useMay("message_events/view");
  const { data, error } = useQuery({
    ...namelessLinksQuery({ lastMs: range.lastMs, isEverybody }),
    enabled: mayOpen,
  });
  if (error !== null)
    return <p className="mt-3 text-soft">Links without a name could not be loaded. {explain(error)}</p>;
  if (data === undefined || data.links.length === 0) return null;
  return (
    <div className="mt-5">
      <h3 className="mb-1">Links without a name</h3>
      {data.among !== undefined && (
        <p className="mb-2 text-soft">Among the last {formatCount(data.among, "click")}.</p>
      )}
      <TopTable
        label="Links without a name"
        rows={data.links.slice(0, TOP).map(({ url, clicks }) => ({ name: url, clicks }))}
        head="Address"
        cell={({ name }) => (
          // Not shortened in the middle, which is where links of one shop differ.
          <span title={name} className="line-clamp-3 break-all">
            {name}
          </span>
        )}
      />
    </div>
  );
}

/** What the API calls links without a name. */
const NAMELESS = "Raw URL";

function TopName({ by, name }: { readonly by: TopProps["by"]; readonly name: string }) {
  const mayOpen = useMay("message_events/view");
  if (name === "") return <span className="text-soft">Without a campaign</span>;
  if (by === "link-name" && name === NAMELESS)
    return mayOpen ? (
      <Link href="/events?events=click" title="The clicks, each with its link" className="link">
        Links without a name
      </Link>
    ) : (
      <span className="text-soft">Links without a name</span>
    );
  if (by !== "campaign" || !mayOpen) return name;
  return (
    <Link href={`/events?${new URLSearchParams({ campaigns: name, events: "click" })}`} className="link">
      {name}
    </Link>
  );
}
