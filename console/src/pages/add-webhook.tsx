/** A new webhook: what it is told, where, and how its receiver knows who calls. The signing secret is shown once. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";

import { useOwnerName, useSubaccounts } from "../api/subaccounts.ts";
import { createWebhook, type WebhookKind, type WebhookRequest, webhookQueries } from "../api/webhooks.ts";
import { Button, ButtonLink } from "../components/button.tsx";
import { CopyButton } from "../components/copy.tsx";
import { explain } from "../components/failure.tsx";
import { SelectField, TextField } from "../components/field.tsx";
import { Page } from "../components/page.tsx";
import { useSession } from "../session-context.ts";
import { type AuthDraft, AuthFields, NO_AUTH, toAuthRequest } from "./webhook-auth.tsx";
import { EventChoice, eventsOf, TargetField } from "./webhook-form.tsx";

interface Draft extends AuthDraft {
  readonly name: string;
  readonly target: string;
  readonly kind: WebhookKind;
  readonly events: readonly string[];
  /** Empty: everybody's events. */
  readonly owner: string;
}

const EMPTY: Draft = {
  name: "",
  target: "",
  kind: "events",
  events: eventsOf("events"),
  owner: "",
  ...NO_AUTH,
};

export function AddWebhook() {
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: (draft: Draft) =>
      createWebhook(requestOf(draft), draft.owner === "" ? undefined : Number(draft.owner)),
    onSuccess: () => queries.invalidateQueries({ queryKey: webhookQueries.all }),
  });
  return (
    <Page
      title="Add a webhook"
      documentTitle="Add a webhook"
      about={
        <Link href="/webhooks" className="link">
          All webhooks
        </Link>
      }
    >
      {create.data === undefined ? (
        <Form
          onSubmit={create.mutate}
          isBusy={create.isPending}
          problem={create.isError ? explain(create.error) : undefined}
        />
      ) : (
        <Created {...create.data} />
      )}
    </Page>
  );
}

function requestOf(draft: Draft): WebhookRequest {
  const { name, target, kind, events } = draft;
  return { name: name.trim(), target: target.trim(), kind, events, ...toAuthRequest(draft) };
}

interface FormProps {
  readonly onSubmit: (draft: Draft) => void;
  readonly isBusy: boolean;
  readonly problem: string | undefined;
}

function Form({ onSubmit, isBusy, problem }: FormProps) {
  const [draft, setDraft] = useState(EMPTY);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit(draft);
  };
  return (
    <form onSubmit={submit} className="grid max-w-prose gap-5">
      <TextField
        label="Name"
        required
        autoFocus
        placeholder="Clicks to the shop"
        value={draft.name}
        onChange={(event) => set({ name: event.target.value })}
      />
      <TargetField value={draft.target} onChange={(target) => set({ target })} problem={problem} />
      <SelectField
        label="Tells of"
        value={draft.kind}
        onChange={({ target: { value } }) => {
          const kind = value as WebhookKind;
          set({ kind, events: eventsOf(kind) });
        }}
        choices={[
          { value: "events", label: "What recipients do" },
          { value: "operational", label: "What happens to this installation" },
        ]}
      />
      <EventChoice kind={draft.kind} chosen={draft.events} onChange={(events) => set({ events })} />
      <OwnerField draft={draft} set={set} />
      <AuthFields draft={draft} set={set} />
      <div>
        <Button
          type="submit"
          look="primary"
          disabled={draft.events.length === 0}
          busy={isBusy ? "Testing the target …" : undefined}
        >
          Add the webhook
        </Button>
      </div>
    </form>
  );
}

interface DraftProps {
  readonly draft: Draft;
  readonly set: (change: Partial<Draft>) => void;
}

function OwnerField({ draft, set }: DraftProps) {
  const { data: subaccounts } = useSubaccounts();
  const ownerName = useOwnerName();
  const isPrimary = useSession().subaccount_id === undefined;
  if (!isPrimary || subaccounts === undefined || subaccounts.length === 0) return null;
  return (
    <SelectField
      label="Whose events"
      value={draft.owner}
      onChange={(event) => set({ owner: event.target.value })}
      choices={[
        { value: "", label: "Everybody's" },
        ...[0, ...subaccounts.map(({ id }) => id)].map((id) => ({ value: String(id), label: ownerName(id) })),
      ]}
    />
  );
}

function Created({ id, signing_secret }: { readonly id: string; readonly signing_secret: string }) {
  return (
    <div className="max-w-prose" role="status">
      <p className="font-semibold">The webhook is there, and its target took the test.</p>
      <SecretOnce secret={signing_secret} />
      <ButtonLink href={`/webhooks/${id}`} look="primary">
        I have it, show the webhook
      </ButtonLink>
    </div>
  );
}

export function SecretOnce({ secret }: { readonly secret: string }) {
  return (
    <>
      <p className="mt-2">
        This is its signing secret, by which the receiver checks that a batch is from here. Copy it now: it is
        shown this once.
      </p>
      <div className="my-4 flex items-start justify-between gap-3 rounded-1 border border-line p-3">
        <code className="min-w-0 font-mono text-[13px] leading-5 break-all">{secret}</code>
        <CopyButton text={secret} what="the signing secret" />
      </div>
    </>
  );
}
