/** What wrapping did: the links with the reason for each that stayed, beside the mail as it looks or as it reads. */
import { useMemo, useState } from "react";

import type { Content, Wrapped, WrappedLink } from "../api/messages.ts";
import { CopyButton } from "../components/copy.tsx";
import { MailFrame } from "../components/mail-frame.tsx";
import { Mark } from "../components/mark.tsx";
import { Middle } from "../components/middle.tsx";
import { formatNumber } from "../format.ts";
import { htmlOfMessage } from "../mail-html.ts";
import { type IsTracked, trackedUrls } from "../tracked-url.ts";
import { linkReason, partReason, untrackedReason } from "../wrap-words.ts";

export function WrapResult({ content, wrapped }: { readonly content: Content; readonly wrapped: Wrapped }) {
  const tracked = wrapped.links.filter((link) => link.tracked).length;
  const result = wrapped.messages[0]?.content;
  const isTracked = useMemo(() => trackedUrls(wrapped), [wrapped]);
  return (
    <div className="mt-8">
      <p role="status" className="mb-4 font-medium">
        {wrapped.tracking_domain === undefined
          ? untrackedReason(wrapped.untracked_reason ?? "")
          : `${formatNumber(tracked)} of ${formatNumber(wrapped.links.length)} links are tracked, with ${wrapped.tracking_domain}.`}
      </p>
      {wrapped.skipped !== undefined && wrapped.skipped.length > 0 && (
        <ul className="mb-4 grid gap-1">
          {wrapped.skipped.map(({ content_type, reason }) => (
            <li key={`${content_type} ${reason}`}>
              <Mark kind="wait">
                {content_type} goes out as it came: {partReason(reason)}.
              </Mark>
            </li>
          ))}
        </ul>
      )}
      <div className="grid gap-6 lg:grid-cols-2">
        <div className="min-w-0">
          <h3 className="mb-2">Links</h3>
          <Links links={wrapped.links} />
        </div>
        {result !== undefined && <Outcome before={content} after={result} isTracked={isTracked} />}
      </div>
    </div>
  );
}

function Links({ links }: { readonly links: readonly WrappedLink[] }) {
  if (links.length === 0) return <p className="text-soft">There is no link in it.</p>;
  return (
    <ol
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
      tabIndex={0}
      className="max-h-[520px] divide-y divide-line overflow-y-auto border-y border-line"
    >
      {links.map((link, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same link may stand in a message twice
        <li key={index} className="py-2">
          <Mark kind={link.tracked ? "good" : "off"}>
            <span className="sr-only">{link.tracked ? "Tracked: " : "Not tracked: "}</span>
            <Middle text={link.url} tail={20} />
          </Mark>
          <p className="ml-5 text-soft">
            {link.tracked ? "Tracked" : linkReason(link.reason ?? "")}
            {link.name !== undefined && ` as “${link.name}”`}
            {link.part !== "html" && `, in ${link.part === "text" ? "plain text" : "AMP"}`}
          </p>
        </li>
      ))}
    </ol>
  );
}

type View = "rendered" | "source" | "before";

const VIEWS: readonly (readonly [View, string])[] = [
  ["rendered", "As it looks"],
  ["source", "As it goes out"],
  ["before", "As it came"],
];

function Outcome({
  before,
  after,
  isTracked,
}: {
  readonly before: Content;
  readonly after: Content;
  readonly isTracked: IsTracked;
}) {
  const [view, setView] = useState<View>("rendered");
  const source = sourceOf(view === "before" ? before : after);
  const html = after.html ?? htmlOfMessage(after.email_rfc822 ?? "");
  return (
    <div className="min-w-0">
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <div className="flex gap-4">
          {VIEWS.map(([value, label]) => (
            <button
              key={value}
              type="button"
              aria-pressed={view === value}
              onClick={() => setView(value)}
              className="border-b-2 border-transparent pb-0.5 text-soft aria-pressed:border-accent aria-pressed:font-semibold aria-pressed:text-ink"
            >
              {label}
            </button>
          ))}
        </div>
        {view !== "rendered" && <CopyButton text={source} what="the source" />}
      </div>
      {view !== "rendered" ? (
        <Source text={source} isTracked={isTracked} />
      ) : html === undefined ? (
        <p className="text-soft">It has no HTML part to look at.</p>
      ) : (
        <>
          <MailFrame html={html} isTracked={isTracked} title="The mail as it looks" />
          <p className="mt-1 text-meta text-soft">
            Tracked links are outlined, others dashed. Pictures are not loaded.
          </p>
        </>
      )}
    </div>
  );
}

/** Tracked links and pixels stand out. */
function Source({ text, isTracked }: { readonly text: string; readonly isTracked: IsTracked }) {
  return (
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
      tabIndex={0}
      className="h-[480px] overflow-auto rounded-2 border border-line p-3 font-mono text-meta break-all whitespace-pre-wrap"
    >
      {text.split(ANY_URL).map((piece, index) =>
        index % 2 === 0 || !isTracked(piece) ? (
          piece
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text
          <mark key={index} className="rounded-1 bg-tint text-accent">
            {piece}
          </mark>
        ),
      )}
    </pre>
  );
}

const ANY_URL = /(https?:\/\/[^\s"'<>]+)/;

function sourceOf({ html, email_rfc822: message }: Content): string {
  return html ?? message ?? "";
}
