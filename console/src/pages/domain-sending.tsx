/** Which sending domains use a tracking domain. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { associateSendingDomain, domainQueries, ownerOf, type TrackingDomain } from "../api/domains.ts";
import { Button } from "../components/button.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { TextField } from "../components/field.tsx";
import { Loading } from "../components/page.tsx";
import { useMay } from "../session-context.ts";

export function SendingDomains({ domain }: { readonly domain: TrackingDomain }) {
  const mayManage = useMay("sending_domains/manage");
  const query = domainQueries.sendingDomains(domain.domain);
  const associated = useQuery(query);
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: ({ sending, isAdded }: { readonly sending: string; readonly isAdded: boolean }) =>
      associateSendingDomain(sending, isAdded ? domain.domain : "", ownerOf(domain)),
    onSuccess: () => queries.invalidateQueries({ queryKey: query.queryKey }),
  });
  if (associated.data === undefined) {
    if (associated.error === null) return <Loading rows={2} what="sending domains" />;
    return (
      <Failure
        what="The sending domains could not be loaded."
        error={associated.error}
        retry={() => void associated.refetch()}
      />
    );
  }
  return (
    <div className="max-w-prose">
      {associated.data.length === 0 && <p className="text-soft">None.</p>}
      <ul className="divide-y divide-line">
        {associated.data.map(({ domain: sending }) => (
          <li key={sending} className="flex min-w-0 items-center justify-between gap-3 py-1">
            <span className="min-w-0 break-all">{sending}</span>
            {mayManage && (
              <Button
                look="quiet"
                onClick={() => change.mutate({ sending, isAdded: false })}
                disabled={change.isPending}
              >
                Remove<span className="sr-only"> {sending}</span>
              </Button>
            )}
          </li>
        ))}
      </ul>
      {mayManage && (
        <AddSendingDomain
          isBusy={change.isPending}
          problem={change.isError ? explain(change.error) : undefined}
          onAdd={(sending) => change.mutateAsync({ sending, isAdded: true })}
        />
      )}
    </div>
  );
}

function AddSendingDomain({
  isBusy,
  problem,
  onAdd,
}: {
  readonly isBusy: boolean;
  readonly problem: string | undefined;
  readonly onAdd: (sending: string) => Promise<unknown>;
}) {
  const [name, setName] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onAdd(name.trim()).then(
      () => setName(""),
      () => undefined, // Shown as the problem.
    );
  };
  return (
    <form onSubmit={submit} className="mt-3 flex flex-wrap items-start gap-2">
      <div className="min-w-52 flex-1">
        <TextField
          label="Sending domain"
          bare
          required
          placeholder="example.com"
          value={name}
          onChange={(event) => setName(event.target.value)}
          problem={problem}
        />
      </div>
      <Button type="submit" busy={isBusy ? "Saving …" : undefined}>
        Add a sending domain
      </Button>
    </form>
  );
}
