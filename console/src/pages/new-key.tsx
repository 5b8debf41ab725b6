/** A new key: for whom, to do what, from where. It is shown once, with the means to copy it. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";

import { createKey, keyQueries } from "../api/keys.ts";
import { useOwnerName, useSubaccounts } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { CopyButton } from "../components/copy.tsx";
import { Dialog } from "../components/dialog.tsx";
import { explain } from "../components/failure.tsx";
import { CheckField, SelectField, TextField } from "../components/field.tsx";
import { GRANT_WORDS } from "../grants.ts";
import { useSession } from "../session-context.ts";

export function NewKeyDialog({ onClose }: { readonly onClose: () => void }) {
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: createKey,
    onSuccess: () => queries.invalidateQueries({ queryKey: keyQueries.all }),
  });
  if (make.data !== undefined) return <MadeKey made={make.data} onClose={onClose} />;
  return (
    <Dialog title="Make a key" onClose={onClose} isWide>
      <NewKeyForm
        onMake={make.mutate}
        onClose={onClose}
        isBusy={make.isPending}
        problem={make.isError ? explain(make.error) : undefined}
      />
    </Dialog>
  );
}

function NewKeyForm({
  onMake,
  onClose,
  isBusy,
  problem,
}: {
  readonly onMake: (key: Parameters<typeof createKey>[0]) => void;
  readonly onClose: () => void;
  readonly isBusy: boolean;
  readonly problem: string | undefined;
}) {
  const [label, setLabel] = useState("");
  const [owner, setOwner] = useState(0);
  const [grants, setGrants] = useState<readonly string[]>([]);
  const [addresses, setAddresses] = useState("");
  const reasonId = useId();
  const session = useSession();
  const offered = GRANT_WORDS.filter(
    ({ grant, isForSubaccounts }) => session.grants.includes(grant) && (owner === 0 || isForSubaccounts),
  );
  const chosen = offered.map(({ grant }) => grant).filter((grant) => grants.includes(grant));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onMake({
      label: label.trim(),
      grants: chosen,
      valid_ips: addresses.split(/[\s,]+/).filter((entry) => entry !== ""),
      ...(owner === 0 ? {} : { subaccount_id: owner }),
    });
  };
  return (
    <form onSubmit={submit} className="grid gap-4">
      <TextField
        label="Label"
        required
        autoFocus
        placeholder="Newsletter server, or Ann for the console"
        value={label}
        onChange={(event) => setLabel(event.target.value)}
      />
      <OwnerField owner={owner} onOwner={setOwner} />
      <fieldset>
        <legend className="mb-2 font-medium">May do</legend>
        <CheckField
          label="All of these"
          checked={chosen.length === offered.length}
          onChange={(event) => setGrants(event.target.checked ? offered.map(({ grant }) => grant) : [])}
        />
        <div className="mt-2 grid gap-x-6 gap-y-2 sm:grid-cols-2">
          {offered.map(({ grant, words }) => (
            <CheckField
              key={grant}
              label={words}
              checked={grants.includes(grant)}
              onChange={(event) =>
                setGrants(event.target.checked ? [...grants, grant] : grants.filter((one) => one !== grant))
              }
            />
          ))}
        </div>
      </fieldset>
      <TextField
        label="Usable from"
        help="Addresses or ranges such as 192.0.2.0/24. Empty: from anywhere."
        value={addresses}
        onChange={(event) => setAddresses(event.target.value)}
        problem={problem}
      />
      <div className="flex flex-wrap items-center justify-end gap-2">
        {chosen.length === 0 && (
          <p id={reasonId} className="mr-auto text-soft">
            Choose what it may do first.
          </p>
        )}
        <Button onClick={onClose}>Cancel</Button>
        <Button
          look="primary"
          type="submit"
          disabled={chosen.length === 0}
          aria-describedby={chosen.length === 0 ? reasonId : undefined}
          busy={isBusy ? "Making …" : undefined}
        >
          Make the key
        </Button>
      </div>
    </form>
  );
}

function OwnerField({ owner, onOwner }: { readonly owner: number; readonly onOwner: (id: number) => void }) {
  const { data: subaccounts } = useSubaccounts();
  const ownerName = useOwnerName();
  // One that is suspended gets none.
  const active = subaccounts?.filter(({ status }) => status === "active") ?? [];
  if (active.length === 0) return null;
  return (
    <SelectField
      label="Owner"
      help="A subaccount's key sees and changes what is the subaccount's, and nothing else."
      value={owner}
      onChange={(event) => onOwner(Number(event.target.value))}
      choices={[0, ...active.map(({ id }) => id)].map((id) => ({
        value: String(id),
        label: ownerName(id),
      }))}
    />
  );
}

function MadeKey({
  made,
  onClose,
}: {
  readonly made: { readonly label: string; readonly key: string };
  readonly onClose: () => void;
}) {
  return (
    <Dialog title={`The key ${made.label}`} onClose={onClose} isKept>
      <p>Copy it now: it is shown this once. Waypost itself keeps only a hash of it.</p>
      <div className="my-4 flex items-start justify-between gap-3 rounded-1 border border-line p-3">
        <code className="min-w-0 font-mono text-[13px] leading-5 break-all">{made.key}</code>
        <CopyButton text={made.key} what="the key" />
      </div>
      <div className="flex justify-end">
        <Button look="primary" onClick={onClose}>
          I have it
        </Button>
      </div>
    </Dialog>
  );
}
