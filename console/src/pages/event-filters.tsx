/** What the events page is narrowed by: the usual on one line, the rest behind a button. */
import { useEffect, useRef, useState } from "react";

import { type EventFilter, type EventRange, FILTER_NAMES, type FilterName } from "../api/events.ts";
import { useOwnerName, useSubaccounts } from "../api/subaccounts.ts";
import { Button } from "../components/button.tsx";
import { type Choice, SelectField, TextField } from "../components/field.tsx";
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

const OWNER: FilterName = "subaccounts";

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
  const hidden = [...TEXTS.map(([name]) => name), OWNER].filter((name) => url.get(name) !== "").length;
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
          onChange={(event) => url.choose({ events: event.target.value })}
          choices={withValue(
            [
              { value: "", label: "Every event" },
              ...EVENT_TYPES.map((type) => ({ value: type, label: eventWord(type) })),
            ],
            url.get("events"),
            (value) => wordsOf(value, eventWord),
          )}
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

/** A link may ask for more than there is to choose: that is a choice of its own. */
function withValue(
  choices: readonly Choice[],
  value: string,
  labelOf: (value: string) => string,
): readonly Choice[] {
  if (choices.some((choice) => choice.value === value)) return choices;
  return [...choices, { value, label: labelOf(value) }];
}

function wordsOf(list: string, wordOf: (entry: string) => string): string {
  const entries = list.split(",").map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== "")
    .map(wordOf)
    .join(", ");
}

const DOER_WORDS = [
  ["is_bot", "bots"],
  ["is_prefetched", "prefetch"],
  ["is_proxy", "image proxies"],
] as const;
const OTHER_DOERS = "other";

/** `Only bots, no prefetch`, of a mixture that has no name. */
function doersInWords(url: UrlState): string {
  const given = DOER_WORDS.map(([name, word]) => [url.get(name).toLowerCase(), word] as const);
  const words = given
    .filter(([value]) => value !== "")
    .map(([value, word]) =>
      value === "true" ? `only ${word}` : value === "false" ? `no ${word}` : `${word}: ${value}`,
    )
    .join(", ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function DoerField({ url }: { readonly url: UrlState }) {
  const current = DOERS.find(
    ([, , filter]) =>
      url.get("is_bot") === (filter.is_bot ?? "") &&
      url.get("is_prefetched") === (filter.is_prefetched ?? "") &&
      url.get("is_proxy") === (filter.is_proxy ?? ""),
  );
  const shown = current?.[0] ?? OTHER_DOERS;
  const choose = (value: string) => {
    if (value === OTHER_DOERS) return;
    const [, , filter = {}] = DOERS.find(([name]) => name === value) ?? [];
    url.choose({ is_bot: undefined, is_prefetched: undefined, is_proxy: undefined, ...filter });
  };
  return (
    <SelectField
      label="By whom"
      bare
      value={shown}
      onChange={(event) => choose(event.target.value)}
      choices={withValue(
        DOERS.map(([value, label]) => ({ value, label })),
        shown,
        () => doersInWords(url),
      )}
    />
  );
}

function RangeField({ url }: { readonly url: UrlState }) {
  return (
    <SelectField
      label="When"
      bare
      // A range that there isn't is the usual one.
      value={url.get("range") in RANGES || url.get("range") === "between" ? url.get("range") : "day"}
      onChange={({ target: { value } }) => url.choose({ range: value === "day" ? undefined : value })}
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
  const { data = [] } = useSubaccounts();
  const ownerName = useOwnerName();
  const isPrimary = useSession().subaccount_id === undefined;
  const value = url.get(OWNER);
  if (value === "" && (!isPrimary || data.length === 0)) return null;
  return (
    <SelectField
      label="Owner"
      value={value}
      onChange={(event) => url.choose({ [OWNER]: event.target.value })}
      choices={withValue(
        [
          { value: "", label: "Every owner" },
          ...[0, ...data.map(({ id }) => id)].map((id) => ({ value: String(id), label: ownerName(id) })),
        ],
        value,
        (several) => wordsOf(several, (id) => ownerName(Number(id))),
      )}
    />
  );
}

/**
 * Applies what was typed once its writer pauses, or at once with Enter. However often they pause, it is one entry in the
 * history until they leave the field.
 */
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
  const hasEntry = useRef(false);
  // Changed from elsewhere: a link of the drawer, or the browser's back button.
  useEffect(() => setTyped(applied), [applied]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const apply = (text: string) => {
    clearTimeout(timer.current);
    if (text.trim() === applied) return;
    const change = { [name]: text.trim() };
    if (hasEntry.current) url.set(change);
    else url.choose(change);
    hasEntry.current = true;
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
      onBlur={() => {
        apply(typed);
        hasEntry.current = false;
      }}
    />
  );
}
