/** What a check saw, piece by piece, each with what to change when it fails. */
import type { DomainCheck, Finding } from "../api/domains.ts";
import { Mark } from "./mark.tsx";

export function Findings({ findings }: { readonly findings: readonly Finding[] }) {
  return (
    <ul className="grid gap-3">
      {findings.map((finding) => (
        <li key={`${finding.code} ${finding.found}`}>
          <Mark kind={finding.ok ? "good" : "bad"}>
            <span className="sr-only">{finding.ok ? "Fine: " : "Failed: "}</span>
            <span className={finding.ok ? "" : "font-medium"}>{finding.found}</span>
          </Mark>
          {(finding.why ?? finding.fix) !== undefined && (
            <p className="mt-0.5 ml-5 text-soft">{[finding.why, finding.fix].filter(Boolean).join(" ")}</p>
          )}
        </li>
      ))}
    </ul>
  );
}

/** The raw facts behind the findings, for those who know DNS. */
export function RawEvidence({ check }: { readonly check: DomainCheck }) {
  const { dns, probe, http_probe: httpProbe } = check;
  return (
    <dl className="grid grid-cols-[minmax(0,140px)_minmax(0,1fr)] gap-x-4 gap-y-2">
      {dns !== undefined && (
        <>
          <Fact name="CNAME chain" value={dns.cname_chain.join(" → ")} />
          <Fact name="CNAME answer" value={OUTCOMES[dns.cname_outcome] ?? dns.cname_outcome} />
          <Fact
            name="Addresses"
            value={dns.addresses.join(", ") || (OUTCOMES[dns.address_outcome] ?? dns.address_outcome)}
          />
          <Fact name="Addresses it should have" value={dns.target_addresses.join(", ") || "none found"} />
        </>
      )}
      {[probe, ...(httpProbe === undefined ? [] : [httpProbe])].map((one) => (
        <Fact
          key={one.endpoint}
          name={`Request to ${one.endpoint}`}
          value={[
            OUTCOMES[one.outcome] ?? one.outcome.replaceAll("_", " "),
            one.http_status === undefined ? "" : `HTTP status ${one.http_status}`,
            one.address === undefined ? "" : `at ${one.address}`,
            one.reason ?? "",
            `${one.took_ms} ms`,
          ]
            .filter((part) => part !== "")
            .join(", ")}
        />
      ))}
    </dl>
  );
}

const OUTCOMES: Readonly<Record<string, string>> = {
  found: "found",
  no_data: "no such record",
  no_such_name: "no such name",
  server_failure: "the name servers failed",
  silent: "no answer in time",
  loop: "leads in a circle",
  too_long: "too many aliases",
  answered: "answered by this installation",
  no_address: "not tried, there is no address",
};

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt className="text-soft">{name}</dt>
      <dd className="min-w-0 break-words">{value}</dd>
    </>
  );
}
