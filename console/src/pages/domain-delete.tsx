/** Deleting says what keeps working and what changes, and asks for the name. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";

import { deleteDomain, domainQueries, ownerOf, type TrackingDomain } from "../api/domains.ts";
import { clicksByDomainQuery } from "../api/metrics.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { explain } from "../components/failure.tsx";
import { TextField } from "../components/field.tsx";
import { formatCount } from "../format.ts";
import { useMay } from "../session-context.ts";

interface DeleteProps {
  readonly domain: TrackingDomain;
  /** Of every owner that the key may see; `undefined` while they are not known. */
  readonly defaults: readonly TrackingDomain[] | undefined;
}

export function DeleteDomain(props: DeleteProps) {
  const { domain } = props;
  const [isAsking, setIsAsking] = useState(false);
  // Before somebody asks, so that the question does not move under their hands.
  const clicks = useClicksOfWeek(domain.domain);
  return (
    <div>
      <p className="max-w-prose">
        Links that were already sent with {domain.domain} keep working for as long as its DNS record points
        here. The name stays reserved for its owner, so that nobody else can claim it.
      </p>
      <div className="mt-3">
        <Button look="danger" onClick={() => setIsAsking(true)}>
          Delete this domain …
        </Button>
      </div>
      {isAsking && <Question {...props} clicks={clicks} onClose={() => setIsAsking(false)} />}
    </div>
  );
}

/** `undefined`: not known yet, or not for this key to know. */
function useClicksOfWeek(domain: string): number | undefined {
  const { data } = useQuery({ ...clicksByDomainQuery(), enabled: useMay("metrics/view") });
  return data && (data.get(domain) ?? []).reduce((sum, count) => sum + count, 0);
}

interface QuestionProps extends DeleteProps {
  readonly clicks: number | undefined;
  readonly onClose: () => void;
}

function Question({ domain, defaults, clicks, onClose }: QuestionProps) {
  const [typed, setTyped] = useState("");
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteDomain(domain),
    onSuccess: async () => {
      navigate("/domains");
      queries.removeQueries({ queryKey: domainQueries.one(domain.domain).queryKey });
      await queries.invalidateQueries({ queryKey: domainQueries.list().queryKey });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    remove.mutate();
  };
  return (
    <Dialog title={`Delete ${domain.domain}?`} onClose={onClose}>
      <ul className="grid list-disc gap-1 pl-5">
        <li>Links already sent keep working for as long as its DNS record points here.</li>
        {clicks !== undefined && <li>{inUse(clicks)}</li>}
        <li>{newMail(domain, defaults)}</li>
        <li>Sending domains that use it go back to the default.</li>
      </ul>
      <form onSubmit={submit} className="mt-4 grid gap-4">
        <TextField
          label={`Type ${domain.domain} to confirm`}
          autoComplete="off"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          problem={remove.isError ? explain(remove.error) : undefined}
        />
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>Keep it</Button>
          <Button
            type="submit"
            look="danger"
            disabled={typed.trim().toLowerCase() !== domain.domain}
            busy={remove.isPending ? "Deleting …" : undefined}
          >
            Delete {domain.domain}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What the record is still needed for. */
function inUse(clicks: number): string {
  return clicks === 0
    ? "Nobody clicked on one in the last 7 days."
    : `People clicked on them ${formatCount(clicks, "time")} in the last 7 days: without the record, such clicks lead nowhere.`;
}

/** What mail that would have used it uses instead. */
function newMail(domain: TrackingDomain, defaults: readonly TrackingDomain[] | undefined): string {
  const isUsable = (other: TrackingDomain) =>
    other.domain !== domain.domain && other.status.verified && other.status.compliance_status !== "blocked";
  const next =
    defaults?.find((other) => isUsable(other) && ownerOf(other) === ownerOf(domain)) ??
    defaults?.find((other) => isUsable(other) && ownerOf(other) === 0);
  if (next !== undefined) return `New mail that would have used it will use ${next.domain}.`;
  // A subaccount's key does not see the primary account's, nor does anybody see what has not come yet.
  return defaults === undefined || domain.subaccount_id !== undefined
    ? "New mail that would have used it goes out untracked, unless there is another default."
    : "New mail that would have used it goes out untracked: there is no other default.";
}
