/** Asks for a check of a verified domain. One that fails takes the status away at once, so it says so first. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { domainQueries, ownerOf, type TrackingDomain, verifyDomain } from "../api/domains.ts";
import { Button } from "../components/button.tsx";
import { explain } from "../components/failure.tsx";
import { useMay } from "../session-context.ts";

export function CheckNow({ domain }: { readonly domain: TrackingDomain }) {
  const mayManage = useMay("tracking_domains/manage");
  const queries = useQueryClient();
  const check = useMutation({
    mutationFn: () => verifyDomain(domain.domain, ownerOf(domain)),
    onSettled: () => queries.invalidateQueries({ queryKey: domainQueries.all }),
  });
  if (!mayManage) return null;
  return (
    <div className="flex items-center gap-3">
      <Button onClick={() => check.mutate()} busy={check.isPending ? "Looking …" : undefined}>
        Check now
      </Button>
      <span className="min-w-0 text-soft" role="status">
        {check.isSuccess && "It works."}
        {check.isError && explain(check.error)}
        {check.isIdle && "If it fails, new links stop using the domain at once."}
      </span>
    </div>
  );
}
