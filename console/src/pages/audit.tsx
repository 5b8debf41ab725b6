/** Who changed what, when and from where. */
import { useInfiniteQuery } from "@tanstack/react-query";

import { type AuditEntry, auditQuery } from "../api/audit.ts";
import { useOwnerName } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { Drawer } from "../components/dialog.tsx";
import { Failure, Note } from "../components/failure.tsx";
import { SearchField, SelectField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Middle } from "../components/middle.tsx";
import { Loading, Page } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { At } from "../components/time.tsx";
import { timeZone } from "../format.ts";
import { type UrlState, useUrlState } from "../url-state.ts";

export function Audit() {
  const url = useUrlState();
  const entries = useInfiniteQuery(auditQuery({ kinds: url.get("kind"), path: url.get("q") }));
  const rows = entries.data?.pages.flatMap(({ results }) => results);
  const open = rows?.find(({ id }) => id === url.get("entry"));
  return (
    <Page
      title="Audit trail"
      documentTitle="Audit trail"
      about="Every change through the API, this console and the command line, and every sign-in."
    >
      <Filters url={url} />
      {rows === undefined ? (
        entries.error === null ? (
          <Loading rows={8} what="the audit trail" />
        ) : (
          <Failure
            what="The audit trail could not be loaded."
            error={entries.error}
            retry={() => void entries.refetch()}
          />
        )
      ) : rows.length === 0 ? (
        <Note title="No entry matches.">Change the filters above.</Note>
      ) : (
        <Table
          label="Audit trail"
          columns={COLUMNS}
          rows={rows}
          rowKey={({ id }) => id}
          rowHref={({ id }) => url.href({ entry: id })}
          selected={open?.id}
        />
      )}
      {entries.hasNextPage && (
        <div className="mt-4">
          <Button
            onClick={() => void entries.fetchNextPage()}
            busy={entries.isFetchingNextPage ? "Loading …" : undefined}
          >
            Show older entries
          </Button>
        </div>
      )}
      {open !== undefined && <EntryDrawer entry={open} onClose={() => url.set({ entry: undefined })} />}
    </Page>
  );
}

function Filters({ url }: { readonly url: UrlState }) {
  return (
    <search className="mb-4 flex flex-wrap gap-3">
      <SearchField
        label="Search by what was changed"
        placeholder="A domain, a key's id, a path"
        value={url.get("q")}
        onSearch={(q) => url.set({ q })}
      />
      <SelectField
        label="Kind"
        bare
        value={url.get("kind")}
        onChange={(event) => url.choose({ kind: event.target.value })}
        choices={[
          { value: "", label: "Everything" },
          { value: "change", label: "Changes" },
          { value: "sign_in", label: "Sign-ins" },
          { value: "sign_in_failed", label: "Failed sign-ins" },
        ]}
      />
    </search>
  );
}

const PAST: Readonly<Record<string, string>> = {
  Associate: "Associated",
  Block: "Blocked",
  Bring: "Brought",
  Create: "Created",
  Delete: "Deleted",
  Erase: "Erased",
  Export: "Exported",
  Have: "Had",
  Make: "Made",
  Release: "Released",
  Remove: "Removed",
  Revoke: "Revoked",
  Rotate: "Rotated",
  Send: "Sent",
  Sign: "Signed",
  Switch: "Switched",
  Take: "Took",
  Unblock: "Unblocked",
  Update: "Updated",
  Validate: "Validated",
  Verify: "Verified",
};

/** The API calls a route what it will do; here it has been done. */
function inThePast(action: string): string {
  const [verb = "", ...rest] = action.split(" ");
  return [PAST[verb] ?? verb, ...rest].join(" ");
}

/** Who it was, as far as that is known. */
function who({ key_label, via }: AuditEntry): string {
  return key_label ?? (via === "server" ? "Waypost" : "Unknown key");
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What it was done to: by its name, and by the end of the path unless that tells nobody anything. */
function subject({ path, fields, kind }: AuditEntry): string {
  if (kind !== "change") return "";
  const named = ["domain", "label", "name"]
    .map((name) => fields[name])
    .find((value) => typeof value === "string");
  // What comes behind the name, the action says.
  const [, , , , id] = path.split("/");
  const isOpaque = named !== undefined && UUID.test(id ?? "");
  return [isOpaque ? "" : id, named].filter((part) => part !== undefined && part !== "").join(" ");
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  {
    id: "action",
    head: "What",
    place: "title",
    cell: ({ action, kind }) =>
      kind === "sign_in_failed" ? <Mark kind="bad">{action}</Mark> : inThePast(action),
  },
  { id: "subject", head: "Of", place: "below", cell: (entry) => <Middle text={subject(entry)} /> },
  { id: "who", head: "Key", width: "w-40", place: "aside", cell: who },
  { id: "address", head: "From", width: "w-36", cell: ({ ip_address }) => ip_address },
  {
    id: "time",
    head: `Time (${timeZone()})`,
    width: "w-48",
    place: "below-aside",
    cell: ({ timestamp }) => <At at={timestamp} inColumn />,
  },
];

const VIA = {
  key: "A program, or curl, with the key",
  session: "The console",
  command_line: "The command line, on the server itself",
  server: "Nobody asked: Waypost did it by itself",
  none: "Nobody known",
} as const;

function EntryDrawer({ entry, onClose }: { readonly entry: AuditEntry; readonly onClose: () => void }) {
  const ownerName = useOwnerName();
  const facts: readonly (readonly [string, React.ReactNode])[] = [
    ["Time", <At key="time" at={entry.timestamp} />],
    ["Key", who(entry)],
    ["By way of", VIA[entry.via]],
    ["From", entry.ip_address],
    ["Owner", ownerName(entry.subaccount_id)],
    [
      "Request",
      <code key="request" className="font-mono text-meta break-all">
        {entry.method} {entry.path}
      </code>,
    ],
  ];
  const fields = Object.entries(entry.fields);
  return (
    <Drawer title={inThePast(entry.action)} onClose={onClose}>
      <dl className="grid grid-cols-[100px_minmax(0,1fr)] gap-x-4 gap-y-2">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-soft">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {fields.length > 0 && (
        <>
          <h3 className="mt-6 mb-2">What it was given</h3>
          <dl className="divide-y divide-line border-y border-line">
            {fields.map(([name, value]) => (
              <div key={name} className="grid grid-cols-[140px_minmax(0,1fr)] gap-x-4 py-2">
                <dt className="min-w-0 break-words text-soft">{name}</dt>
                <dd className="min-w-0 break-words">{shown(value)}</dd>
              </div>
            ))}
          </dl>
          <p className="mt-2 text-meta text-soft">“…” stands for what could be a secret, and is not kept.</p>
        </>
      )}
    </Drawer>
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
