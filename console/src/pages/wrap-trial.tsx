/** A message in, what would go out: which links are tracked, which are not and why, and how the mail looks. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";

import { domainQueries, ownerOf } from "../api/domains.ts";
import { type WrapRequest, wrapMessage } from "../api/messages.ts";
import { useOwnerName, useSubaccounts } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { explain } from "../components/failure.tsx";
import { CheckField, SelectField, TextArea, TextField } from "../components/field.tsx";
import { useMay, useSession } from "../session-context.ts";
import { EXAMPLE_HTML } from "./example-mail.ts";
import { WrapResult } from "./wrap-result.tsx";

type Kind = "html" | "message";

export function WrapTrial() {
  const [request, setRequest] = useState<WrapRequest>();
  const wrap = useMutation({ mutationFn: wrapMessage });
  return (
    <>
      <TrialForm
        isBusy={wrap.isPending}
        problem={wrap.isError ? explain(wrap.error) : undefined}
        onTry={(asked) => {
          setRequest(asked);
          wrap.mutate(asked);
        }}
      />
      {wrap.data !== undefined && request !== undefined && (
        <WrapResult content={request.content} wrapped={wrap.data} />
      )}
    </>
  );
}

interface TrialFormProps {
  readonly isBusy: boolean;
  readonly problem: string | undefined;
  readonly onTry: (request: WrapRequest) => void;
}

function TrialForm({ isBusy, problem, onTry }: TrialFormProps) {
  const { subaccount_id: own } = useSession();
  const [kind, setKind] = useState<Kind>("html");
  const [text, setText] = useState("");
  const [recipient, setRecipient] = useState("ann@example.com");
  const [owner, setOwner] = useState(own ?? 0);
  const [trackingDomain, setTrackingDomain] = useState("");
  const [options, setOptions] = useState({ open_tracking: true, click_tracking: true, initial_open: true });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const content = kind === "html" ? { html: text } : { email_rfc822: text };
    onTry({ content, recipient: recipient.trim(), options, trackingDomain, subaccount: own ?? owner });
  };
  const set = (change: Partial<typeof options>) => setOptions({ ...options, ...change });
  return (
    <form onSubmit={submit} className="grid gap-x-8 gap-y-4 lg:grid-cols-[minmax(0,1fr)_300px]">
      <div className="min-w-0">
        <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
          <KindChoice kind={kind} onKind={setKind} />
          {kind === "html" && (
            <Button look="quiet" onClick={() => setText(EXAMPLE_HTML)}>
              Use an example
            </Button>
          )}
        </div>
        <TextArea
          label={kind === "html" ? "HTML of the message" : "The whole message, with its header"}
          bare
          required
          rows={19}
          placeholder={
            kind === "html"
              ? '<p>Hello, <a href="https://www.example.com/">look</a> …'
              : "From: …\nTo: …\nSubject: …\n\n…"
          }
          value={text}
          onChange={(event) => setText(event.target.value)}
          problem={problem}
        />
      </div>
      <div className="grid content-start gap-4">
        <TextField
          label="Recipient"
          type="email"
          required
          value={recipient}
          onChange={(event) => setRecipient(event.target.value)}
          help="Stands in the links, encrypted."
        />
        {own === undefined && <OwnerField owner={owner} onOwner={setOwner} />}
        <DomainField owner={own ?? owner} value={trackingDomain} onDomain={setTrackingDomain} />
        <fieldset className="grid gap-2">
          <legend className="mb-1 font-medium">Track</legend>
          <CheckField
            label="Clicks"
            checked={options.click_tracking}
            onChange={(event) => set({ click_tracking: event.target.checked })}
          />
          <CheckField
            label="Opens, by a pixel at the end"
            checked={options.open_tracking}
            onChange={(event) => set({ open_tracking: event.target.checked })}
          />
          <CheckField
            label="First opens, by a pixel at the top"
            checked={options.initial_open}
            onChange={(event) => set({ initial_open: event.target.checked })}
          />
        </fieldset>
        <Button look="primary" type="submit" busy={isBusy ? "Wrapping …" : undefined}>
          Wrap it
        </Button>
      </div>
    </form>
  );
}

function KindChoice({ kind, onKind }: { readonly kind: Kind; readonly onKind: (kind: Kind) => void }) {
  const name = useId();
  return (
    <fieldset className="flex flex-wrap gap-x-5 gap-y-1">
      <legend className="sr-only">What is pasted</legend>
      {(
        [
          ["html", "HTML"],
          ["message", "A raw message"],
        ] as const
      ).map(([value, label]) => (
        <label key={value} className="flex items-center gap-2">
          <input
            type="radio"
            name={name}
            checked={kind === value}
            onChange={() => onKind(value)}
            className="size-4 accent-accent"
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

function OwnerField({ owner, onOwner }: { readonly owner: number; readonly onOwner: (id: number) => void }) {
  const { data: subaccounts } = useSubaccounts();
  const ownerName = useOwnerName();
  if (subaccounts === undefined || subaccounts.length === 0) return null;
  return (
    <SelectField
      label="Sent for"
      value={owner}
      onChange={(event) => onOwner(Number(event.target.value))}
      choices={[0, ...subaccounts.map(({ id }) => id)].map((id) => ({
        value: String(id),
        label: ownerName(id),
      }))}
    />
  );
}

function DomainField({
  owner,
  value,
  onDomain,
}: {
  readonly owner: number;
  readonly value: string;
  readonly onDomain: (domain: string) => void;
}) {
  const maySee = useMay("tracking_domains/view");
  const { data: domains = [] } = useQuery({ ...domainQueries.list(), enabled: maySee });
  const usable = domains.filter(
    (domain) =>
      ownerOf(domain) === owner && domain.status.verified && domain.status.compliance_status !== "blocked",
  );
  if (!maySee) return null;
  return (
    <SelectField
      label="Tracking domain"
      value={usable.some(({ domain }) => domain === value) ? value : ""}
      onChange={(event) => onDomain(event.target.value)}
      choices={[
        { value: "", label: "The default" },
        ...usable.map(({ domain }) => ({ value: domain, label: domain })),
      ]}
    />
  );
}
