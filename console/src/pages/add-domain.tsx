/** A new domain, in three steps on one page that moves by itself: its name, the record to create, and what is seen of it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link } from "wouter";

import { ApiFailure } from "../api/client.ts";
import { createDomain, domainQueries, ownerOf } from "../api/domains.ts";
import { useOwnerName, useSubaccounts } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { DnsRecordTable } from "../components/dns-record.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { SelectField, TextField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading, Page } from "../components/page.tsx";
import { useSession } from "../session-context.ts";
import { useUrlState } from "../url-state.ts";
import { LiveChecks } from "./live-checks.tsx";
import { VerifiedDomain } from "./verified-domain.tsx";

export function AddDomain() {
  const url = useUrlState();
  const name = url.get("name");
  return (
    <Page
      title="Add a tracking domain"
      documentTitle="Add a tracking domain"
      about="A host name of yours that stands in the links of your mail. This takes one DNS record; the page follows along while the record becomes visible."
    >
      <ol className="max-w-[760px]">
        {name === "" ? (
          <NameStep onAdded={(domain) => url.choose({ name: domain })} />
        ) : (
          <Added name={name} />
        )}
        {name === "" && (
          <>
            <Step number={2} title="Create a DNS record" state="later" />
            <Step number={3} title="Wait until it is seen" state="later" />
          </>
        )}
      </ol>
    </Page>
  );
}

function NameStep({ onAdded }: { readonly onAdded: (domain: string) => void }) {
  const { subaccount_id: own } = useSession();
  const [name, setName] = useState("");
  const [owner, setOwner] = useState(0);
  const queries = useQueryClient();
  const add = useMutation({
    mutationFn: () => createDomain(name.trim(), own ?? owner),
    onSuccess: async ({ domain }) => {
      await queries.invalidateQueries({ queryKey: domainQueries.all });
      onAdded(domain);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Step number={1} title="Name it" state="now">
      <form onSubmit={submit} className="grid max-w-[440px] gap-4">
        <TextField
          label="Host name"
          required
          autoFocus
          autoCapitalize="none"
          inputMode="url"
          placeholder="click.example.com"
          value={name}
          onChange={(event) => {
            setName(event.target.value);
            add.reset();
          }}
          help="A subdomain that serves nothing else. Recipients see it in every link."
          problem={add.isError ? addProblem(add.error, name.trim()) : undefined}
        />
        {own === undefined && <OwnerField owner={owner} onOwner={setOwner} />}
        <div>
          <Button look="primary" type="submit" busy={add.isPending ? "Adding …" : undefined}>
            Add the domain
          </Button>
        </div>
      </form>
    </Step>
  );
}

function OwnerField({ owner, onOwner }: { readonly owner: number; readonly onOwner: (id: number) => void }) {
  const { data: subaccounts } = useSubaccounts();
  const ownerName = useOwnerName();
  const active = (subaccounts ?? []).filter(({ status }) => status === "active");
  if (active.length === 0) return null;
  return (
    <SelectField
      label="Owner"
      value={owner}
      onChange={(event) => onOwner(Number(event.target.value))}
      help="Cannot be changed later. Domains of the primary account serve every subaccount that has no default of its own."
      choices={[0, ...active.map(({ id }) => id)].map((id) => ({ value: String(id), label: ownerName(id) }))}
    />
  );
}

function addProblem(error: unknown, name: string): string {
  if (!(error instanceof ApiFailure)) return explain(error);
  switch (error.code) {
    case "1602":
      return `${name} is taken: it is in the list already, or was another subaccount's. An operator releases it with “waypost domains release ${name}”.`;
    case "7000":
      return `${name} may not be a tracking domain here: it is this installation's own, a public suffix, or on the operator's list. ${error.message}`;
    case "1300":
      return nameProblem(error.message);
    default:
      return explain(error);
  }
}

/** The API's four texts for a name that is none, in a person's words. */
function nameProblem(description: string): string {
  if (description.includes("no '.'")) return "A host name has a dot in it, as click.example.com has.";
  if (description.includes("too short")) return "That is too short for a host name.";
  if (description.includes("invalid characters")) {
    return "A host name has letters, digits, hyphens and dots only: no scheme, path, port or space.";
  }
  return "That is not the name of a host: check for two dots in a row, or a hyphen at the start of a part.";
}

function Added({ name }: { readonly name: string }) {
  const domain = useQuery(domainQueries.one(name));
  const checks = useQuery(domainQueries.checks(name));
  if (domain.error !== null && domain.data === undefined) {
    return (
      <Failure
        what={`${name} could not be loaded.`}
        error={domain.error}
        retry={() => void domain.refetch()}
      />
    );
  }
  if (domain.data === undefined || checks.data === undefined) return <Loading what={name} />;
  const { verified } = domain.data.status;
  const record = checks.data.dns_record;
  return (
    <>
      <Step number={1} title="Name it" state="done">
        <p>
          <Link href={`/domains/${name}`} className="link font-medium">
            {name}
          </Link>{" "}
          is added.
        </p>
      </Step>
      <Step number={2} title="Create a DNS record" state={verified ? "done" : "now"}>
        {record === undefined ? (
          <p>
            {name.endsWith(".localhost")
              ? "Names under localhost reach this machine by themselves: there is nothing to create."
              : "There is nothing to create yet: this installation has no public name that a CNAME could point to. Whoever runs it has to set WAYPOST_CNAME_TARGET."}
          </p>
        ) : verified ? (
          <p>
            {record.name} is a {record.type} to {record.value}.
          </p>
        ) : (
          <>
            <p className="mb-3 text-soft">
              At the provider that runs the DNS of this name, create this record. If a record of the same name
              is there already, change it instead.
            </p>
            <DnsRecordTable record={record} />
          </>
        )}
      </Step>
      <Step
        number={3}
        title={verified ? "It works" : "Wait until it is seen"}
        state={verified ? "done" : "now"}
      >
        {verified ? (
          <VerifiedDomain domain={domain.data} />
        ) : (
          <LiveChecks domain={name} owner={ownerOf(domain.data)} />
        )}
      </Step>
    </>
  );
}

function Step({
  number,
  title,
  state,
  children,
}: {
  readonly number: number;
  readonly title: string;
  readonly state: "done" | "now" | "later";
  readonly children?: ReactNode;
}) {
  return (
    <li className="grid grid-cols-[28px_minmax(0,1fr)] border-t border-line py-5 first:border-0 first:pt-0">
      <span className="figures text-soft" aria-hidden="true">
        {number}
      </span>
      <div className={state === "later" ? "text-soft" : ""}>
        <h2 className={state === "later" ? "font-normal" : ""}>
          {state === "done" ? <Mark kind="good">{title}</Mark> : title}
        </h2>
        {children !== undefined && <div className="mt-3">{children}</div>}
      </div>
    </li>
  );
}
