/** What a tracked URL holds. */
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { ApiFailure } from "../api/client.ts";
import { type OpenedLink, openTrackedLink } from "../api/messages.ts";
import { useOwnerName } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { CopyButton } from "../components/copy.tsx";
import { Fact } from "../components/fact.tsx";
import { explain } from "../components/failure.tsx";
import { TextField } from "../components/field.tsx";
import { At } from "../components/time.tsx";
import { eventWord } from "../event-words.ts";

export function OpenLink() {
  const [url, setUrl] = useState("");
  const open = useMutation({ mutationFn: openTrackedLink });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    open.mutate(url.trim());
  };
  return (
    <>
      <form onSubmit={submit} className="flex flex-wrap items-start gap-2">
        <div className="min-w-52 flex-1 lg:max-w-[760px]">
          <TextField
            label="Tracked link"
            bare
            required
            inputMode="url"
            placeholder="https://click.example.com/e/…"
            value={url}
            onChange={(event) => {
              setUrl(event.target.value);
              open.reset();
            }}
            problem={open.isError ? problemOf(open.error) : undefined}
          />
        </div>
        <Button type="submit" busy={open.isPending ? "Opening …" : undefined}>
          Open it
        </Button>
      </form>
      <div role="status">{open.data !== undefined && <Opened link={open.data} />}</div>
    </>
  );
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiFailure)) return explain(error);
  if (error.status === 422) return "That is not a whole URL: it begins with http:// or https://.";
  return explain(error);
}

function Opened({ link }: { readonly link: OpenedLink }) {
  const ownerName = useOwnerName();
  return (
    <dl className="mt-4 grid max-w-[860px] grid-cols-[110px_minmax(0,1fr)] gap-x-4 gap-y-2">
      <Fact name="Counts">{eventWord(link.type)}</Fact>
      {link.target_link_url !== undefined && (
        <Fact name="Leads to">
          <span className="flex items-start justify-between gap-3">
            <span className="min-w-0 break-all">{link.target_link_url}</span>
            <CopyButton text={link.target_link_url} what="the target" />
          </span>
        </Fact>
      )}
      {link.target_link_name !== undefined && <Fact name="Link name">{link.target_link_name}</Fact>}
      <Fact name="Recipient">{link.rcpt_to}</Fact>
      <Fact name="Message">
        <code className="font-mono text-meta break-all">{link.message_id}</code>
      </Fact>
      <Fact name="Wrapped">
        <At at={link.injection_time} />
      </Fact>
      <Fact name="Owner">{ownerName(link.subaccount_id)}</Fact>
      {link.expires_at !== undefined && (
        <Fact name={link.expired ? "Expired" : "Expires"}>
          <At at={link.expires_at} />
          {link.expired && ". It redirects still, and counts nothing."}
        </Fact>
      )}
      {!link.is_tracking_domain && (
        <Fact name="Host">
          {link.host} is no tracking domain that this key may see. The link works there only if the host leads
          here all the same.
        </Fact>
      )}
    </dl>
  );
}
