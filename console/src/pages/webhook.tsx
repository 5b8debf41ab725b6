/** One webhook: how it fares, its last batches, what is sent again, and everything that can be set. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link, useParams } from "wouter";

import { ApiFailure } from "../api/client.ts";
import { useOwnerName } from "../api/subaccounts.ts";
import {
  MASK,
  timeOf,
  updateWebhook,
  validateWebhook,
  type Webhook,
  webhookQueries,
} from "../api/webhooks.ts";
import { Button } from "../components/button.tsx";
import { Fact } from "../components/fact.tsx";
import { explain, Failure, Note } from "../components/failure.tsx";
import { TextField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading, Page, Section } from "../components/page.tsx";
import { Ago } from "../components/time.tsx";
import { eventWord } from "../event-words.ts";
import { useMay } from "../session-context.ts";
import { operationalWord, webhookState, whoseEvents } from "../webhook-state.ts";
import { AuthFields, authDraftOf, keepsSecrets, toAuthRequest } from "./webhook-auth.tsx";
import { Batches } from "./webhook-batches.tsx";
import { EventChoice, TargetField } from "./webhook-form.tsx";
import { Replays } from "./webhook-replays.tsx";
import { DeleteWebhook, SigningSecret } from "./webhook-secret.tsx";

export function WebhookPage() {
  const { id = "" } = useParams();
  const webhook = useQuery(webhookQueries.one(id));
  if (webhook.data !== undefined) return <Known webhook={webhook.data} />;
  return (
    <Page title="Webhook" documentTitle="Webhook" about={<BackToList />}>
      {webhook.error === null ? (
        <Loading rows={6} what="the webhook" />
      ) : webhook.error instanceof ApiFailure && webhook.error.status === 404 ? (
        <Note title="There is no such webhook.">
          It may have been deleted, or belong to somebody this key may not see.
        </Note>
      ) : (
        <Failure
          what="The webhook could not be loaded."
          error={webhook.error}
          retry={() => void webhook.refetch()}
        />
      )}
    </Page>
  );
}

function BackToList() {
  return (
    <Link href="/webhooks" className="link">
      All webhooks
    </Link>
  );
}

function Known({ webhook }: { readonly webhook: Webhook }) {
  const mayModify = useMay("webhooks/modify");
  const { word, kind } = webhookState(webhook);
  // Makes the form anew, with secrets as masks.
  const [saves, setSaves] = useState(0);
  return (
    <Page
      documentTitle={webhook.name}
      title={<span className="break-words">{webhook.name}</span>}
      about={
        <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <span className="text-ink">
            <Mark kind={kind}>{word}</Mark>
          </span>
          <BackToList />
        </span>
      }
    >
      <Section id="delivery" title="Delivery">
        <Facts webhook={webhook} />
        {mayModify && <Actions webhook={webhook} />}
      </Section>
      <Section
        id="batches"
        title="Last batches"
        about="The last 20 that arrived, and those that failed in the last day. What was given up stays for 30 days."
        isWide
      >
        <Batches webhook={webhook} />
      </Section>
      <Section
        title="Send again"
        about="Everything from a time on, up to now. Events keep their ids, so that a receiver that knows them takes none twice."
      >
        <Replays webhook={webhook} />
      </Section>
      {mayModify && (
        <>
          <Section title="What it is told, and how">
            <Edit key={`${webhook.id} ${saves}`} webhook={webhook} onSaved={() => setSaves(saves + 1)} />
          </Section>
          <Section title="Signing secret">
            <SigningSecret webhook={webhook} />
          </Section>
          <Section title="Delete">
            <DeleteWebhook webhook={webhook} />
          </Section>
        </>
      )}
    </Page>
  );
}

const AUTH_WORDS = {
  none: "The signature alone",
  basic: "The signature, a user name and a password",
  oauth2: "The signature and an access token (OAuth 2)",
} as const;

function Facts({ webhook }: { readonly webhook: Webhook }) {
  const ownerName = useOwnerName();
  const wordOf = webhook.kind === "events" ? eventWord : operationalWord;
  const facts: readonly (readonly [string, ReactNode])[] = [
    [
      "Target",
      <span key="target" className="break-all">
        {webhook.target}
      </span>,
    ],
    ["Tells of", webhook.events.map(wordOf).join(", ")],
    ["Proves itself by", AUTH_WORDS[webhook.auth_type]],
    ["Whose events", whoseEvents(webhook, ownerName)],
    [
      "Last delivery",
      webhook.last_successful ? <Ago key="ok" at={timeOf(webhook.last_successful)} /> : "None",
    ],
    ["Last failure", webhook.last_failure ? <Ago key="bad" at={timeOf(webhook.last_failure)} /> : "None"],
  ];
  return (
    <dl className="grid grid-cols-[124px_minmax(0,1fr)] gap-x-4 gap-y-2">
      {facts.map(([name, value]) => (
        <Fact key={name} name={name}>
          {value}
        </Fact>
      ))}
    </dl>
  );
}

function Actions({ webhook }: { readonly webhook: Webhook }) {
  const queries = useQueryClient();
  const refresh = () => queries.invalidateQueries({ queryKey: webhookQueries.all });
  const test = useMutation({ mutationFn: () => validateWebhook(webhook), onSettled: refresh });
  const toggle = useMutation({
    mutationFn: () => updateWebhook(webhook, { active: !webhook.active }),
    onSuccess: refresh,
  });
  return (
    <div className="mt-4">
      <div className="flex flex-wrap gap-2">
        <Button onClick={() => test.mutate()} busy={test.isPending ? "Testing …" : undefined}>
          Send a test
        </Button>
        <Button onClick={() => toggle.mutate()} busy={toggle.isPending ? "Saving …" : undefined}>
          {webhook.active ? "Pause" : "Go on"}
        </Button>
      </div>
      <p role="status" className="mt-2 max-w-prose">
        {test.isSuccess && (
          <Mark kind="good">The target took the test: status {test.data.results.response.status}.</Mark>
        )}
        {test.isError && <Mark kind="bad">{explain(test.error)}</Mark>}
        {toggle.isError && <Mark kind="bad">{explain(toggle.error)}</Mark>}
      </p>
      {webhook.active || (
        <p className="mt-2 max-w-prose text-soft">
          What happens while it is paused is not sent when it goes on. “Send again” can send it.
        </p>
      )}
    </div>
  );
}

function Edit({ webhook, onSaved }: { readonly webhook: Webhook; readonly onSaved: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState(webhook.name);
  const [target, setTarget] = useState(webhook.target);
  const [events, setEvents] = useState(webhook.events);
  const [auth, setAuth] = useState(() => authDraftOf(webhook));
  const isAuthChanged = JSON.stringify(auth) !== JSON.stringify(authDraftOf(webhook));
  const save = useMutation({
    mutationFn: () =>
      updateWebhook(webhook, {
        name: name.trim(),
        target: target.trim(),
        events,
        ...(isAuthChanged && toAuthRequest(auth)),
      }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: webhookQueries.all });
      onSaved();
    },
  });
  const isChanged =
    isAuthChanged ||
    name !== webhook.name ||
    target !== webhook.target ||
    events.join() !== webhook.events.join();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={submit} className="grid max-w-prose gap-4">
      <TextField label="Name" required value={name} onChange={(event) => setName(event.target.value)} />
      <TargetField
        value={target}
        onChange={setTarget}
        problem={save.isError ? explain(save.error) : undefined}
      />
      {isElsewhere(target, webhook.target) && keepsSecrets(auth) && (
        <Note title="The target moves to another server.">
          What is stored does not go there: type anew below what shows as {MASK}.
        </Note>
      )}
      <EventChoice kind={webhook.kind} chosen={events} onChange={setEvents} />
      <AuthFields draft={auth} set={(change) => setAuth((before) => ({ ...before, ...change }))} />
      <div>
        <Button
          type="submit"
          disabled={!isChanged || events.length === 0}
          busy={save.isPending ? "Saving …" : undefined}
        >
          Save
        </Button>
      </div>
    </form>
  );
}

/** Another scheme, host or port; not while it is being typed. */
function isElsewhere(target: string, before: string): boolean {
  return URL.canParse(target) && new URL(target).origin !== new URL(before).origin;
}
