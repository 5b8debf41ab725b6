/** What somebody has to do something about, why, and where it is done: domains, in one line when they are in order, and webhooks. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { domainQueries, type TrackingDomain } from "../api/domains.ts";
import { webhookQueries } from "../api/webhooks.ts";
import { ButtonLink } from "../components/button.tsx";
import { Failure } from "../components/failure.tsx";
import { Mark, type MarkKind } from "../components/mark.tsx";
import { Middle } from "../components/middle.tsx";
import { useNow } from "../components/time.tsx";
import { domainAdvice, domainState } from "../domain-state.ts";
import { formatCount } from "../format.ts";
import { useMay } from "../session-context.ts";
import { webhookState } from "../webhook-state.ts";

const SHOWN_AT_MOST = 5;
const MINUTE_MS = 60_000;

export function DomainsInNeed() {
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
  const waiting = domains.data.filter((domain) => domainState(domain, now).needsAttention);
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
        {waiting.slice(0, SHOWN_AT_MOST).map((domain) => (
          <DomainInNeed key={domain.domain} domain={domain} now={now} />
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

function DomainInNeed({ domain, now }: { readonly domain: TrackingDomain; readonly now: Date }) {
  const checks = useQuery(domainQueries.checks(domain.domain));
  const newest = checks.data?.checks[0];
  const { why, todo, section } = domainAdvice(domain, now, newest);
  const href = `/domains/${domain.domain}`;
  return (
    <Entry
      name={domain.domain}
      href={href}
      state={domainState(domain, now)}
      // Why is known better in a moment: until then its place is kept.
      why={checks.isPending ? "\u00a0" : why}
      todo={todo}
      todoHref={`${href}#${section}`}
    />
  );
}

/** Nothing when all of them deliver. */
export function WebhooksInNeed() {
  const { data = [] } = useQuery(webhookQueries.list());
  const inNeed = data.filter((webhook) => webhookState(webhook).kind === "bad");
  if (inNeed.length === 0) return null;
  return (
    <section aria-labelledby="webhooks-in-need" className="mt-5">
      <h2 id="webhooks-in-need" className="mb-1">
        {formatCount(inNeed.length, "webhook needs", "webhooks need")} attention
      </h2>
      <ul>
        {inNeed.slice(0, SHOWN_AT_MOST).map((webhook) => (
          <Entry
            key={webhook.id}
            name={webhook.name}
            href={`/webhooks/${webhook.id}`}
            state={webhookState(webhook)}
            {...(webhook.active ? FAILING : GONE)}
            todoHref={`/webhooks/${webhook.id}#${webhook.active ? "batches" : "delivery"}`}
          />
        ))}
      </ul>
      {inNeed.length > SHOWN_AT_MOST && (
        <p className="mt-2">
          <Link href="/webhooks" className="link">
            All webhooks
          </Link>
        </p>
      )}
    </section>
  );
}

const FAILING = {
  why: "Its target did not take the last batch. What has happened since then waits behind it.",
  todo: "See what it answered",
};
const GONE = {
  why: "Its target answered that it is gone for good: nothing is sent any more.",
  todo: "Let it go on, or delete it",
};

interface EntryProps {
  readonly name: string;
  readonly href: string;
  readonly state: { readonly word: string; readonly kind: MarkKind };
  readonly why: string;
  readonly todo: string;
  readonly todoHref: string;
}

function Entry({ name, href, state: { word, kind }, why, todo, todoHref }: EntryProps) {
  return (
    <li className="border-b border-line py-2 lg:grid lg:grid-cols-[minmax(0,5fr)_minmax(0,3fr)_minmax(0,9fr)] lg:gap-x-6">
      <p className="flex flex-wrap items-start gap-x-4 lg:contents">
        <Link href={href} className="link min-w-0 max-w-full">
          <Middle text={name} tail={24} />
        </Link>
        <Mark kind={kind}>{word}</Mark>
      </p>
      <p className="max-w-prose break-words text-soft max-lg:mt-1">
        {why}{" "}
        <Link href={todoHref} aria-label={`${todo}: ${name}`} className="link">
          {todo}
        </Link>
      </p>
    </li>
  );
}
