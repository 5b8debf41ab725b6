/** What the events page is narrowed by: the usual on one line, the rest behind a button. */
import { useEffect, useRef, useState } from "react";

import { type EventFilter, type EventRange, FILTER_NAMES, type FilterName } from "../api/events.ts";
import { useSubaccounts } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { SelectField, TextField } from "../components/field.tsx";
import { EVENT_TYPES, eventWord } from "../event-words.ts";
import { DAY_MS, timeZone } from "../format.ts";
import { useSession } from "../session-context.ts";
import type { UrlState } from "../url-state.ts";

/** Somebody who types is not finished with every letter. */
const APPLY_AFTER_MS = 400;
const HOUR_MS = DAY_MS / 24;

const RANGES: Readonly<Record<string, { readonly label: string; readonly ms: number }>> = {
  hour: { label: "Last hour", ms: HOUR_MS },
  day: { label: "Last 24 hours", ms: DAY_MS },
  week: { label: "Last 7 days", ms: 7 * DAY_MS },
  month: { label: "Last 30 days", ms: 30 * DAY_MS },
};

const DOERS: readonly (readonly [string, string, EventFilter])[] = [
  ["", "Anybody", {}],
  ["people", "People", { is_bot: "false", is_prefetched: "false" }],
  ["bots", "Bots", { is_bot: "true" }],
  ["prefetch", "Prefetch", { is_prefetched: "true" }],
  ["proxies", "Image proxies", { is_proxy: "true" }],
];

const TEXTS: readonly (readonly [FilterName, string, string])[] = [
  ["campaigns", "Campaigns", "autumn-boots"],
  ["tracking_domains", "Tracking domains", "click.example.com"],
  ["recipient_domains", "Recipients' domains", "example.com"],
  ["sending_domains", "Sending domains", "example.net"],
  ["from_addresses", "From addresses", "news@example.net"],
  ["subjects", "Words of the subject", "boots rain"],
  ["templates", "Templates", "boots"],
  ["ip_pools", "IP pools", "marketing"],
  ["messages", "Message ids", "000443ee14578172be22"],
  ["transmissions", "Transmission ids", "165832150921904138"],
  ["event_ids", "Event ids", "92356927693813856"],
];

export function filterOf(url: UrlState): EventFilter {
  const given = FILTER_NAMES.map((name) => [name, url.get(name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== ""));
}

export function rangeOf(url: UrlState): EventRange {
  if (url.get("range") === "between") return { from: isoOf(url.get("from")), to: isoOf(url.get("to")) };
  return { lastMs: RANGES[url.get("range")]?.ms ?? DAY_MS };
}

/** As the reader's clock has it, into what the API takes. */
function isoOf(local: string): string {
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}

export function Filters({ url, isLive }: { readonly url: UrlState; readonly isLive: boolean }) {
  const hidden = TEXTS.filter(([name]) => url.get(name) !== "").length;
  const [isOpen, setIsOpen] = useState(false);
  return (
    <search className="mb-4">
      <div className="grid gap-3 sm:grid-cols-2 lg:flex lg:flex-wrap">
        <div className="min-w-52 flex-1">
          <FilterText url={url} name="recipients" label="Recipients" placeholder="ann@example.com" isBare />
        </div>
        <SelectField
          label="What"
          bare
          value={url.get("events")}
          onChange={(event) => url.set({ events: event.target.value })}
          choices={[
            { value: "", label: "Every event" },
            ...EVENT_TYPES.map((type) => ({ value: type, label: eventWord(type) })),
          ]}
        />
        <DoerField url={url} />
        {!isLive && <RangeField url={url} />}
        <Button aria-expanded={isOpen} aria-controls="more-filters" onClick={() => setIsOpen(!isOpen)}>
          {isOpen ? "Fewer filters" : hidden === 0 ? "More filters" : `More filters (${hidden})`}
        </Button>
      </div>
      {!isLive && url.get("range") === "between" && <Between url={url} />}
      <div id="more-filters" hidden={!isOpen} className="mt-3 border-y border-line py-4">
        <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
          {TEXTS.map(([name, label, placeholder]) => (
            <FilterText key={name} url={url} name={name} label={label} placeholder={placeholder} />
          ))}
          <OwnerField url={url} />
        </div>
        <p className="mt-3 text-soft">Several, separated by commas, keep events that have one of them.</p>
      </div>
    </search>
  );
}

function DoerField({ url }: { readonly url: UrlState }) {
  const current = DOERS.find(
    ([, , filter]) =>
      url.get("is_bot") === (filter.is_bot ?? "") &&
      url.get("is_prefetched") === (filter.is_prefetched ?? "") &&
      url.get("is_proxy") === (filter.is_proxy ?? ""),
  );
  const choose = (value: string) => {
    const [, , filter = {}] = DOERS.find(([name]) => name === value) ?? [];
    url.set({ is_bot: undefined, is_prefetched: undefined, is_proxy: undefined, ...filter });
  };
  return (
    <SelectField
      label="By whom"
      bare
      value={current?.[0] ?? ""}
      onChange={(event) => choose(event.target.value)}
      choices={DOERS.map(([value, label]) => ({ value, label }))}
    />
  );
}

function RangeField({ url }: { readonly url: UrlState }) {
  return (
    <SelectField
      label="When"
      bare
      value={url.get("range") || "day"}
      onChange={({ target: { value } }) => url.set({ range: value === "day" ? undefined : value })}
      choices={[
        ...Object.entries(RANGES).map(([value, { label }]) => ({ value, label })),
        { value: "between", label: "Between two times" },
      ]}
    />
  );
}

function Between({ url }: { readonly url: UrlState }) {
  return (
    <div className="mt-3 grid max-w-[480px] gap-3 sm:grid-cols-2">
      {(["from", "to"] as const).map((name) => (
        <TextField
          key={name}
          label={`${name === "from" ? "From" : "Until"} (${timeZone()})`}
          type="datetime-local"
          value={url.get(name)}
          onChange={(event) => url.set({ [name]: event.target.value })}
        />
      ))}
    </div>
  );
}

function OwnerField({ url }: { readonly url: UrlState }) {
  const { data } = useSubaccounts();
  const isPrimary = useSession().subaccount_id === undefined;
  if (!isPrimary || data === undefined || data.length === 0) return null;
  return (
    <SelectField
      label="Owner"
      value={url.get("subaccounts")}
      onChange={(event) => url.set({ subaccounts: event.target.value })}
      choices={[
        { value: "", label: "Every owner" },
        { value: "0", label: "Primary account" },
        ...data.map(({ id, name }) => ({ value: String(id), label: `${name} (${id})` })),
      ]}
    />
  );
}

/** Applies what was typed once its writer pauses, or at once with Enter. */
function FilterText({
  url,
  name,
  label,
  placeholder,
  isBare = false,
}: {
  readonly url: UrlState;
  readonly name: FilterName;
  readonly label: string;
  readonly placeholder: string;
  readonly isBare?: boolean;
}) {
  const applied = url.get(name);
  const [typed, setTyped] = useState(applied);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // Changed from elsewhere: a link of the drawer, or the browser's back button.
  useEffect(() => setTyped(applied), [applied]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const apply = (text: string) => {
    clearTimeout(timer.current);
    if (text.trim() !== applied) url.set({ [name]: text.trim() });
  };
  return (
    <TextField
      label={label}
      bare={isBare}
      type="search"
      placeholder={isBare ? `${label}: ${placeholder}` : placeholder}
      value={typed}
      onChange={({ target: { value } }) => {
        setTyped(value);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => apply(value), APPLY_AFTER_MS);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter") apply(typed);
      }}
      onBlur={() => apply(typed)}
    />
  );
}
