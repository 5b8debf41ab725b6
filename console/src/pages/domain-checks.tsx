/** The evidence behind a domain's state, and what earlier checks saw. */
import type { UseQueryResult } from "@tanstack/react-query";

import { type DomainCheck, type DomainChecks, ownerOf, type TrackingDomain } from "../api/domains.ts";
import { Drawer } from "../components/dialog.tsx";
import { DnsRecordTable } from "../components/dns-record.tsx";
import { Findings, RawEvidence } from "../components/evidence.tsx";
import { Failure } from "../components/failure.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { Ago, At, Due } from "../components/time.tsx";
import { findingText } from "../domain-state.ts";
import { timeZone } from "../format.ts";
import { useUrlState } from "../url-state.ts";
import { CheckNow } from "./check-now.tsx";
import { LiveChecks } from "./live-checks.tsx";

export function Evidence({
  domain,
  checks,
}: {
  readonly domain: TrackingDomain;
  readonly checks: UseQueryResult<DomainChecks>;
}) {
  if (checks.data === undefined) {
    if (checks.error === null) return <Loading rows={2} what="checks" />;
    return (
      <Failure
        what="The checks could not be loaded."
        error={checks.error}
        retry={() => void checks.refetch()}
      />
    );
  }
  const { dns_record: record, next_check_at: next, checks: all } = checks.data;
  const [newest] = all;
  if (domain.status.compliance_status === "blocked") return <Blocked domain={domain.domain} />;
  if (!domain.status.verified) {
    return (
      <div className="grid gap-8 lg:grid-cols-2">
        <div>
          <LiveChecks domain={domain.domain} owner={ownerOf(domain)} />
        </div>
        {record !== undefined && (
          <div>
            <h3 className="mb-2">The record to create</h3>
            <DnsRecordTable record={record} />
          </div>
        )}
      </div>
    );
  }
  return (
    <div className="grid gap-4">
      {newest !== undefined && <Findings findings={newest.findings} />}
      <p className="text-soft">
        {newest !== undefined && (
          <>
            Seen <Ago at={newest.checked_at} />.{" "}
          </>
        )}
        {next !== undefined && (
          <>
            Looked at again <Due at={next} />.
          </>
        )}
        {newest?.passed === false &&
          " The last check failed. The domain stays verified until three in a row have failed over an hour or more."}
      </p>
      <CheckNow domain={domain} />
    </div>
  );
}

function Blocked({ domain }: { readonly domain: string }) {
  return (
    <p>
      {domain} is blocked: its links, those already sent too, answer that they are blocked, and new mail does
      not use it. An operator lifts that with{" "}
      <code className="font-mono text-meta">waypost domains unblock {domain}</code>.
    </p>
  );
}

export function CheckHistory({ checks }: { readonly checks: readonly DomainCheck[] }) {
  const url = useUrlState();
  const open = checks.find(({ checked_at }) => checked_at === url.get("check"));
  if (checks.length === 0) return <p className="text-soft">Nothing has been checked yet.</p>;
  return (
    <>
      <Table
        label="Past checks"
        columns={COLUMNS}
        rows={checks}
        rowKey={({ checked_at }) => checked_at}
        rowHref={({ checked_at }) => url.href({ check: checked_at })}
        selected={open?.checked_at}
      />
      {open !== undefined && (
        <Drawer
          title={
            <>
              Check of <At at={open.checked_at} />
            </>
          }
          onClose={() => url.set({ check: undefined })}
        >
          <p className="mb-4 text-soft">
            {open.trigger === "asked" ? "Somebody asked for it" : "Made by itself"}, over {open.scheme}.
            {open.looks_proxied && " A proxy or CDN seems to stand between."}
          </p>
          <Findings findings={open.findings} />
          <h3 className="mt-6 mb-2">What was seen</h3>
          <RawEvidence check={open} />
        </Drawer>
      )}
    </>
  );
}

const COLUMNS: readonly Column<DomainCheck>[] = [
  {
    id: "time",
    head: `Time (${timeZone()})`,
    width: "w-48",
    place: "title",
    cell: ({ checked_at }) => <At at={checked_at} inColumn />,
  },
  {
    id: "result",
    head: "Result",
    width: "w-28",
    place: "aside",
    cell: ({ passed }) => <Mark kind={passed ? "good" : "bad"}>{passed ? "Passed" : "Failed"}</Mark>,
  },
  {
    id: "seen",
    head: "What was seen",
    place: "below",
    cell: ({ findings }) => {
      const shown = findings.find(({ ok }) => !ok) ?? findings.at(-1);
      return shown === undefined ? "" : findingText(shown);
    },
  },
  {
    id: "trigger",
    head: "Made",
    width: "w-32",
    place: "below-aside",
    cell: ({ trigger, scheme }) => `${trigger === "asked" ? "on demand" : "by itself"}, ${scheme}`,
  },
];
