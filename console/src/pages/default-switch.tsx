/** Makes a domain the default of its owner, or ends that, with the consequence spelled out before it happens. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { domainQueries, ownerOf, type TrackingDomain, updateDomain } from "../api/domains.ts";
import { useOwnerName } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { explain } from "../components/failure.tsx";
import { useMay } from "../session-context.ts";

interface DefaultSwitchProps {
  readonly domain: TrackingDomain;
  /** Of every owner that the key may see; `undefined` while they are not known. */
  readonly defaults: readonly TrackingDomain[] | undefined;
}

export function DefaultSwitch({ domain, defaults }: DefaultSwitchProps) {
  const mayManage = useMay("tracking_domains/manage");
  const ownerName = useOwnerName();
  const [isAsking, setIsAsking] = useState(false);
  const owner = domain.subaccount_id === undefined ? "the primary account" : ownerName(domain.subaccount_id);
  const former = defaultOf(ownerOf(domain), defaults);
  return (
    <div>
      <p>
        {domain.default
          ? `${domain.domain} is the default of ${owner}: mail that names no other tracking domain uses it.`
          : former !== undefined
            ? `The default of ${owner} is ${former.domain}.`
            : defaults !== undefined && `There is no default of ${owner} yet: ${withoutDefault(domain)}`}
      </p>
      {mayManage && (
        <div className="mt-3">
          <Button onClick={() => setIsAsking(true)} disabled={!domain.default && !domain.status.verified}>
            {domain.default ? "Stop using it as the default" : "Make it the default"}
          </Button>
          {!domain.default && !domain.status.verified && (
            <p className="mt-1 text-soft">It has to be verified first.</p>
          )}
        </div>
      )}
      {isAsking && <Question domain={domain} former={former} onClose={() => setIsAsking(false)} />}
    </div>
  );
}

function defaultOf(
  owner: number,
  defaults: readonly TrackingDomain[] | undefined,
): TrackingDomain | undefined {
  return defaults?.find((other) => ownerOf(other) === owner);
}

/** A subaccount falls back on the primary account, whose domains its own keys do not see. */
function withoutDefault({ subaccount_id }: TrackingDomain): string {
  return subaccount_id === undefined
    ? "mail that names no tracking domain goes out untracked."
    : "mail that names no tracking domain uses the primary account's default, and goes out untracked without one.";
}

interface QuestionProps {
  readonly domain: TrackingDomain;
  /** The owner's present default, if it has one. */
  readonly former: TrackingDomain | undefined;
  readonly onClose: () => void;
}

function Question({ domain, former, onClose }: QuestionProps) {
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: () => updateDomain(domain, { default: !domain.default }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: domainQueries.all });
      onClose();
    },
  });
  const title = domain.default
    ? `Stop using ${domain.domain} as the default?`
    : `Make ${domain.domain} the default?`;
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{consequence(domain, former)}</p>
      <p className="mt-2 text-soft">Links that were already sent are not touched.</p>
      {change.isError && (
        <p role="alert" className="mt-3 text-bad">
          {explain(change.error)}
        </p>
      )}
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Keep it as it is</Button>
        <Button
          look="primary"
          onClick={() => change.mutate()}
          busy={change.isPending ? "Changing …" : undefined}
        >
          {domain.default ? "Stop using it" : "Make it the default"}
        </Button>
      </div>
    </Dialog>
  );
}

function consequence(domain: TrackingDomain, former: TrackingDomain | undefined): string {
  if (domain.default) return `Until another default is chosen, ${withoutDefault(domain)}`;
  const instead =
    former === undefined || former.domain === domain.domain ? "" : ` instead of ${former.domain}`;
  return `New mail that names no tracking domain will use ${domain.domain}${instead}, from the next message on.`;
}
