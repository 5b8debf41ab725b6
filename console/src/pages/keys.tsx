/** API keys: what each may do, for whom, and from where. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { type ApiKey, keyQueries, revokeKey } from "../api/keys.ts";
import { useOwnerName } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { Dialog, Drawer } from "../components/dialog.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { Loading, Page } from "../components/page.tsx";
import { SearchedTable } from "../components/searched-table.tsx";
import type { Column } from "../components/table.tsx";
import { At } from "../components/time.tsx";
import { formatCount } from "../format.ts";
import { GRANT_WORDS } from "../grants.ts";
import { useSession } from "../session-context.ts";
import { useUrlState } from "../url-state.ts";
import { NewKeyDialog } from "./new-key.tsx";

export function Keys() {
  const keys = useQuery(keyQueries.list());
  const url = useUrlState();
  const columns = useColumns();
  const ownerName = useOwnerName();
  const [isMaking, setIsMaking] = useState(false);
  const open = keys.data?.find(({ id }) => id === url.get("open"));
  return (
    <Page
      title="API keys"
      documentTitle="API keys"
      about="Programs send one with each request; people sign in to this console with one. A key is shown once, when it is made."
      actions={
        <Button look="primary" onClick={() => setIsMaking(true)}>
          Make a key
        </Button>
      }
    >
      {keys.data === undefined ? (
        keys.error === null ? (
          <Loading what="keys" />
        ) : (
          <Failure
            what="The keys could not be loaded."
            error={keys.error}
            retry={() => void keys.refetch()}
          />
        )
      ) : (
        <SearchedTable
          label="API keys"
          searchedBy="label or owner"
          textsOf={({ label, short_key, subaccount_id }) => [label, short_key, ownerName(subaccount_id)]}
          columns={columns}
          rows={keys.data}
          rowKey={({ id }) => id}
          rowHref={({ id }) => url.href({ open: id })}
          selected={open?.id}
        />
      )}
      {isMaking && <NewKeyDialog onClose={() => setIsMaking(false)} />}
      {open !== undefined && <KeyDrawer apiKey={open} onClose={() => url.set({ open: undefined })} />}
    </Page>
  );
}

function useColumns(): readonly Column<ApiKey>[] {
  const ownerName = useOwnerName();
  const session = useSession();
  return [
    {
      id: "label",
      head: "Label",
      place: "title",
      cell: ({ label, id }) => (id === session.key_id ? `${label} (this session)` : label),
    },
    {
      id: "key",
      head: "Key",
      width: "w-28",
      place: "aside",
      cell: ({ short_key }) => <code className="font-mono text-meta">{short_key}…</code>,
    },
    {
      id: "owner",
      head: "Owner",
      width: "w-44",
      place: "below",
      cell: (key) => ownerName(key.subaccount_id),
    },
    {
      id: "grants",
      head: "May do",
      width: "w-36",
      place: "below-aside",
      cell: ({ grants }) => grantCount(grants),
    },
    {
      id: "from",
      head: "Usable from",
      width: "w-44",
      cell: ({ valid_ips }) => (valid_ips.length === 0 ? "anywhere" : valid_ips.join(", ")),
    },
  ];
}

function grantCount(grants: readonly string[]): string {
  return grants.length >= GRANT_WORDS.length ? "everything" : formatCount(grants.length, "grant");
}

function KeyDrawer({ apiKey, onClose }: { readonly apiKey: ApiKey; readonly onClose: () => void }) {
  const ownerName = useOwnerName();
  const [isAsking, setIsAsking] = useState(false);
  return (
    <Drawer title={apiKey.label} onClose={onClose}>
      <dl className="grid grid-cols-[110px_minmax(0,1fr)] gap-x-4 gap-y-2">
        <dt className="text-soft">Begins with</dt>
        <dd>
          <code className="font-mono text-meta">{apiKey.short_key}</code>
        </dd>
        <dt className="text-soft">Owner</dt>
        <dd>{ownerName(apiKey.subaccount_id)}</dd>
        <dt className="text-soft">Made</dt>
        <dd>
          <At at={apiKey.created_at} />
        </dd>
        <dt className="text-soft">Usable from</dt>
        <dd>{apiKey.valid_ips.length === 0 ? "anywhere" : apiKey.valid_ips.join(", ")}</dd>
        <dt className="text-soft">May</dt>
        <dd>
          <ul className="grid gap-1">
            {apiKey.grants.map((grant) => (
              <li key={grant}>{GRANT_WORDS.find((known) => known.grant === grant)?.words ?? grant}</li>
            ))}
          </ul>
        </dd>
      </dl>
      <div className="mt-6">
        <Button look="danger" onClick={() => setIsAsking(true)}>
          Revoke this key …
        </Button>
      </div>
      {isAsking && <RevokeDialog apiKey={apiKey} onClose={() => setIsAsking(false)} onRevoked={onClose} />}
    </Drawer>
  );
}

function RevokeDialog({
  apiKey,
  onClose,
  onRevoked,
}: {
  readonly apiKey: ApiKey;
  readonly onClose: () => void;
  readonly onRevoked: () => void;
}) {
  const session = useSession();
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeKey(apiKey.id),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keyQueries.all });
      onRevoked();
    },
  });
  return (
    <Dialog title={`Revoke ${apiKey.label}?`} onClose={onClose}>
      <p>Whatever uses this key is refused from the next request on, and its sessions in this console end.</p>
      {apiKey.id === session.key_id && (
        <p className="mt-2 font-medium">It is the key that you are signed in with.</p>
      )}
      <p className="mt-2 text-soft">
        Links that were made with it are not touched. A revoked key cannot be brought back.
      </p>
      {revoke.isError && (
        <p role="alert" className="mt-3 text-bad">
          {explain(revoke.error)}
        </p>
      )}
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Keep it</Button>
        <Button
          look="danger"
          onClick={() => revoke.mutate()}
          busy={revoke.isPending ? "Revoking …" : undefined}
        >
          Revoke the key
        </Button>
      </div>
    </Dialog>
  );
}
