/** One event with everything that is known of it. */
import type { ReactNode } from "react";
import { Link } from "wouter";

import type { RecipientEvent } from "../api/events.ts";
import { useOwnerName } from "../api/subaccounts.ts";
import { CopyButton } from "../components/copy.tsx";
import { Drawer } from "../components/dialog.tsx";
import { Fact } from "../components/fact.tsx";
import { Mark } from "../components/mark.tsx";
import { At } from "../components/time.tsx";
import { whoDidIt } from "../event-doer.ts";
import { eventWord, reasonWord } from "../event-words.ts";
import { formatNumber } from "../format.ts";
import type { UrlState } from "../url-state.ts";

interface Part {
  readonly title: string;
  readonly fields: readonly (readonly [field: string, label: string])[];
}

const PARTS: readonly Part[] = [
  {
    title: "The request",
    fields: [
      ["tracking_domain", "Came to"],
      ["ip_address", "From"],
      ["geo_ip", "Place"],
      ["user_agent_parsed", "Program"],
      ["user_agent", "User agent"],
      ["accept_language", "Languages"],
    ],
  },
  {
    title: "The message",
    fields: [
      ["subject", "Subject"],
      ["friendly_from", "From"],
      ["msg_from", "Envelope sender"],
      ["sending_domain", "Sending domain"],
      ["campaign_id", "Campaign"],
      ["template_id", "Template"],
      ["template_version", "Its version"],
      ["ip_pool", "IP pool"],
      ["transmission_id", "Transmission"],
      ["injection_time", "Wrapped"],
      ["msg_size", "Bytes"],
      ["rcpt_tags", "Tags"],
      ["rcpt_meta", "Metadata"],
    ],
  },
];

export function EventDrawer({
  event,
  url,
  onClose,
}: {
  readonly event: RecipientEvent;
  readonly url: UrlState;
  readonly onClose: () => void;
}) {
  return (
    <Drawer title={eventWord(event.type)} onClose={onClose}>
      <Head event={event} url={url} />
      {PARTS.map(({ title, fields }) => (
        <Facts key={title} title={title} event={event} fields={fields} />
      ))}
      <details className="mt-6">
        <summary className="link w-fit">As the API has it</summary>
        <pre className="mt-2 rounded-1 border border-line p-3 font-mono text-meta break-all whitespace-pre-wrap">
          {JSON.stringify(event, null, 2)}
        </pre>
      </details>
    </Drawer>
  );
}

function Head({ event, url }: { readonly event: RecipientEvent; readonly url: UrlState }) {
  const ownerName = useOwnerName();
  const { word, kind } = whoDidIt(event);
  const reasons = event.bot_reasons ?? [];
  const only = (change: Readonly<Record<string, string>>) => url.href({ event: undefined, ...change });
  return (
    <List>
      <Fact name="Time">
        <At at={event.timestamp} />
      </Fact>
      <Fact name="By">
        <Mark kind={kind}>{word}</Mark>
        {reasons.length > 0 && <span className="block text-soft">{reasons.map(reasonWord).join(", ")}</span>}
      </Fact>
      {event.target_link_url !== undefined && (
        <Fact name="Link">
          <span className="flex items-start justify-between gap-3">
            <span className="min-w-0 break-all">{event.target_link_url}</span>
            <CopyButton text={event.target_link_url} what="the target" />
          </span>
          {event.target_link_name !== undefined && (
            <span className="block text-soft">{event.target_link_name}</span>
          )}
        </Fact>
      )}
      <Fact name="Recipient">
        {event.rcpt_to === "" ? (
          "Not recorded"
        ) : (
          <Link href={only({ recipients: event.rcpt_to })} className="link break-all">
            {event.rcpt_to}
          </Link>
        )}
      </Fact>
      <Fact name="Message">
        <Link href={only({ messages: event.message_id })} className="link font-mono text-meta break-all">
          {event.message_id}
        </Link>
      </Fact>
      <Fact name="Owner">{ownerName(event.subaccount_id)}</Fact>
    </List>
  );
}

function Facts({ title, event, fields }: Part & { readonly event: RecipientEvent }) {
  const all = event as unknown as Readonly<Record<string, unknown>>;
  const known = fields.filter(([field]) => !isNothing(all[field]));
  if (known.length === 0) return null;
  return (
    <>
      <h3 className="mt-6 mb-2">{title}</h3>
      <List>
        {known.map(([field, label]) => (
          <Fact key={field} name={label}>
            {WORDS[field]?.(all[field]) ?? shown(all[field])}
          </Fact>
        ))}
      </List>
    </>
  );
}

/** What reads better in its own words. `undefined`: it doesn't. */
const WORDS: Readonly<Record<string, (value: unknown) => ReactNode>> = {
  injection_time: (value) => <At at={String(value)} />,
  msg_size: (value) => formatNumber(Number(value)),
  geo_ip: (value) => partsOf(value, ["city", "region", "country"]).join(", ") || undefined,
  user_agent_parsed: (value) => {
    const [agent] = partsOf(value, ["agent_family"]);
    return agent && [agent, ...partsOf(value, ["os_family"])].join(" on ");
  },
};

/** Those that say something. */
function partsOf(value: unknown, names: readonly string[]): readonly string[] {
  const parts = value as Readonly<Record<string, unknown>>;
  return names.map((name) => String(parts[name] ?? "")).filter((part) => part !== "" && part !== "Other");
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Lists as words, objects as `name: value`. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(
      ([name, part]) =>
        `${name.replaceAll("_", " ")}: ${typeof part === "object" ? JSON.stringify(part) : part}`,
    )
    .join(", ");
}

function List({ children }: { readonly children: ReactNode }) {
  return <dl className="grid grid-cols-[124px_minmax(0,1fr)] gap-x-4 gap-y-2">{children}</dl>;
}
