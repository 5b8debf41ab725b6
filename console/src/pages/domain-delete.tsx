/** Deleting says what keeps working and what changes, and asks for the name. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";

import { deleteDomain, domainQueries, ownerOf, type TrackingDomain } from "../api/domains.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { explain } from "../components/failure.tsx";
import { TextField } from "../components/field.tsx";

interface DeleteProps {
  readonly domain: TrackingDomain;
  /** `undefined` while they are not known. */
  readonly others: readonly TrackingDomain[] | undefined;
}

export function DeleteDomain(props: DeleteProps) {
  const { domain } = props;
  const [isAsking, setIsAsking] = useState(false);
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
      {isAsking && <Question {...props} onClose={() => setIsAsking(false)} />}
    </div>
  );
}

function Question({ domain, others, onClose }: DeleteProps & { readonly onClose: () => void }) {
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
        <li>Links already sent keep working.</li>
        <li>{newMail(domain, others)}</li>
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

/** What mail that would have used it uses instead. */
function newMail(domain: TrackingDomain, others: readonly TrackingDomain[] | undefined): string {
  const isUsable = (other: TrackingDomain) =>
    other.default &&
    other.domain !== domain.domain &&
    other.status.verified &&
    other.status.compliance_status !== "blocked";
  const next =
    others?.find((other) => isUsable(other) && ownerOf(other) === ownerOf(domain)) ??
    others?.find((other) => isUsable(other) && ownerOf(other) === 0);
  if (next !== undefined) return `New mail that would have used it will use ${next.domain}.`;
  // A subaccount's key does not see the primary account's, nor does anybody see what has not come yet.
  return others === undefined || domain.subaccount_id !== undefined
    ? "New mail that would have used it goes out untracked, unless there is another default."
    : "New mail that would have used it goes out untracked: there is no other default.";
}
