/** What every page has: a title, its actions, and its sections. */
import { type ReactNode, useEffect, useRef } from "react";

export function Page({
  title,
  beside,
  documentTitle,
  about,
  actions,
  children,
}: {
  readonly title: ReactNode;
  /** On the title's line. */
  readonly beside?: ReactNode;
  readonly documentTitle: string;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${documentTitle} · Waypost`;
  }, [documentTitle]);
  // A new page begins at its title, for those who see it and for those who hear it.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <div className="mx-auto max-w-page px-4 pt-5 pb-16 sm:px-6 lg:px-8">
      <div className="mb-5 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <h1 ref={heading} tabIndex={-1} className="min-w-0 outline-none">
              {title}
            </h1>
            {beside}
          </div>
          {about !== undefined && <div className="mt-1 max-w-prose text-soft">{about}</div>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/**
 * Its title stands at the side where there is room, above otherwise and always when the section needs the width. One with an
 * id is where an address with that fragment leads.
 */
export function Section({
  id,
  title,
  about,
  actions,
  isWide = false,
  children,
}: {
  readonly id?: string;
  readonly isWide?: boolean;
  readonly title: string;
  readonly about?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  const section = useRef<HTMLElement>(null);
  // The browser itself has looked for it before it was there.
  useEffect(() => {
    if (id !== undefined && location.hash === `#${id}`) section.current?.scrollIntoView();
  }, [id]);
  return (
    <section
      ref={section}
      id={id}
      className={`mt-6 border-t border-line pt-5 ${isWide ? "" : "xl:grid xl:grid-cols-[224px_minmax(0,1fr)] xl:gap-x-8"}`}
    >
      <div className={`mb-3 ${isWide ? "flex flex-wrap items-start justify-between gap-x-6 gap-y-2" : ""}`}>
        <div className="min-w-0">
          <h2>{title}</h2>
          {about !== undefined && <div className="mt-1 max-w-prose text-soft">{about}</div>}
        </div>
        {actions}
      </div>
      <div className="min-w-0">{children}</div>
    </section>
  );
}

/** Grey bars in the place of what is on its way. They say nothing for a moment: most answers come sooner. */
export function Loading({ rows = 3, what }: { readonly rows?: number; readonly what: string }) {
  return (
    <div role="status" className="animate-[fade_200ms_200ms_both]">
      <span className="sr-only">Loading {what} …</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the bars have no identity
        <div key={row} className="flex h-10 items-center border-b border-line">
          <div className="h-2 rounded-1 bg-line" style={{ width: `${[42, 34, 48, 29, 38][row % 5]}%` }} />
        </div>
      ))}
    </div>
  );
}
