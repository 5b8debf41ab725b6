/** What to do with a domain that just turned verified. */
import { useQuery } from "@tanstack/react-query";

import { domainQueries, type TrackingDomain } from "../api/domains.ts";
import { ButtonLink } from "../components/button.tsx";
import { DefaultSwitch } from "./default-switch.tsx";

export function VerifiedDomain({ domain }: { readonly domain: TrackingDomain }) {
  const { data: defaults } = useQuery(domainQueries.defaults());
  return (
    <div className="grid gap-4">
      <p role="status">
        A request through {domain.domain} reached this installation. Links of new mail can use it now.
      </p>
      <DefaultSwitch domain={domain} defaults={defaults} />
      <div className="flex flex-wrap gap-2">
        <ButtonLink href={`/domains/${domain.domain}`}>Open {domain.domain}</ButtonLink>
        <ButtonLink href="/tester">Try it in the link tester</ButtonLink>
      </div>
    </div>
  );
}
