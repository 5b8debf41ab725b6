/** Subaccounts: the installation's tenants. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import {
  createSubaccount,
  type Subaccount,
  subaccountQueries,
  updateSubaccount,
} from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { explain, Failure, Note } from "../components/failure.tsx";
import { SelectField, TextField } from "../components/field.tsx";
import { Mark, type MarkKind } from "../components/mark.tsx";
import { Loading, Page } from "../components/page.tsx";
import { SearchedTable } from "../components/searched-table.tsx";
import type { Column } from "../components/table.tsx";
import { useMay } from "../session-context.ts";
import { useUrlState } from "../url-state.ts";

const STATUS: Readonly<Record<Subaccount["status"], { readonly word: string; readonly kind: MarkKind }>> = {
  active: { word: "Active", kind: "good" },
  suspended: { word: "Suspended", kind: "wait" },
  terminated: { word: "Terminated", kind: "off" },
};

export function Subaccounts() {
  const mayManage = useMay("subaccounts/manage");
  const subaccounts = useQuery(subaccountQueries.list());
  const url = useUrlState();
  const [isMaking, setIsMaking] = useState(false);
  const open = subaccounts.data?.find(({ id }) => String(id) === url.get("subaccount"));
  return (
    <Page
      title="Subaccounts"
      documentTitle="Subaccounts"
      about="One for each customer or brand, with domains, keys and events of its own."
      actions={
        mayManage && (
          <Button look="primary" onClick={() => setIsMaking(true)}>
            Make a subaccount
          </Button>
        )
      }
    >
      {subaccounts.data === undefined ? (
        subaccounts.error === null ? (
          <Loading what="subaccounts" />
        ) : (
          <Failure
            what="The subaccounts could not be loaded."
            error={subaccounts.error}
            retry={() => void subaccounts.refetch()}
          />
        )
      ) : subaccounts.data.length === 0 ? (
        <Note title="There is no subaccount.">
          None is needed while all mail is yours. Make one for each customer whose domains and events shall be
          apart.
        </Note>
      ) : (
        <SearchedTable
          label="Subaccounts"
          searchedBy="name or number"
          textsOf={({ name, id }) => [name, String(id)]}
          columns={COLUMNS}
          rows={subaccounts.data}
          rowKey={({ id }) => String(id)}
          {...(mayManage ? { rowHref: ({ id }: Subaccount) => url.href({ subaccount: String(id) }) } : {})}
        />
      )}
      {isMaking && <EditDialog onClose={() => setIsMaking(false)} />}
      {open !== undefined && mayManage && (
        <EditDialog subaccount={open} onClose={() => url.set({ subaccount: undefined })} />
      )}
    </Page>
  );
}

const COLUMNS: readonly Column<Subaccount>[] = [
  { id: "name", head: "Name", place: "title", cell: ({ name }) => name },
  { id: "id", head: "Number", width: "w-28", place: "aside", isNumber: true, cell: ({ id }) => id },
  {
    id: "status",
    head: "Status",
    width: "w-44",
    place: "below",
    cell: ({ status }) => <Mark kind={STATUS[status].kind}>{STATUS[status].word}</Mark>,
  },
];

/** A new one, or one that is there. */
function EditDialog({
  subaccount,
  onClose,
}: {
  readonly subaccount?: Subaccount;
  readonly onClose: () => void;
}) {
  const [name, setName] = useState(subaccount?.name ?? "");
  const [status, setStatus] = useState(subaccount?.status ?? "active");
  const [privacy, setPrivacy] = useState(subaccount?.privacy ?? "full");
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: async () => {
      if (subaccount === undefined) await createSubaccount(name.trim());
      else await updateSubaccount(subaccount.id, { name: name.trim(), status, privacy });
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: subaccountQueries.all });
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog
      title={subaccount === undefined ? "Make a subaccount" : `${subaccount.name} (${subaccount.id})`}
      onClose={onClose}
    >
      <form onSubmit={submit} className="grid gap-4">
        <TextField
          label="Name"
          required
          autoFocus
          maxLength={1024}
          value={name}
          onChange={(event) => setName(event.target.value)}
          problem={save.isError ? explain(save.error) : undefined}
        />
        {subaccount !== undefined && (
          <>
            <StatusField status={status} onStatus={setStatus} />
            <PrivacyField privacy={privacy} onPrivacy={setPrivacy} />
          </>
        )}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={save.isPending ? "Saving …" : undefined}>
            {subaccount === undefined ? "Make the subaccount" : "Save"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function StatusField({
  status,
  onStatus,
}: {
  readonly status: Subaccount["status"];
  readonly onStatus: (status: Subaccount["status"]) => void;
}) {
  return (
    <SelectField
      label="Status"
      value={status}
      onChange={(event) => onStatus(event.target.value as Subaccount["status"])}
      help={
        status === "active"
          ? "Its keys may do whatever they are granted."
          : "Its keys may look and change nothing. Links that were already sent keep working."
      }
      choices={(["active", "suspended", "terminated"] as const).map((value) => ({
        value,
        label: STATUS[value].word,
      }))}
    />
  );
}

const PRIVACY: Readonly<Record<Subaccount["privacy"], readonly [string, string]>> = {
  full: ["Everything", "Addresses and what they did are kept."],
  pseudonymous: [
    "Pseudonyms",
    "A name that Waypost makes up stands for each address: the same person is the same name.",
  ],
  anonymous: ["Nobody's", "That something was opened or clicked is kept, and not by whom."],
  off: ["Nothing", "Mail is not tracked."],
};

function PrivacyField({
  privacy,
  onPrivacy,
}: {
  readonly privacy: Subaccount["privacy"];
  readonly onPrivacy: (privacy: Subaccount["privacy"]) => void;
}) {
  return (
    <SelectField
      label="Kept of recipients"
      value={privacy}
      onChange={(event) => onPrivacy(event.target.value as Subaccount["privacy"])}
      help={PRIVACY[privacy][1]}
      choices={(["full", "pseudonymous", "anonymous", "off"] as const).map((value) => ({
        value,
        label: PRIVACY[value][0],
      }))}
    />
  );
}
