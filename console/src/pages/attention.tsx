/** Domains that somebody has to do something about; one line when there are none. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { domainQueries } from "../api/domains.ts";
import { ButtonLink } from "../components/button.tsx";
import { Failure } from "../components/failure.tsx";
import { Mark } from "../components/mark.tsx";
import { useNow } from "../components/time.tsx";
import { domainState } from "../domain-state.ts";
import { formatCount } from "../format.ts";
import { useMay } from "../session-context.ts";

const SHOWN_AT_MOST = 5;
const MINUTE_MS = 60_000;

export function Attention() {
  const domains = useQuery(domainQueries.list());
  const mayManage = useMay("tracking_domains/manage");
  const now = useNow(MINUTE_MS);
  if (domains.data === undefined)
    return domains.error === null ? (
      <div className="h-5" />
    ) : (
      <Failure
        what="The tracking domains could not be loaded."
        error={domains.error}
        retry={() => void domains.refetch()}
      />
    );
  if (domains.data.length === 0)
    return (
      <div className="flex flex-wrap items-center gap-4">
        <p>There is no tracking domain yet: links are wrapped once there is one.</p>
        {mayManage && (
          <ButtonLink href="/domains/add" look="primary">
            Add a domain
          </ButtonLink>
        )}
      </div>
    );
  const waiting = domains.data
    .map((domain) => ({ domain: domain.domain, ...domainState(domain, now) }))
    .filter(({ needsAttention }) => needsAttention);
  if (waiting.length === 0)
    return (
      <p>
        <Mark kind="good">
          {domains.data.length === 1
            ? "The tracking domain is in order."
            : `All ${formatCount(domains.data.length, "tracking domain")} are in order.`}
        </Mark>
      </p>
    );
  return (
    <section aria-labelledby="attention">
      <h2 id="attention" className="mb-1">
        {formatCount(waiting.length, "domain needs", "domains need")} attention
      </h2>
      <ul>
        {waiting.slice(0, SHOWN_AT_MOST).map(({ domain, word, kind }) => (
          <li key={domain} className="flex flex-wrap items-center gap-x-4 border-b border-line py-2">
            <Link href={`/domains/${domain}`} className="link min-w-0 break-all">
              {domain}
            </Link>
            <Mark kind={kind}>{word}</Mark>
          </li>
        ))}
      </ul>
      {waiting.length > SHOWN_AT_MOST && (
        <p className="mt-2">
          <Link href="/domains?state=attention" className="link">
            All {formatCount(waiting.length, "domain")} that need attention
          </Link>
        </p>
      )}
    </section>
  );
}
