/** One tracking domain: its state and the evidence for it, and everything that can be set. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "wouter";

import { ApiFailure } from "../api/client.ts";
import { domainQueries, type TrackingDomain } from "../api/domains.ts";
import { useOwnerName } from "../api/subaccounts.ts";
import { CopyButton } from "../components/copy.tsx";
import { Failure, Note } from "../components/failure.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading, Page, Section } from "../components/page.tsx";
import { useNow } from "../components/time.tsx";
import { domainState } from "../domain-state.ts";
import { useMay, useSession } from "../session-context.ts";
import { DefaultSwitch } from "./default-switch.tsx";
import { CheckHistory, Evidence } from "./domain-checks.tsx";
import { DeepLinks } from "./domain-deep-links.tsx";
import { DeleteDomain } from "./domain-delete.tsx";
import { Https } from "./domain-https.tsx";
import { SendingDomains } from "./domain-sending.tsx";

const MINUTE_MS = 60_000;

export function Domain() {
  const { domain: name = "" } = useParams();
  const domain = useQuery(domainQueries.one(name));
  if (domain.data !== undefined) return <Known domain={domain.data} />;
  return (
    <Page title={name} documentTitle={name} about={<BackToList />}>
      {domain.error === null ? (
        <Loading rows={6} what={name} />
      ) : isUnknown(domain.error) ? (
        <Note title="There is no such tracking domain.">
          It may have been deleted, or belong to somebody this key may not see. If it was deleted, the links
          that were sent with it go on working.
        </Note>
      ) : (
        <Failure
          what={`${name} could not be loaded.`}
          error={domain.error}
          retry={() => void domain.refetch()}
        />
      )}
    </Page>
  );
}

function isUnknown(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 404;
}

function BackToList() {
  return (
    <Link href="/domains" className="link">
      All tracking domains
    </Link>
  );
}

function Known({ domain }: { readonly domain: TrackingDomain }) {
  const ownerName = useOwnerName();
  const isPrimary = useSession().subaccount_id === undefined;
  const checks = useQuery(domainQueries.checks(domain.domain));
  const { data: defaults } = useQuery(domainQueries.defaults());
  const maySeeSending = useMay("sending_domains/view");
  const mayManage = useMay("tracking_domains/manage");
  const usesHttpForNow = checks.data?.https_works === false;
  const pointsElsewhere = checks.data?.points_elsewhere === true;
  const newest = checks.data?.checks[0];
  const now = useNow(MINUTE_MS);
  const { word, kind } = domainState({ ...domain, usesHttpForNow, pointsElsewhere }, now);
  return (
    <Page
      documentTitle={domain.domain}
      title={<span className="break-all">{domain.domain}</span>}
      about={
        <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <span className="text-ink">
            <Mark kind={kind}>{word}</Mark>
          </span>
          {domain.default && <span>Default</span>}
          {isPrimary && <span>{ownerName(domain.subaccount_id)}</span>}
          <BackToList />
        </span>
      }
      beside={<CopyButton text={domain.domain} what="the name" saysWhat />}
    >
      <Section id="status" title="Status">
        <Evidence domain={domain} checks={checks} />
      </Section>
      <Section title="Default">
        <DefaultSwitch domain={domain} defaults={defaults} />
      </Section>
      <Section id="https" title="HTTPS">
        <Https domain={{ ...domain, usesHttpForNow }} newest={newest} />
      </Section>
      {maySeeSending && (
        <Section
          title="Sending domains"
          about="Mail from these domains uses this tracking domain, whatever the default is."
        >
          <SendingDomains domain={domain} />
        </Section>
      )}
      <Section
        title="Links that open an app"
        about="Two files by which iOS and Android let an app open this domain's links. They are served here without a redirect."
      >
        <DeepLinks domain={domain} />
      </Section>
      <Section title="Past checks" about="The newest 50." isWide>
        {checks.data === undefined ? (
          checks.error === null ? (
            <Loading what="past checks" />
          ) : (
            <Failure
              what="Past checks could not be loaded."
              error={checks.error}
              retry={() => void checks.refetch()}
            />
          )
        ) : (
          <CheckHistory checks={checks.data.checks} />
        )}
      </Section>
      {mayManage && (
        <Section title="Delete">
          <DeleteDomain domain={domain} defaults={defaults} />
        </Section>
      )}
    </Page>
  );
}
